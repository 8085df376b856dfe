//! Programs, as a seed makes them.

use reenact::testing::simulation::Dice;
use serde::{Deserialize, Serialize};

use super::{CANARY, EVENTS, Out};

/// One thing that a program does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Calls an activity.
    Work(u64),
    /// Calls a local activity.
    Local(u64),
    /// Calls activities side by side.
    Together(Vec<u64>),
    /// Calls activities side by side, and takes their results as they come.
    First(Vec<u64>),
    /// Calls an activity with a time limit in milliseconds.
    Race(u64, u64),
    /// Waits for this many milliseconds.
    Timer(u64),
    /// Waits for an event.
    Event(usize),
    /// Takes an update, and answers it, perhaps after an activity.
    Ask(Option<u64>),
    /// Takes an update, and continues as new without an answer: it comes again.
    Hold,
    /// Calls children side by side.
    Children(Vec<Vec<Step>>),
    /// Draws a random number, and publishes it.
    Publish,
    /// Computes a value once, and calls an activity with it.
    Draw(u64),
    /// Sets an attribute.
    Mark(i64),
    /// Continues as new.
    Continue,
}

/// What is to be done, and what has come out so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Program {
    canary: String,
    pub(crate) steps: Vec<Step>,
    pub(super) done: Vec<Out>,
}

impl Program {
    /// A program for a client to start.
    pub(crate) fn by_chance(dice: &Dice, next: &mut u64) -> Self {
        Self::of(steps(dice, next, true))
    }

    pub(super) fn of(steps: Vec<Step>) -> Self {
        Self { canary: CANARY.to_owned(), steps, done: Vec::new() }
    }

    /// How many events of a name it takes.
    pub(crate) fn takes(&self, event: usize) -> u64 {
        self.count(|step| matches!(step, Step::Event(name) if *name == event))
    }

    /// How many updates it answers.
    pub(crate) fn answers(&self) -> u64 {
        self.count(|step| matches!(step, Step::Ask(_)))
    }

    /// The attribute that it has set last.
    pub(crate) fn mark(&self) -> Option<i64> {
        self.steps.iter().rev().find_map(|step| match step {
            Step::Mark(mark) => Some(*mark),
            _ => None,
        })
    }

    fn count(&self, counts: impl Fn(&Step) -> bool) -> u64 {
        self.steps.iter().filter(|step| counts(step)).count() as u64
    }
}

fn steps(dice: &Dice, next: &mut u64, is_root: bool) -> Vec<Step> {
    let most = if is_root { 7 } else { 3 };
    let count = 1 + dice.below("steps", most);
    (0..count).flat_map(|_| step(dice, next, is_root)).collect()
}

fn step(dice: &Dice, next: &mut u64, is_root: bool) -> Vec<Step> {
    let mut number = || {
        *next += 1;
        *next
    };
    let mut several = || (0..2 + dice.below("wide", 4)).map(|_| number()).collect();
    let one = match dice.below("step", if is_root { 20 } else { 9 }) {
        0 | 1 => Step::Work(number()),
        2 => Step::Together(several()),
        3 => Step::Timer(dice.below("timer", 8_000)),
        4 => Step::Race(number(), dice.below("limit", 3_000)),
        5 => Step::Publish,
        6 => Step::Local(number()),
        7 => Step::First(several()),
        8 => Step::Draw(number()),
        9 => Step::Mark(number() as i64),
        10..=12 => Step::Event(dice.below("event", EVENTS.len() as u64) as usize),
        13..=15 => Step::Ask((dice.below("answers later", 2) == 0).then(number)),
        16 => return vec![Step::Hold, Step::Ask(None)],
        17 => Step::Children(
            (0..1 + dice.below("children", 2)).map(|_| steps(dice, next, false)).collect(),
        ),
        _ => Step::Continue,
    };
    vec![one]
}
