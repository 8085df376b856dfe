//! Where instances end that the archive has.

use std::collections::HashMap;
use std::mem;

use reenact_core::InstanceId;

use super::table::Table;
use crate::archive::Change;
use crate::tip::Tip;

/// Ends that one generation has at most: some 100 bytes each.
const MAX_TIPS: usize = 16 * 1024;

/// Remembers where some instances end in the archive, or that it does not have them: those that it was
/// given last, and those that it was asked for. What goes on in memory is not to be asked for at a commit.
/// It may know nothing of an instance; what it knows is what the archive has.
#[derive(Debug, Default)]
pub(super) struct Tips {
    newer: Known,
    /// Goes when the newer ones are full.
    older: Known,
    version: u64,
}

pub(super) type Known = HashMap<InstanceId, Option<Tip>>;

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
        if version != self.version {
            return;
        }
        if self.newer.len() >= MAX_TIPS {
            self.older = mem::take(&mut self.newer);
        }
        self.newer.insert(instance, tip);
    }

    /// Remembers what the archive was given. Gives back what has become too much, to be dropped.
    #[must_use = "it is dropped once nothing is locked"]
    pub(super) fn hand_on(&mut self, given: Given) -> Known {
        self.version += 1;
        let before = mem::replace(&mut self.newer, given.tips);
        // What is not among those that were given must not be remembered as it was.
        let kept = if given.is_all { before } else { Known::new() };
        mem::replace(&mut self.older, kept)
    }

    /// Forgets all: others may change the archive, or have changed it.
    pub(super) fn forget(&mut self) {
        let version = self.version + 1;
        *self = Self { version, ..Self::default() };
    }
}

/// Where the instances end that the archive was given.
#[derive(Debug)]
pub(super) struct Given {
    tips: Known,
    is_all: bool,
}

impl Given {
    /// Of all changes; where these are too many, of some instances that have not finished.
    pub(super) fn of(table: &Table) -> Self {
        let is_all = table.iter().len() <= MAX_TIPS;
        let goes_on =
            |change: &Change| change.summary().is_some_and(|summary| !summary.state.is_finished());
        let tips = table
            .iter()
            .filter(|(_, change)| is_all || goes_on(change))
            .take(MAX_TIPS)
            .map(|(instance, change)| (instance.clone(), change.tip()))
            .collect();
        Self { tips, is_all }
    }
}
