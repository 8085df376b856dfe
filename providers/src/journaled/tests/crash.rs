//! The process dies at each step that changes the disk, and any part of what was not durable is
//! gone.

use super::World;
use super::model::Model;
use super::scenario::{Process, Step, steps};

/// What may be seen after a crash: with and without the step that was under way.
struct Allowed {
    without: Model,
    with: Model,
    /// The steps that are left, the one that was under way first.
    left: Vec<Step>,
}

/// Does the steps until the process dies at one that changes the disk. `None` when it does not.
fn play_until(world: &World, steps: &[Step], before: &Model, death: u64) -> Option<Allowed> {
    world.disk.die_at(death);
    let mut model = before.clone();
    let Ok(mut process) = Process::start(world) else {
        return Some(Allowed { without: model.clone(), with: model, left: steps.into() });
    };
    for (number, step) in steps.iter().enumerate() {
        let mut without = model.clone();
        let done = process.carry_out(step);
        model.apply(step);
        if done.is_err() || world.disk.is_dead() {
            if done.is_ok() {
                // What was acknowledged counts, however soon the process died.
                without = model.clone();
            }
            return Some(Allowed { without, with: model, left: steps[number..].into() });
        }
    }
    None
}

impl Allowed {
    /// Asserts that what is seen is one of the two; tells which steps are to be done from there.
    fn check(&self, seen: &Model) -> &[Step] {
        if self.without == self.with || *seen != self.with {
            assert_eq!(*seen, self.without, "it could also be {:?}", self.with);
            return &self.left;
        }
        &self.left[1..]
    }
}

/// Numbers that are the same in each run.
fn coin(random: &mut u64) -> bool {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random >> 40 & 1 == 1
}

/// The disks that may be found after a crash now: only what is durable, all that was written, and
/// some between.
fn found_after_crash(world: &World, random: &mut u64) -> Vec<World> {
    let mut found =
        vec![world.on(world.disk.after_crash(|| false)), world.on(world.disk.after_crash(|| true))];
    found.extend((0..6).map(|_| world.on(world.disk.after_crash(|| coin(random)))));
    found
}

#[test]
fn a_crash_at_any_step_loses_nothing_that_was_promised_and_the_rest_can_be_done() {
    let (all, mut random) = (steps(), 0x9e37_79b9_7f4a_7c15);
    for death in 0.. {
        let world = World::new();
        let Some(allowed) = play_until(&world, &all, &Model::default(), death) else {
            assert!(death > 60, "the scenario has {death} steps only");
            return;
        };
        for world in found_after_crash(&world, &mut random) {
            let mut process = Process::start(&world).unwrap();
            let seen = process.seen();
            let mut model = seen.clone();
            for step in allowed.check(&seen) {
                // One that was done before its process died is refused, and changes nothing.
                if process.carry_out(step).is_ok() {
                    model.apply(step);
                }
            }
            assert_eq!(process.seen(), model);
        }
    }
}

#[test]
fn so_does_a_crash_during_the_recovery_from_a_crash() {
    let (all, mut random) = (steps(), 0x2545_f491_4f6c_dd1d);
    // Also during the flush that comes right after it.
    let then = [Step::Freeze, Step::Flush];
    for death in (0..).step_by(3) {
        let world = World::new();
        let Some(allowed) = play_until(&world, &all, &Model::default(), death) else { return };
        for found in found_after_crash(&world, &mut random) {
            let before = Process::start(&found.on(found.disk.copy())).unwrap().seen();
            allowed.check(&before);
            for second in 0.. {
                let world = found.on(found.disk.copy());
                if play_until(&world, &then, &before, second).is_none() {
                    break;
                }
                for world in found_after_crash(&world, &mut random).into_iter().take(4) {
                    assert_eq!(Process::start(&world).unwrap().seen(), before);
                }
            }
        }
    }
}
