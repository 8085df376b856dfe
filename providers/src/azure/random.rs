//! Names that nobody else has, and jitter.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use super::port::LeaseId;
use crate::medium::ClaimMark;

/// A number that nobody else draws. No secret: the hashers of the standard library are seeded by the
/// system.
pub(super) fn number() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A name of 32 hexadecimal digits.
pub(super) fn name() -> String {
    format!("{:016x}{:016x}", number(), number())
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

/// Between half of a time and all of it, so that those who wait for the same do not come at once.
pub(super) fn jittered(time: Duration) -> Duration {
    time / 2 + time.mul_f64((number() % 1_000) as f64 / 2_000.0)
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
    fn jitter_is_between_half_and_all() {
        for _ in 0..1_000 {
            let jittered = jittered(Duration::from_secs(10));
            assert!((5..=10).contains(&jittered.as_secs()), "{jittered:?}");
        }
    }
}
