//! Random orchestrations: programs as data, and one interpreter that runs them all.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, join_all, select};
use futures::stream::{FuturesUnordered, StreamExt};
use reenact_core::{
    ActivityOptions, ChildOptions, DurableFuture, DurableOutput, NamedActivity,
    OrchestrationByName, OrchestrationCode, OrchestrationContext, OrchestrationError, ParentClose,
    RetryPolicy, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::requests::{ask, locked};
use crate::support::instance::code;

/// The names of external events.
pub(crate) const EVENTS: [&str; 3] = ["A", "B", "C"];

/// The name of updates.
pub(crate) const ASK: &str = "Ask";

/// The instances that programs send events to.
pub(crate) const OTHERS: [&str; 2] = ["this", "that"];

/// The tags of activities.
const TAGS: [&str; 2] = ["gpu", "eu"];

/// The activity that a program calls when it is through and wants what is left of the events.
pub(crate) const DRAIN: &str = "drain";

/// Something that can be scheduled.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leaf {
    Activity(u8),
    /// With at most this many attempts, and perhaps a limit for all of them.
    Retried {
        number: u8,
        attempts: u32,
        limited: bool,
    },
    /// With this many seconds for all of it.
    Limited(u8, u8),
    /// For some hosts only, and perhaps with that and a policy.
    Tagged(u8, Option<u32>),
    /// A local one, perhaps with a policy.
    Local(u8, Option<u32>),
    Timer(u8),
    Wait(usize),
    Child(u8),
    /// A child that goes on when its parent ends.
    Abandoned(u8),
    /// A detached orchestration.
    Start(u8),
    /// An event for another instance, or a cancel of it.
    Send(u8),
    /// An update for another instance.
    Ask(u8),
}

/// What becomes of those that do not win a race.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Losers {
    AwaitedNow,
    AwaitedLater,
    Dropped,
}

/// One step of a program. Branches are programs themselves.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Await(Leaf),
    /// Awaited at the end of the sequence that it stands in.
    AwaitLater(Leaf),
    ScheduleAndDrop(Leaf),
    Race(Vec<Leaf>, Losers),
    All(Vec<Leaf>),
    SideEffect,
    SetStatus(u8),
    /// Under one of two names; without a value it is cleared. Reads it back first.
    Publish(u8, Option<u8>),
    /// So many items, one after the other.
    Emit(u8, u8),
    /// One of two, to an integer or a text; without a value it is cleared. Reads it back first.
    Attribute(u8, Option<u8>),
    /// Takes an update, and replies, refuses, drops it, or replies after an activity.
    Answer(u8),
    NoteContext,
    ByChance(Vec<Step>, Vec<Step>),
    Join(Vec<Vec<Step>>),
    Unordered(Vec<Vec<Step>>),
    /// Biased; the branch that is late is dropped in the middle of what it does.
    Select(Vec<Step>, Vec<Step>),
    /// With a time limit; dropped in the middle of what it does when it is late.
    Limited(u8, Vec<Step>),
    /// Not touched by a cancel.
    Shielded(Vec<Step>),
    /// Under the lock of one of two instances, or of both.
    Locked(u8, Vec<Step>),
    /// Dropped in the middle of what it does when a cancel comes.
    UntilCancelled(Vec<Step>),
}

/// What an orchestration has seen, in its order. Its output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Seen {
    Took {
        wait: u64,
        name: String,
        number: u64,
    },
    Fired {
        timer: u64,
    },
    /// A time limit, from when and until when it was; times in microseconds.
    Limited {
        from: u64,
        until: u64,
        ended: u64,
        in_time: bool,
    },
    Note(String),
}

/// What was seen, for those who look from outside.
pub(crate) type SharedLog = Arc<Mutex<Vec<Seen>>>;

type Log = SharedLog;

/// How an orchestration ends when its program is through.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Return,
    Fail,
    Limit,
    Continue,
}

struct Held {
    leaf: Leaf,
    future: DurableFuture<DurableOutput>,
}

/// The orchestration that runs a program, and then takes every event that is left, to the mark.
pub(crate) fn orchestration(program: Vec<Step>) -> OrchestrationCode {
    code(move |ctx, ()| {
        let program = program.clone();
        async move {
            let log = Log::default();
            sequence(ctx.clone(), program, log.clone()).await;
            // Whatever has come: the events that are left are to be seen.
            let ctx = ctx.shielded();
            let drained: Result<(), _> = ctx.call_activity_by_name(DRAIN, &()).await;
            drained?;
            for event in EVENTS {
                drain(&ctx, event, &log).await?;
            }
            Ok::<_, OrchestrationError>(log.lock().expect("no panic").clone())
        }
    })
}

/// The orchestration that runs a program, goes on as a new execution with what it has seen, and takes
/// every event that is left there.
pub(crate) fn continuing(program: Vec<Step>) -> OrchestrationCode {
    code(move |ctx, seen: Option<Vec<Seen>>| {
        let program = program.clone();
        async move {
            let log = Log::default();
            let Some(mut seen) = seen else {
                sequence(ctx.clone(), program, log.clone()).await;
                let seen = log.lock().expect("no panic").clone();
                return ctx.continue_as_new_untyped(&Some(seen));
            };
            let ctx = ctx.shielded();
            let drained: Result<(), _> = ctx.call_activity_by_name(DRAIN, &()).await;
            drained?;
            for event in EVENTS {
                drain(&ctx, event, &log).await?;
            }
            seen.append(&mut log.lock().expect("no panic"));
            Ok::<_, OrchestrationError>(seen)
        }
    })
}

/// The orchestration that runs a program, and ends with one of each kind in its hands.
pub(crate) fn ending(program: Vec<Step>, end: End, log: SharedLog) -> OrchestrationCode {
    code(move |ctx, ()| {
        let (program, log) = (program.clone(), log.clone());
        async move {
            let leaves = [Leaf::Activity(9), Leaf::Timer(9), Leaf::Child(9), Leaf::Abandoned(9)];
            let _from_the_start = leaves.map(|leaf| schedule(&ctx, leaf));
            sequence(ctx.clone(), program, log).await;
            let _from_the_last_turn = leaves.map(|leaf| schedule(&ctx, leaf));
            match end {
                End::Return => Ok(()),
                End::Fail => Err(OrchestrationError::new("no")),
                End::Limit => {
                    // A limit that ends it in the first step of a turn is one of the input.
                    ctx.set_status("at the end");
                    ctx.shielded().timer(Duration::MAX).await;
                    Ok(())
                }
                End::Continue => ctx.continue_as_new_untyped(&()),
            }
        }
    })
}

/// The mark is the event without a number.
async fn drain(
    ctx: &OrchestrationContext,
    event: &str,
    log: &Log,
) -> Result<(), OrchestrationError> {
    loop {
        let wait = ctx.schedule_wait::<Option<u64>>(event);
        let id = wait.id().map_or(0, |id| id.0);
        let Some(number) = wait.await? else {
            return Ok(());
        };
        see(log, Seen::Took { wait: id, name: event.into(), number });
    }
}

fn sequence(ctx: OrchestrationContext, steps: Vec<Step>, log: Log) -> BoxFuture<'static, ()> {
    let run = async move {
        let mut held = Vec::new();
        for step in steps {
            run_step(&ctx, step, &log, &mut held).await;
        }
        for late in held {
            take(late, &log).await;
        }
    };
    run.boxed()
}

async fn run_step(ctx: &OrchestrationContext, step: Step, log: &Log, held: &mut Vec<Held>) {
    let branch = |steps: Vec<Step>| sequence(ctx.clone(), steps, log.clone());
    match step {
        Step::Await(leaf) => take(schedule(ctx, leaf), log).await,
        Step::AwaitLater(leaf) => held.push(schedule(ctx, leaf)),
        Step::ScheduleAndDrop(leaf) => drop(schedule(ctx, leaf)),
        Step::Race(leaves, losers) => race(ctx, leaves, losers, log, held).await,
        Step::All(leaves) => all(ctx, leaves, log).await,
        Step::SideEffect => {
            let compute = || {
                assert!(!ctx.is_replaying(), "a side effect runs once");
                format!("computed at {}", ctx.now())
            };
            note(log, ctx.side_effect(compute).await);
        }
        Step::SetStatus(status) => ctx.set_status(&status),
        Step::Publish(name, value) => {
            let name = format!("value-{name}");
            let before: Option<u8> = ctx.published(&name).expect("a number");
            note(log, format!("{name} was {before:?}"));
            match value {
                Some(value) => ctx.publish(name, &value),
                None => ctx.unpublish(name),
            }
        }
        Step::Emit(stream, items) => {
            let stream = format!("stream-{stream}");
            for item in 0..items {
                ctx.emit(&stream, &item);
                note(log, format!("{stream} goes on at {}", ctx.next_offset(&stream)));
            }
        }
        Step::Attribute(name, value) => {
            let name = format!("attribute-{name}");
            note(log, format!("{name} was {:?}", ctx.attribute(&name)));
            let set = match value {
                Some(2) => ctx.set_attribute(name, "two"),
                Some(value) => ctx.set_attribute(name, value),
                None => {
                    ctx.clear_attribute(name);
                    Ok(())
                }
            };
            note(log, format!("{set:?}"));
        }
        Step::Answer(how) => answer(ctx, how, log).await,
        Step::NoteContext => {
            let children = ctx.children();
            let children =
                children.iter().map(|child| format!("{} {:?}", child.instance, child.end));
            let children: Vec<_> = children.collect();
            note(log, format!("{} {} {children:?}", ctx.now(), ctx.new_guid()));
        }
        Step::ByChance(even, odd) => {
            branch(if ctx.random().is_multiple_of(2) { even } else { odd }).await;
        }
        Step::Join(branches) => {
            join_all(branches.into_iter().map(branch)).await;
        }
        Step::Unordered(branches) => {
            let numbered = branches.into_iter().map(branch).enumerate();
            let mut running: FuturesUnordered<_> =
                numbered.map(|(number, branch)| branch.map(move |()| number)).collect();
            while let Some(number) = running.next().await {
                note(log, format!("branch {number} is through"));
            }
        }
        Step::Select(first, second) => drop(select(branch(first), branch(second)).await),
        Step::Limited(after, steps) => {
            let after = Duration::from_secs(after.into());
            let from = ctx.now();
            let in_time = ctx.timeout(after, branch(steps)).await.is_ok();
            let [from, until, ended] = [from, from + after, ctx.now()].map(Timestamp::as_micros);
            see(log, Seen::Limited { from, until, ended, in_time });
        }
        Step::Locked(which, steps) => locked(ctx, which, branch(steps), log).await,
        Step::Shielded(steps) => sequence(ctx.shielded(), steps, log.clone()).await,
        Step::UntilCancelled(steps) => {
            let ended = ctx.until_cancelled(branch(steps)).await;
            note(log, format!("cancelled: {} {ended:?}", ctx.is_cancelled()));
        }
    }
}

async fn answer(ctx: &OrchestrationContext, how: u8, log: &Log) {
    let Ok(ask) = ctx.updates::<u64, u64, String>(ASK).next().await else {
        return note(log, "nobody asked".into());
    };
    note(log, format!("asked for {} as {:?}", ask.request(), ask.key()));
    match how % 4 {
        0 => ask.reply(&how.into()),
        1 => ask.refuse(&"no".into()),
        2 => drop(ask),
        _ => {
            take(schedule(ctx, Leaf::Activity(how)), log).await;
            ask.reply(&how.into());
        }
    }
}

fn schedule(ctx: &OrchestrationContext, leaf: Leaf) -> Held {
    let future = match leaf {
        Leaf::Activity(number) => {
            let name = format!("activity-{number}");
            ctx.schedule_activity_by_name::<_, u64>(&name, &number).into_output()
        }
        Leaf::Retried { number, attempts, limited } => {
            let name = format!("activity-{number}");
            let activity = NamedActivity::new(&name).with(options(attempts, limited));
            ctx.schedule_activity_by_name::<_, u64>(activity, &number).into_output()
        }
        Leaf::Limited(number, seconds) => {
            let name = format!("activity-{number}");
            let limit = Duration::from_secs(seconds.into());
            let options = ActivityOptions::new().schedule_to_close(limit);
            let activity = NamedActivity::new(&name).with(options);
            ctx.schedule_activity_by_name::<_, u64>(activity, &number).into_output()
        }
        Leaf::Tagged(number, attempts) => {
            let name = format!("activity-{number}");
            let options = attempts
                .map_or_else(ActivityOptions::new, |attempts| options(attempts, number % 2 == 0));
            let activity = NamedActivity::new(&name)
                .with(options.tag(TAGS[attempts.unwrap_or(0) as usize % 2]));
            ctx.schedule_activity_by_name::<_, u64>(activity, &number).into_output()
        }
        Leaf::Local(number, attempts) => {
            let name = format!("activity-{number}");
            let options = attempts
                .map_or_else(ActivityOptions::new, |attempts| options(attempts, number % 2 == 0));
            let activity = NamedActivity::new(&name).with(options);
            ctx.call_local_by_name::<_, u64>(activity, &number).into_output()
        }
        Leaf::Timer(after) => ctx.schedule_timer(Duration::from_secs(after.into())).into_output(),
        Leaf::Wait(event) => ctx.schedule_wait::<u64>(EVENTS[event]).into_output(),
        Leaf::Child(number) => {
            // Every second one is tried again.
            let retried = ChildOptions::new().retry(RetryPolicy::new(3).jitter(0.5));
            let options = if number % 2 == 0 { ChildOptions::new() } else { retried };
            let child = OrchestrationByName::new(format!("child-{number}"), options);
            ctx.schedule_orchestration_by_name::<_, u64>(child, &number).into_output()
        }
        Leaf::Abandoned(number) => {
            // It has some hours.
            let limit = Duration::from_secs(3_600 * (1 + u64::from(number)));
            let options = ChildOptions::new().parent_close(ParentClose::Abandon).timeout(limit);
            let child = OrchestrationByName::new(format!("child-{number}"), options);
            ctx.schedule_orchestration_by_name::<_, u64>(child, &number).into_output()
        }
        Leaf::Start(number) => {
            ctx.start_orchestration_by_name(format!("detached-{number}"), &number).into_output()
        }
        Leaf::Send(number) => {
            let other = OTHERS[usize::from(number) % OTHERS.len()];
            match number % 3 {
                0 => ctx.cancel_instance(other, format!("{number}")).into_output(),
                _ => ctx.raise_event(other, "Hello", &number).into_output(),
            }
        }
        Leaf::Ask(number) => ask(ctx, number),
    };
    Held { leaf, future }
}

fn options(attempts: u32, limited: bool) -> ActivityOptions {
    let options = ActivityOptions::new().retry(RetryPolicy::new(attempts).jitter(0.5));
    if limited { options.schedule_to_close(Duration::from_secs(5)) } else { options }
}

async fn take(held: Held, log: &Log) {
    let id = held.future.id().map_or(0, |id| id.0);
    let output = held.future.await;
    see_output(log, held.leaf, id, output);
}

async fn race(
    ctx: &OrchestrationContext,
    mut leaves: Vec<Leaf>,
    losers: Losers,
    log: &Log,
    held: &mut Vec<Held>,
) {
    let futures: Vec<_> = leaves.iter().map(|&leaf| schedule(ctx, leaf).future).collect();
    let ids: Vec<_> = futures.iter().map(|future| future.id().map_or(0, |id| id.0)).collect();
    let first = ctx.when_any(futures).await;
    see_output(log, leaves.remove(first.index), ids[first.index], first.output);
    let rest = leaves.into_iter().zip(first.rest).map(|(leaf, future)| Held { leaf, future });
    match losers {
        Losers::Dropped => drop(rest.collect::<Vec<_>>()),
        Losers::AwaitedLater => held.extend(rest),
        Losers::AwaitedNow => {
            for late in rest.collect::<Vec<_>>() {
                take(late, log).await;
            }
        }
    }
}

async fn all(ctx: &OrchestrationContext, leaves: Vec<Leaf>, log: &Log) {
    let futures: Vec<_> = leaves.iter().map(|&leaf| schedule(ctx, leaf).future).collect();
    let ids: Vec<_> = futures.iter().map(|future| future.id().map_or(0, |id| id.0)).collect();
    let outputs = ctx.when_all(futures).await;
    for ((leaf, id), output) in leaves.into_iter().zip(ids).zip(outputs) {
        see_output(log, leaf, id, output);
    }
}

fn see_output(log: &Log, leaf: Leaf, id: u64, output: DurableOutput) {
    match (leaf, output) {
        (Leaf::Wait(event), DurableOutput::External(Ok(data))) => {
            let number = data.decode().expect("a number");
            see(log, Seen::Took { wait: id, name: EVENTS[event].into(), number });
        }
        (Leaf::Timer(_), DurableOutput::Timer) => see(log, Seen::Fired { timer: id }),
        (leaf, output) => note(log, format!("{leaf:?} gave {output:?}")),
    }
}

pub(super) fn note(log: &Log, text: String) {
    see(log, Seen::Note(text));
}

fn see(log: &Log, seen: Seen) {
    log.lock().expect("no panic").push(seen);
}
