//! An exported file.

use std::io::BufReader;

use reenact::prelude::*;
use reenact_actors::transfer::{ExportOptions, ImportOptions, Reader, export, import};

use super::console::{block_on, with_host};

/// Reads all of it, and imports it into an empty store: nothing panics, and where the reading succeeds, what is imported is
/// as many as were read.
pub(super) fn run(input: &[u8]) {
    let read = read(input);
    let store = InMemory::new();
    let imported =
        block_on(import(BufReader::new(input), &store, ImportOptions::default(), |_| {}));
    if let (Some(read), Ok(imported)) = (read, imported) {
        assert_eq!(imported.imported, read);
    }
}

/// How many instances there are; `None` where something is refused.
fn read(input: &[u8]) -> Option<u64> {
    let mut reader = Reader::new(BufReader::new(input)).ok()?;
    let mut count = 0;
    while reader.next_instance().ok()?.is_some() {
        count += 1;
    }
    Some(count)
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let export = |access| async move {
        let mut to = Vec::new();
        let all = reenact::InstanceFilter::new();
        let exported = export(&access, &all, ExportOptions::default(), &mut to, |_| {}).await;
        exported.expect("a store in memory");
        to
    };
    vec![with_host(export)]
}
