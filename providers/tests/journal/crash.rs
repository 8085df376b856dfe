//! Crashes at each step of a scenario, with any part of what was not durable gone.

use reenact_testkit::disk::FakeDisk;

use super::kit::Random;
use super::scenario::Promises;

/// Up to this many undecided changes, each choice among them is tried.
const EXHAUSTIVE: usize = 9;
/// Otherwise this many choices, besides all and nothing.
const SAMPLES: usize = 24;

/// Calls back with disks that may be found after a crash now.
fn crash(disk: &FakeDisk, random: &mut Random, mut found: impl FnMut(FakeDisk)) {
    let undecided = disk.undecided();
    if undecided <= EXHAUSTIVE {
        for choice in 0..1_u32 << undecided {
            let mut bits = choice;
            found(disk.after_crash(|| {
                let survives = bits & 1 == 1;
                bits >>= 1;
                survives
            }));
        }
        return;
    }
    found(disk.after_crash(|| false));
    found(disk.after_crash(|| true));
    for sample in 0..SAMPLES {
        // Rarely, often, and half of the time: what is lost alone shows other faults than what
        // survives alone.
        found(disk.after_crash(|| match sample % 3 {
            0 => random.coin(),
            1 => random.below(10) == 0,
            _ => random.below(10) != 0,
        }));
    }
}

/// Plays until the process dies at a step. False when there is no such step.
fn play_until(disk: &FakeDisk, promises: &mut Promises, step: u64) -> bool {
    disk.die_at(step);
    let played = promises.play(disk);
    assert_eq!(played.is_err(), disk.is_dead());
    disk.is_dead()
}

fn crash_at_each_step(unit: usize, none: &Promises) {
    let mut random = Random::new(unit as u64);
    for step in 0.. {
        let (disk, mut promises) = (FakeDisk::with_unit(unit), none.clone());
        if !play_until(&disk, &mut promises, step) {
            assert!(step > 80, "the scenario has {step} steps only");
            return;
        }
        crash(&disk, &mut random, |disk| {
            promises.verify(&disk);
            let mut promises = promises.clone();
            promises.go_on(&disk).unwrap();
            promises.verify(&disk.after_crash(|| false));
        });
    }
}

#[test]
fn a_crash_at_any_step_loses_any_sectors_and_nothing_that_was_promised() {
    crash_at_each_step(512, &Promises::default());
}

#[test]
fn a_crash_at_any_step_loses_any_pages_and_nothing_that_was_promised() {
    crash_at_each_step(4096, &Promises::default());
}

#[test]
fn a_crash_at_any_step_loses_nothing_that_was_compressed_and_promised() {
    crash_at_each_step(512, &Promises::compressed());
}

#[test]
fn so_does_a_crash_at_any_step_of_the_recovery_from_a_crash() {
    let mut random = Random::new(1);
    for step in 0.. {
        let (disk, mut promises) = (FakeDisk::new(), Promises::default());
        if !play_until(&disk, &mut promises, step) {
            return;
        }
        for _ in 0..2 {
            let found = disk.after_crash(|| random.coin());
            for second in 0.. {
                let (disk, mut promises) = (found.copy(), promises.clone());
                disk.die_at(second);
                if promises.go_on(&disk).is_ok() {
                    break;
                }
                for _ in 0..3 {
                    let disk = disk.after_crash(|| random.coin());
                    promises.verify(&disk);
                    let mut promises = promises.clone();
                    promises.go_on(&disk).unwrap();
                    promises.verify(&disk);
                }
            }
        }
    }
}
