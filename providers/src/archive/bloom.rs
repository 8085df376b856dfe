//! A Bloom filter that grows.

/// Bits for each id. With [`PROBES`] of them in one block, about one of 1,000 ids that are not in it is
/// taken for one that may be.
const BITS_PER_ID: u64 = 16;

/// Bits that are set for an id.
const PROBES: u32 = 7;

/// Bits of a block. All bits of an id are in one, so that a look touches one line of the cache.
const BLOCK_BITS: u64 = 512;

/// Bits that choose one of a block.
const BITS_OF_A_PROBE: u32 = BLOCK_BITS.ilog2();

/// Parts from which on a filter is to be made anew: each can be wrong by itself.
const MAX_PARTS: usize = 3;

type Block = [u64; (BLOCK_BITS / u64::BITS as u64) as usize];

/// A set of hashes that may have more than was put into it, and never less.
#[derive(Debug)]
pub(crate) struct Filter {
    /// Each has room for twice as many as the one before it. Only the last one is not full.
    parts: Vec<Part>,
    len: u64,
}

impl Filter {
    /// An empty filter with room for this number of ids, and for more in further parts.
    pub(crate) fn with_room_for(count: u64) -> Self {
        Self { parts: vec![Part::with_room_for(count)], len: 0 }
    }

    pub(crate) fn insert(&mut self, hash: u64) {
        if self.may_have(hash) {
            return;
        }
        if let Some(last) = self.parts.last().filter(|last| last.left == 0) {
            let part = Part::with_room_for(last.room * 2);
            self.parts.push(part);
        }
        if let Some(last) = self.parts.last_mut() {
            last.insert(hash);
            self.len += 1;
        }
    }

    /// False only of what was never put into it.
    pub(crate) fn may_have(&self, hash: u64) -> bool {
        self.parts.iter().rev().any(|part| part.may_have(hash))
    }

    /// How many were put into it, about.
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has grown so far that it answers worse than one that is made anew.
    pub(crate) const fn has_outgrown(&self) -> bool {
        self.parts.len() > MAX_PARTS
    }
}

#[derive(Debug)]
struct Part {
    blocks: Box<[Block]>,
    room: u64,
    left: u64,
}

impl Part {
    fn with_room_for(count: u64) -> Self {
        let room = count.max(1);
        let blocks = (room * BITS_PER_ID).div_ceil(BLOCK_BITS);
        let blocks = (0..blocks).map(|_| Block::default()).collect();
        Self { blocks, room, left: room }
    }

    fn insert(&mut self, hash: u64) {
        let block = self.block_of(hash);
        for (word, bit) in bits(hash) {
            self.blocks[block][word] |= bit;
        }
        self.left -= 1;
    }

    fn may_have(&self, hash: u64) -> bool {
        let block = &self.blocks[self.block_of(hash)];
        bits(hash).all(|(word, bit)| block[word] & bit != 0)
    }

    fn block_of(&self, hash: u64) -> usize {
        // The upper half of the product is below the number of blocks.
        ((u128::from(hash) * self.blocks.len() as u128) >> u64::BITS) as usize
    }
}

/// The bits of a hash in its block. The block is chosen by the hash's upper bits, and these by all of it.
fn bits(hash: u64) -> impl Iterator<Item = (usize, u64)> {
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..PROBES).map(move |probe| {
        let bit = (mixed >> (probe * BITS_OF_A_PROBE)) % BLOCK_BITS;
        ((bit / u64::from(u64::BITS)) as usize, 1 << (bit % u64::from(u64::BITS)))
    })
}

#[cfg(test)]
mod tests {
    use reenact_core::InstanceId;

    use super::*;
    use crate::archive::hash::hash;

    fn hash_of(number: u32) -> u64 {
        hash(&InstanceId::new(format!("order-{number}")).unwrap())
    }

    fn wrong(filter: &Filter) -> usize {
        (1_000_000..1_100_000).filter(|number| filter.may_have(hash_of(*number))).count()
    }

    #[test]
    fn what_is_in_it_is_always_found_and_what_is_not_hardly_ever() {
        for count in [0, 1, 10, 20_000] {
            let mut filter = Filter::with_room_for(count);
            let count = u32::try_from(count).unwrap();
            (0..count).for_each(|number| filter.insert(hash_of(number)));
            assert!((0..count).all(|number| filter.may_have(hash_of(number))));
            let wrong = wrong(&filter);
            assert!(wrong < 250, "{wrong} of 100,000, with {count} in it");
        }
    }

    #[test]
    fn it_grows_and_says_when_it_has_grown_too_far() {
        let mut filter = Filter::with_room_for(1_000);
        for number in 0..6_900 {
            filter.insert(hash_of(number));
        }
        assert!(!filter.has_outgrown());
        assert!((0..6_900).all(|number| filter.may_have(hash_of(number))));
        let wrong = wrong(&filter);
        assert!(wrong < 800, "{wrong} of 100,000");
        for number in 6_900..8_000 {
            filter.insert(hash_of(number));
        }
        assert!(filter.has_outgrown());
        assert!((0..8_000).all(|number| filter.may_have(hash_of(number))));
    }

    #[test]
    fn what_is_put_into_it_twice_takes_no_room_twice() {
        let mut filter = Filter::with_room_for(10);
        for _ in 0..100 {
            filter.insert(hash_of(1));
        }
        assert_eq!(filter.len(), 1);
    }
}
