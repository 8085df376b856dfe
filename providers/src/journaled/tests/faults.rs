//! Each call to the disk fails, at each place of the scenario, once or for some time.

use std::io::ErrorKind;

use super::World;
use super::model::Model;
use super::scenario::{Process, Step, steps};
use crate::ProviderError;
use crate::testkit::disk::{Effect, Fault, Op};

const EFFECTS: [Effect; 3] = [Effect::Nothing, Effect::Half, Effect::Whole];
const ERRORS: [ErrorKind; 2] = [ErrorKind::StorageFull, ErrorKind::Other];

/// How often a host tries before it waits for the disk to get well.
const TRIES: u32 = 5;

/// Does a step as a host does: tries again what may succeed later, and opens the shard anew where
/// the outcome is not known. Gives up when the disk does not get well.
fn insist(
    process: &mut Process,
    step: &Step,
    before: &Model,
    after: &Model,
) -> Result<(), ProviderError> {
    let mut last = None;
    for _ in 0..TRIES {
        let error = match process.carry_out(step) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let is_known = error.is_transient();
        assert!(
            is_known
                || matches!(error, ProviderError::Unknown { .. } | ProviderError::Fenced { .. }),
            "{error}"
        );
        last = Some(error);
        if is_known && !matches!(step, Step::Reopen) {
            continue;
        }
        if process.reopen().is_ok() {
            let seen = process.seen();
            if seen == *after && before != after {
                return Ok(());
            }
            assert_eq!(seen, *before, "it is done as a whole or not at all: {step:?}");
        }
    }
    last.map_or(Ok(()), Err)
}

/// Plays the scenario under a fault. If that lasts, the disk gets well when nothing goes on.
fn play_with(fault: Fault) {
    let world = World::new();
    world.disk.fail(fault);
    let mut process = loop {
        match Process::start(&world) {
            Ok(process) => break process,
            Err(error) => assert!(!matches!(error, ProviderError::Corrupt { .. }), "{error}"),
        }
        if fault.forever {
            world.disk.heal();
        }
    };
    let mut before = Model::default();
    for step in steps() {
        let mut after = before.clone();
        after.apply(&step);
        if insist(&mut process, &step, &before, &after).is_err() {
            assert!(fault.forever, "{fault:?} at {step:?}");
            world.disk.heal();
            process.reopen().unwrap();
            let seen = process.seen();
            if seen != after || before == after {
                assert_eq!(seen, before, "{fault:?} at {step:?}");
                insist(&mut process, &step, &before, &after).unwrap();
            }
        }
        before = after;
    }
    world.disk.heal();
    assert_eq!(process.seen(), before, "{fault:?}");
    let after_crash = world.on(world.disk.after_crash(|| false));
    assert_eq!(Process::start(&after_crash).unwrap().seen(), before, "a crash after {fault:?}");
}

/// How often each kind of call is made in the scenario.
fn count(op: Op) -> u64 {
    let world = World::new();
    let mut process = Process::start(&world).unwrap();
    steps().iter().for_each(|step| process.carry_out(step).unwrap());
    world.disk.count(op)
}

#[test]
fn whatever_fails_once_nothing_is_lost_and_all_of_it_gets_done() {
    for op in Op::ALL {
        for at in 0..count(op) {
            for effect in EFFECTS {
                for error in ERRORS {
                    play_with(Fault { op, at, forever: false, error, effect });
                }
            }
        }
    }
}

#[test]
fn whatever_fails_for_some_time_nothing_is_lost_and_all_of_it_gets_done_then() {
    for op in Op::ALL {
        for at in 0..count(op) {
            for error in ERRORS {
                play_with(Fault { op, at, forever: true, error, effect: Effect::Nothing });
            }
        }
    }
}
