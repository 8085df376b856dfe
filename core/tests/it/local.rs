//! Local activities: a shell may run them before what schedules them is durable. For everything else they
//! are activities: the log has their schedule and their outcome, and replay compares them.

use std::time::Duration;

use crate::support::instance::{
    self, Instance, code, complete, fire, name, payload, seconds, start,
};
use futures::future::join;
use reenact_core::{
    Action, ActivityDefinition, ActivityError, ActivityErrorKind, ActivityOptions, Command,
    CorrelationId, ExecutionId, Machine, MachineConfig, NamedActivity, OrchestrationCode,
    OrchestrationContext, OrchestrationError, Receipt, RetryPolicy, ShardId, Turn,
};

const ID: CorrelationId = CorrelationId(1);

/// Calls two, one after the other, then one that is scheduled.
fn two_and_one() -> OrchestrationCode {
    code(|ctx: OrchestrationContext, ()| async move {
        let one: u64 = ctx.call_local_by_name("one", &()).await?;
        let two: u64 = ctx.call_local_by_name("two", &one).await?;
        Ok(ctx.call_activity_by_name::<_, u64>("three", &two).await?)
    })
}

/// Calls one with these options; gives what it returned, or why it failed.
fn calls(options: ActivityOptions) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| async move {
        let activity = NamedActivity::new("one").with(options);
        let result: Result<u64, _> = ctx.call_local_by_name(activity, &()).await;
        Ok(result.map_err(|error| (format!("{:?}", error.kind()), error.to_string())))
    })
}

fn call(id: u64, activity: &str, attempt: u32, input: impl serde::Serialize) -> Action {
    Action::CallActivity {
        id: CorrelationId(id),
        name: name(activity),
        input: payload(input),
        attempt,
        terms: None,
        tagged: None,
        local: true,
    }
}

/// A machine whose shell runs them in place.
fn in_place(code: &OrchestrationCode) -> (Machine, Turn) {
    let config = MachineConfig { local_in_place: true, ..MachineConfig::default() };
    let (id, first) = (instance::instance_id(), ExecutionId::FIRST);
    Machine::start(code, id, first, config, start(()), seconds(1_000)).expect("it starts")
}

fn released(mut turn: Turn) -> Vec<Action> {
    turn.actions.go_into(ShardId(0), 0);
    turn.actions.release(&Receipt::issue(ShardId(0), 1))
}

#[test]
fn the_log_marks_them_and_has_all_else_of_an_activity() {
    let mut instance = Instance::start(two_and_one(), ());
    instance.complete(1, 10);
    instance.complete(2, 20);
    instance.complete(3, 30);
    assert_eq!(
        instance.log()[1..],
        [
            "TaskScheduled #1 `one`",
            "TaskLocal #1",
            "TaskCompleted #1",
            "TaskScheduled #2 `two`",
            "TaskLocal #2",
            "TaskCompleted #2",
            "TaskScheduled #3 `three`",
            "TaskCompleted #3",
            "ExecutionCompleted",
        ]
    );
    assert_eq!(instance.output::<u64>(), 30);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_shell_that_does_not_ask_for_them_gets_them_with_the_actions() {
    let mut instance = Instance::start(two_and_one(), ());
    assert_eq!(instance.actions(), [call(1, "one", 1, ())]);
    assert_eq!(instance.complete(1, 10).actions, [call(2, "two", 1, 10)]);
}

#[test]
fn a_shell_that_asks_for_them_gets_them_unsealed_and_is_shown_what_can_wait() {
    let (mut machine, turn) = in_place(&two_and_one());
    assert_eq!((&turn.local[..], turn.can_wait), (&[call(1, "one", 1, ())][..], true));
    assert_eq!(released(turn), []);
    assert!(machine.is_open_task(ID));

    let turn = machine.apply(complete(1, 10), seconds(1_000)).expect("it is open");
    assert_eq!((&turn.local[..], turn.can_wait), (&[call(2, "two", 1, 10)][..], true));
    assert_eq!(released(turn), []);
    assert!(!machine.is_open_task(ID));

    let turn = machine.apply(complete(2, 20), seconds(1_000)).expect("it is open");
    assert_eq!((&turn.local[..], turn.can_wait), (&[][..], false), "three must not begin before");
    assert_eq!(released(turn).len(), 1);
}

#[test]
fn what_others_wait_for_does_not_wait_for_them() {
    let beside_a_timer = code(|ctx: OrchestrationContext, ()| async move {
        let local = ctx.call_local_by_name::<_, u64>("one", &());
        Ok(ctx.timeout(Duration::from_secs(9), local).await.is_ok())
    });
    let (_, turn) = in_place(&beside_a_timer);
    assert_eq!((turn.local.len(), turn.can_wait), (1, false));

    let beside_an_event = code(|ctx: OrchestrationContext, ()| async move {
        let event = ctx.schedule_wait::<u64>("Go");
        let (one, go) = join(ctx.call_local_by_name::<_, u64>("one", &()), event).await;
        Ok(one? + go?)
    });
    let (_, turn) = in_place(&beside_an_event);
    assert_eq!((turn.local.len(), turn.can_wait), (1, true), "nothing is to be done for an event");
}

#[test]
fn it_can_be_changed_while_an_execution_runs() {
    let (mut machine, _) = in_place(&two_and_one());
    machine.run_local_in_place(false);
    let turn = machine.apply(complete(1, 10), seconds(1_000)).expect("it is open");
    assert_eq!((turn.local.len(), turn.can_wait), (0, false));
    assert_eq!(released(turn), [call(2, "two", 1, 10)]);
}

#[test]
fn an_attempt_is_made_again_in_place_and_its_timer_is_set_when_that_is_durable_as_well() {
    let policy = RetryPolicy::new(2).first_delay(Duration::from_millis(1)).jitter(0.0);
    let (mut machine, _) = in_place(&calls(ActivityOptions::new().retry(policy)));
    let result = Err(ActivityError::retryable("busy"));
    let failed = Command::CompleteTask { id: ID, attempt: 1, result };
    let turn = machine.apply(failed, seconds(1_000)).expect("it is open");
    let fire_at = seconds(1_000) + Duration::from_millis(1);
    let timer = Action::CreateTimer { id: ID, fire_at };
    assert_eq!((&turn.local[..], turn.can_wait), (&[timer.clone()][..], true));
    assert_eq!(released(turn), [timer]);

    let turn = machine.apply(fire(1), fire_at).expect("it is open");
    assert!(turn.recorded.events.is_empty(), "that it is time follows from the log");
    assert_eq!(turn.local, [call(1, "one", 2, ())]);
}

#[test]
fn options_that_make_no_sense_are_refused_before_anything_is_recorded() {
    for (options, what) in [
        (ActivityOptions::new().tag("gpu"), "a tag"),
        (ActivityOptions::new().heartbeat(Duration::from_secs(1)), "a heartbeat time-out"),
    ] {
        let instance = Instance::start(calls(options), ());
        let Err((kind, why)) = instance.output::<Result<u64, (String, String)>>() else {
            panic!("it is refused")
        };
        assert_eq!(kind, format!("{:?}", ActivityErrorKind::InvalidOptions));
        assert!(why.contains(&format!("a local activity cannot have {what}")), "{why}");
        assert_eq!(instance.log()[1..], ["ExecutionCompleted"]);
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn options_that_make_sense_are_recorded_before_the_mark() {
    let options = ActivityOptions::new()
        .retry(RetryPolicy::new(2))
        .start_to_close(Duration::from_secs(1))
        .schedule_to_close(Duration::from_secs(60));
    let mut instance = Instance::start(calls(options), ());
    assert_eq!(
        instance.log()[1..],
        ["TaskScheduled #1 `one`", "TaskConfigured #1", "TaskLocal #1"]
    );
    instance.pass(60);
    instance.fire(1);
    let Err((kind, _)) = instance.output::<Result<u64, (String, String)>>() else {
        panic!("it is too late")
    };
    assert_eq!(kind, format!("{:?}", ActivityErrorKind::TimedOut));
    instance.assert_replays_from_every_point();
}

/// As an instance calls it whose code has changed.
fn either(local: bool) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| async move {
        let called = match local {
            true => ctx.call_local_by_name::<_, u64>("one", &()),
            false => ctx.call_activity_by_name("one", &()),
        };
        Ok(called.await?)
    })
}

#[test]
fn whether_one_is_local_the_log_says_and_not_the_code() {
    for local in [true, false] {
        let before = Instance::start(either(local), ());
        let config = MachineConfig { strict: true, ..MachineConfig::default() };
        let after =
            Instance::try_replay(&either(!local), &config, before.turns()).expect("it fits");
        assert_eq!(after.open_actions(), before.actions());
    }
}

#[test]
fn one_of_another_name_or_input_is_no_replay() {
    let before = Instance::start(two_and_one(), ());
    for (activity, input, differs) in [("other", 0, "`other`"), ("one", 7, "input 7")] {
        let changed = code(move |ctx: OrchestrationContext, ()| async move {
            Ok::<u64, OrchestrationError>(ctx.call_local_by_name(activity, &input).await?)
        });
        let why = Instance::try_replay(&changed, &MachineConfig::default(), before.turns());
        let why = why.expect_err("it differs").to_string();
        assert!(why.contains(differs) && why.contains('1'), "{why}");
    }
}

#[test]
fn a_cancel_ends_one_and_a_dropped_one_is_not_waited_for() {
    let mut instance = Instance::start(calls(ActivityOptions::new()), ());
    instance.apply(Command::Cancel { reason: "enough".into() });
    let Err((kind, _)) = instance.output::<Result<u64, (String, String)>>() else {
        panic!("it is cancelled")
    };
    assert_eq!(kind, format!("{:?}", ActivityErrorKind::Cancelled));

    let dropping = code(|ctx: OrchestrationContext, ()| async move {
        drop(ctx.call_local_by_name::<_, u64>("one", &()));
        Ok(ctx.call_local_by_name::<_, u64>("two", &()).await?)
    });
    let (machine, turn) = in_place(&dropping);
    assert_eq!(turn.local, [call(2, "two", 1, ())], "the first is not started at all");
    assert!(!machine.is_open_task(ID));
}

struct One;

impl ActivityDefinition for One {
    type Input = u64;
    type Output = String;
    const NAME: &'static str = "one";
}

#[test]
fn a_typed_one_knows_its_types() {
    let typed = code(|ctx: OrchestrationContext, ()| async move {
        let text: String = ctx.call_local(One, 7).await?;
        Ok::<_, OrchestrationError>(text)
    });
    let mut instance = Instance::start(typed, ());
    assert_eq!(instance.actions(), [call(1, "one", 1, 7)]);
    instance.complete(1, "seven");
    assert_eq!(instance.output::<String>(), "seven");
}
