//! Seeds of the simulation, and that a seed is the same each time.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::process::Command;
use std::sync::Barrier;
use std::thread::available_parallelism;

use reenact::testing::simulation::{FaultKind, Simulated};
use reenact_simulation::{MARKS, Outcome, Store, in_order, run_seed, run_seed_on};

/// As many as fit in a minute beside other tests, and see all that is to be seen.
const SEEDS: u64 = 350;

/// The digests of these are compared.
const COMPARED: u64 = 10;

/// A seed that has a hub.
const OF_A_HUB: u64 = 19;

/// What ten seeds may leave in memory, in bytes: one of them has megabytes while it runs.
const LEFT_MAX: i64 = 10_000;

fn run(seed: u64) -> Outcome {
    run_seed(seed, None, false)
}

#[test]
fn everything_comes_to_rest_and_gives_what_it_must_and_each_fault_happens() {
    let (mut kinds, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let jobs = available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    in_order(0..SEEDS, jobs, run, |seed, outcome| {
        let (marks, fired) = match outcome {
            Ok(Simulated { result: Ok(marks), fired, .. }) => (marks, fired),
            Ok(Simulated { result: Err(wrong), .. }) | Err(wrong) => {
                panic!("seed {seed}: {wrong}; cargo run -p reenact-simulation -- --seed {seed}")
            }
        };
        seen.extend(marks);
        kinds.extend(fired.iter().map(|fault| fault.kind));
        ControlFlow::Continue(())
    });
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
fn seeds_on_several_threads_have_the_digests_that_they_have_on_one() {
    let digests = |jobs| {
        let mut digests = Vec::new();
        in_order(COMPARED..COMPARED * 3, NonZero::new(jobs).unwrap(), run, |seed, outcome| {
            let outcome = outcome.unwrap();
            digests.push((seed, outcome.digest, outcome.fired));
            ControlFlow::Continue(())
        });
        digests
    };
    assert_eq!(digests(4), digests(1));
}

#[test]
fn the_first_seed_that_fails_is_the_smallest_one_and_none_is_taken_after_it() {
    let mut taken = Vec::new();
    // The later seeds have failed long before the first one has ended.
    let barrier = Barrier::new(3);
    let fails = |seed| {
        if seed < 3 {
            barrier.wait();
        }
        assert!(seed < 2, "seed {seed} fails");
    };
    in_order(0..100, NonZero::new(3).unwrap(), fails, |seed, outcome| {
        taken.push((seed, outcome.clone()));
        if outcome.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let wrong = "it has panicked: seed 2 fails".to_owned();
    assert_eq!(taken, [(0, Ok(())), (1, Ok(())), (2, Err(wrong))]);
}

#[test]
fn a_seed_leaves_nothing_in_memory() {
    let alone = |seed| {
        let run = || drop(run_seed_on(Store::Memory, seed, None, false));
        allocation_counter::measure(run).bytes_current
    };
    // What a process has once is there after these.
    (0..COMPARED).for_each(|seed| {
        alone(seed);
    });
    let left: i64 = (0..COMPARED).map(alone).sum();
    assert!(left < LEFT_MAX, "{COMPARED} seeds have left {left} bytes");
}

#[test]
fn a_run_with_the_faults_that_happened_is_the_run_itself() {
    for seed in 0..6 {
        let run = run_seed(seed, None, false);
        let again = run_seed(seed, Some(run.fired.iter().copied().collect()), false);
        assert_eq!((again.digest, again.fired), (run.digest, run.fired), "seed {seed}");
    }
}
