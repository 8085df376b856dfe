//! The inbox: turns wait here for the next append.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::entry::Entry;

/// The inbox of a persistence actor. The instances of a shard fill it, and the actor empties it in
/// order: what is put in first is appended first. One message to the actor is enough for all entries
/// that come before it looks.
#[derive(Clone, Debug)]
pub(crate) struct Inbox {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// `None` once the actor has ended.
    entries: Mutex<Option<Vec<Entry>>>,
    /// The number of entries that were ever put in. It changes under the lock.
    put: AtomicU64,
    /// How many of these entries, from the first on, are durable and have their effects carried out.
    through: AtomicU64,
}

impl Default for Inbox {
    fn default() -> Self {
        let (put, through) = (AtomicU64::new(0), AtomicU64::new(0));
        let entries = Mutex::new(Some(Vec::new()));
        Self { shared: Arc::new(Shared { entries, put, through }) }
    }
}

impl Inbox {
    /// Adds an entry; returns whether the inbox was empty, so that the actor needs a message. Drops the
    /// entry when the actor has ended: what waits for it gets an error.
    pub(crate) fn put(&self, entry: Entry) -> bool {
        let mut entries = self.entries();
        let Some(waiting) = entries.as_mut() else {
            drop(entries);
            drop(entry);
            return false;
        };
        waiting.push(entry);
        self.shared.put.fetch_add(1, Ordering::Release);
        waiting.len() == 1
    }

    /// Takes all entries. The next ones go into `spare`, which is empty.
    pub(crate) fn take(&self, spare: Vec<Entry>) -> Vec<Entry> {
        match self.entries().as_mut() {
            Some(entries) => mem::replace(entries, spare),
            None => spare,
        }
    }

    /// Closes the inbox: its actor has ended. An actor that waits for an entry keeps the inbox itself
    /// alive, and one that drains is not killed with its shard: without this it would wait for ever.
    pub(crate) fn close(&self) {
        let left = self.entries().take();
        drop(left);
    }

    /// The number of entries that were ever put in.
    pub(crate) fn put_so_far(&self) -> u64 {
        self.shared.put.load(Ordering::Acquire)
    }

    /// How many of these entries, from the first on, are durable and have their effects carried out.
    pub(crate) fn through(&self) -> u64 {
        self.shared.through.load(Ordering::Acquire)
    }

    /// Sets how many entries are durable and carried out.
    pub(crate) fn is_through(&self, count: u64) {
        self.shared.through.store(count, Ordering::Release);
    }

    fn entries(&self) -> MutexGuard<'_, Option<Vec<Entry>>> {
        self.shared.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
