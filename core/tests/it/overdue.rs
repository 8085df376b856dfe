//! What was due first happens first: an execution says what is overdue, in the order in which it was
//! due.

use std::time::Duration;

use crate::support::instance::{Instance, cancel, code, seconds, suspend};
use reenact_core::{
    ActivityError, ActivityOptions, Command, CorrelationId, NamedActivity, OrchestrationContext,
    RetryPolicy,
};

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// Applies what is overdue, as a shell does; the ids in this order.
fn catch_up(instance: &mut Instance) -> Vec<u64> {
    let last = instance.machine.last_scheduled();
    let mut fired = Vec::new();
    while let Some(command) = instance.machine.overdue(instance.now) {
        match command {
            Command::FireTimer { id } if id <= last => {
                fired.push(id.0);
                instance.apply(command);
            }
            _ => break,
        }
    }
    fired
}

/// Timers of 30, 10 and 20 minutes, and an activity that has 15 minutes and is retried after 12.
fn waiting() -> Instance {
    let code = code(|ctx: OrchestrationContext, ()| async move {
        let timers = [30, 10, 20].map(|length| ctx.schedule_timer(minutes(length)).into_output());
        let options = ActivityOptions::new()
            .retry(RetryPolicy::new(9).first_delay(minutes(12)))
            .schedule_to_close(minutes(15));
        let call =
            ctx.schedule_activity_by_name::<_, u64>(NamedActivity::new("a").with(options), &());
        let all = timers.into_iter().chain([call.into_output()]);
        let mut order = Vec::new();
        for done in ctx.when_all(all.collect::<Vec<_>>()).await {
            order.push(format!("{done:?}"));
        }
        Ok(order.len())
    });
    Instance::start(code, ())
}

#[test]
fn nothing_is_overdue_before_its_time() {
    let instance = waiting();
    assert_eq!(instance.machine.overdue(seconds(1_000 + 599)), None);
    let first = Command::FireTimer { id: CorrelationId(2) };
    assert_eq!(instance.machine.overdue(seconds(1_000 + 600)), Some(first));
}

#[test]
fn timers_and_the_ends_of_calls_are_overdue_in_the_order_in_which_they_were_due() {
    let mut instance = waiting();
    instance.pass(24 * 60 * 60);
    assert_eq!(catch_up(&mut instance), [2, 4, 3, 1]);
    assert_eq!(instance.output::<usize>(), 4);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_call_between_two_attempts_whose_time_is_over_gets_no_further_attempt() {
    let mut instance = waiting();
    instance.fail(4, ActivityError::retryable("busy"));
    instance.pass(24 * 60 * 60);
    assert_eq!(catch_up(&mut instance), [2, 4, 3, 1]);
    let failed = instance.log().into_iter().find(|event| event.starts_with("TaskFailed"));
    assert!(failed.expect("it has failed").contains("schedule-to-close"));
    instance.assert_replays_from_every_point();
}

#[test]
fn what_is_complete_dropped_or_cancelled_is_not_overdue() {
    let mut complete = waiting();
    complete.complete(4, 7);
    complete.pass(24 * 60 * 60);
    assert_eq!(catch_up(&mut complete), [2, 3, 1]);

    let code = code(|ctx: OrchestrationContext, ()| async move {
        let options = ActivityOptions::new().schedule_to_close(minutes(1));
        let call = NamedActivity::new("a").with(options);
        drop((ctx.schedule_timer(minutes(1)), ctx.schedule_activity_by_name::<_, u64>(call, &())));
        let again = ctx.schedule_activity_by_name::<_, u64>(call, &());
        let _ = again.await;
        Ok(ctx.shielded().wait_external::<u64>("Go").await?)
    });
    let mut dropped = Instance::start(code, ());
    dropped.apply(cancel("enough"));
    dropped.pass(24 * 60 * 60);
    assert_eq!(dropped.machine.overdue(dropped.now), None);
}

#[test]
fn what_is_overdue_while_the_code_is_suspended_is_recorded_in_its_order() {
    let mut instance = waiting();
    instance.apply(suspend("audit"));
    instance.pass(24 * 60 * 60);
    assert_eq!(catch_up(&mut instance), [2, 4, 3, 1]);
    assert!(instance.machine.outcome().is_none(), "the code has not gone on");
    instance.apply(Command::Resume);
    assert_eq!(instance.output::<usize>(), 4);
    instance.assert_replays_from_every_point();
}

#[test]
fn timers_of_no_length_that_follow_each_other_are_not_overdue_for_ever() {
    let code = code(|ctx: OrchestrationContext, ()| async move {
        loop {
            ctx.timer(Duration::ZERO).await;
        }
        #[allow(unreachable_code, reason = "it says of which type the code is")]
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(catch_up(&mut instance), [1]);
    assert_eq!(catch_up(&mut instance), [2]);
}

#[test]
fn what_was_open_and_is_overdue_is_open_no_longer() {
    let mut instance = waiting();
    instance.pass(16 * 60);
    let open = instance.machine.open_actions();
    assert_eq!(catch_up(&mut instance), [2, 4]);
    let still = open.iter().filter(|action| instance.machine.is_still_open(action));
    let still: Vec<_> = still.cloned().collect();
    assert_eq!(still, instance.machine.open_actions(), "two timers, and no call");
    assert_eq!(still.len(), 2);
}
