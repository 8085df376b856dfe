//! Where instances end that the archive has.

use std::mem;

use foldhash::HashMap;
use reenact_core::InstanceId;

use super::table::Table;
use crate::archive::Change;
use crate::tip::Tip;

/// Ends that one generation has at most: some 80 bytes each. More than a host has in memory of one shard,
/// so that one is forgotten early only where nobody says of instances that they have gone from memory.
const MAX_TIPS: usize = 128 * 1024;

/// Ends that are remembered or forgotten under one lock.
const CHANGED_AT_ONCE: usize = 256;

/// Remembers where instances end in the archive, or that it does not have them: those that are in the
/// memory of a host, which are to go on there. A commit does not ask the archive, and need not.
/// It may know nothing of an instance; what it knows is what the archive has.
#[derive(Debug, Default)]
pub(super) struct Tips {
    newer: KnownTips,
    /// Goes when the newer ones are full.
    older: KnownTips,
    version: u64,
}

pub(super) type KnownTips = HashMap<InstanceId, Option<Tip>>;

impl Tips {
    /// Where an instance ends in the archive; `None` when that is not remembered.
    pub(super) fn get(&self, instance: &InstanceId) -> Option<Option<Tip>> {
        self.newer.get(instance).or_else(|| self.older.get(instance)).copied()
    }

    /// Changes with the archive. What it has said is of the version before the question.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// Remembers what the archive has said, unless it has changed since.
    pub(super) fn learn(&mut self, version: u64, instance: InstanceId, tip: Option<Tip>) {
        if version == self.version {
            self.insert(instance, tip);
        }
    }

    /// The archive has changed: what it has said before counts no more. What is remembered counts until
    /// the new ends are.
    pub(super) const fn is_changed(&mut self) {
        self.version += 1;
    }

    /// Remembers where an instance ends by now; `None`: nothing of it is to be remembered.
    pub(super) fn set(&mut self, instance: &InstanceId, tip: Option<Tip>) {
        match tip {
            None => self.forget(instance),
            Some(tip) => self.insert(instance.clone(), Some(tip)),
        }
    }

    /// Forgets an instance, which is in nobody's memory any more.
    pub(super) fn forget(&mut self, instance: &InstanceId) {
        if !self.newer.is_empty() {
            self.newer.remove(instance);
        }
        if !self.older.is_empty() {
            self.older.remove(instance);
        }
    }

    /// Forgets all: others may change the archive, or have changed it.
    pub(super) fn forget_all(&mut self) {
        let version = self.version + 1;
        *self = Self { version, ..Self::default() };
    }

    fn insert(&mut self, instance: InstanceId, tip: Option<Tip>) {
        if self.newer.len() >= MAX_TIPS {
            self.older = mem::take(&mut self.newer);
        }
        self.newer.insert(instance, tip);
    }
}

/// Where the instances end that the archive was given, some at a time. Of those that are over nothing is
/// to be remembered.
pub(super) fn given(table: &Table) -> impl Iterator<Item = Vec<(&InstanceId, Option<Tip>)>> {
    let goes_on = |change: &Change| change.summary().is_some_and(|summary| !summary.is_over());
    let mut all = table
        .iter()
        .map(move |(instance, change)| (instance, change.tip().filter(|_| goes_on(change))));
    std::iter::from_fn(move || {
        let some: Vec<_> = all.by_ref().take(CHANGED_AT_ONCE).collect();
        (!some.is_empty()).then_some(some)
    })
}
