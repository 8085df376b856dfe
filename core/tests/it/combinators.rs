//! The combinators of std, `futures` and tokio behave live as they do at replay, in every order of
//! completions.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::support::instance::{Answer, Instance, code, task};
use futures::future::{
    Either, FutureExt, TryFutureExt, join_all, select, select_all, select_ok, try_join_all,
};
use futures::stream::{self, FuturesOrdered, FuturesUnordered, StreamExt, TryStreamExt};
use reenact_core::{Action, ActivityError, OrchestrationCode, OrchestrationContext};
use serde::de::DeserializeOwned;

/// The orders in which `#1`, `#2` and `#3` can complete.
const ORDERS: [[u64; 3]; 6] = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];

/// Completes the activities in that order, each with ten times its id, until the orchestration
/// ends; gives what it returned.
fn run<T: DeserializeOwned>(code: &OrchestrationCode, order: [u64; 3]) -> T {
    let mut instance = Instance::start(code.clone(), ());
    for id in order {
        if instance.machine.outcome().is_none() {
            instance.complete(id, id * 10);
        }
    }
    instance.assert_replays_from_every_point();
    instance.output()
}

fn three(
    ctx: &OrchestrationContext,
) -> Vec<reenact_core::DurableFuture<Result<u64, ActivityError>>> {
    ["a", "b", "c"].into_iter().map(|name| task(ctx, name)).collect()
}

fn always_in_the_order_of_the_code(code: OrchestrationCode) {
    for order in ORDERS {
        assert_eq!(run::<Vec<u64>>(&code, order), [10, 20, 30], "{order:?}");
    }
}

fn in_the_order_of_the_history(code: OrchestrationCode) {
    for order in ORDERS {
        assert_eq!(run::<Vec<u64>>(&code, order), order.map(|id| id * 10), "{order:?}");
    }
}

#[test]
fn futures_join() {
    always_in_the_order_of_the_code(code(async |ctx, ()| {
        let (a, b, c) = futures::join!(task(&ctx, "a"), task(&ctx, "b"), task(&ctx, "c"));
        Ok(vec![a?, b?, c?])
    }));
}

#[test]
fn tokio_join() {
    always_in_the_order_of_the_code(code(async |ctx, ()| {
        let (a, b, c) = tokio::join!(task(&ctx, "a"), task(&ctx, "b"), task(&ctx, "c"));
        Ok(vec![a?, b?, c?])
    }));
}

#[test]
fn join_all_and_try_join_all() {
    always_in_the_order_of_the_code(code(async |ctx, ()| {
        let outputs = join_all(three(&ctx)).await;
        Ok(outputs.into_iter().collect::<Result<Vec<u64>, _>>()?)
    }));
    always_in_the_order_of_the_code(code(async |ctx, ()| Ok(try_join_all(three(&ctx)).await?)));
}

#[test]
fn futures_ordered_and_a_buffered_stream() {
    always_in_the_order_of_the_code(code(async |ctx, ()| {
        let ordered: FuturesOrdered<_> = three(&ctx).into_iter().collect();
        Ok(ordered.try_collect::<Vec<u64>>().await?)
    }));
    always_in_the_order_of_the_code(code(async |ctx, ()| {
        Ok(stream::iter(three(&ctx)).buffered(3).try_collect::<Vec<u64>>().await?)
    }));
}

#[test]
fn futures_unordered_and_an_unordered_stream() {
    in_the_order_of_the_history(code(async |ctx, ()| {
        let unordered: FuturesUnordered<_> = three(&ctx).into_iter().collect();
        Ok(unordered.try_collect::<Vec<u64>>().await?)
    }));
    in_the_order_of_the_history(code(async |ctx, ()| {
        Ok(stream::iter(three(&ctx)).buffer_unordered(3).try_collect::<Vec<u64>>().await?)
    }));
}

#[test]
fn an_unordered_stream_schedules_the_next_when_one_completes() {
    let code = code(async |ctx, ()| {
        let ctx = &ctx;
        let calls = stream::iter('a'..='d').map(|name| task(ctx, &name.to_string()));
        Ok(calls.buffer_unordered(2).try_collect::<Vec<u64>>().await?)
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(instance.log()[1..], ["TaskScheduled #1 `a`", "TaskScheduled #2 `b`"]);
    assert_eq!(instance.complete(2, 2).outputs(), ["TaskScheduled #3 `c`"]);
    assert_eq!(instance.complete(1, 1).outputs(), ["TaskScheduled #4 `d`"]);
    assert!(instance.complete(4, 4).outputs().is_empty());
    instance.complete(3, 3);
    assert_eq!(instance.output::<Vec<u64>>(), [2, 1, 4, 3]);
    instance.assert_replays_from_every_point();
}

#[test]
fn select_in_a_loop_over_all() {
    in_the_order_of_the_history(code(async |ctx, ()| {
        let (mut left, mut outputs) = (three(&ctx), Vec::new());
        while !left.is_empty() {
            let (output, _, rest) = select_all(left).await;
            outputs.push(output?);
            left = rest;
        }
        Ok(outputs)
    }));
}

#[test]
fn futures_select_biased() {
    in_the_order_of_the_history(code(async |ctx, ()| {
        let (mut a, mut b, mut c) =
            (task(&ctx, "a").fuse(), task(&ctx, "b").fuse(), task(&ctx, "c").fuse());
        let mut outputs = Vec::new();
        loop {
            futures::select_biased! {
                output = c => outputs.push(output?),
                output = a => outputs.push(output?),
                output = b => outputs.push(output?),
                complete => return Ok(outputs),
            }
        }
    }));
}

#[test]
fn tokio_select_biased() {
    in_the_order_of_the_history(code(async |ctx, ()| {
        let (mut a, mut b, mut c) = (task(&ctx, "a"), task(&ctx, "b"), task(&ctx, "c"));
        let (mut outputs, mut done) = (Vec::new(), [false; 3]);
        while outputs.len() < 3 {
            let (which, output) = tokio::select! {
                biased;
                output = &mut c, if !done[2] => (2, output),
                output = &mut a, if !done[0] => (0, output),
                output = &mut b, if !done[1] => (1, output),
            };
            done[which] = true;
            outputs.push(output?);
        }
        Ok(outputs)
    }));
}

/// The ids of the activities and timers that a turn calls off.
fn called_off(answer: &Answer) -> Vec<u64> {
    let ids = answer.actions.iter().filter_map(|action| match action {
        Action::CancelActivity { id } | Action::CancelTimer { id, .. } => Some(id.0),
        _ => None,
    });
    ids.collect()
}

#[test]
fn the_losers_of_a_biased_select_are_cancelled_once() {
    let code = code(async |ctx, ()| {
        tokio::select! {
            biased;
            a = task(&ctx, "a") => Ok(a?),
            b = task(&ctx, "b") => Ok(b?),
            () = ctx.timer(Duration::from_secs(9)) => Ok(0),
        }
    });
    let mut instance = Instance::start(code, ());
    let answer = instance.complete(2, 20);
    assert_eq!(answer.outputs(), ["ExecutionCompleted"], "they go with the end");
    assert_eq!(called_off(&answer), [1, 3]);
    assert_eq!(instance.output::<u64>(), 20);
    instance.assert_replays_from_every_point();
}

#[test]
fn select_of_two_gives_back_the_loser() {
    let code = code(async |ctx, ()| {
        let [first, second] = match select(task(&ctx, "a"), task(&ctx, "b")).await {
            Either::Left((a, b)) => [a?, b.await?],
            Either::Right((b, a)) => [b?, a.await?],
        };
        let third = task(&ctx, "c").await?;
        Ok(vec![first, second, third])
    });
    assert_eq!(run::<Vec<u64>>(&code, [1, 2, 3]), [10, 20, 30]);
    assert_eq!(run::<Vec<u64>>(&code, [2, 1, 3]), [20, 10, 30]);
}

#[test]
fn try_join_all_cancels_the_others_at_the_first_error() {
    let code = code(async |ctx, ()| Ok(try_join_all(three(&ctx)).await?));
    let mut instance = Instance::start(code, ());
    let answer = instance.fail(2, ActivityError::fatal("no"));
    assert_eq!(answer.outputs(), ["ExecutionFailed: activity `b` #2 failed: no"]);
    assert_eq!(called_off(&answer), [1, 3]);
    instance.assert_replays_from_every_point();
}

#[test]
fn select_ok_takes_the_first_success() {
    let code = code(async |ctx, ()| Ok(select_ok(three(&ctx)).await?.0));
    let mut instance = Instance::start(code, ());
    assert!(instance.fail(3, ActivityError::retryable("busy")).outputs().is_empty());
    instance.complete(2, 20);
    assert_eq!(instance.output::<u64>(), 20);
    instance.assert_replays_from_every_point();
}

#[test]
fn branches_that_schedule_in_turn_keep_the_order_of_the_history() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let branch = async |name: &'static str| {
            let one = task(&ctx, name).await?;
            ctx.timer(Duration::from_secs(one)).await;
            task(&ctx, name).await
        };
        let (x, (y, z)) =
            futures::join!(branch("x"), futures::future::join(branch("y"), branch("z")));
        Ok::<_, reenact_core::OrchestrationError>((x?, y?, z?))
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(instance.complete(3, 1).outputs()[0][..15], *"TimerCreated #4");
    assert_eq!(instance.complete(1, 1).outputs()[0][..15], *"TimerCreated #5");
    assert_eq!(instance.fire(5).outputs(), ["TaskScheduled #6 `x`"]);
    assert_eq!(instance.complete(2, 1).outputs()[0][..15], *"TimerCreated #7");
    assert_eq!(instance.fire(4).outputs(), ["TaskScheduled #8 `z`"]);
    assert_eq!(instance.fire(7).outputs(), ["TaskScheduled #9 `y`"]);
    instance.complete(9, 9);
    instance.complete(6, 6);
    instance.complete(8, 8);
    assert_eq!(instance.output::<(u64, u64, u64)>(), (6, 9, 8));
    instance.assert_replays_from_every_point();
}

#[test]
fn combinators_nest_and_mix() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let all = join_all(three(&ctx)).map(|all| all.into_iter().sum::<Result<u64, _>>());
        let fallback = ctx.wait_external::<u64>("Skip").map_err(ActivityError::fatal);
        let sum = async {
            tokio::select! { biased; sum = all => sum, skip = fallback => skip }
        };
        let mut unordered = FuturesUnordered::new();
        unordered.push(sum.boxed());
        unordered.push(async { task(&ctx, "d").await }.boxed());
        let mut outputs = Vec::new();
        while let Some(output) = unordered.next().await {
            outputs.push(output?);
        }
        Ok(outputs)
    });
    let mut joined = Instance::start(code.clone(), ());
    for id in [2, 5, 3, 1] {
        joined.complete(id, id);
    }
    assert_eq!(joined.output::<Vec<u64>>(), [5, 6]);
    joined.assert_replays_from_every_point();

    let mut skipped = Instance::start(code, ());
    skipped.complete(2, 2);
    let outputs = skipped.raise("Skip", 0).outputs();
    assert_eq!(outputs, ["TaskCancelRequested #1", "TaskCancelRequested #3"]);
    skipped.complete(5, 5);
    assert_eq!(skipped.output::<Vec<u64>>(), [0, 5]);
    skipped.assert_replays_from_every_point();
}

#[test]
fn shared_futures_and_hand_written_polling() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let shared = task(&ctx, "shared").map(|output| output.unwrap_or(0)).boxed().shared();
        let (one, other) = futures::join!(shared.clone(), shared);
        let mut timer = pin!(ctx.timer(Duration::from_secs(1)));
        poll_fn(|cx| timer.as_mut().poll(cx)).await;
        let ready = poll_fn(|_| Poll::Ready(1)).await;
        Ok([one, other, ready])
    });
    let mut instance = Instance::start(code, ());
    instance.complete(1, 7);
    instance.fire(2);
    assert_eq!(instance.output::<[u64; 3]>(), [7, 7, 1]);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_future_may_move_between_wakers() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut a = task(&ctx, "a");
        // Polled within a set of its own first, then directly.
        let timer = ctx.timer(Duration::from_secs(1));
        {
            let mut set = FuturesUnordered::new();
            set.push((&mut a).map(|_| ()).boxed());
            set.push(timer.boxed());
            set.next().await;
        }
        Ok(a.await?)
    });
    let mut instance = Instance::start(code, ());
    instance.fire(2);
    instance.complete(1, 5);
    assert_eq!(instance.output::<u64>(), 5);
    instance.assert_replays_from_every_point();
}
