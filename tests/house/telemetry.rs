//! The page on telemetry and the code agree: each event of `tracing` has its row, and each row its event.

use std::collections::BTreeSet;

use crate::markdown;
use crate::tree;

/// The page with the tables.
const PAGE: &str = "docs/telemetry.md";

/// The folders whose code emits events.
const EMITTERS: &[&str] = &["actors/src/", "providers/src/", "console/src/", "src/"];

/// How an event begins in the code, for each level.
const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];

/// A line with one of these says what a person is to do.
const ADVICE: &[&str] = &[
    "allow the",
    "discard",
    "end them",
    "mend the code",
    "put back",
    "report it",
    "resume",
    "start such a host",
    "start the process",
];

/// An event as the code emits it, or as the page has it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Emitted {
    target: String,
    level: String,
    message: String,
    fields: String,
}

#[test]
fn the_page_has_each_event_of_the_code() {
    let (of_code, of_page) = (in_code(), in_page());
    let missing =
        of_code.difference(&of_page).map(|event| format!("not in {PAGE}: {}", event.row()));
    let gone =
        of_page.difference(&of_code).map(|event| format!("not in the code: {}", event.row()));
    tree::expect_none(&missing.chain(gone).collect::<Vec<_>>(), "events that disagree:");
}

#[test]
fn each_event_has_a_target_of_the_list() {
    let page = tree::read(PAGE);
    let rows = markdown::rows(&page);
    let targets = rows.iter().filter(|row| row.header == ["target", "what it is about"]);
    let targets: BTreeSet<_> = targets.map(|row| row.cells[0].trim_matches('`')).collect();
    assert!(targets.len() > 5, "{targets:?}");
    let others = in_code().into_iter().filter(|event| !targets.contains(event.target.as_str()));
    tree::expect_none(&others.map(|event| event.row()).collect::<Vec<_>>(), "unknown targets:");
}

#[test]
fn each_error_says_what_to_do() {
    let is_advice = |message: &str| {
        let message = message.to_lowercase();
        ADVICE.iter().any(|advice| message.contains(advice))
    };
    let errors = in_code().into_iter().filter(|event| event.level == "error");
    let (advising, silent): (Vec<_>, Vec<_>) = errors.partition(|event| is_advice(&event.message));
    assert!(advising.len() > 5, "{advising:?}");
    tree::expect_none(&silent.iter().map(Emitted::row).collect::<Vec<_>>(), "without advice:");
}

#[test]
fn an_event_is_read_from_code() {
    let code = "tracing::warn!(\n target: \"a::b\", parent: None,\n %x.shard, tries = f(1, \"a, b\"), ?y,\n \
                \"it failed; \\\n   again\"\n);";
    let event = Emitted {
        target: "a::b".into(),
        level: "warn".into(),
        message: "it failed; again".into(),
        fields: "`shard`, `tries`, `y`".into(),
    };
    assert_eq!(events_of(code), [event]);
}

impl Emitted {
    fn row(&self) -> String {
        format!("| `{}` | {} | {} | {} |", self.target, self.level, self.message, self.fields)
    }
}

fn in_page() -> BTreeSet<Emitted> {
    let page = tree::read(PAGE);
    let rows = markdown::rows(&page).into_iter();
    let rows = rows.filter(|row| row.header == ["target", "level", "message", "fields"]);
    let event = |row: markdown::Row<'_>| Emitted {
        target: row.cells[0].trim_matches('`').into(),
        level: row.cells[1].into(),
        message: row.cells[2].into(),
        fields: row.cells[3].into(),
    };
    rows.map(event).collect()
}

fn in_code() -> BTreeSet<Emitted> {
    let files = tree::files(&["rs"]).into_iter();
    let ours = files.filter(|path| EMITTERS.iter().any(|folder| path.starts_with(folder)));
    ours.flat_map(|path| events_of(&tree::read(&path))).collect()
}

/// The events that a file emits.
fn events_of(code: &str) -> Vec<Emitted> {
    let mut found = Vec::new();
    for level in LEVELS {
        for (at, macro_name) in code.match_indices(&format!("tracing::{level}!(")) {
            found.push(event_of(level, &arguments(&code[at + macro_name.len()..])));
        }
    }
    found
}

fn event_of(level: &str, arguments: &[String]) -> Emitted {
    let (mut target, mut fields, mut message) = (String::new(), Vec::new(), String::new());
    for argument in arguments {
        if let Some(named) = argument.strip_prefix("target:") {
            target = named.trim().trim_matches('"').into();
        } else if argument.starts_with('"') {
            message = argument.trim_matches('"').split("\\\n").map(str::trim_start).collect();
        } else if !argument.starts_with("parent:") {
            let name = argument.split('=').next().unwrap_or_default().trim();
            let name = name.trim_start_matches(['%', '?', '&']);
            fields.push(format!("`{}`", name.rsplit('.').next().unwrap_or_default()));
        }
    }
    Emitted { target, level: level.into(), message, fields: fields.join(", ") }
}

/// The arguments of a macro, after its parenthesis.
fn arguments(code: &str) -> Vec<String> {
    let (mut found, mut depth, mut quoted, mut escaped) = (vec![String::new()], 0, false, false);
    for c in code.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(String::new());
                continue;
            }
            _ => {}
        }
        found.last_mut().expect("there is one").push(c);
    }
    let found = found.iter().map(|argument| argument.trim().to_owned());
    found.filter(|argument| !argument.is_empty()).collect()
}
