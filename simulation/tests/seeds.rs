//! Seeds of the simulation, and that a seed is the same each time.

use std::collections::BTreeSet;
use std::process::Command;

use reenact::testing::simulation::FaultKind;
use reenact_simulation::{MARKS, run_seed};

/// As many as fit in a minute beside other tests, and see all that is to be seen.
const SEEDS: u64 = 350;

/// The digests of these are compared.
const COMPARED: u64 = 10;

/// A seed that has a hub.
const OF_A_HUB: u64 = 19;

#[test]
fn everything_comes_to_rest_and_gives_what_it_must_and_each_fault_happens() {
    let (mut kinds, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..SEEDS {
        let outcome = run_seed(seed, None, false);
        match outcome.result {
            Ok(marks) => seen.extend(marks),
            Err(wrong) => {
                panic!("seed {seed}: {wrong}; cargo run -p reenact-simulation -- --seed {seed}")
            }
        }
        kinds.extend(outcome.fired.iter().map(|fault| fault.kind));
    }
    let missing: Vec<_> = FaultKind::ALL.iter().filter(|kind| !kinds.contains(kind)).collect();
    assert!(missing.is_empty(), "these have never happened: {missing:?}");
    let unseen: Vec<_> = MARKS.iter().filter(|mark| !seen.contains(*mark)).collect();
    assert!(unseen.is_empty(), "these were never seen: {unseen:?}");
}

#[test]
fn a_seed_has_the_same_trace_each_time_and_in_another_process() {
    let mut digests = Vec::new();
    for seed in (0..COMPARED).chain([OF_A_HUB]) {
        let (first, second) = (run_seed(seed, None, true), run_seed(seed, None, true));
        let pairs = first.lines.iter().zip(&second.lines);
        let differs = pairs.clone().find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.digest, second.digest, "seed {seed}");
        digests.push((seed, first.digest));
    }
    let program = env!("CARGO_BIN_EXE_reenact-simulation");
    // One on each store.
    for (seed, digest) in digests.into_iter().filter(|(seed, _)| [0, 1, OF_A_HUB].contains(seed)) {
        let seed = seed.to_string();
        let ran = Command::new(program).args(["--seed", &seed]).output().expect("it runs");
        let said = String::from_utf8(ran.stdout).expect("it is text");
        assert!(said.contains(&format!("digest {digest:016x}")), "{said}");
    }
}

#[test]
fn a_run_with_the_faults_that_happened_is_the_run_itself() {
    for seed in 0..6 {
        let run = run_seed(seed, None, false);
        let again = run_seed(seed, Some(run.fired.iter().copied().collect()), false);
        assert_eq!((again.digest, again.fired), (run.digest, run.fired), "seed {seed}");
    }
}
