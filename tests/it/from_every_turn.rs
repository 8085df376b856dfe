//! Scenarios that run again from every turn of their history, by a host that was not there
//! before: the end is the same, and the history.

mod conversation;
mod conversations;
mod scenario;

use crate::kit::HOUR;
use reenact::OrchestrationByName;
use reenact::prelude::*;

use scenario::Step::{
    Ask, Cancel, Complete, EndChild, Fail, FailChild, Pass, Raise, Resume, Suspend,
};
use scenario::{CHILD, Scenario, WORK};

fn work(ctx: &OrchestrationContext, input: u64) -> DurableFuture<Result<u64, ActivityError>> {
    ctx.schedule_activity_by_name(WORK, &input)
}

#[tokio::test]
async fn an_activity_a_timer_and_an_event_one_after_the_other() {
    let code = |ctx: OrchestrationContext| async move {
        let ten = work(&ctx, 1).await?;
        ctx.timer(HOUR).await;
        let event: u64 = ctx.wait_external("Go").await?;
        Ok(work(&ctx, ten + event).await?)
    };
    // Each place of the event among the others is another scenario.
    for event in 0..=2 {
        let mut steps = vec![Complete(1), Pass(HOUR)];
        steps.insert(event, Raise("Go", 5));
        // The activity is after the timer and the wait.
        steps.push(Complete(4));
        let run = Scenario::new(code, steps).is_the_same_from_every_turn().await;
        assert_eq!(run.output::<u64>(), 150);
    }
}

#[tokio::test]
async fn a_fan_out_whose_results_are_taken_as_they_come() {
    let code = |ctx: OrchestrationContext| async move {
        let mut left: Vec<_> = (1..=4).map(|input| work(&ctx, input)).collect();
        let mut order = Vec::new();
        while !left.is_empty() {
            let first = ctx.when_any(left).await;
            order.push(first.output?);
            // In between, others complete: the history knows in which order.
            ctx.wait_external::<u64>("More").await?;
            left = first.rest;
        }
        Ok(order)
    };
    for order in [[1, 2, 3, 4], [4, 3, 2, 1], [3, 1, 4, 2]] {
        let completions = order.map(Complete);
        let steps = [&completions[..], &[Raise("More", 0); 4]].concat();
        let run = Scenario::new(code, steps).is_the_same_from_every_turn().await;
        assert_eq!(run.output::<Vec<u64>>(), order.map(|input| input * 10));
    }
}

#[tokio::test]
async fn a_time_limit_that_is_kept_and_one_that_is_not() {
    let code = |ctx: OrchestrationContext| async move {
        let both = async { Ok::<_, ActivityError>(work(&ctx, 1).await? + work(&ctx, 2).await?) };
        let limited = ctx.timeout(HOUR, both).await;
        Ok((limited.ok().transpose()?, work(&ctx, 3).await?))
    };
    let kept = [Complete(2), Complete(3), Complete(4)];
    let run = Scenario::new(code, kept).is_the_same_from_every_turn().await;
    assert_eq!(run.output::<(Option<u64>, u64)>(), (Some(30), 30));
    assert!(run.events().contains(&"TimerCancelled #1".to_string()));

    let late = [Complete(2), Pass(HOUR), Complete(4)];
    let run = Scenario::new(code, late).is_the_same_from_every_turn().await;
    assert_eq!(run.output::<(Option<u64>, u64)>(), (None, 30));
    assert!(run.events().contains(&"TaskCancelRequested #3".to_string()));
}

#[tokio::test]
async fn a_time_limit_whose_end_and_whose_future_came_before_anybody_looked() {
    let code = |ctx: OrchestrationContext| async move {
        let limited = ctx.timeout(HOUR, ctx.wait_external::<u64>("Paid"));
        ctx.wait_external::<u64>("Look").await?;
        let in_time = limited.await.is_ok();
        // What came too late is still there.
        let late = if in_time { 0 } else { ctx.wait_external("Paid").await? };
        Ok((in_time, late))
    };
    let in_time = [Raise("Paid", 7), Pass(HOUR), Raise("Look", 0)];
    let run = Scenario::new(code, in_time).is_the_same_from_every_turn().await;
    assert_eq!(run.output::<(bool, u64)>(), (true, 0));

    let late = [Pass(HOUR), Raise("Paid", 7), Raise("Look", 0)];
    let run = Scenario::new(code, late).is_the_same_from_every_turn().await;
    assert_eq!(run.output::<(bool, u64)>(), (false, 7));
}

#[tokio::test]
async fn events_of_a_name_with_work_and_time_limits_between_them() {
    let code = |ctx: OrchestrationContext| async move {
        let mut numbers = ctx.events::<u64>("Number");
        let mut results = Vec::new();
        while let Ok(number) = ctx.timeout(HOUR, numbers.next()).await {
            results.push(work(&ctx, number?).await?);
        }
        drop(numbers);
        results.push(ctx.wait_external("Number").await?);
        Ok(results)
    };
    // #1 is the time limit, #2 the wait, #3 the work; and so on.
    let steps = [
        Raise("Number", 1),
        Raise("Number", 2),
        Complete(3),
        Complete(6),
        Pass(HOUR),
        Raise("Number", 3),
    ];
    let run = Scenario::new(code, steps).is_the_same_from_every_turn().await;
    assert_eq!(run.output::<Vec<u64>>(), [10, 20, 3]);
}

/// Whatever was there of the children before: those that have yet to end are started again.
#[tokio::test]
async fn children_that_end_in_any_order_between_other_steps() {
    let code = |ctx: OrchestrationContext| async move {
        let child = |id: &str| {
            let own_id = OrchestrationByName::new(CHILD, ChildOptions::new().id(id));
            ctx.schedule_orchestration_by_name::<_, u64>(own_id, &())
        };
        let first = ctx.when_any([child("a"), child("b")]).await;
        let ten = work(&ctx, 1).await?;
        let late = ctx.when_all(first.rest).await;
        Ok((first.index, first.output?, ten, late.into_iter().sum::<Result<u64, _>>()?))
    };
    let in_order = [EndChild("a", 3), Complete(3), EndChild("b", 4)];
    let run = Scenario::new(code, in_order).is_the_same_from_every_turn().await;
    assert_eq!(run.output::<(usize, u64, u64, u64)>(), (0, 30, 10, 40));

    let the_other_first = [EndChild("b", 4), EndChild("a", 3), Complete(3)];
    let run = Scenario::new(code, the_other_first).is_the_same_from_every_turn().await;
    assert_eq!(run.output::<(usize, u64, u64, u64)>(), (1, 40, 10, 30));
    assert!(run.events().contains(&"ChildScheduled #2 `child` as `b`".to_string()));
}

/// The attempts that are over by then are not started again.
#[tokio::test]
async fn a_child_that_fails_twice_before_it_returns() {
    let code = |ctx: OrchestrationContext| async move {
        let at_once = RetryPolicy::new(3).first_delay(Duration::ZERO);
        let options = ChildOptions::new().id("a").retry(at_once);
        let child = OrchestrationByName::new(CHILD, options);
        let child = ctx.schedule_orchestration_by_name::<_, u64>(child, &());
        let ten = work(&ctx, 1).await?;
        Ok((ten, child.await?))
    };
    let steps = [FailChild("a"), Complete(2), FailChild("a~2"), EndChild("a~3", 4)];
    let run = Scenario::new(code, steps).is_the_same_from_every_turn().await;
    assert_eq!(run.output::<(u64, u64)>(), (10, 40));
}

#[tokio::test]
async fn statuses_that_are_set_between_steps() {
    let code = |ctx: OrchestrationContext| async move {
        for number in 1..=3 {
            ctx.set_status(&number);
            work(&ctx, number).await?;
            // Nothing new: no event.
            ctx.set_status(&number);
        }
        Ok(())
    };
    let steps = [Complete(1), Complete(2), Complete(3)];
    let run = Scenario::new(code, steps).is_the_same_from_every_turn().await;
    let set = run.events().iter().filter(|event| *event == "StatusSet").count();
    assert_eq!(set, 3);
    run.output::<()>();
}

#[tokio::test]
async fn attributes_that_are_set_cleared_and_refused_between_steps() {
    let code = |ctx: OrchestrationContext| async move {
        let mut refused = 0;
        for number in 1..=3_u64 {
            ctx.set_attribute("number", number as u32)?;
            refused += u32::from(ctx.set_attribute("number", "text").is_err());
            ctx.set_attribute("open", true)?;
            work(&ctx, number).await?;
            ctx.clear_attribute("open");
        }
        Ok((refused, ctx.attributes().to_string()))
    };
    let steps = [Complete(1), Complete(2), Complete(3)];
    let run = Scenario::new(code, steps).is_the_same_from_every_turn().await;
    let changed =
        run.events().iter().filter(|event| event.starts_with("AttributesChanged")).count();
    assert_eq!(changed, 9);
    assert_eq!(run.output::<(u32, String)>(), (3, "number=3".to_owned()));
}

#[tokio::test]
async fn updates_that_are_answered_at_once_later_and_not_at_all() {
    let code = |ctx: OrchestrationContext| async move {
        let mut asks = ctx.updates::<u64, u64, String>("ask");
        let (one, two) = (asks.next().await?, asks.next().await?);
        two.refuse(&"not now".to_string());
        let ten = work(&ctx, *one.request()).await?;
        one.reply(&ten);
        drop(asks.next().await?);
        let last = ctx.timeout(HOUR, asks.next()).await;
        let _held = asks.next().await?;
        Ok((ten, last.is_err()))
    };
    let steps =
        [Ask("ask", 1), Ask("ask", 2), Complete(3), Ask("ask", 3), Pass(HOUR), Ask("ask", 4)];
    let run = Scenario::new(code, steps).is_the_same_from_every_turn().await;
    let answers = run.events().iter().filter(|event| *event == "UpdateAnswered").count();
    assert_eq!(answers, 3, "the fourth is answered by the end");
    assert_eq!(run.output::<(u64, bool)>(), (10, true));
}

#[tokio::test]
async fn values_that_are_published_between_steps_and_read_back() {
    let code = |ctx: OrchestrationContext| async move {
        for number in 1..=3_u64 {
            let before: u64 = ctx.published("sum")?.unwrap_or_default();
            ctx.publish("sum", &(before + number));
            ctx.publish("newest", &number);
            work(&ctx, number).await?;
            ctx.unpublish("newest");
        }
        Ok(ctx.published::<u64>("sum")?)
    };
    let steps = [Complete(1), Complete(2), Complete(3)];
    let run = Scenario::new(code, steps).is_the_same_from_every_turn().await;
    let published = run.events().iter().filter(|event| event.starts_with("ValuePublished")).count();
    assert_eq!(published, 9);
    assert_eq!(run.output::<Option<u64>>(), Some(6));
}

#[tokio::test]
async fn a_saga_that_is_cancelled_and_undoes_what_it_did() {
    let code = |ctx: OrchestrationContext| async move {
        let booked = work(&ctx, 1).await?;
        let paid = async {
            ctx.until_cancelled(ctx.timer(HOUR)).await?;
            ctx.wait_external::<u64>("Paid").await.map_err(OrchestrationError::from)
        };
        let paid = paid.await;
        if paid.is_err() {
            let shielded = ctx.shielded();
            shielded.timer(HOUR).await;
            work(&shielded, booked).await?;
        }
        paid
    };
    // During the timer, and during the wait.
    let early = [Complete(1), Cancel("no stock"), Pass(HOUR), Complete(4)];
    let run = Scenario::new(code, early).is_the_same_from_every_turn().await;
    assert_eq!(run.cancelled(), "no stock");

    let late = [Complete(1), Pass(HOUR), Cancel("no stock"), Pass(HOUR), Complete(5)];
    let run = Scenario::new(code, late).is_the_same_from_every_turn().await;
    assert_eq!(run.cancelled(), "no stock");

    let never = [Complete(1), Pass(HOUR), Raise("Paid", 7)];
    let run = Scenario::new(code, never).is_the_same_from_every_turn().await;
    assert_eq!(run.output::<u64>(), 7);
}

#[tokio::test]
async fn a_suspension_during_which_everything_comes() {
    let code = |ctx: OrchestrationContext| async move {
        let first = ctx.timeout(HOUR, ctx.wait_external::<u64>("Go")).await.is_ok();
        Ok((first, work(&ctx, 1).await?))
    };
    // #1 is the wait, #2 the time limit, #3 the work.
    let in_time = [Suspend("audit"), Raise("Go", 5), Pass(HOUR), Resume, Complete(3)];
    let run = Scenario::new(code, in_time).is_the_same_from_every_turn().await;
    assert_eq!(run.output::<(bool, u64)>(), (true, 10));

    let late = [Suspend("audit"), Pass(HOUR), Raise("Go", 5), Resume, Suspend("again")];
    let late = [&late[..], &[Complete(3), Resume]].concat();
    let run = Scenario::new(code, late).is_the_same_from_every_turn().await;
    assert_eq!(run.output::<(bool, u64)>(), (false, 10));
}

#[tokio::test]
async fn a_cancel_during_a_suspension() {
    let code = |ctx: OrchestrationContext| async move {
        let cut = work(&ctx, 1).await;
        work(&ctx.shielded(), 2).await?;
        Ok(cut?)
    };
    let steps = [Suspend("audit"), Cancel("fraud"), Resume, Complete(2)];
    let run = Scenario::new(code, steps).is_the_same_from_every_turn().await;
    assert_eq!(run.cancelled(), "fraud");
    let steps = [Suspend("audit"), Complete(1), Cancel("fraud"), Resume, Complete(2)];
    let run = Scenario::new(code, steps).is_the_same_from_every_turn().await;
    assert_eq!(run.output::<u64>(), 10);
}

#[tokio::test]
async fn activities_that_are_tried_again_while_others_go_on() {
    let retried = |ctx: &OrchestrationContext, input: u64| {
        let policy = RetryPolicy::new(3).first_delay(Duration::ZERO);
        let work = NamedActivity::new(WORK).with(ActivityOptions::new().retry(policy));
        ctx.schedule_activity_by_name::<_, u64>(work, &input)
    };
    let code = move |ctx: OrchestrationContext| async move {
        let (one, other) = (retried(&ctx, 1), retried(&ctx, 2));
        let event: u64 = ctx.wait_external("Go").await?;
        let one = one.await.map_err(|error| error.to_string());
        Ok((one, other.await?, work(&ctx, event).await?))
    };
    // The one fails for good with its third attempt; the other has its second.
    let steps = [Fail(1), Fail(2), Raise("Go", 5), Fail(1), Complete(2), Fail(1), Complete(4)];
    let run = Scenario::new(code, steps).is_the_same_from_every_turn().await;
    let output = run.output::<(Result<u64, String>, u64, u64)>();
    assert_eq!(output, (Err("not yet".into()), 20, 50));
    let failed = run.events().iter().filter(|e| e.starts_with("TaskAttemptFailed #1")).count();
    assert_eq!(failed, 2, "the log has what the history does not show any more");
}

#[tokio::test]
async fn an_activity_with_a_tag_on_a_store_that_one_host_has() {
    let code = |ctx: OrchestrationContext| async move {
        let policy = RetryPolicy::new(2).first_delay(Duration::ZERO);
        let options = ActivityOptions::new().retry(policy).tag("gpu");
        let tagged = NamedActivity::new(WORK).with(options);
        let first: u64 = ctx.call_activity_by_name(tagged, &1).await?;
        Ok(first + work(&ctx, 2).await?)
    };
    let steps = [Fail(1), Complete(1), Complete(2)];
    let run = Scenario::new(code, steps).is_the_same_from_every_turn().await;
    assert_eq!(run.output::<u64>(), 30);
    let tags = run.events().into_iter().filter(|event| event.starts_with("TaskTagged"));
    assert_eq!(tags.collect::<Vec<_>>(), ["TaskTagged #1 for `gpu`"]);
}

#[tokio::test]
async fn a_patch_whose_mark_is_in_the_log() {
    let code = |ctx: OrchestrationContext| async move {
        let first = work(&ctx, 1).await?;
        let added = if ctx.patched("more work") { work(&ctx, 2).await? } else { 0 };
        ctx.wait_external::<u64>("Go").await?;
        // Answered already: no second mark.
        let again = u64::from(ctx.patched("more work"));
        Ok(first + added + again)
    };
    let steps = [Complete(1), Raise("Go", 0), Complete(2)];
    let run = Scenario::new(code, steps).is_the_same_from_every_turn().await;
    assert_eq!(run.output::<u64>(), 31);
    let marks = run.events().iter().filter(|event| event.starts_with("PatchMarked")).count();
    assert_eq!(marks, 1);
}

#[tokio::test]
async fn local_activities_in_a_row_beside_one_that_is_scheduled_and_retried() {
    let code = |ctx: OrchestrationContext| async move {
        let local = |input: u64| ctx.call_local_by_name::<_, u64>(WORK, &input);
        let scheduled = work(&ctx, 1);
        let two = local(2).await?;
        let policy = RetryPolicy::new(2).first_delay(Duration::ZERO).jitter(0.0);
        let retried = ActivityOptions::new().retry(policy);
        let retried = reenact::NamedActivity::new(WORK).with(retried);
        let three: u64 = ctx.call_local_by_name(retried, &3).await?;
        let event: u64 = ctx.wait_external("Go").await?;
        Ok(scheduled.await? + two + three + local(event).await?)
    };
    let steps = [Complete(2), Fail(3), Complete(1), Complete(3), Raise("Go", 4), Complete(5)];
    let run = Scenario::new(code, steps).is_the_same_from_every_turn().await;
    assert_eq!(run.output::<u64>(), 100);
    let local = run.events().into_iter().filter(|event| event.starts_with("TaskLocal"));
    assert_eq!(local.collect::<Vec<_>>(), ["TaskLocal #2", "TaskLocal #3", "TaskLocal #5"]);
}

#[tokio::test]
async fn whatever_somebody_asks_for_in_a_trace() {
    let code = |ctx: OrchestrationContext| async move {
        ctx.timer(HOUR).await;
        let event: u64 = ctx.wait_external("Go").await?;
        Ok(work(&ctx, event).await?)
    };
    let begin = [Suspend("a pause"), Raise("Go", 5), Pass(HOUR), Resume];
    for (end, is_cancelled) in [(Complete(3), false), (Cancel("enough"), true)] {
        let steps = [&begin[..], &[end]].concat();
        let run = Scenario::new(code, steps).in_a_trace().is_the_same_from_every_turn().await;
        let events = run.events();
        let traced = events.iter().filter(|event| *event == "TraceContextReceived").count();
        assert_eq!(traced, 4 + usize::from(is_cancelled), "{events:#?}");
        match is_cancelled {
            true => assert_eq!(run.cancelled(), "enough"),
            false => assert_eq!(run.output::<u64>(), 50),
        }
    }
}
