//! Changes inputs at random, by a seed.

/// Bytes that an input has at most.
const MAX_BYTES: usize = 64 * 1024;

/// Changes of one input.
const MAX_CHANGES: u64 = 6;

/// Bytes that one change moves, fills or takes out at most.
const MAX_RUN: usize = 64;

/// Bytes at which decoders change their mind.
const EDGES: [u8; 12] = [0, 1, 2, 0x7f, 0x80, 0xfb, 0xfc, 0xfd, 0xff, b'"', b'\n', b'%'];

/// Makes inputs out of others. The same seed makes the same inputs.
#[derive(Clone, Debug)]
pub struct Mutator {
    state: u64,
}

impl Mutator {
    /// By a seed.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// One of the kept inputs, changed; random bytes where there is none.
    pub fn input(&mut self, kept: &[Vec<u8>]) -> Vec<u8> {
        let mut input = match kept.len() {
            0 => (0..self.below(256)).map(|_| self.next() as u8).collect(),
            count => kept[self.below(count)].clone(),
        };
        for _ in 0..=self.next() % MAX_CHANGES {
            self.change(&mut input, kept);
        }
        input.truncate(MAX_BYTES);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, kept: &[Vec<u8>]) {
        if input.is_empty() {
            input.push(self.next() as u8);
            return;
        }
        let at = self.below(input.len());
        let run = at..(at + 1 + self.below(MAX_RUN)).min(input.len());
        match self.next() % 9 {
            0 => input[at] ^= 1 << (self.next() % 8),
            1 => input[at] = self.next() as u8,
            2 => input[at] = EDGES[self.below(EDGES.len())],
            3 => input.truncate(at),
            4 => drop(input.drain(run)),
            5 => {
                let copied = input[run].to_vec();
                input.splice(at..at, copied);
            }
            6 => {
                let to = self.below(input.len() - run.len() + 1);
                input.copy_within(run, to);
            }
            7 => input.insert(at, EDGES[self.below(EDGES.len())]),
            _ => self.splice(input, at, kept),
        }
    }

    /// Goes on as another one does.
    fn splice(&mut self, input: &mut Vec<u8>, at: usize, kept: &[Vec<u8>]) {
        if let Some(other) = kept.get(self.below(kept.len().max(1)))
            && !other.is_empty()
        {
            let from = self.below(other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
