//! The keys of external events and commands that have come already.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::ids::{CompactKey, EventKey};
use crate::limits::CARRIED_EVENT_KEYS;
use crate::zoo::{self, Bug};

/// All keys of an execution; the newest of them are carried over to the next.
#[derive(Debug, Default)]
pub(crate) struct SeenKeys {
    /// With their places in the order in which they came.
    all: BTreeMap<CompactKey, u32>,
    /// What they take besides themselves, in bytes, about.
    bytes: usize,
}

/// What a key takes in memory besides its text, about: nodes of the tree are two thirds full.
const KEY_BYTES: usize = size_of::<(CompactKey, u32)>() * 3 / 2;

impl SeenKeys {
    pub(crate) fn contains(&self, key: &EventKey) -> bool {
        !zoo::planted(Bug::NoDeduplication) && self.all.contains_key(&CompactKey::from(key))
    }

    pub(crate) fn remember(&mut self, key: &EventKey) {
        let place = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let key = CompactKey::from(key);
        let bytes = key.held_bytes();
        self.all.entry(key).or_insert_with(|| {
            self.bytes += bytes;
            place
        });
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
        let others = self.all.len().saturating_sub(CARRIED_EVENT_KEYS);
        let newest = self.all.iter().filter(|(_, place)| **place as usize >= others);
        let mut newest: Vec<_> = newest.map(|(key, place)| (*place, key.key())).collect();
        newest.sort_unstable_by_key(|(place, _)| *place);
        let known: BTreeSet<_> = newest.iter().map(|(_, key)| key).collect();
        let older: Vec<_> = coming_along.filter(|key| !known.contains(key)).cloned().collect();
        older.into_iter().chain(newest.into_iter().map(|(_, key)| key)).collect()
    }
}
