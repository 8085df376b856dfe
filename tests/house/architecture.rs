//! ARCHITECTURE.md says what is so: the paths, functions and floors in its tables exist, and its glossary is
//! short.

use std::collections::BTreeSet;
use std::path::Path;

use crate::markdown::{self, Row};
use crate::tree;

/// The page that this is about.
const PAGE: &str = "ARCHITECTURE.md";

/// The most words that it may explain.
const MAX_WORDS: usize = 40;

#[test]
fn each_path_in_a_table_exists() {
    let page = tree::read(PAGE);
    let complaints: Vec<_> = markdown::rows(&page).iter().flat_map(missing_paths).collect();
    tree::expect_none(&complaints, "ARCHITECTURE.md names what does not exist:");
}

#[test]
fn each_item_named_with_its_file_stands_in_that_file() {
    let page = tree::read(PAGE);
    let mut complaints = Vec::new();
    for row in markdown::rows(&page) {
        for cell in row.cells {
            // `path/to/file.rs` (`item`)
            for (before, after) in cell.match_indices("` (`").map(|(at, _)| cell.split_at(at)) {
                let file = before.rsplit('`').next().unwrap_or_default();
                let item = after[4..].split('`').next().unwrap_or_default();
                if file.ends_with(".rs") && exists(file) && !tree::read(file).contains(item) {
                    complaints.push(format!("{file} has no `{item}`"));
                }
            }
        }
    }
    tree::expect_none(&complaints, "ARCHITECTURE.md names what does not exist:");
}

#[test]
fn the_floors_of_a_crate_are_those_of_its_root() {
    let page = tree::read(PAGE);
    let rows = markdown::rows(&page);
    let floors = |krate: &str| {
        let title = format!("floor of `{krate}`");
        let rows = rows.iter().filter(|row| row.header.first() == Some(&title.as_str()));
        rows.map(|row| floor_of(row.cells[0], &markdown::code_in(row.cells[1]))).collect()
    };
    for krate in ["core", "providers", "actors"] {
        let shown: BTreeSet<_> = floors(krate);
        let declared = declared_floors(&tree::read(&format!("{krate}/src/lib.rs")));
        assert!(
            shown.is_empty() || declared.is_empty() || shown == declared,
            "ARCHITECTURE.md shows {shown:#?}, but {krate}/src/lib.rs declares {declared:#?}"
        );
    }
    assert!(!floors("core").is_empty(), "the floors of the core are not where they are looked for");
}

#[test]
fn the_glossary_is_short_and_explains_no_word_twice() {
    let page = tree::read(PAGE);
    let mut words = Vec::new();
    for row in markdown::rows(&page).iter().filter(|row| row.header == ["word", "meaning"]) {
        words.extend(row.cells[0].split(", ").map(str::to_string));
    }
    assert!(words.len() > 10, "the words are not where they are looked for");
    assert!(words.len() <= MAX_WORDS, "{} words are explained: {words:?}", words.len());
    let once: BTreeSet<_> = words.iter().collect();
    assert_eq!(once.len(), words.len(), "a word is explained twice: {words:?}");
}

/// The paths of a row that do not exist. A path may also be given from a folder of the row's first path.
fn missing_paths(row: &Row<'_>) -> Vec<String> {
    let is_path = |code: &&str| {
        let ours = code.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c));
        ours && (code.contains('/') || code.ends_with(".rs") || code.ends_with(".md"))
    };
    let folders = if row.header.first() == Some(&"folder") {
        markdown::code_in(row.cells[0])
    } else {
        vec![]
    };
    let named = row.cells.iter().flat_map(|cell| markdown::code_in(cell)).filter(is_path);
    let named: Vec<_> = folders.into_iter().chain(named).collect();
    let first = Path::new(named.first().copied().unwrap_or_default());
    let exists_here =
        |path: &str| first.ancestors().any(|folder| tree::root().join(folder).join(path).exists());
    named.iter().filter(|path| !exists_here(path)).map(|path| (*path).to_string()).collect()
}

fn exists(path: &str) -> bool {
    tree::root().join(path).exists()
}

/// A floor as its number and its modules, in order.
fn floor_of(title: &str, modules: &[&str]) -> (usize, Vec<String>) {
    let number = title.split(' ').next().and_then(|number| number.parse().ok());
    let mut modules: Vec<_> = modules.iter().map(|module| (*module).to_string()).collect();
    modules.sort();
    (number.expect("a floor begins with its number"), modules)
}

/// The floors that the root of a crate declares, as `// Floor 1: ...` with the modules after it.
fn declared_floors(root: &str) -> BTreeSet<(usize, Vec<String>)> {
    let mut floors: Vec<(usize, Vec<String>)> = Vec::new();
    for line in root.lines() {
        if let Some(title) = line.strip_prefix("// Floor ") {
            let number = title.split(':').next().and_then(|number| number.parse().ok());
            floors.push((number.expect("a floor has a number"), Vec::new()));
        }
        let visible = line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) "));
        let module = visible.unwrap_or(line).strip_prefix("mod ");
        if let (Some(module), Some(floor)) =
            (module.and_then(|rest| rest.strip_suffix(';')), floors.last_mut())
        {
            floor.1.push(module.to_string());
        }
    }
    floors.iter_mut().for_each(|floor| floor.1.sort());
    floors.into_iter().collect()
}
