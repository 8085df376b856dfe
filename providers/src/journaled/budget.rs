//! How much all shards of a store may hold in memory before it goes into the archive.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One for all shards of a store. A shard that holds its part of it or more gives it to the archive once
/// all of them together hold too much: the fullest ones do, and the flushes are as large as they can be.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: usize,
    /// The bytes that all shards hold.
    held: AtomicUsize,
    /// The bytes of one shard, if all hold the same.
    part: usize,
}

impl Budget {
    /// A budget of some bytes for a number of shards.
    pub(super) fn new(bytes: usize, shards: usize) -> Arc<Self> {
        let bytes = bytes.max(1);
        let part = (bytes / shards.max(1)).max(1);
        Arc::new(Self { bytes, held: AtomicUsize::new(0), part })
    }

    /// Whether a shard that holds `own` bytes is to give them away: all hold `times` the budget.
    pub(super) fn is_exceeded_by(&self, own: usize, times: usize) -> bool {
        own >= self.part && self.held.load(Ordering::Relaxed) >= self.bytes.saturating_mul(times)
    }
}

/// What one shard holds; nothing any more once this is dropped.
#[derive(Debug)]
pub(super) struct MemoryShare {
    budget: Arc<Budget>,
    held: usize,
}

impl MemoryShare {
    pub(super) const fn of(budget: Arc<Budget>) -> Self {
        Self { budget, held: 0 }
    }

    /// Sets what the shard holds by now.
    pub(super) fn set(&mut self, held: usize) {
        // In this order: the sum is never below 0.
        self.budget.held.fetch_add(held, Ordering::Relaxed);
        self.budget.held.fetch_sub(self.held, Ordering::Relaxed);
        self.held = held;
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_shards_give_it_away_once_all_hold_too_much() {
        let budget = Budget::new(100, 4);
        let mut shares: Vec<MemoryShare> =
            (0..4).map(|_| MemoryShare::of(Arc::clone(&budget))).collect();
        for (share, held) in shares.iter_mut().zip([60, 20, 10, 9]) {
            share.set(held);
        }
        assert!(!budget.is_exceeded_by(60, 1), "99 of 100");
        shares[3].set(10);
        assert!(budget.is_exceeded_by(60, 1) && !budget.is_exceeded_by(60, 2));
        assert!(!budget.is_exceeded_by(20, 1), "less than its part");
        drop(shares.pop());
        assert!(!budget.is_exceeded_by(60, 1), "a shard that is closed holds nothing");
    }

    #[test]
    fn one_of_the_shards_holds_its_part_whenever_all_hold_too_much() {
        for shards in 1..20_usize {
            let budget = Budget::new(1_000, shards);
            let mut shares: Vec<MemoryShare> =
                (0..shards).map(|_| MemoryShare::of(Arc::clone(&budget))).collect();
            shares.iter_mut().for_each(|share| share.set(1_000_usize.div_ceil(shards)));
            assert!(budget.is_exceeded_by(1_000_usize.div_ceil(shards), 1), "{shards}");
        }
        assert!(Budget::new(0, 0).is_exceeded_by(1, 0));
    }
}
