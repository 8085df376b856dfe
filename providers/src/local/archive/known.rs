//! Filters in memory that say which ids the packs do not have.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use reenact_core::InstanceId;

use super::pack::{MAX_INSTANCES, Member};
use crate::archive::bloom::Filter;
use crate::archive::hash::hash;

/// Packs of which the ids are known: some 4 KiB each, 64 MiB in all. In those after them it is looked.
const MAX_KNOWN: usize = 16 * 1024;

/// Filters of the ids in packs, from when each pack is first read. The ids of a pack never change, and no
/// number of a pack is used twice while the archive is open: what is known of a pack stays true.
///
/// Ids are in all packs alike: without this, the caller that asks for one that is in none decompresses all packs.
#[derive(Debug, Default)]
pub(super) struct KnownPacks {
    filters: RwLock<HashMap<i64, Filter>>,
    /// The highest number that a pack was given.
    newest: AtomicI64,
}

impl KnownPacks {
    /// Leaves of some packs those that may have an instance of this id.
    pub(super) fn keep_possible(&self, packs: &mut Vec<i64>, instance: &InstanceId) {
        let (hash, filters) = (hash_in_packs(instance), self.read());
        packs.retain(|pack| filters.get(pack).is_none_or(|filter| filter.may_have(hash)));
    }

    /// A pack was read.
    pub(super) fn learn<'a>(&self, pack: i64, members: impl ExactSizeIterator<Item = &'a Member>) {
        let filters = self.read();
        if filters.contains_key(&pack) || filters.len() >= MAX_KNOWN {
            return;
        }
        drop(filters);
        let mut filter = Filter::with_room_for(members.len().min(MAX_INSTANCES) as u64);
        members.for_each(|member| filter.insert(hash_in_packs(member.id())));
        self.write().insert(pack, filter);
    }

    /// A pack was removed: nobody asks for it any more.
    pub(super) fn forget(&self, pack: i64) {
        self.newest.fetch_max(pack, Ordering::Relaxed);
        self.write().remove(&pack);
    }

    /// The number of a new pack, where `newest` is the highest one that is there.
    pub(super) fn next_number(&self, newest: i64) -> i64 {
        let before = self.newest.fetch_max(newest, Ordering::Relaxed).max(newest);
        // One transaction at a time gives numbers.
        self.newest.store(before + 1, Ordering::Relaxed);
        before + 1
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<i64, Filter>> {
        self.filters.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is under the lock is whole after each step.
    fn write(&self) -> RwLockWriteGuard<'_, HashMap<i64, Filter>> {
        self.filters.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Another hash than that of the filter of all ids: what that takes for an id which it has is not to be
/// taken for one here for the same reason.
fn hash_in_packs(instance: &InstanceId) -> u64 {
    let hash = hash(instance).rotate_left(32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ (hash >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_given_twice() {
        let known = KnownPacks::default();
        assert_eq!((known.next_number(4), known.next_number(4)), (5, 6));
        // The newest are removed, others are of before the opening.
        known.forget(9);
        assert_eq!(known.next_number(3), 10);
    }
}
