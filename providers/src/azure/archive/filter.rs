//! A filter that says which ids a run does not have, without reading the run.

/// Bits for each id. With [`PROBES`] of them, about one of 15,000 ids that a run does not have is
/// taken for one that it may have: a request for nothing. There are many new ids, and some ten runs.
const BITS_PER_ID: usize = 20;

/// Size of a filter of few ids, in bytes.
const MIN_BYTES: usize = 64;

/// Bits that are set for an id.
const PROBES: u64 = 14;

/// A Bloom filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter(Vec<u8>);

impl Filter {
    /// For ids with these hashes.
    pub(super) fn of(hashes: &[u64]) -> Self {
        let mut filter = Self(vec![0; (hashes.len() * BITS_PER_ID / 8).max(MIN_BYTES)]);
        for hash in hashes {
            for bit in filter.bits(*hash) {
                filter.0[bit / 8] |= 1 << (bit % 8);
            }
        }
        filter
    }

    /// Reads a stored filter; `None` when the bytes are not one.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        (!bytes.is_empty()).then(|| Self(bytes.to_vec()))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether an id with this hash may be among them.
    pub(super) fn may_have(&self, hash: u64) -> bool {
        self.bits(hash).all(|bit| self.0[bit / 8] & (1 << (bit % 8)) != 0)
    }

    fn bits(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let count = self.0.len() as u64 * 8;
        let step = hash.rotate_left(32) | 1;
        (0..PROBES).map(move |probe| {
            let spread = hash.wrapping_add(step.wrapping_mul(probe));
            // The upper half of the product is below the count.
            ((u128::from(spread) * u128::from(count)) >> 64) as usize
        })
    }
}

#[cfg(test)]
mod tests {
    use reenact_core::InstanceId;

    use super::*;
    use crate::archive::hash::hash;

    fn hash_of(number: u32) -> u64 {
        hash(&InstanceId::new(format!("order-{number}")).unwrap())
    }

    #[test]
    fn what_is_in_it_is_always_found_and_what_is_not_hardly_ever() {
        for count in [1, 10, 20_000] {
            let filter = Filter::of(&(0..count).map(hash_of).collect::<Vec<_>>());
            assert!((0..count).map(hash_of).all(|hash| filter.may_have(hash)));
            let wrong = (100_000..200_000).map(hash_of).filter(|hash| filter.may_have(*hash));
            let wrong = wrong.count();
            assert!(wrong < 40, "{wrong} of 100,000, with {count} in it");
        }
        assert!(!Filter::of(&[]).may_have(hash_of(1)));
    }
}
