//! Programs, as a seed makes them.

use std::collections::BTreeMap;

use reenact::testing::simulation::Dice;
use serde::{Deserialize, Serialize};

use super::{CANARY, EVENTS, LEDGERS, Message, Out};

/// In milliseconds; no run lasts so long.
const A_DAY: u64 = 24 * 60 * 60 * 1_000;

/// One thing that a program does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Calls an activity.
    Work(u64),
    /// Calls an activity, or what newer code of the same version calls in its place.
    Patch(u64),
    /// Calls an activity that one of the hosts runs.
    Tagged(u64),
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
    /// Waits for a message of another program.
    Receive,
    /// Sends a message to a program, by its number.
    Send(usize, Message),
    /// Asks other programs for updates, all at once.
    Request(Vec<Request>),
    /// Starts an instance that goes on by itself, and does these.
    Launch(u64, Vec<Step>),
    /// Calls a child that does these, and does not wait for it.
    Leave { number: u64, steps: Vec<Step>, abandons: bool },
    /// Calls an activity that is completed from outside.
    Outside(u64),
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
    /// Calls a ledger.
    Enter(Entry),
    /// Calls a ledger for what it gets by an activity.
    Earn(Entry),
    /// Sends to a ledger without waiting for it, for so many milliseconds later.
    Signal(Entry, u64),
    /// Moves cents from one ledger to another under the locks of both, unless these take longer than so many
    /// milliseconds.
    Move { entry: Entry, to: usize, limit: Option<u64> },
    /// Emits so many items.
    Emit(u64, u64),
    /// Calls an activity that emits so many items.
    EmitWork(u64, u64),
    /// Calls an activity that fails for good until a client has mended it. The instance fails, and is rewound.
    Break(u64),
    /// Continues as new.
    Continue,
    /// Continues as new in the version that runs.
    Stay,
}

impl Step {
    pub(super) const fn has_result(&self) -> bool {
        !matches!(self, Self::Continue | Self::Stay | Self::Hold)
    }
}

/// An update that one program asks of another one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The other program.
    pub(crate) to: usize,
    /// The number of the update among its own.
    pub(crate) number: u64,
    /// The other program is started with it if it has not begun.
    pub(crate) starts: Option<Program>,
}

/// An operation of a ledger.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The ledger.
    pub(crate) ledger: usize,
    /// Its number among all of a run.
    pub(crate) number: u64,
    pub(crate) cents: u64,
}

impl Entry {
    pub(crate) fn by_chance(dice: &Dice, number: u64) -> Self {
        let ledger = dice.below("ledger", LEDGERS.len() as u64) as usize;
        Self { ledger, number, cents: 1 + dice.below("cents", 100) }
    }
}

/// What clients do to the instance of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// They let it end.
    Lives,
    /// They cancel it.
    Cancelled,
    /// They terminate it.
    Terminated,
}

/// A program that clients play.
#[derive(Clone, Debug)]
pub(crate) struct Played {
    pub(crate) program: Program,
    pub(crate) fate: Fate,
    /// How many of the updates that it answers are asked by other programs: the last ones.
    pub(crate) requested: u64,
}

/// The programs of a run. Those with a greater number send messages to those with a smaller one, so that none waits for one
/// that waits for it. At their end they ask those for updates, all at once: nobody waits for them then.
pub(crate) fn programs(dice: &Dice, next: &mut u64) -> Vec<Played> {
    let count = 1 + dice.below("instances", 4);
    let mut all: Vec<Played> = (0..count)
        .map(|_| {
            let fate = match dice.below("fate", 16) {
                0 | 1 => Fate::Cancelled,
                2 => Fate::Terminated,
                _ => Fate::Lives,
            };
            let undo = (fate == Fate::Cancelled && dice.below("undoes", 2) == 0).then(|| {
                *next += 1;
                *next
            });
            let program = Program { undo, ..Program::of(steps(dice, next, true)) };
            Played { program, fate, requested: 0 }
        })
        .collect();
    add_messages(dice, &mut all);
    all.iter_mut().for_each(|played| number_messages(&mut played.program.steps));
    let requests = add_asks(dice, &mut all);
    for (from, asked) in requests.into_iter().enumerate() {
        // Those with a smaller number are whole.
        let requests: Vec<_> =
            asked.into_iter().map(|to| request(dice, &mut all[to], to)).collect();
        let Played { program, fate, .. } = &mut all[from];
        if !requests.is_empty() {
            program.steps.push(Step::Request(requests));
        }
        if *fate == Fate::Lives && dice.below("breaks", 6) == 0 {
            break_at_end(dice, next, &mut program.steps);
        }
    }
    all
}

fn add_messages(dice: &Dice, all: &mut [Played]) {
    for to in 0..all.len() {
        let senders: Vec<usize> =
            (to + 1..all.len()).filter(|from| all[*from].fate == Fate::Lives).collect();
        if senders.is_empty() {
            continue;
        }
        for _ in 0..dice.below("messages", 4) {
            let from = senders[dice.below("sender", senders.len() as u64) as usize];
            insert(dice, &mut all[to].program.steps, Step::Receive);
            insert(dice, &mut all[from].program.steps, Step::Send(to, Message { from, number: 0 }));
        }
    }
}

/// Each is sent in the order of its numbers.
fn number_messages(steps: &mut [Step]) {
    let mut sent = BTreeMap::<usize, u64>::new();
    for step in steps {
        if let Step::Send(to, message) = step {
            let count = sent.entry(*to).or_default();
            message.number = *count;
            *count += 1;
        }
    }
}

/// Lets programs answer what others ask. Gives whom each of them asks.
fn add_asks(dice: &Dice, all: &mut [Played]) -> Vec<Vec<usize>> {
    let mut asked = Vec::new();
    for from in 0..all.len() {
        let count =
            if from > 0 && all[from].fate == Fate::Lives { dice.below("asked", 3) } else { 0 };
        let whom = (0..count).map(|_| dice.below("whom", from as u64) as usize).collect::<Vec<_>>();
        whom.iter().for_each(|to| insert(dice, &mut all[*to].program.steps, Step::Ask(None)));
        asked.push(whom);
    }
    asked
}

/// Asks a program for the last of its updates that nobody asks for.
fn request(dice: &Dice, of: &mut Played, to: usize) -> Request {
    of.requested += 1;
    let number = of.program.answers() - of.requested;
    let starts = of.program.can_be_first() && dice.below("request starts", 2) == 0;
    Request { to, number, starts: starts.then(|| of.program.clone()) }
}

/// What clients raise is taken before a program fails: later they could not, and what is in a queue then would be
/// refused.
fn break_at_end(dice: &Dice, next: &mut u64, all: &mut Vec<Step>) {
    all.iter_mut().for_each(abandon);
    // A rewind undoes the turn of the call, which must not be the first one.
    all.extend([Step::Timer(100), Step::Break(*next + 1)]);
    *next += 1;
    all.extend(steps(dice, next, false));
}

/// A rewind starts anew what the failure has cancelled, and what that had done is done a second time.
fn abandon(step: &mut Step) {
    if let Step::Leave { steps, abandons, .. } = step
        && !*abandons
    {
        *abandons = true;
        // It has no end of its own.
        steps.pop();
    }
}

/// Somewhere, but not between a request that is held and its answer.
fn insert(dice: &Dice, steps: &mut Vec<Step>, step: Step) {
    let mut at = dice.below("place", steps.len() as u64 + 1) as usize;
    if at > 0 && matches!(steps[at - 1], Step::Hold) {
        at -= 1;
    }
    steps.insert(at, step);
}

/// What is to be done, and what has come out so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Program {
    canary: String,
    pub(crate) steps: Vec<Step>,
    pub(super) done: Vec<Out>,
    /// Which code it continues in.
    pub(super) stays: Option<bool>,
    /// The activity that it calls when it is cancelled.
    pub(crate) undo: Option<u64>,
}

impl Program {
    pub(super) fn of(steps: Vec<Step>) -> Self {
        Self { canary: CANARY.to_owned(), steps, done: Vec::new(), stays: None, undo: None }
    }

    /// Its steps that have a result.
    pub(crate) fn with_result(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.has_result())
    }

    /// Whether it needs no other program to have begun before it.
    fn can_be_first(&self) -> bool {
        self.recipients().next().is_none()
    }

    /// The programs that must have begun before it.
    pub(crate) fn recipients(&self) -> impl Iterator<Item = usize> {
        self.steps.iter().flat_map(|step| match step {
            Step::Send(to, _) => vec![*to],
            Step::Request(requests) => {
                let waits = requests.iter().filter(|request| request.starts.is_none());
                waits.map(|request| request.to).collect()
            }
            _ => Vec::new(),
        })
    }

    /// The instances that it starts and that go on by themselves.
    pub(crate) fn launches(&self) -> impl Iterator<Item = (u64, &[Step])> {
        self.steps.iter().filter_map(|step| match step {
            Step::Launch(number, steps) => Some((*number, &**steps)),
            _ => None,
        })
    }

    /// The children that it does not wait for, and whether they go on after its end.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = (u64, &[Step], bool)> {
        self.steps.iter().filter_map(|step| match step {
            Step::Leave { number, steps, abandons } => Some((*number, &**steps, *abandons)),
            _ => None,
        })
    }

    /// How many events of a name it takes.
    pub(crate) fn takes(&self, event: usize) -> u64 {
        self.count(|step| matches!(step, Step::Event(name) if *name == event))
    }

    /// How many updates it answers.
    pub(crate) fn answers(&self) -> u64 {
        self.count(|step| matches!(step, Step::Ask(_)))
    }

    /// The step that fails until a client has mended it.
    pub(crate) fn breaks(&self) -> Option<u64> {
        self.steps.iter().find_map(|step| match step {
            Step::Break(number) => Some(*number),
            _ => None,
        })
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
    let one = match dice.below("step", if is_root { 40 } else { 15 }) {
        0 => Step::Work(number()),
        1 => Step::Patch(number()),
        2 => Step::Together(several()),
        3 => Step::Timer(dice.below("timer", 8_000)),
        4 => Step::Race(number(), dice.below("limit", 3_000)),
        5 => Step::Publish,
        6 => Step::Local(number()),
        7 => Step::First(several()),
        8 => Step::Draw(number()),
        9 => Step::Enter(Entry::by_chance(dice, number())),
        10 => Step::Earn(Entry::by_chance(dice, number())),
        11 => {
            Step::Signal(Entry::by_chance(dice, number()), dice.below("signals later", 2) * 3_000)
        }
        12 => transfer(dice, number()),
        13 => Step::Outside(number()),
        14 => Step::Tagged(number()),
        15..=17 => Step::Event(dice.below("event", EVENTS.len() as u64) as usize),
        18..=20 => Step::Ask((dice.below("answers later", 2) == 0).then(number)),
        21 => return vec![Step::Hold, Step::Ask(None)],
        22 | 30 | 31 => Step::Children(
            (0..1 + dice.below("children", 2)).map(|_| steps(dice, next, false)).collect(),
        ),
        23 => transfer(dice, number()),
        24 | 25 => Step::Emit(number(), 1 + dice.below("items", 5)),
        26 | 27 => Step::EmitWork(number(), 1 + dice.below("items", 5)),
        32 => Step::Mark(number() as i64),
        33 => Step::Launch(number(), steps(dice, next, false)),
        34 => Step::Stay,
        37..=39 => leave(dice, next),
        35 => Step::Event(dice.below("event", EVENTS.len() as u64) as usize),
        _ => Step::Continue,
    };
    vec![one]
}

/// A child that goes on after the end of its parent often has something left to do then. One that does not go on would
/// take longer than any run.
fn leave(dice: &Dice, next: &mut u64) -> Step {
    *next += 1;
    let (number, mut steps) = (*next, steps(dice, next, false));
    let abandons = dice.below("abandons", 2) == 0;
    let last = if abandons { dice.below("left timer", 40_000) } else { A_DAY };
    steps.push(Step::Timer(last));
    Step::Leave { number, steps, abandons }
}

fn transfer(dice: &Dice, number: u64) -> Step {
    let entry = Entry::by_chance(dice, number);
    let limit = (dice.below("gives up", 3) == 0).then(|| dice.below("lock limit", 4_000));
    Step::Move { entry, to: (entry.ledger + 1) % LEDGERS.len(), limit }
}
