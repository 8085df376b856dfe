//! What the activities do to the world: a file that every run of every activity adds a line to.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

/// The side effects of all processes. A line is written by one call, so no kill cuts it.
pub(crate) struct Ledger(File);

impl Ledger {
    pub(crate) fn open(directory: &Path) -> Self {
        let options = OpenOptions::new().append(true).create(true).clone();
        Self(options.open(directory.join("ledger")).expect("the ledger can be opened"))
    }

    /// An activity has run.
    pub(crate) fn record(&self, idempotency_key: &str, what: &str) {
        (&self.0).write_all(format!("{idempotency_key}\t{what}\n").as_bytes()).expect("a line");
    }

    /// What was done, by idempotency key; and how often.
    pub(crate) fn read(directory: &Path) -> BTreeMap<String, (String, u32)> {
        let text = std::fs::read_to_string(directory.join("ledger")).expect("it can be read");
        let mut done: BTreeMap<String, (String, u32)> = BTreeMap::new();
        for line in text.lines() {
            let (key, what) = line.split_once('\t').expect("a line is whole");
            let (known, times) = done.entry(key.to_owned()).or_insert((what.to_owned(), 0));
            assert_eq!(known, what, "one key stands for one thing");
            *times += 1;
        }
        done
    }
}
