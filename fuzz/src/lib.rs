//! Decoders of reenact under inputs that nobody has written.
//!
//! What comes from a disk, a queue, a file or an address may be anything. A [`Target`] gives such bytes to the code that
//! reads them, and checks what must hold of all bytes: nothing panics, nothing hangs, what is read is what would be
//! written again. There are two ways to find inputs:
//!
//! - `cargo run --release -p reenact-fuzz -- turns --inputs 1000000` changes the kept inputs at random, by a seed. So does
//!   the test, a fixed number of times. Any stable toolchain does.
//! - `fuzz/coverage` is guided by what code an input has reached; see its `main.rs`.
//!
//! Inputs that are worth keeping lie in `fuzz/corpus`, a folder for each target.

mod corpus;
mod mutator;
mod targets;

pub use corpus::{keep, kept};
pub use mutator::Mutator;
pub use targets::{TARGETS, Target};

/// Runs a target on the kept inputs, then on so many changed ones, which follow from the seed. Calls `before` with each
/// input, so that one that does not come back can be named.
///
/// # Panics
/// Where the code under test is faulty.
pub fn run(target: &Target, inputs: u64, seed: u64, mut before: impl FnMut(&[u8])) {
    let kept = kept(target);
    for input in &kept {
        before(input);
        (target.run)(input);
    }
    let mut mutator = Mutator::new(seed);
    for _ in 0..inputs {
        let input = mutator.input(&kept);
        before(&input);
        (target.run)(&input);
    }
}
