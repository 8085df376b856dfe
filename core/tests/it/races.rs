//! `when_any` and `when_all`: the history decides, and a loser is not lost.

use std::time::Duration;

use crate::support::instance::{self, Instance, code, task};
use futures::future::FutureExt;
use reenact_core::{
    ActivityErrorKind, DurableOutput, EventError, OrchestrationContext, OrchestrationError,
    PayloadError,
};

/// Waits for `Go` with nothing else under way, so that what came before it is complete already.
async fn until_go(ctx: &OrchestrationContext) -> Result<(), OrchestrationError> {
    Ok(ctx.wait_external("Go").await?)
}

#[test]
fn the_first_in_the_history_wins_whatever_its_place_in_the_code() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let first = ctx.when_any([task(&ctx, "a"), task(&ctx, "b"), task(&ctx, "c")]).await;
        Ok((first.index, first.output?))
    });
    for winner in [1, 2, 3] {
        let mut instance = Instance::start(code.clone(), ());
        instance.complete(winner, winner * 10);
        assert_eq!(instance.output::<(u64, u64)>(), (winner - 1, winner * 10));
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn the_history_decides_also_between_branches_that_are_complete_before_the_first_poll() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let branches = [task(&ctx, "a"), task(&ctx, "b"), task(&ctx, "c")];
        until_go(&ctx).await?;
        let first = ctx.when_any(branches).await;
        let second = ctx.when_any(first.rest).await;
        let third = ctx.when_any(second.rest).await;
        Ok([first.output?, second.output?, third.output?])
    });
    for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
        let mut instance = Instance::start(code.clone(), ());
        order.iter().for_each(|id| drop(instance.complete(*id, id)));
        instance.raise("Go", ());
        assert_eq!(instance.output::<[u64; 3]>(), order);
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn the_history_decides_between_an_event_that_was_buffered_and_an_older_completion() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let a = task(&ctx, "a");
        until_go(&ctx).await?;
        // The wait is younger than the activity; its event can be older than the completion.
        let paid = ctx.schedule_wait::<u64>("Paid");
        let first = ctx.when_any([a.into_output(), paid.into_output()]).await;
        Ok(first.index)
    });
    let mut event_first = Instance::start(code.clone(), ());
    event_first.raise("Paid", 5);
    event_first.complete(1, 1);
    event_first.raise("Go", ());
    assert_eq!(event_first.output::<u64>(), 1);
    event_first.assert_replays_from_every_point();

    let mut completion_first = Instance::start(code, ());
    completion_first.complete(1, 1);
    completion_first.raise("Paid", 5);
    completion_first.raise("Go", ());
    assert_eq!(completion_first.output::<u64>(), 0);
    completion_first.assert_replays_from_every_point();
}

#[test]
fn a_combinator_that_polls_in_the_order_of_the_code_takes_that_order_at_replay_too() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let (a, b) = (task(&ctx, "a"), task(&ctx, "b"));
        until_go(&ctx).await?;
        tokio::select! { biased; a = a => Ok(a?), b = b => Ok(b?) }
    });
    let mut instance = Instance::start(code, ());
    instance.complete(2, 2);
    instance.complete(1, 1);
    let outputs = instance.raise("Go", ()).outputs();
    assert_eq!(outputs, ["ExecutionCompleted"], "the loser was complete: nothing is cancelled");
    assert_eq!(instance.output::<u64>(), 1);
    instance.assert_replays_from_every_point();
}

#[test]
fn losers_stay_for_a_later_await_however_late() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let first = ctx.when_any([task(&ctx, "a"), task(&ctx, "b"), task(&ctx, "c")]).await;
        until_go(&ctx).await?;
        let rest = ctx.when_all(first.rest).await;
        let mut outputs = vec![first.output?];
        for output in rest {
            outputs.push(output?);
        }
        Ok(outputs)
    });
    let mut instance = Instance::start(code, ());
    instance.complete(2, 2);
    instance.complete(3, 3);
    instance.raise("Go", ());
    instance.complete(1, 1);
    assert_eq!(instance.output::<Vec<u64>>(), [2, 1, 3]);
    instance.assert_replays_from_every_point();
}

#[test]
fn different_kinds_stand_in_one_race() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let first = ctx
            .when_any([
                task(&ctx, "a").into_output(),
                ctx.schedule_timer(Duration::from_secs(60)).into_output(),
                ctx.schedule_wait::<u64>("Paid").into_output(),
            ])
            .await;
        match first.output {
            DurableOutput::Timer => Ok(0),
            DurableOutput::External(data) => Ok(data?.decode()?),
            task => Ok(task.into_task::<u64>()?),
        }
    });
    let mut paid = Instance::start(code.clone(), ());
    paid.raise("Paid", 7);
    assert_eq!(paid.output::<u64>(), 7);
    paid.assert_replays_from_every_point();
    let mut late = Instance::start(code.clone(), ());
    late.fire(2);
    assert_eq!(late.output::<u64>(), 0);
    late.assert_replays_from_every_point();
    let mut done = Instance::start(code, ());
    done.complete(1, 3);
    assert_eq!(done.output::<u64>(), 3);
    done.assert_replays_from_every_point();
}

#[test]
fn an_output_of_another_kind_says_so() {
    let timer = DurableOutput::Timer;
    let error = timer.clone().into_task::<u64>().expect_err("a timer");
    assert_eq!(error.kind(), ActivityErrorKind::InvalidOutput);
    let not_an_event = timer.into_external::<u64>();
    assert!(matches!(not_an_event, Err(EventError::InvalidData(PayloadError::Decode(_)))));
    let text = DurableOutput::Task(Ok(instance::payload("text")));
    let error = text.into_task::<u64>().expect_err("no number");
    assert_eq!(error.kind(), ActivityErrorKind::InvalidOutput);
}

#[test]
fn a_race_of_one_is_no_race() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let first = ctx.when_any([task(&ctx, "a")]).await;
        Ok((first.output?, first.rest.len()))
    });
    let mut instance = Instance::start(code, ());
    instance.complete(1, 4);
    assert_eq!(instance.output::<(u64, u64)>(), (4, 0));
}

#[test]
#[should_panic(expected = "when_any needs at least one future")]
fn a_race_of_none_panics() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        ctx.when_any(Vec::<reenact_core::DurableFuture<()>>::new()).await;
        Ok(())
    });
    Instance::start(code, ());
}

#[test]
fn what_was_refused_at_once_wins_a_race() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let first = ctx.when_any([task(&ctx, "a"), task(&ctx, "")]).await;
        Ok((first.index, first.output.is_err()))
    });
    let instance = Instance::start(code, ());
    assert_eq!(instance.output::<(u64, bool)>(), (1, true));
    instance.assert_replays_from_every_point();
}

#[test]
fn dropping_a_race_cancels_what_is_open() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let race = ctx.when_any([task(&ctx, "a"), task(&ctx, "b")]);
        drop(race);
        until_go(&ctx).await
    });
    let instance = Instance::start(code, ());
    assert_eq!(instance.log()[3..5], ["TaskCancelRequested #1", "TaskCancelRequested #2"]);
    instance.assert_replays_from_every_point();
}

#[test]
fn when_all_gives_the_outputs_in_the_order_of_the_code() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let all = ctx.when_all([task(&ctx, "a"), task(&ctx, "b"), task(&ctx, "c")]).await;
        Ok(all.into_iter().collect::<Result<Vec<u64>, _>>()?)
    });
    for order in [[1, 2, 3], [3, 2, 1], [2, 3, 1]] {
        let mut instance = Instance::start(code.clone(), ());
        order.iter().for_each(|id| drop(instance.complete(*id, id)));
        assert_eq!(instance.output::<Vec<u64>>(), [1, 2, 3]);
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn when_all_of_none_is_complete() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        Ok(ctx.when_all(Vec::<reenact_core::DurableFuture<()>>::new()).await.len())
    });
    assert_eq!(Instance::start(code, ()).output::<u64>(), 0);
}

#[test]
fn a_when_all_that_is_dropped_in_the_middle_leaves_its_events_to_others() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let both = ctx.when_all([ctx.schedule_wait::<u64>("A"), ctx.schedule_wait::<u64>("B")]);
        let deadline = ctx.timer(Duration::from_secs(60));
        let expired = tokio::select! { biased; _ = both => false, () = deadline => true };
        let a: u64 = ctx.wait_external("A").await?;
        Ok((expired, a))
    });
    let mut instance = Instance::start(code, ());
    instance.raise("A", 5);
    let outputs = instance.fire(3).outputs();
    let expected = [
        "ExternalUnsubscribed #1",
        "ExternalUnsubscribed #2",
        "ExternalSubscribed #4 `A`",
        "ExecutionCompleted",
    ];
    assert_eq!(outputs, expected);
    assert_eq!(instance.output::<(bool, u64)>(), (true, 5));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_race_may_stand_in_other_combinators() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let left = ctx.when_any([task(&ctx, "a"), task(&ctx, "b")]).map(|first| first.index);
        let right = ctx.when_any([task(&ctx, "c"), task(&ctx, "d")]).map(|first| first.index);
        Ok(futures::join!(left, right))
    });
    let mut instance = Instance::start(code, ());
    instance.complete(4, 4);
    instance.complete(1, 1);
    assert_eq!(instance.output::<(u64, u64)>(), (0, 1));
    instance.assert_replays_from_every_point();
}
