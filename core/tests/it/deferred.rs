//! Activities that return, and are completed from outside.

use std::time::Duration;

use crate::support::instance::{Answer, Instance, cancel, code, instance_id, payload, seconds};
use reenact_core::{
    Action, ActivityError, ActivityErrorKind, ActivityOptions, Command, CorrelationId, ExecutionId,
    Machine, MachineConfig, NamedActivity, OrchestrationContext, RetryPolicy, Rewind, Rewound,
    Timestamp, Viewer,
};

const ID: CorrelationId = CorrelationId(1);

fn options() -> ActivityOptions {
    ActivityOptions::new()
}

/// Calls one activity with these options; gives what it returned, or how it failed.
fn started(options: ActivityOptions) -> Instance {
    let code = code(move |ctx: OrchestrationContext, ()| async move {
        let approve = NamedActivity::new("approve").with(options);
        let result: Result<u64, _> = ctx.call_activity_by_name(approve, &()).await;
        Ok(result.map_err(|error: ActivityError| error.to_string()))
    });
    Instance::start(code, ())
}

/// The attempt has returned that began when this many seconds had passed since the start.
fn defer(instance: &mut Instance, began: u64) -> Answer {
    let began = seconds(1_000 + began);
    instance.fail(1, ActivityError::later().since(began, began))
}

fn calls(actions: &[Action]) -> usize {
    actions.iter().filter(|action| matches!(action, Action::CallActivity { .. })).count()
}

fn timers(actions: &[Action]) -> Vec<Timestamp> {
    let times = actions.iter().filter_map(|action| match action {
        Action::CreateTimer { fire_at, .. } => Some(*fire_at),
        _ => None,
    });
    times.collect()
}

fn ended(instance: &Instance) -> Result<u64, String> {
    instance.output()
}

#[test]
fn an_activity_that_has_returned_is_not_run_again_and_is_completed_later() {
    let mut instance = started(options());
    assert_eq!(defer(&mut instance, 0).log(), ["TaskDeferred #1, attempt 1"]);
    assert!(!instance.machine.has_open_tasks(instance.now), "it may leave memory");
    assert_eq!(instance.machine.wake_at(), None, "nothing but the completion moves it");
    let replayed = instance.assert_replays();
    assert_eq!(replayed.open_actions(), [], "no host runs it again");
    assert!(replayed.is_attempt(ID, 1), "it is awaited all the same");
    instance.pass(1_000_000);
    instance.complete(1, 7);
    assert_eq!(ended(&instance), Ok(7));
    instance.assert_replays_from_every_point();
}

#[test]
fn it_is_deferred_once_and_completed_once() {
    let mut instance = started(options());
    defer(&mut instance, 0);
    assert!(defer(&mut instance, 0).is_empty(), "another copy of the attempt");
    instance.complete(1, 7);
    let late = Command::CompleteTask { id: ID, attempt: 1, result: Ok(payload(8)) };
    assert!(instance.apply(late).is_empty());
    assert_eq!(ended(&instance), Ok(7));
}

#[test]
fn a_completion_that_comes_before_the_activity_has_returned_counts() {
    let mut instance = started(options());
    instance.complete(1, 7);
    assert!(defer(&mut instance, 0).is_empty(), "nobody asks any more");
    assert_eq!(ended(&instance), Ok(7));
}

#[test]
fn a_failure_from_outside_is_retried_by_the_policy() {
    let policy = RetryPolicy::new(2).first_delay(Duration::from_secs(60)).jitter(0.0);
    let mut instance = started(options().retry(policy));
    defer(&mut instance, 0);
    instance.fail(1, ActivityError::retryable("not reached"));
    let open = &instance.machine.open_activities(1)[0];
    assert_eq!((open.attempt, open.deferred), (2, false));
    instance.pass(60);
    assert_eq!(calls(&instance.fire(1).actions), 1, "it runs again, as attempt 2");
    defer(&mut instance, 70);
    assert_eq!(instance.assert_replays().open_actions(), []);
    instance.fail(1, ActivityError::retryable("not reached"));
    assert_eq!(ended(&instance), Err("not reached".into()));
    instance.assert_replays_from_every_point();
}

#[test]
fn the_limit_of_the_attempt_counts_from_when_it_began() {
    let limit = Duration::from_secs(60);
    let mut instance = started(options().start_to_close(limit));
    instance.pass(9);
    let deferred = defer(&mut instance, 5);
    assert_eq!(timers(&deferred.actions), [seconds(1_065)]);
    assert_eq!(instance.machine.wake_at(), Some(seconds(1_065)), "a host wakes it for that");
    assert_eq!(timers(&instance.assert_replays().open_actions()), [seconds(1_065)]);
    assert_eq!(instance.machine.overdue(seconds(1_064)), None);
    assert_eq!(instance.machine.overdue(seconds(1_065)), Some(Command::FireTimer { id: ID }));
    instance.pass(70);
    instance.fire(1);
    let failed = ended(&instance).expect_err("it is too late");
    assert!(failed.contains("start-to-close: it was not completed from outside"), "{failed}");
    instance.assert_replays_from_every_point();
}

#[test]
fn a_completion_after_the_limit_is_too_late() {
    let mut instance = started(options().start_to_close(Duration::from_secs(60)));
    defer(&mut instance, 0);
    instance.pass(60);
    instance.complete(1, 7);
    let failed = ended(&instance).expect_err("it is too late");
    assert!(failed.contains("start-to-close"), "{failed}");
}

#[test]
fn heartbeats_from_outside_keep_it_alive() {
    let mut instance = started(options().heartbeat(Duration::from_secs(60)));
    defer(&mut instance, 0);
    for round in 0..3 {
        instance.pass(50);
        instance.heartbeat(1, round);
        let due = instance.now + Duration::from_secs(60);
        assert_eq!(instance.machine.wake_at(), Some(due));
        assert_eq!(instance.assert_replays().wake_at(), Some(due));
    }
    // The timer of before fires: it is too early.
    assert_eq!(timers(&instance.fire(1).actions).len(), 1);
    instance.pass(60);
    instance.fire(1);
    let failed = ended(&instance).expect_err("it was silent");
    assert!(failed.contains("heartbeat: there was none for 60s"), "{failed}");
    instance.assert_replays_from_every_point();
}

#[test]
fn a_missed_limit_is_retried_by_the_policy() {
    let policy = RetryPolicy::new(2).first_delay(Duration::from_secs(10)).jitter(0.0);
    let limit = Duration::from_secs(60);
    let mut instance = started(options().retry(policy).start_to_close(limit));
    defer(&mut instance, 0);
    instance.pass(60);
    let missed = instance.fire(1);
    assert!(missed.log()[0].starts_with("TaskAttemptFailed #1, attempt 1"), "{:?}", missed.log());
    let again =
        instance.try_apply(Command::CompleteTask { id: ID, attempt: 1, result: Ok(payload(7)) });
    assert!(again.expect("it changes nothing").is_empty(), "the token was of the first attempt");
    instance.pass(10);
    assert_eq!(calls(&instance.fire(1).actions), 1);
    instance.complete(1, 7);
    assert_eq!(ended(&instance), Ok(7));
    instance.assert_replays_from_every_point();
}

#[test]
fn the_limit_of_all_attempts_holds() {
    let mut instance = started(options().schedule_to_close(Duration::from_secs(60)));
    defer(&mut instance, 0);
    assert_eq!(instance.machine.wake_at(), Some(seconds(1_060)), "a host wakes it for that");
    instance.pass(60);
    instance.fire(1);
    let failed = ended(&instance).expect_err("it is too late");
    assert!(failed.contains("schedule-to-close"), "{failed}");
    instance.assert_replays_from_every_point();
}

#[test]
fn a_cancel_ends_it() {
    let mut instance = started(options());
    defer(&mut instance, 0);
    instance.apply(cancel("enough"));
    assert_eq!(ended(&instance), Err("cancelled: enough".into()));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_local_activity_ends_when_it_returns() {
    let code = code(|ctx: OrchestrationContext, ()| async move {
        let result: Result<u64, _> = ctx.call_local_by_name("price", &()).await;
        Ok(result
            .map_err(|error: ActivityError| (error.kind() == ActivityErrorKind::Fatal).to_string()))
    });
    let mut instance = Instance::start(code, ());
    instance.fail(1, ActivityError::later());
    assert_eq!(ended(&instance), Err("true".into()));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_rewind_runs_it_again() {
    let code = code(|ctx: OrchestrationContext, ()| async move {
        let approved = ctx.schedule_activity_by_name::<_, u64>("approve", &());
        let () = ctx.wait_external("Go").await?;
        Ok(approved.await?)
    });
    let mut before = Instance::start(code.clone(), ());
    before.fail(1, ActivityError::later());
    before.raise("Go", ());
    let history = before.machine.history();
    let rewind = Rewind { position: 4, reason: "a test".into(), seed: 1 };
    let Rewound { kept, turns } =
        history.rewound(&instance_id(), rewind, before.now).expect("there is the position");
    let turns: Vec<_> = history.turns()[..kept].iter().cloned().chain(turns).collect();
    assert!(
        turns
            .iter()
            .flat_map(|turn| &*turn.events)
            .any(|event| { event.to_string().starts_with("TaskDeferred") })
    );
    let config = MachineConfig::default();
    let machine = Machine::replay(&code, instance_id(), ExecutionId(2), config, turns);
    assert_eq!(calls(&machine.expect("it fits").open_actions()), 1, "it has another token");
}

#[test]
fn a_view_says_that_it_is_completed_from_outside() {
    let mut instance = started(options());
    let deferred = |instance: &Instance| {
        let mut viewer = Viewer::new(instance_id());
        instance.turns().iter().for_each(|turn| viewer.apply(turn));
        viewer.view(10).activities.items[0].deferred
    };
    assert!(!deferred(&instance));
    defer(&mut instance, 0);
    assert!(deferred(&instance));
}
