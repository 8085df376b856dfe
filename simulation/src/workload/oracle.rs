//! What must come out of a program. It knows the program only, and nothing of shards or logs.

use std::collections::BTreeMap;

use super::{Answered, Out, Program, Step};

/// Whether this may come out of a program.
pub(crate) fn check(program: &Program, out: &[Out]) -> Result<(), String> {
    check_steps(&program.steps, out)?;
    // Each once. Their order is that of their arrival in the log: one that is acknowledged in the queue of its shard
    // can be overtaken by the next, which goes straight to a host.
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
        each_once(&format!("events {name}"), numbers)?;
    }
    each_once("updates", asked)
}

/// The answer that a client has for an update of a program must be the one that it gave.
pub(crate) fn check_answer(out: &[Out], asked: u64, answer: Answered) -> Result<(), String> {
    let given = match answer {
        Answered::Replied(it) => Some((it, false)),
        Answered::Refused(it) => Some((it, true)),
        Answered::Dropped => None,
    };
    let holds = given.is_some_and(|(it, is_refused)| {
        it.number == asked && out.get(it.place) == Some(&Out::Asked { number: asked, is_refused })
    });
    if holds {
        return Ok(());
    }
    Err(format!("update {asked} has the answer {answer:?}; what came out is {out:?}"))
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
    steps.iter().filter(|step| !matches!(step, Step::Continue | Step::Hold))
}

fn check_steps(steps: &[Step], out: &[Out]) -> Result<(), String> {
    let count = with_result(steps).count();
    if count != out.len() {
        return Err(format!("{count} steps have {} results: {out:?}", out.len()));
    }
    with_result(steps).zip(out).try_for_each(|(step, out)| check_step(step, out))
}

fn check_step(step: &Step, out: &Out) -> Result<(), String> {
    let holds = match (step, out) {
        (Step::Work(number) | Step::Local(number), Out::Worked(done)) => done == number,
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
        (Step::Publish | Step::Mark(_), Out::Shown) => true,
        _ => false,
    };
    if holds { Ok(()) } else { Err(format!("{step:?} has given {out:?}")) }
}
