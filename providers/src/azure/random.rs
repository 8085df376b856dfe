//! Names that nobody else has, and jitter.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::port::LeaseId;
use crate::medium::ClaimMark;

/// A number that nobody else draws. No secret: the hashers of the standard library are seeded by the
/// system.
pub(super) fn number() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// What shows in names and times. Clones draw from the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Random {
    /// Counts what was drawn of what follows from a seed; by the system where it is `None`.
    seeded: Option<Arc<AtomicU64>>,
}

impl Random {
    /// The same each time.
    pub(super) fn of_seed(seed: u64) -> Self {
        Self { seeded: Some(Arc::new(AtomicU64::new(seed))) }
    }

    fn number(&self) -> u64 {
        let Some(seeded) = &self.seeded else { return number() };
        // SplitMix64.
        let state = seeded.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A name of 32 hexadecimal digits.
    pub(super) fn name(&self) -> String {
        format!("{:016x}{:016x}", self.number(), self.number())
    }

    /// Between half of a time and all of it, so that those who wait for the same do not come at once.
    pub(super) fn jittered(&self, time: Duration) -> Duration {
        time / 2 + time.mul_f64((self.number() % 1_000) as f64 / 2_000.0)
    }
}

/// A UUID of version 4.
pub(super) fn lease_id() -> LeaseId {
    let (high, low) = (number(), number());
    LeaseId(format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        0x8000 | low >> 48 & 0x3fff,
        low & 0xffff_ffff_ffff
    ))
}

/// One that no other claim has.
pub(super) fn mark() -> ClaimMark {
    let mut mark = [0; 16];
    mark[..8].copy_from_slice(&number().to_le_bytes());
    mark[8..].copy_from_slice(&number().to_le_bytes());
    ClaimMark(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_id_is_a_uuid() {
        let LeaseId(id) = lease_id();
        let lengths: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(id.as_bytes()[14], b'4', "{id}");
        assert!(b"89ab".contains(&id.as_bytes()[19]), "{id}");
    }

    #[test]
    fn a_seed_gives_the_same_names_each_time_and_another_gives_others() {
        let names = |seed| [(); 3].map(|()| Random::of_seed(seed).name());
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
        let random = Random::of_seed(1);
        assert_ne!(random.name(), random.name());
    }

    #[test]
    fn jitter_is_between_half_and_all() {
        for _ in 0..1_000 {
            let jittered = Random::default().jittered(Duration::from_secs(10));
            assert!((5..=10).contains(&jittered.as_secs()), "{jittered:?}");
        }
    }
}
