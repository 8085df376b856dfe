//! How long an activity may take: what a worker learns of it, and what the log decides.

use std::time::Duration;

use crate::support::instance::{Instance, code, complete, seconds};
use reenact_core::{
    Action, ActivityError, ActivityErrorKind, ActivityOptions, AttemptTerms, Command,
    CorrelationId, NamedActivity, OrchestrationContext, RetryPolicy,
};

const ID: CorrelationId = CorrelationId(1);

fn started(options: ActivityOptions) -> Instance {
    let code = code(move |ctx: OrchestrationContext, ()| async move {
        let activity = NamedActivity::new("a").with(options);
        let result: Result<u64, _> = ctx.call_activity_by_name(activity, &()).await;
        Ok(result.map_err(|error: ActivityError| error.to_string()))
    });
    Instance::start(code, ())
}

fn options() -> ActivityOptions {
    ActivityOptions::new()
}

fn timed_out() -> ActivityError {
    ActivityError::of_kind(ActivityErrorKind::TimedOut, "start-to-close: it ran for 30s")
}

#[test]
fn each_attempt_knows_how_long_it_may_run() {
    let (run, beat) = (Duration::from_secs(30), Duration::from_secs(10));
    let options = options().retry(RetryPolicy::new(2)).start_to_close(run).heartbeat(beat);
    let expected = AttemptTerms { start_to_close: Some(run), heartbeat: Some(beat), details: None };
    let mut instance = started(options);
    instance.fail(1, timed_out());
    instance.fire(1);
    let limits = |action: &Action| match action {
        Action::CallActivity { attempt, terms, .. } => {
            terms.clone().map(|terms| (*attempt, *terms))
        }
        _ => None,
    };
    let limits: Vec<_> = instance.actions().iter().filter_map(limits).collect();
    assert_eq!(limits, [(1, expected.clone()), (2, expected)]);
}

#[test]
fn an_attempt_that_timed_out_is_retried_and_without_a_policy_it_fails() {
    let mut instance = started(options().retry(RetryPolicy::new(2)));
    assert!(instance.fail(1, timed_out()).log()[0].starts_with("TaskAttemptFailed #1, attempt 1"));
    instance.fail(1, timed_out());
    let failure = instance.output::<Result<u64, String>>().expect_err("it timed out twice");
    assert_eq!(failure, "the activity timed out: start-to-close: it ran for 30s");
    instance.assert_replays_from_every_point();
}

#[test]
fn schedule_to_close_ends_what_is_under_way() {
    let mut instance = started(options().schedule_to_close(Duration::from_secs(60)));
    let timer = Action::CreateTimer { id: ID, fire_at: seconds(1_060) };
    assert!(instance.actions().contains(&timer));
    assert!(instance.machine.open_actions().contains(&timer), "also after a restart");
    instance.pass(59);
    let late = instance.fire(1);
    assert_eq!(late.actions[0], Action::CancelActivity { id: ID });
    let failure = instance.output::<Result<u64, String>>().expect_err("it took too long");
    assert_eq!(
        failure,
        "the activity timed out: schedule-to-close: not complete after 60s, in attempt 1"
    );
    assert!(instance.complete(1, 7).is_empty(), "what it returns now comes too late");
    instance.assert_replays_from_every_point();
}

#[test]
fn schedule_to_close_counts_all_attempts_and_names_the_last_error() {
    let options = options()
        .retry(RetryPolicy::new(9).deadline(Duration::from_secs(1_000)))
        .schedule_to_close(Duration::from_secs(60));
    let mut instance = started(options);
    instance.fail(1, ActivityError::retryable("busy"));
    instance.fire(1);
    instance.pass(60);
    instance.fire(1);
    let failure = instance.output::<Result<u64, String>>().expect_err("it took too long");
    assert!(failure.contains("in attempt 2; the attempt before it failed: busy"), "{failure}");
    instance.assert_replays_from_every_point();
}

#[test]
fn the_timer_of_one_that_is_in_time_is_called_off() {
    let mut instance = started(options().schedule_to_close(Duration::from_secs(60)));
    let done = instance.complete(1, 7);
    assert_eq!(done.actions[0], Action::CancelTimer { id: ID, fire_at: seconds(1_060) });
    assert_eq!(instance.output::<Result<u64, String>>(), Ok(7));
    instance.pass(100);
    assert!(instance.fire(1).is_empty());
    instance.assert_replays_from_every_point();
}

#[test]
fn a_result_that_comes_after_its_time_is_late_whether_the_timer_has_fired_or_not() {
    let mut instance = started(options().schedule_to_close(Duration::from_secs(60)));
    instance.pass(600);
    let late = instance.apply(complete(1, 7));
    assert_eq!(late.actions[0], Action::CancelActivity { id: ID });
    let failure = instance.output::<Result<u64, String>>().expect_err("it took too long");
    assert!(failure.contains("not complete after 60s"), "{failure}");
    instance.assert_replays_from_every_point();
}

#[test]
fn a_timer_that_comes_too_early_ends_nothing_and_is_set_again() {
    let mut instance = started(options().schedule_to_close(Duration::from_secs(60)));
    let early = instance.apply(Command::FireTimer { id: ID });
    assert!(early.recorded.events.is_empty());
    assert_eq!(early.actions, [Action::CreateTimer { id: ID, fire_at: seconds(1_060) }]);
    instance.assert_replays_from_every_point();
}
