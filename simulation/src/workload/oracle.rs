//! What must come out of a program. It knows the program only, and nothing of shards or logs.

use std::collections::BTreeMap;

use super::program::Entry;
use super::{Answered, LEDGERS, Ledger, Message, Out, Program, Step};

/// Whether this may come out of a program. Of the events, those that were in the log when they were acknowledged come
/// before all later ones of their name. One that was acknowledged in the queue of its shard can be overtaken by the next,
/// which goes straight to a host.
pub(crate) fn check(program: &Program, out: &[Out], logged: &[(usize, u64)]) -> Result<(), String> {
    check_steps(&program.steps, out)?;
    let (mut events, mut asked) = (BTreeMap::<usize, Vec<u64>>::new(), Vec::new());
    for (step, out) in with_result(&program.steps).zip(out) {
        match (step, out) {
            (Step::Event(name), Out::Event(number)) => {
                events.entry(*name).or_default().push(*number);
            }
            (Step::Ask(_), Out::Asked { number, .. }) => asked.push(*number),
            _ => {}
        }
    }
    for (name, numbers) in events {
        for (_, logged) in logged.iter().filter(|(event, _)| *event == name) {
            let before = numbers.iter().take_while(|number| *number != logged);
            if before.into_iter().any(|number| number > logged) {
                return Err(format!(
                    "event {logged} of {name} was in the log before later ones were raised: {numbers:?}"
                ));
            }
        }
        each_once(&format!("events {name}"), numbers)?;
    }
    each_once("updates", asked)
}

/// What was called at each patch is what its branch calls: the activity has run where the old branch came out, and nowhere
/// else.
pub(crate) fn check_patches(out: &[Out], has_run: &dyn Fn(u64) -> bool) -> Result<(), String> {
    for out in out {
        match out {
            Out::Patched { number, is_new, .. } if has_run(*number) == *is_new => {
                return Err(format!("of {out:?}, the old branch has run: {is_new}"));
            }
            Out::Children(outs) => outs.iter().try_for_each(|out| check_patches(out, has_run))?,
            _ => {}
        }
    }
    Ok(())
}

/// The answer that a client has for an update of a program must be the one that it gave.
pub(crate) fn check_answer(out: &[Out], asked: u64, answer: Answered) -> Result<(), String> {
    let given = match answer {
        Answered::Replied(it) => Some((it, false)),
        Answered::Refused(it) => Some((it, true)),
        Answered::Dropped | Answered::Never => None,
    };
    let holds = given.is_some_and(|(it, is_refused)| {
        it.number == asked && out.get(it.place) == Some(&Out::Asked { number: asked, is_refused })
    });
    if holds {
        return Ok(());
    }
    Err(format!("update {asked} has the answer {answer:?}; what came out is {out:?}"))
}

/// What a program that has ended has received from another one, in order: all that was sent to it, and in the order in
/// which it was sent.
pub(crate) fn check_messages(to: usize, out: &[Out], senders: &[&Program]) -> Result<(), String> {
    let of_program = |program: &Program| {
        program
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Send(it, message) if *it == to => Some(*message),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let mut received: Vec<Message> = Vec::new();
    received.extend(out.iter().filter_map(|out| match out {
        Out::Received(message) => Some(*message),
        _ => None,
    }));
    let came = format!("{received:?}");
    // Those of one sender stay in their order.
    received.sort_by_key(|message| message.from);
    let mut sent: Vec<Message> = senders.iter().flat_map(|sender| of_program(sender)).collect();
    sent.sort();
    if received == sent {
        return Ok(());
    }
    Err(format!("these messages were sent: {sent:?}; these have come, in this order: {came}"))
}

/// What the operations of programs and clients must have done to the ledgers.
#[derive(Default)]
pub(crate) struct Entries(Vec<Expected>);

struct Expected {
    ledger: usize,
    number: u64,
    cents: i64,
    known: Known,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It was done, in this place.
    In(usize),
    /// It was done.
    Done,
    /// Nobody has heard.
    Maybe,
    /// It was refused, or not asked for.
    Not,
}

impl Entries {
    /// An operation of a client, and its place if that was answered.
    pub(crate) fn add(&mut self, entry: Entry, place: Option<usize>) {
        self.expect(entry, place.map_or(Known::Done, Known::In));
    }

    fn expect(&mut self, Entry { ledger, number, cents }: Entry, known: Known) {
        self.0.push(Expected { ledger, number, cents: cents as i64, known });
    }

    /// The operations of a program, with what came out of it if it has completed.
    pub(crate) fn add_all(&mut self, steps: &[Step], out: Option<&[Out]>) {
        match out {
            Some(out) => {
                with_result(steps).zip(out).for_each(|(step, out)| self.add_step(step, Some(out)));
            }
            None => steps.iter().for_each(|step| self.add_step(step, None)),
        }
    }

    fn add_step(&mut self, step: &Step, out: Option<&Out>) {
        match (step, out) {
            (Step::Enter(entry) | Step::Earn(entry), Some(Out::Entered(place))) => {
                self.expect(*entry, Known::In(*place));
            }
            (Step::Signal(entry, _), Some(_)) => self.expect(*entry, Known::Done),
            (Step::Enter(entry) | Step::Earn(entry) | Step::Signal(entry, _), _) => {
                self.expect(*entry, Known::Maybe);
            }
            (Step::Move { entry, to, .. }, out) => {
                let places = match out {
                    Some(Out::Moved { places: Some((from, to)), .. }) => {
                        [Known::In(*from), Known::In(*to)]
                    }
                    Some(_) => [Known::Not; 2],
                    None => [Known::Maybe; 2],
                };
                self.expect(Entry { ledger: *to, ..*entry }, places[1]);
                let Entry { ledger, number, cents } = *entry;
                let (cents, known) = (-(cents as i64), places[0]);
                self.0.push(Expected { ledger, number, cents, known });
            }
            (Step::Children(children), Some(Out::Children(outs))) => {
                children.iter().zip(outs).for_each(|(steps, out)| self.add_all(steps, Some(out)));
            }
            (Step::Children(children), _) => {
                children.iter().for_each(|steps| self.add_all(steps, None));
            }
            _ => {}
        }
    }

    /// Whether a ledger has what it must have: each operation at most once, each that was acknowledged in its place,
    /// and as many cents as they make.
    pub(crate) fn check(&self, ledger: usize, is: &Ledger) -> Result<(), String> {
        let wrong =
            |what: String| Err(format!("ledger `{}`: {what}; it is {is:?}", LEDGERS[ledger]));
        let mut cents = 0;
        for expected in self.0.iter().filter(|expected| expected.ledger == ledger) {
            let count = is.done.iter().filter(|number| **number == expected.number).count();
            let holds = match expected.known {
                Known::In(place) => count == 1 && is.done.get(place) == Some(&expected.number),
                Known::Done => count == 1,
                Known::Maybe => count <= 1,
                Known::Not => count == 0,
            };
            if !holds {
                let (number, known) = (expected.number, expected.known);
                return wrong(format!(
                    "operation {number}, which is {known:?}, is there {count} times"
                ));
            }
            cents += expected.cents * count as i64;
        }
        if cents != is.cents as i64 {
            return wrong(format!("it must have {cents} cents"));
        }
        let unknown =
            |number: &&u64| !self.0.iter().any(|it| it.ledger == ledger && it.number == **number);
        match is.done.iter().find(unknown) {
            Some(number) => wrong(format!("nobody has asked for operation {number}")),
            None => Ok(()),
        }
    }
}

fn each_once(what: &str, mut numbers: Vec<u64>) -> Result<(), String> {
    let came = format!("{numbers:?}");
    numbers.sort_unstable();
    if numbers.iter().copied().eq(0..numbers.len() as u64) {
        return Ok(());
    }
    Err(format!("of the {what}, each must come once, and these have come: {came}"))
}

fn with_result(steps: &[Step]) -> impl Iterator<Item = &Step> {
    steps.iter().filter(|step| step.has_result())
}

/// Whether this may come out of these steps.
pub(crate) fn check_steps(steps: &[Step], out: &[Out]) -> Result<(), String> {
    let count = with_result(steps).count();
    if count != out.len() {
        return Err(format!("{count} steps have {} results: {out:?}", out.len()));
    }
    with_result(steps).zip(out).try_for_each(|(step, out)| check_step(step, out))
}

fn check_step(step: &Step, out: &Out) -> Result<(), String> {
    let holds = match (step, out) {
        (Step::Work(number) | Step::Tagged(number) | Step::Local(number), Out::Worked(done)) => {
            done == number
        }
        (Step::Patch(step), Out::Patched { number, is_same, .. }) => number == step && *is_same,
        (Step::Race(number, _), Out::Worked(done)) => done == number,
        (Step::Race(..), Out::Late) => true,
        (Step::Together(numbers), Out::Together(done)) => done == numbers,
        (Step::First(numbers), Out::Together(done)) => {
            let mut sorted = done.clone();
            sorted.sort_unstable();
            sorted == *numbers
        }
        (Step::Timer(_), Out::Fired(is_on_time)) => *is_on_time,
        (Step::Event(_), Out::Event(_)) => true,
        (Step::Ask(_), Out::Asked { number, is_refused }) => *is_refused == (number % 3 == 2),
        (Step::Children(children), Out::Children(outs)) => {
            let all = children.iter().zip(outs);
            all.into_iter().try_for_each(|(steps, out)| check_steps(steps, out))?;
            children.len() == outs.len()
        }
        (Step::Draw(_), Out::Drawn(is_same)) => *is_same,
        (Step::Publish | Step::Mark(_) | Step::Signal(..) | Step::Emit(..), Out::Shown) => true,
        (Step::EmitWork(number, _) | Step::Break(number), Out::Worked(done)) => done == number,
        (Step::Enter(_) | Step::Earn(_), Out::Entered(_)) => true,
        (Step::Move { .. }, Out::Moved { is_alone, .. }) => *is_alone,
        (Step::Move { limit: Some(_), .. }, Out::Late) => true,
        (Step::Outside(number), Out::Worked(done)) => done == number,
        (Step::Launch(..) | Step::Leave { .. }, Out::Shown) => true,
        (Step::Request(requests), Out::Answered(answers)) => requests.len() == answers.len(),
        // Whether they are the right ones is looked at for all of them.
        (Step::Receive, Out::Received(_)) | (Step::Send(..), Out::Sent(_)) => true,
        _ => false,
    };
    if holds { Ok(()) } else { Err(format!("{step:?} has given {out:?}")) }
}
