//! What the tour works on: two files of this package, and what can be counted in them.

use std::sync::atomic::{AtomicU64, Ordering};

use reenact::prelude::*;
use serde::{Deserialize, Serialize};

/// A licence text: nobody changes it.
pub(crate) const LICENCE: &str = "LICENSE-APACHE";

/// What this project says of itself.
pub(crate) const README: &str = "README.md";

const TEXTS: [(&str, &str); 2] =
    [(LICENCE, include_str!("../../LICENSE-APACHE")), (README, include_str!("../../README.md"))];

/// How often an activity of this module has run, in this process.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// What `wc` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) lines: usize,
    pub(crate) words: usize,
    pub(crate) bytes: usize,
}

impl Counts {
    pub(crate) fn of(text: &str) -> Self {
        let lines = text.bytes().filter(|byte| *byte == b'\n').count();
        Self { lines, words: text.split_whitespace().count(), bytes: text.len() }
    }
}

/// A text by the name of its file.
pub(crate) fn text(name: &str) -> Result<&'static str, ActivityError> {
    let known = TEXTS.iter().find(|(known, _)| *known == name);
    known
        .map(|(_, text)| *text)
        .ok_or_else(|| ActivityError::fatal(format!("there is no text `{name}`")))
}

/// How often a word stands in a text, as `grep -ow` counts.
pub(crate) fn occurrences(text: &str, word: &str) -> usize {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    text.split(|character| !is_part(character)).filter(|found| *found == word).count()
}

/// How often an activity of the tour has run so far.
pub(crate) fn runs() -> u64 {
    RUNS.load(Ordering::Relaxed)
}

/// Counts a text.
#[activity(name = "count_text")]
pub(crate) async fn count_text(
    _ctx: ActivityContext,
    name: String,
) -> Result<Counts, ActivityError> {
    RUNS.fetch_add(1, Ordering::Relaxed);
    Ok(Counts::of(text(&name)?))
}

/// Counts how often a word stands in a text.
#[activity(name = "count_word")]
pub(crate) async fn count_word(
    _ctx: ActivityContext,
    (name, word): (String, String),
) -> Result<usize, ActivityError> {
    RUNS.fetch_add(1, Ordering::Relaxed);
    Ok(occurrences(text(&name)?, &word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_wc_and_grep() {
        let text = "a bc\n\n  d_e bc, bcd\n";
        assert_eq!(Counts::of(text), Counts { lines: 3, words: 5, bytes: text.len() });
        assert_eq!(occurrences(text, "bc"), 2);
        assert_eq!(occurrences(text, "d"), 0);
    }
}
