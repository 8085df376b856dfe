//! The orchestration that runs a program.

use std::cell::Cell;
use std::time::Duration;

use reenact::prelude::*;

use super::requests::ask_others;
use super::transfer::transfer;
use super::{
    ASK, Answer, CANARY, EVENTS, FRAGILE, ITEMS, Item, LEDGERS, Ledger, MARKED, MESSAGE, Message,
    OUTSIDE, Out, Program, Step, TAG, launched, left_child,
};

thread_local! {
    /// What a side effect draws from: another value each time, and the same ones in each run of a seed.
    static DRAWN: Cell<u64> = const { Cell::new(0) };
}

/// Runs of a seed draw the same values.
pub(crate) fn begin_to_draw() {
    DRAWN.set(0);
}

fn draw() -> u64 {
    DRAWN.set(DRAWN.get() + 1);
    DRAWN.get()
}

/// An activity that is tried until it succeeds.
pub(super) fn named(name: &'static str) -> NamedActivity<'static> {
    NamedActivity::new(name).with(patient())
}

fn patient() -> ActivityOptions {
    let retry = RetryPolicy::new(1_000)
        .first_delay(Duration::from_millis(100))
        .max_delay(Duration::from_secs(5));
    ActivityOptions::new().start_to_close(Duration::from_secs(20)).retry(retry)
}

type Call = DurableFuture<Result<u64, ActivityError>>;

type Child = DurableFuture<Result<Vec<Out>, ChildError>>;

/// Runs a program, and returns what has come out of its steps.
#[orchestration(name = "run_program", version = "1.0.0")]
pub(crate) async fn run_program_v1(
    ctx: OrchestrationContext,
    program: Program,
) -> Result<Vec<Out>, OrchestrationError> {
    run(ctx, program, Code::Old).await
}

/// The same version on hosts with newer code: what it does otherwise stands under patches.
#[orchestration(name = "run_program", version = "1.0.0")]
pub(crate) async fn run_program_v1_patched(
    ctx: OrchestrationContext,
    program: Program,
) -> Result<Vec<Out>, OrchestrationError> {
    run(ctx, program, Code::Patched).await
}

/// The same in newer code, whose histories do not fit the older one.
#[orchestration(name = "run_program", version = "2.0.0")]
pub(crate) async fn run_program(
    ctx: OrchestrationContext,
    program: Program,
) -> Result<Vec<Out>, OrchestrationError> {
    run(ctx, program, Code::New).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Code {
    Old,
    Patched,
    New,
}

async fn run(
    ctx: OrchestrationContext,
    program: Program,
    code: Code,
) -> Result<Vec<Out>, OrchestrationError> {
    if program.stays.is_some_and(|is_new| is_new != (code == Code::New)) {
        return Err(OrchestrationError::new("it has not stayed in its version"));
    }
    let Some(undo) = program.undo else { return run_steps(&ctx, program, code).await };
    let done = ctx.until_cancelled(run_steps(&ctx, program, code)).await;
    let done = done.unwrap_or_else(|cancelled| Err(cancelled.into()));
    match ctx.check_cancelled() {
        Err(cancelled) if done.is_err() => {
            let _: u64 = ctx.shielded().call_activity_by_name(named("work"), &undo).await?;
            Err(cancelled.into())
        }
        _ => done,
    }
}

async fn run_steps(
    ctx: &OrchestrationContext,
    mut program: Program,
    code: Code,
) -> Result<Vec<Out>, OrchestrationError> {
    program.stays = None;
    // A child whose future is dropped before the end is cancelled.
    let mut left = Vec::new();
    while !program.steps.is_empty() {
        let place = program.done.len();
        if code == Code::New {
            let _: u64 = ctx.side_effect(draw).await;
        }
        let out = match program.steps.remove(0) {
            Step::Continue => return ctx.continue_as_new(run_program, program),
            Step::Stay => {
                program.stays = Some(code == Code::New);
                return ctx.pinned().continue_as_new(run_program, program);
            }
            Step::Hold => {
                let _held = ctx.updates(ASK).next().await?;
                return ctx.continue_as_new(run_program, program);
            }
            Step::Patch(number) => patch(ctx, number, code).await?,
            Step::Leave { number, steps, abandons } => {
                left.push(leave(ctx, number, steps, abandons));
                Out::Shown
            }
            step => run_step(ctx, step, place).await?,
        };
        program.done.push(out);
    }
    Ok(program.done)
}

async fn run_step(
    ctx: &OrchestrationContext,
    step: Step,
    place: usize,
) -> Result<Out, OrchestrationError> {
    Ok(match step {
        Step::Work(number) => Out::Worked(ctx.call_activity_by_name(named("work"), &number).await?),
        Step::Tagged(number) => {
            let options = patient().tag(TAG);
            let work = NamedActivity::new("work").with(options);
            Out::Worked(ctx.call_activity_by_name(work, &number).await?)
        }
        Step::Local(number) => Out::Worked(ctx.call_local_by_name(named("quick"), &number).await?),
        Step::Together(numbers) => {
            let results = ctx.when_all(calls(ctx, &numbers)).await;
            Out::Together(results.into_iter().collect::<Result<_, _>>()?)
        }
        Step::First(numbers) => {
            let (mut open, mut done) = (calls(ctx, &numbers), Vec::new());
            while !open.is_empty() {
                let first = ctx.when_any(open).await;
                done.push(first.output?);
                open = first.rest;
            }
            Out::Together(done)
        }
        Step::Race(number, limit) => {
            let call = ctx.call_activity_by_name::<_, u64>(named("work"), &number);
            match ctx.timeout(Duration::from_millis(limit), call).await {
                Ok(done) => Out::Worked(done?),
                Err(_) => Out::Late,
            }
        }
        Step::Timer(after) => {
            let (before, after) = (ctx.now(), Duration::from_millis(after));
            ctx.timer(after).await;
            Out::Fired(ctx.now() >= before + after)
        }
        Step::Event(name) => Out::Event(ctx.wait_external(EVENTS[name]).await?),
        Step::Receive => Out::Received(ctx.wait_external(MESSAGE).await?),
        Step::Send(to, message) => send(ctx, to, message).await?,
        Step::Ask(works) => ask(ctx, works, place).await?,
        Step::Enter(entry) => {
            let ledger = ctx.entity::<Ledger>(LEDGERS[entry.ledger]);
            Out::Entered(ledger.put(entry.number, entry.cents).await?)
        }
        Step::Earn(entry) => {
            let ledger = ctx.entity::<Ledger>(LEDGERS[entry.ledger]);
            Out::Entered(ledger.earn(entry.number, entry.cents).await?)
        }
        Step::Signal(entry, after) => {
            let ledger = ctx.entity::<Ledger>(LEDGERS[entry.ledger]);
            let later = ledger.signal().after(Duration::from_millis(after));
            later.put(entry.number, entry.cents).await?;
            Out::Shown
        }
        Step::Move { entry, to, limit: None } => transfer(ctx, entry, to).await?,
        Step::Move { entry, to, limit: Some(limit) } => {
            let locks = ctx.lock(LEDGERS.map(|key| ctx.entity::<Ledger>(key).recipient()));
            match ctx.timeout(Duration::from_millis(limit), locks).await {
                Err(_) => Out::Late,
                Ok(locks) => {
                    locks?.release();
                    transfer(ctx, entry, to).await?
                }
            }
        }
        Step::Children(children) => {
            let calls = children.into_iter().map(Program::of);
            let calls = calls.map(|child| ctx.schedule_orchestration(run_program, child));
            let results = ctx.when_all(calls.collect::<Vec<_>>()).await;
            Out::Children(results.into_iter().collect::<Result<_, _>>()?)
        }
        Step::Publish => {
            let drawn = ctx.random();
            ctx.publish("drawn", &format!("{CANARY} {drawn}"));
            Out::Shown
        }
        Step::Draw(number) => {
            let drawn = ctx.side_effect(draw).await;
            let again: (u64, u64) =
                ctx.call_activity_by_name(named("echo"), &(number, drawn)).await?;
            Out::Drawn(again == (number, drawn))
        }
        Step::Mark(mark) => {
            ctx.set_attribute(MARKED, mark).map_err(|why| why.to_string())?;
            Out::Shown
        }
        Step::Emit(step, count) => {
            (0..count).for_each(|index| ctx.emit(ITEMS, &Item { step, index }));
            Out::Shown
        }
        Step::EmitWork(number, count) => {
            Out::Worked(ctx.call_activity_by_name(named("emit"), &(number, count)).await?)
        }
        Step::Break(number) => {
            Out::Worked(ctx.call_activity_by_name(named(FRAGILE), &number).await?)
        }
        Step::Outside(number) => {
            Out::Worked(ctx.call_activity_by_name(named(OUTSIDE), &number).await?)
        }
        Step::Request(requests) => ask_others(ctx, requests).await?,
        Step::Launch(number, steps) => {
            let options = ChildOptions::default().id(&launched(number));
            ctx.start_orchestration(run_program.with(options), Program::of(steps)).await?;
            Out::Shown
        }
        // They are not done here.
        Step::Leave { .. } | Step::Patch(_) | Step::Hold | Step::Continue | Step::Stay => {
            Out::Shown
        }
    })
}

fn leave(ctx: &OrchestrationContext, number: u64, steps: Vec<Step>, abandons: bool) -> Child {
    let at_end = if abandons { ParentClose::Abandon } else { ParentClose::Cancel };
    let options = ChildOptions::default().id(left_child(number)).parent_close(at_end);
    ctx.schedule_orchestration(run_program.with(options), Program::of(steps))
}

/// The older code does not know of the patch.
async fn patch(
    ctx: &OrchestrationContext,
    number: u64,
    code: Code,
) -> Result<Out, OrchestrationError> {
    let is_patched = || code != Code::Old && ctx.patched(&format!("step {number}"));
    let is_new = is_patched();
    let number: u64 = if is_new {
        ctx.call_local_by_name(named("quick"), &number).await?
    } else {
        ctx.call_activity_by_name(named("work"), &number).await?
    };
    Ok(Out::Patched { number, is_new, is_same: is_patched() == is_new })
}

fn calls(ctx: &OrchestrationContext, numbers: &[u64]) -> Vec<Call> {
    numbers.iter().map(|number| ctx.schedule_activity_by_name(named("work"), number)).collect()
}

/// Every third request is refused.
async fn ask(
    ctx: &OrchestrationContext,
    works: Option<u64>,
    place: usize,
) -> Result<Out, OrchestrationError> {
    let update = ctx.updates(ASK).next().await?;
    if let Some(work) = works {
        let _: u64 = ctx.call_activity_by_name(named("work"), &work).await?;
    }
    let number = *update.request();
    let (answer, is_refused) = (Answer { number, place }, number % 3 == 2);
    if is_refused {
        update.refuse(&answer)
    } else {
        update.reply(&answer)
    }
    Ok(Out::Asked { number, is_refused })
}

/// Sends a message to a program, which has begun, and may have ended.
async fn send(
    ctx: &OrchestrationContext,
    to: usize,
    message: Message,
) -> Result<Out, OrchestrationError> {
    match ctx.raise_event(format!("program-{to}"), MESSAGE, &message).await {
        Ok(()) => Ok(Out::Sent(true)),
        Err(SendError::Finished { .. }) => Ok(Out::Sent(false)),
        Err(error) => Err(error.into()),
    }
}
