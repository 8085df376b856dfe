//! Random numbers that are the same at every replay.

/// SplitMix64 (Steele, Lea, Flood 2014). Ours, and not a crate's, because its numbers must never
/// change: they are part of what the log implies.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The number that a seed gives at a place: the same in every process. For runtimes whose tests are to be repeated
/// exactly.
pub fn number_of_seed(seed: u64, place: u64) -> u64 {
    let start = SplitMix64::new(seed).next();
    SplitMix64::new(start ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15)).next()
}

/// The seed of the execution that follows one of this seed. Not one of the numbers that this one draws. The
/// highest bit stays free, as it is in the seeds of shells.
pub(crate) fn next_seed(seed: u64) -> u64 {
    SplitMix64::new(!seed).next() >> 1
}

#[cfg(test)]
mod tests {
    use super::SplitMix64;

    #[test]
    fn the_numbers_of_a_seed_never_change() {
        let mut random = SplitMix64::new(1_234_567);
        // The published test vector of the algorithm.
        let expected =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([random.next(), random.next(), random.next()], expected);
    }
}
