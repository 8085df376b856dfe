//! Ten thousand branches: every one gets its result, and the work is proportional to their number,
//! live and at replay.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use crate::support::instance::{Instance, code, task};
use futures::future::{join_all, select_all, try_join_all};
use futures::stream::{self, FuturesOrdered, FuturesUnordered, StreamExt, TryStreamExt};
use reenact_core::{
    ActivityError, DurableFuture, OrchestrationCode, OrchestrationContext, OrchestrationError,
};

const WIDTH: u64 = 10_000;

/// Counts how often what it wraps is polled.
struct Counted<F> {
    inner: F,
    polls: Polls,
}

type Polls = Arc<AtomicUsize>;

impl<F: Future + Unpin> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.inner).poll(cx)
    }
}

type Branch = Counted<DurableFuture<Result<u64, ActivityError>>>;

fn wide(ctx: &OrchestrationContext, polls: &Polls) -> Vec<Branch> {
    let branch = |_| Counted { inner: task(ctx, "a"), polls: polls.clone() };
    (0..WIDTH).map(branch).collect()
}

/// Every other one from the middle on, then the rest: neither the order of scheduling nor its
/// reverse.
fn shuffled() -> impl Iterator<Item = u64> {
    // 7,919 is a prime that does not divide the width.
    (0..WIDTH).map(|n| (n * 7_919 + 5_000) % WIDTH + 1)
}

/// Completes all branches, each in a turn of its own; checks the polls of the run and of a replay.
fn run<F, R>(body: F, most_polls: usize) -> Vec<u64>
where
    F: Fn(OrchestrationContext, Polls) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Vec<u64>, OrchestrationError>> + Send + 'static,
{
    let polls = Polls::default();
    let counted = polls.clone();
    let code: OrchestrationCode = code(move |ctx, ()| body(ctx, counted.clone()));
    let mut instance = Instance::start(code, ());
    for id in shuffled() {
        instance.complete(id, id);
    }
    let live = polls.swap(0, Ordering::Relaxed);
    assert!(live <= most_polls, "{live} polls");
    let outputs = instance.output();
    instance.assert_replays();
    assert_eq!(polls.load(Ordering::Relaxed), live, "as many polls at replay");
    outputs
}

/// A branch is polled when it is scheduled and when it completes.
const TWICE_EACH: usize = 2 * WIDTH as usize;

fn in_order(outputs: Vec<u64>) {
    assert!(outputs.into_iter().eq(1..=WIDTH));
}

fn in_order_of_history(outputs: Vec<u64>) {
    assert!(outputs.into_iter().eq(shuffled()));
}

#[test]
fn join_all_polls_each_branch_twice() {
    let body = async |ctx: OrchestrationContext, polls: Polls| {
        let outputs = join_all(wide(&ctx, &polls)).await;
        Ok(outputs.into_iter().collect::<Result<_, _>>()?)
    };
    in_order(run(body, TWICE_EACH));
}

#[test]
fn try_join_all_polls_each_branch_twice() {
    let body =
        async |ctx: OrchestrationContext, polls: Polls| Ok(try_join_all(wide(&ctx, &polls)).await?);
    in_order(run(body, TWICE_EACH));
}

#[test]
fn futures_ordered_polls_each_branch_twice() {
    let body = async |ctx: OrchestrationContext, polls: Polls| {
        let ordered: FuturesOrdered<_> = wide(&ctx, &polls).into_iter().collect();
        Ok(ordered.try_collect().await?)
    };
    in_order(run(body, TWICE_EACH));
}

#[test]
fn futures_unordered_polls_each_branch_twice_and_keeps_the_order_of_the_history() {
    let body = async |ctx: OrchestrationContext, polls: Polls| {
        let unordered: FuturesUnordered<_> = wide(&ctx, &polls).into_iter().collect();
        Ok(unordered.try_collect().await?)
    };
    in_order_of_history(run(body, TWICE_EACH));
}

#[test]
fn a_stream_of_all_at_once_polls_each_branch_twice() {
    let body = async |ctx: OrchestrationContext, polls: Polls| {
        let all = stream::iter(wide(&ctx, &polls));
        Ok(all.buffer_unordered(WIDTH as usize).try_collect().await?)
    };
    in_order_of_history(run(body, TWICE_EACH));
}

#[test]
fn when_all_goes_through_the_branches_once() {
    // It takes the durable futures themselves; the count is of its own polls.
    let body = async |ctx: OrchestrationContext, polls: Polls| {
        let branches: Vec<_> = (0..WIDTH).map(|_| task(&ctx, "a")).collect();
        let all = Box::pin(ctx.when_all(branches));
        let outputs = Counted { inner: all, polls }.await;
        Ok(outputs.into_iter().collect::<Result<_, _>>()?)
    };
    in_order(run(body, WIDTH as usize + 1));
}

#[test]
fn a_stream_of_a_few_at_a_time_goes_through_thousands() {
    let code = code(async |ctx, ()| {
        let ctx = &ctx;
        let calls = stream::iter(0..WIDTH).map(|_| task(ctx, "a"));
        let sum = calls.buffer_unordered(100).try_fold(0, async |sum, n| Ok(sum + n)).await?;
        Ok::<u64, OrchestrationError>(sum)
    });
    let mut instance = Instance::start(code, ());
    for id in 1..=WIDTH {
        let scheduled = instance.complete(id, 1).outputs().len();
        assert!(scheduled <= 1, "one place becomes free at a time");
        assert!(instance.machine.open_actions().len() <= 100);
    }
    assert_eq!(instance.output::<u64>(), WIDTH);
    instance.assert_replays();
}

#[test]
fn select_all_cancels_thousands_in_one_turn() {
    let code = code(async |ctx, ()| {
        let branches: Vec<_> = (0..WIDTH).map(|_| task(&ctx, "a")).collect();
        Ok(select_all(branches).await.0?)
    });
    let mut instance = Instance::start(code, ());
    let answer = instance.complete(WIDTH / 2, 1);
    assert_eq!(answer.outputs(), ["ExecutionCompleted"]);
    assert_eq!(answer.actions.len(), WIDTH as usize - 1 + 1, "the losers and the end");
    instance.assert_replays();
}

#[test]
fn when_any_of_thousands_gives_the_first_and_drops_the_rest() {
    let code = code(async |ctx, ()| {
        let branches: Vec<_> = (0..WIDTH).map(|_| task(&ctx, "a")).collect();
        let first = ctx.when_any(branches).await;
        Ok((first.index, first.rest.len(), first.output?))
    });
    let mut instance = Instance::start(code, ());
    instance.complete(77, 7);
    assert_eq!(instance.output::<(u64, u64, u64)>(), (76, WIDTH - 1, 7));
    instance.assert_replays();
}

#[test]
fn thousands_of_waits_for_one_name_are_served_in_order() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let waits = (0..WIDTH).map(|_| ctx.schedule_wait::<u64>("Go"));
        let unordered: FuturesUnordered<_> = waits.collect();
        Ok(unordered.try_collect::<Vec<_>>().await?)
    });
    let mut instance = Instance::start(code, ());
    for number in 1..=WIDTH {
        instance.raise("Go", number);
    }
    in_order(instance.output());
    instance.assert_replays();
}
