//! A source file is short, and its first line says what it is.

use crate::tree;

/// The most lines that a source file may have.
const MAX_LINES: usize = 500;

/// Files that are longer today, with their lines. A number here may only become smaller, and a file that has
/// at most [`MAX_LINES`] leaves the list.
const LONGER: &[(&str, usize)] = &[];

/// Programs of a few lines that must not compile. Their names say what they are.
const PROGRAMS: &str = "macros/refused/tests/ui/";

#[test]
fn no_source_file_has_more_than_500_lines() {
    let mut complaints = Vec::new();
    for path in tree::files(&["rs"]) {
        let lines = tree::read(&path).lines().count();
        let exception = LONGER.iter().find(|(longer, _)| *longer == path);
        let most = exception.map_or(MAX_LINES, |(_, lines)| *lines);
        if lines > most {
            complaints.push(format!(
                "{path} has {lines} lines; {most} are the most: split it by meaning"
            ));
        }
        if exception.is_some() && lines <= MAX_LINES {
            complaints.push(format!("{path} has {lines} lines: take it off the list `LONGER`"));
        }
    }
    tree::expect_none(&complaints, "the sizes of source files:");
}

#[test]
fn each_exception_names_a_file_that_exists() {
    let gone = LONGER.iter().filter(|(path, _)| !tree::root().join(path).exists());
    let gone: Vec<_> = gone.map(|(path, _)| (*path).to_string()).collect();
    tree::expect_none(&gone, "these files are gone; take them off the list `LONGER`:");
}

#[test]
fn the_first_line_of_each_source_file_says_what_it_is() {
    let ours = tree::files(&["rs"]).into_iter().filter(|path| !path.starts_with(PROGRAMS));
    let silent: Vec<_> = ours.filter(|path| !says_what_it_is(&tree::read(path))).collect();
    tree::expect_none(&silent, "the first line of these files is no `//!` line with a sentence:");
}

fn says_what_it_is(text: &str) -> bool {
    let first = text.lines().next().and_then(|line| line.strip_prefix("//! "));
    first.is_some_and(|sentence| sentence.split_whitespace().count() > 1)
}
