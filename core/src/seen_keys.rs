//! The keys of external events and commands that have come already.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use crate::ids::EventKey;
use crate::limits::CARRIED_EVENT_KEYS;

/// All keys of an execution; the newest of them are carried over to the next.
#[derive(Debug, Default)]
pub(crate) struct SeenKeys {
    all: BTreeSet<EventKey>,
    /// At most [`CARRIED_EVENT_KEYS`], oldest first.
    newest: VecDeque<EventKey>,
    /// Of the texts of all of them.
    bytes: usize,
}

/// What a key takes in memory besides its text, about: it is in a tree, and counted.
const KEY_BYTES: usize = 64;

impl SeenKeys {
    pub(crate) fn contains(&self, key: &EventKey) -> bool {
        self.all.contains(key)
    }

    pub(crate) fn remember(&mut self, key: &EventKey) {
        if !self.all.insert(key.clone()) {
            return;
        }
        self.bytes += key.as_str().len();
        if self.newest.len() == CARRIED_EVENT_KEYS {
            self.newest.pop_front();
        }
        self.newest.push_back(key.clone());
    }

    /// What they take in memory, in bytes, about.
    pub(crate) fn held_bytes(&self) -> usize {
        self.bytes + self.all.len() * KEY_BYTES
    }

    /// What the next execution is to know, oldest first: the keys of events that come along, as far
    /// as they are older than the newest, and the newest. In this order, so that the newest stay it.
    pub(crate) fn carried<'a>(
        &self,
        coming_along: impl Iterator<Item = &'a EventKey>,
    ) -> Vec<EventKey> {
        let newest: BTreeSet<_> = self.newest.iter().collect();
        let older = coming_along.filter(|key| !newest.contains(key)).cloned();
        older.chain(self.newest.iter().cloned()).collect()
    }
}
