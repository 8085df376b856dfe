//! `timeout`: what is late is cancelled, what is in time cancels the timer, and the history decides
//! which of the two it was.

use std::time::Duration;

use crate::support::instance::{Instance, code, task};
use futures::future::{FutureExt, join, join_all};
use futures::stream::{FuturesUnordered, StreamExt};
use reenact_core::limits::MAX_TIMER;
use reenact_core::{OrchestrationContext, OrchestrationError, OrchestrationErrorKind, TimedOut};

const MINUTE: Duration = Duration::from_secs(60);

const LATE: TimedOut = TimedOut { after: MINUTE };

/// Waits for `Go` with nothing else under way, so that what came before it is complete already.
async fn until_go(ctx: &OrchestrationContext) -> Result<(), OrchestrationError> {
    Ok(ctx.wait_external("Go").await?)
}

#[test]
fn what_is_in_time_cancels_the_timer() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let one = ctx.timeout(MINUTE, task(&ctx, "a")).await??;
        Ok(one + task(&ctx, "b").await?)
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(instance.log()[1], "TaskScheduled #1 `a`");
    assert_eq!(instance.log()[2], "TimerCreated #2 for 1970-01-01T00:17:40.000000Z");
    let outputs = instance.complete(1, 5).outputs();
    assert_eq!(outputs, ["TimerCancelled #2", "TaskScheduled #3 `b`"]);
    instance.complete(3, 6);
    assert_eq!(instance.output::<u64>(), 11);
    instance.assert_replays_from_every_point();
}

#[test]
fn what_is_late_is_cancelled() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let late = ctx.timeout(MINUTE, task(&ctx, "a")).await;
        let after = late.err().map(|late| late.after);
        Ok((after, task(&ctx, "b").await?))
    });
    let mut instance = Instance::start(code, ());
    let outputs = instance.fire(2).outputs();
    assert_eq!(outputs, ["TaskCancelRequested #1", "TaskScheduled #3 `b`"]);
    instance.complete(3, 3);
    assert_eq!(instance.output::<(Option<Duration>, u64)>(), (Some(MINUTE), 3));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_timeout_is_an_error_of_the_orchestration() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        Ok(ctx.timeout(MINUTE, task(&ctx, "a")).await??)
    });
    let mut instance = Instance::start(code, ());
    instance.fire(2);
    assert_eq!(instance.failure().kind(), OrchestrationErrorKind::Failed);
    assert_eq!(instance.failure().message(), "timed out after 60s");
    instance.assert_replays_from_every_point();
}

#[test]
fn the_history_decides_also_when_both_are_complete_before_the_first_poll() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let limited = ctx.timeout(MINUTE, task(&ctx, "a"));
        until_go(&ctx).await?;
        Ok(limited.await.is_ok())
    });
    let mut in_time = Instance::start(code.clone(), ());
    in_time.complete(1, 5);
    in_time.fire(2);
    in_time.raise("Go", ());
    assert!(in_time.output::<bool>());
    in_time.assert_replays_from_every_point();

    let mut late = Instance::start(code, ());
    late.fire(2);
    late.complete(1, 5);
    assert_eq!(late.raise("Go", ()).outputs(), ["ExecutionCompleted"], "nothing is left to cancel");
    assert!(!late.output::<bool>());
    late.assert_replays_from_every_point();
}

/// What is raced against the timer, which is `#4`, in the next test.
fn composed(kind: &str, ctx: &OrchestrationContext) -> futures::future::BoxFuture<'static, u64> {
    let (a, b, c) = (task(ctx, "a"), task(ctx, "b"), ctx.schedule_wait::<u64>("C"));
    let (ctx, a, b) = (ctx.clone(), a.map(|a| a.unwrap_or(0)), b.map(|b| b.unwrap_or(0)));
    let c = c.map(|c| c.unwrap_or(0));
    match kind {
        "a block" => async move { a.await + b.await + c.await }.boxed(),
        "join" => join(a, join(b, c)).map(|(a, (b, c))| a + b + c).boxed(),
        "join_all" => {
            join_all([a.boxed(), b.boxed(), c.boxed()]).map(|all| all.iter().sum()).boxed()
        }
        "unordered" => FuturesUnordered::from_iter([a.boxed(), b.boxed(), c.boxed()])
            .fold(0, async |sum, one| sum + one)
            .boxed(),
        "nested" => async move {
            let all = ctx.timeout(MINUTE * 2, join(a, join(b, c))).await;
            all.map_or(0, |(a, (b, c))| a + b + c)
        }
        .boxed(),
        other => panic!("there is no {other}"),
    }
}

#[test]
fn the_history_decides_for_whatever_is_composed_of_durable_futures() {
    for kind in ["a block", "join", "join_all", "unordered", "nested"] {
        let code = code(move |ctx: OrchestrationContext, ()| async move {
            let limited = ctx.timeout(MINUTE, composed(kind, &ctx));
            until_go(&ctx).await?;
            Ok(limited.await.ok())
        });
        // The three that it needs, and the timer, in every order.
        for place in 0..=3 {
            let mut instance = Instance::start(code.clone(), ());
            for step in 0..=3 {
                if step == place {
                    instance.fire(4);
                }
                match step {
                    0 => drop(instance.complete(2, 20)),
                    1 => drop(instance.raise("C", 30)),
                    2 => drop(instance.complete(1, 10)),
                    _ => {}
                }
            }
            instance.raise("Go", ());
            let expected = (place == 3).then_some(60);
            assert_eq!(instance.output::<Option<u64>>(), expected, "{kind}, {place} before");
            instance.assert_replays_from_every_point();
        }
    }
}

#[test]
fn a_block_goes_as_far_as_it_came_in_time_and_is_cancelled_there() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let steps = async {
            let one = task(&ctx, "a").await?;
            task(&ctx, &format!("b{one}")).await
        };
        let is_late = ctx.timeout(MINUTE, steps).await.is_err();
        ctx.set_status(&is_late);
        Ok(is_late)
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(instance.complete(2, 1).outputs(), ["TaskScheduled #3 `b1`"]);
    let outputs = instance.fire(1).outputs();
    assert_eq!(outputs, ["TaskCancelRequested #3", "StatusSet", "ExecutionCompleted"]);
    assert!(instance.output::<bool>());
    instance.assert_replays_from_every_point();
}

#[test]
fn a_future_that_is_only_lent_is_kept_with_all_that_it_has() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut all = FuturesUnordered::from_iter([task(&ctx, "a"), task(&ctx, "b")]);
        let limited = ctx.timeout(MINUTE, async { (all.next().await, all.next().await) });
        until_go(&ctx).await?;
        assert_eq!(limited.await.err(), Some(LATE));
        // One was taken in time. The other came too late, and is still there.
        Ok(all.next().await.is_some_and(|one| one == Ok(20)) && all.next().await.is_none())
    });
    let mut instance = Instance::start(code, ());
    instance.complete(1, 10);
    instance.fire(3);
    instance.complete(2, 20);
    instance.raise("Go", ());
    assert!(instance.output::<bool>());
    instance.assert_replays_from_every_point();
}

#[test]
fn an_event_that_comes_after_the_time_stays_for_the_next_wait() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let early = ctx.timeout(MINUTE, ctx.wait_external::<u64>("Paid")).await;
        until_go(&ctx).await?;
        let late = ctx.timeout(MINUTE, ctx.wait_external::<u64>("Paid")).await??;
        Ok((early.is_err(), late))
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(instance.fire(2).outputs()[0], "ExternalUnsubscribed #1");
    instance.raise("Paid", 7);
    instance.raise("Go", ());
    assert_eq!(instance.output::<(bool, u64)>(), (true, 7));
    instance.assert_replays_from_every_point();
}

#[test]
fn an_event_that_came_between_the_time_and_the_poll_stays_for_the_next_wait() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let limited = ctx.timeout(MINUTE, ctx.wait_external::<u64>("Paid"));
        until_go(&ctx).await?;
        let early = limited.await;
        Ok((early.is_err(), ctx.wait_external::<u64>("Paid").await?))
    });
    let mut instance = Instance::start(code, ());
    instance.fire(2);
    instance.raise("Paid", 7);
    instance.raise("Go", ());
    assert_eq!(instance.output::<(bool, u64)>(), (true, 7));
    instance.assert_replays_from_every_point();
}

#[test]
fn no_time_at_all_is_enough_for_what_is_there_already() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        until_go(&ctx).await?;
        let there = ctx.timeout(Duration::ZERO, ctx.wait_external::<u64>("Paid")).await.is_ok();
        let more = ctx.timeout(Duration::ZERO, ctx.wait_external::<u64>("Paid")).await.is_ok();
        let ready = ctx.timeout(Duration::ZERO, async { 1 }).await.is_ok();
        Ok((there, more, ready))
    });
    let mut instance = Instance::start(code, ());
    instance.raise("Paid", 7);
    let outputs = instance.raise("Go", ()).outputs();
    assert_eq!(outputs[2], "TimerCancelled #3");
    instance.fire(5);
    assert_eq!(instance.output::<(bool, bool, bool)>(), (true, false, true));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_time_over_the_limit_fails_the_instance() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let too_long = MAX_TIMER + Duration::from_micros(1);
        Ok(ctx.timeout(too_long, task(&ctx, "a")).await??)
    });
    let instance = Instance::start(code, ());
    assert_eq!(instance.failure().kind(), OrchestrationErrorKind::LimitExceeded);
    instance.assert_replays_from_every_point();
}

#[test]
fn what_needs_nothing_from_outside_is_in_time_whenever_it_is_polled() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let limited = ctx.timeout(MINUTE, async {
            ctx.wait_external::<u64>("").await.is_err() && ctx.side_effect(|| true).await
        });
        until_go(&ctx).await?;
        Ok(limited.await == Ok(true))
    });
    let mut instance = Instance::start(code, ());
    instance.fire(1);
    instance.raise("Go", ());
    assert!(instance.output::<bool>());
    instance.assert_replays_from_every_point();
}

#[test]
fn a_timeout_that_nobody_awaits_cancels_what_it_has() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        drop(ctx.timeout(MINUTE, task(&ctx, "a")));
        until_go(&ctx).await
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(instance.log()[3..5], ["TaskCancelRequested #1", "TimerCancelled #2"]);
    instance.raise("Go", ());
    instance.output::<()>();
    instance.assert_replays_from_every_point();
}

#[test]
fn a_panic_that_the_code_catches_hides_nothing_for_long() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let a = task(&ctx, "a");
        let panics = std::panic::AssertUnwindSafe(ctx.timeout(MINUTE, async { panic!("oh") }));
        until_go(&ctx).await?;
        let caught: Result<Result<(), TimedOut>, _> = panics.catch_unwind().await;
        assert!(caught.is_err());
        Ok(a.await?)
    });
    let mut instance = Instance::start(code, ());
    instance.fire(2);
    instance.complete(1, 5);
    instance.raise("Go", ());
    assert_eq!(instance.output::<u64>(), 5);
    instance.assert_replays_from_every_point();
}
