//! Where turns wait for the next append.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Entry;

/// Filled by the instances of a shard, emptied by its persistence actor. In order: what is put in
/// first is appended first. One message to the actor is enough for all that comes before it looks.
#[derive(Clone, Debug)]
pub(crate) struct Inbox {
    /// `None` when nobody empties it any more.
    entries: Arc<Mutex<Option<Vec<Entry>>>>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { entries: Arc::new(Mutex::new(Some(Vec::new()))) }
    }
}

impl Inbox {
    /// Puts something in; whether it was empty, so that the actor must be told. Drops it when the
    /// actor has gone: whoever waits for it is told so.
    pub(crate) fn put(&self, entry: Entry) -> bool {
        let mut entries = self.entries();
        let Some(waiting) = entries.as_mut() else {
            drop(entries);
            drop(entry);
            return false;
        };
        waiting.push(entry);
        waiting.len() == 1
    }

    /// Takes all that is in it.
    pub(crate) fn take(&self) -> Vec<Entry> {
        self.entries().as_mut().map(mem::take).unwrap_or_default()
    }

    /// Nobody empties it any more. An actor that waits for something in it keeps the inbox itself
    /// alive, and one that drains is not killed with its shard: it would wait for ever.
    pub(crate) fn close(&self) {
        let left = self.entries().take();
        drop(left);
    }

    fn entries(&self) -> MutexGuard<'_, Option<Vec<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
