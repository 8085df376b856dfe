//! Programs that are made by a seed, the orchestration that runs them, and what must come out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reenact::HostBuilder;
use reenact::prelude::*;
use reenact::testing::simulation::{Dice, FaultKind};
use serde::{Deserialize, Serialize};

/// Stands in each payload, and must not be in any error.
pub(crate) const CANARY: &str = "canary-5e1f";

/// The names of the events that programs wait for.
pub(crate) const EVENTS: [&str; 2] = ["left", "right"];

/// One thing that a program does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Calls an activity.
    Work(u64),
    /// Calls activities side by side.
    Together(Vec<u64>),
    /// Waits for this many milliseconds.
    Timer(u64),
    /// Waits for an event.
    Event(usize),
    /// Calls children side by side.
    Children(Vec<Vec<Step>>),
    /// Calls an activity with a time limit in milliseconds.
    Race(u64, u64),
    /// Draws a random number, and publishes it.
    Publish,
    /// Continues as new.
    Continue,
}

/// What is to be done, and what has come out so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Program {
    canary: String,
    pub(crate) steps: Vec<Step>,
    done: Vec<String>,
}

impl Program {
    /// A program for a client to start.
    pub(crate) fn by_chance(dice: &Dice, next: &mut u64) -> Self {
        Self::of(steps(dice, next, true))
    }

    fn of(steps: Vec<Step>) -> Self {
        Self { canary: CANARY.to_owned(), steps, done: Vec::new() }
    }

    /// How many events of a name it takes.
    pub(crate) fn takes(&self, event: usize) -> u64 {
        numbers(&self.steps, event).len() as u64
    }
}

fn steps(dice: &Dice, next: &mut u64, is_root: bool) -> Vec<Step> {
    let most = if is_root { 7 } else { 3 };
    (0..1 + dice.below("steps", most)).map(|_| step(dice, next, is_root)).collect()
}

fn step(dice: &Dice, next: &mut u64, is_root: bool) -> Step {
    let mut number = || {
        *next += 1;
        *next
    };
    match dice.below("step", if is_root { 12 } else { 6 }) {
        0 | 1 => Step::Work(number()),
        2 => Step::Together((0..2 + dice.below("wide", 4)).map(|_| number()).collect()),
        3 => Step::Timer(dice.below("timer", 8_000)),
        4 => Step::Race(number(), dice.below("limit", 3_000)),
        5 => Step::Publish,
        6..=8 => Step::Event(dice.below("event", EVENTS.len() as u64) as usize),
        9 => Step::Children(
            (0..1 + dice.below("children", 2)).map(|_| steps(dice, next, false)).collect(),
        ),
        _ => Step::Continue,
    }
}

fn work(number: u64) -> String {
    format!("work {number}")
}

fn named() -> NamedActivity<'static> {
    let retry = RetryPolicy::new(1_000)
        .first_delay(Duration::from_millis(100))
        .max_delay(Duration::from_secs(5));
    NamedActivity::new("work").with(ActivityOptions::new().retry(retry))
}

/// Runs a program, and returns what has come out of its steps.
#[orchestration]
pub(crate) async fn run_program(
    ctx: OrchestrationContext,
    mut program: Program,
) -> Result<Vec<String>, OrchestrationError> {
    while !program.steps.is_empty() {
        let out = match program.steps.remove(0) {
            Step::Work(number) => ctx.call_activity_by_name(named(), &number).await?,
            Step::Together(numbers) => {
                let calls = numbers.iter().map(|n| ctx.schedule_activity_by_name(named(), n));
                let calls: Vec<DurableFuture<Result<String, ActivityError>>> = calls.collect();
                let results =
                    ctx.when_all(calls).await.into_iter().collect::<Result<Vec<_>, _>>()?;
                results.join(", ")
            }
            Step::Timer(after) => {
                let (before, after) = (ctx.now(), Duration::from_millis(after));
                ctx.timer(after).await;
                if ctx.now() >= before + after { "on time" } else { "early" }.to_owned()
            }
            Step::Event(name) => {
                let number = ctx.wait_external::<u64>(EVENTS[name]).await?;
                format!("{} {number}", EVENTS[name])
            }
            Step::Children(children) => {
                let calls = children.into_iter().map(Program::of);
                let calls = calls.map(|child| ctx.schedule_orchestration(run_program, child));
                let results = ctx.when_all(calls.collect::<Vec<_>>()).await;
                format!("{:?}", results.into_iter().collect::<Result<Vec<_>, _>>()?)
            }
            Step::Race(number, limit) => {
                let call = ctx.call_activity_by_name::<_, String>(named(), &number);
                match ctx.timeout(Duration::from_millis(limit), call).await {
                    Ok(done) => done?,
                    Err(_) => late(number),
                }
            }
            Step::Publish => {
                let drawn = ctx.random();
                ctx.publish("drawn", &format!("{CANARY} {drawn}"));
                "published".to_owned()
            }
            Step::Continue => return ctx.continue_as_new(run_program, program),
        };
        program.done.push(out);
    }
    Ok(program.done)
}

fn late(number: u64) -> String {
    format!("late {number}")
}

/// Whether this may come out of a program.
pub(crate) fn check(program: &Program, out: &[String]) -> Result<(), String> {
    let (steps, mut events) = (&program.steps, BTreeMap::new());
    let all = steps;
    let steps: Vec<&Step> = steps.iter().filter(|step| !matches!(step, Step::Continue)).collect();
    if steps.len() != out.len() {
        return Err(format!("{} steps have {} results: {out:?}", steps.len(), out.len()));
    }
    for (step, out) in steps.into_iter().zip(out) {
        let may_be = match step {
            Step::Work(number) => vec![work(*number)],
            Step::Together(numbers) => {
                vec![numbers.iter().map(|n| work(*n)).collect::<Vec<_>>().join(", ")]
            }
            Step::Timer(_) => vec!["on time".to_owned()],
            // Each once. Their order is that of their arrival in the log: one that is acknowledged in the queue of its
            // shard can be overtaken by the next, which goes straight to a host.
            Step::Event(name) => {
                let left = events.entry(*name).or_insert_with(|| numbers(all, *name));
                let given = out.strip_prefix(EVENTS[*name]).and_then(|it| it.trim().parse().ok());
                if !given.is_some_and(|given: u64| left.remove(&given)) {
                    return Err(format!("{step:?} has given {out:?}; {left:?} have not come"));
                }
                continue;
            }
            // What comes out of a child is what comes out of its steps, which have no events.
            Step::Children(children) => alternatives_of_all(children),
            Step::Race(number, _) => vec![work(*number), late(*number)],
            Step::Publish => vec!["published".to_owned()],
            Step::Continue => Vec::new(),
        };
        if !may_be.contains(out) {
            return Err(format!("{step:?} has given {out:?}, which may be one of {may_be:?}"));
        }
    }
    Ok(())
}

/// The numbers of the events of a name that are raised.
fn numbers(steps: &[Step], event: usize) -> BTreeSet<u64> {
    let of_it = |step: &&Step| matches!(step, Step::Event(name) if *name == event);
    (0..steps.iter().filter(of_it).count() as u64).collect()
}

fn alternatives_of_all(children: &[Vec<Step>]) -> Vec<String> {
    let mut all: Vec<Vec<Vec<String>>> = vec![Vec::new()];
    for child in children {
        let of_child = alternatives(child);
        let longer = |before: &Vec<Vec<String>>| {
            let with = |one: &Vec<String>| before.iter().chain([one]).cloned().collect();
            of_child.iter().map(with).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all.iter().map(|all| format!("{all:?}")).collect()
}

fn alternatives(steps: &[Step]) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    for step in steps {
        let of_step = match step {
            Step::Work(number) => vec![work(*number)],
            Step::Together(numbers) => {
                vec![numbers.iter().map(|n| work(*n)).collect::<Vec<_>>().join(", ")]
            }
            Step::Race(number, _) => vec![work(*number), late(*number)],
            Step::Timer(_) => vec!["on time".to_owned()],
            _ => vec!["published".to_owned()],
        };
        let longer = |before: &Vec<String>| {
            let with = |one: &String| before.iter().chain([one]).cloned().collect();
            of_step.iter().map(with).collect::<Vec<Vec<String>>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// What activities have done outside. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Effects(Arc<Mutex<BTreeMap<String, (u64, u64)>>>);

impl Effects {
    /// By the key of the call: its number, and how often it ran.
    pub(crate) fn all(&self) -> MutexGuard<'_, BTreeMap<String, (u64, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, key: String, number: u64) {
        let mut all = self.all();
        all.entry(key).or_insert((number, 0)).1 += 1;
    }
}

/// A host with all code.
pub(crate) fn host(dice: &Dice, effects: &Effects) -> HostBuilder {
    let (dice, effects) = (dice.clone(), effects.clone());
    Host::builder().orchestration(run_program).register_activity("work", move |ctx, number: u64| {
        let (dice, effects) = (dice.clone(), effects.clone());
        async move {
            let ctx: ActivityContext = ctx;
            tokio::time::sleep(Duration::from_millis(dice.below("work takes", 1_500))).await;
            if dice.fault(FaultKind::ActivityFailed) {
                return Err(ActivityError::retryable("it failed before its effect"));
            }
            effects.add(ctx.idempotency_key(), number);
            if dice.fault(FaultKind::EffectUnknown) {
                return Err(ActivityError::retryable("it failed after its effect"));
            }
            Ok(work(number))
        }
    })
}
