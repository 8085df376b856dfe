//! Where turns wait for the next append.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use super::Entry;

/// Filled by the instances of a shard, emptied by its persistence actor. In order: what is put in
/// first is appended first. One message to the actor is enough for all that comes before it looks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inbox {
    entries: Arc<Mutex<Vec<Entry>>>,
}

impl Inbox {
    /// Puts something in; whether it was empty, so that the actor must be told.
    pub(crate) fn put(&self, entry: Entry) -> bool {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(entry);
        entries.len() == 1
    }

    /// Takes all that is in it.
    pub(crate) fn take(&self) -> Vec<Entry> {
        mem::take(&mut *self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
