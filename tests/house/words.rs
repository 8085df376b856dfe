//! Words that were replaced by better ones do not come back.
//!
//! The lists are in `house/retired`. `everywhere.txt` holds for all files of ours, and each other list for the
//! folder of its name. A line of a list is
//!
//! ```text
//! old word => what is said instead
//!     path: a part of a line
//! ```
//!
//! A word in small letters is found as a word or as a part of a name, in any case and in the plural: `letter`
//! in "the letters", `Letter` and `send_letter`. A word with a capital is found as this very name only. The
//! indented lines allow a word, in a file or in the files of a folder, in lines that have this part; with no
//! part, in all lines. Names in stored data must stay, for one.

use crate::tree;

/// The folder of the lists.
const LISTS: &str = "tests/house/retired/";

/// Files that may name every word: the history of changes, and this test.
const MAY_NAME_ALL: &[&str] = &["CHANGELOG.md", "tests/house/"];

/// A word that is no longer used.
struct Retired {
    word: String,
    instead: String,
    /// Files or folders, and a part of each line, where it is allowed.
    allowed: Vec<(String, String)>,
}

#[test]
fn no_retired_word_is_used() {
    let files = tree::files(&["rs", "md", "toml", "sql"]);
    let ours = files.iter().filter(|path| !MAY_NAME_ALL.iter().any(|all| path.starts_with(all)));
    let texts: Vec<_> = ours.map(|path| (path.as_str(), tree::read(path))).collect();
    let mut complaints = Vec::new();
    for list in tree::files(&["txt"]).iter().filter(|path| path.starts_with(LISTS)) {
        let scope = scope_of(list);
        let in_scope = texts.iter().filter(|(path, _)| path.starts_with(&scope));
        let in_scope: Vec<_> = in_scope.map(|(path, text)| (*path, text.as_str())).collect();
        complaints.extend(complaints_of(&parse(&tree::read(list)), &in_scope));
    }
    tree::expect_none(&complaints, "words that are no longer used:");
}

#[test]
fn a_retired_word_is_found_in_names_and_in_the_plural() {
    let list = parse("# a comment\nletter => envelope\n\nKnown => ReadResult\n");
    let found = |line| complaints_of(&list, &[("a.rs", line)]).len();
    for line in ["the letter", "Letters", "struct SendLetter;", "fn send_letter()", "XMLLetter"] {
        assert_eq!(found(line), 1, "{line}");
    }
    for line in ["lettering", "known", "KnownCall", "well_Known", "envelope"] {
        assert_eq!(found(line), 0, "{line}");
    }
    assert_eq!(found("enum Known {"), 1);
}

#[test]
fn an_allowance_that_allows_nothing_is_found() {
    let list = parse("bell => queue notice\n    hub/: \"bell/\"\n    gone.rs:\n");
    let files = [("hub/queues.rs", "const PATH: &str = \"bell/\";\nfn bell() {}")];
    let complaints = complaints_of(&list, &files);
    assert_eq!(
        complaints,
        [
            "hub/queues.rs:2: `bell`: say queue notice",
            "`bell` is not found at `gone.rs:`: take this line off its list",
        ]
    );
}

/// What a list holds for: paths that begin with this.
fn scope_of(list: &str) -> String {
    match list.trim_start_matches(LISTS).trim_end_matches(".txt") {
        "everywhere" => String::new(),
        folder => format!("{folder}/"),
    }
}

fn parse(list: &str) -> Vec<Retired> {
    let mut words: Vec<Retired> = Vec::new();
    for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with(' ') {
            let (path, part) = line.split_once(':').expect("`path: a part of a line`");
            let last = words.last_mut().expect("a word stands before what is allowed");
            last.allowed.push((path.trim().into(), part.trim().into()));
        } else {
            let (word, instead) = line.split_once(" => ").expect("`old word => new word`");
            words.push(Retired { word: word.into(), instead: instead.into(), allowed: Vec::new() });
        }
    }
    words
}

fn complaints_of(list: &[Retired], files: &[(&str, &str)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for retired in list {
        let mut used = vec![false; retired.allowed.len()];
        for (path, text) in files {
            for (number, line) in (1..).zip(text.lines()) {
                if !retired.stands_in(line) {
                    continue;
                }
                let allows = |(place, part): &(String, String)| {
                    path.starts_with(place.as_str()) && line.contains(part.as_str())
                };
                match retired.allowed.iter().position(allows) {
                    Some(allowance) => used[allowance] = true,
                    None => complaints.push(format!(
                        "{path}:{number}: `{}`: say {}",
                        retired.word, retired.instead
                    )),
                }
            }
        }
        for ((place, part), _) in retired.allowed.iter().zip(used).filter(|(_, used)| !used) {
            let place = format!("{place}: {part}");
            let (word, place) = (&retired.word, place.trim());
            complaints
                .push(format!("`{word}` is not found at `{place}`: take this line off its list"));
        }
    }
    complaints
}

impl Retired {
    fn stands_in(&self, line: &str) -> bool {
        let names = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        let mut names = names.filter(|name| !name.is_empty());
        if self.word.contains(char::is_uppercase) {
            return names.any(|name| name == self.word);
        }
        // A quick look first: nearly no line has the word.
        line.to_lowercase().contains(&self.word)
            && names.any(|name| {
                let whole = name.to_lowercase();
                is_or_plural(&whole, &self.word)
                    || parts(name).iter().any(|part| is_or_plural(part, &self.word))
            })
    }
}

fn is_or_plural(name: &str, word: &str) -> bool {
    name.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest == "s")
}

/// The words of a name, in small letters: `send`, `letter` of `send_letter` and of `SendLetter`.
fn parts(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut parts = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let after = letters.get(at + 1);
        let begins = letter.is_uppercase()
            && (before.is_some_and(|before| !before.is_uppercase())
                || after.is_some_and(|after| after.is_lowercase()));
        if begins || *letter == '_' {
            parts.push(String::new());
        }
        if let (Some(part), true) = (parts.last_mut(), *letter != '_') {
            part.extend(letter.to_lowercase());
        }
    }
    parts
}
