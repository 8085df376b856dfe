//! A target under libFuzzer, which looks for inputs that reach new code:
//!
//! ```text
//! cd fuzz/coverage
//! TARGET=turns cargo run --release --target x86_64-unknown-linux-gnu -- -max_total_time=60 ../corpus/turns
//! ```
//!
//! New inputs go into the folder that is named, and one that panics into the current one. `-merge=1 EMPTY ../corpus/turns`
//! takes the fewest that reach all of the code.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use reenact_fuzz::{TARGETS, Target};

static CHOSEN: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("TARGET").expect("the variable TARGET names a target");
    TARGETS.iter().find(|target| target.name == name).expect("there is such a target")
});

fuzz_target!(|input: &[u8]| (CHOSEN.run)(input));
