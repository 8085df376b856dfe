//! A host that dies while an activity runs: where that start was recorded, it counts as an attempt.

use std::time::Duration;

use crate::support::instance::{Instance, code, task};
use reenact_core::{
    Action, ActivityError, ActivityErrorKind, ActivityOptions, Command, CorrelationId, Event, Name,
    NamedActivity, OrchestrationCode, OrchestrationContext, Payload, RecordedTurn, RetryPolicy,
    RunDeaths, Timestamp,
};

const ID: CorrelationId = CorrelationId(1);

fn calling(options: Option<ActivityOptions>) -> Instance {
    let code: OrchestrationCode = code(move |ctx: OrchestrationContext, ()| async move {
        match options {
            None => task(&ctx, "work").await,
            Some(options) => {
                let call = NamedActivity::new("work").with(options);
                ctx.call_activity_by_name::<_, u64>(call, &()).await
            }
        }
        .map_err(Into::into)
    });
    Instance::start(code, ())
}

fn start(attempt: u32) -> Command {
    Command::StartTask { id: ID, attempt }
}

fn lose(most: u32) -> Command {
    Command::LoseTask { id: ID, most }
}

/// The attempt that the timer of the next attempt calls.
fn called(instance: &mut Instance) -> Option<u32> {
    instance.fire(1).actions.iter().find_map(|action| match action {
        Action::CallActivity { attempt, .. } => Some(*attempt),
        _ => None,
    })
}

#[test]
fn a_start_is_recorded_once_and_only_of_the_attempt_that_is_under_way() {
    let mut instance = calling(None);
    assert!(instance.apply(start(2)).is_empty());
    assert_eq!(
        instance.apply(start(1)).log(),
        ["TaskStarted #1, attempt 1, after 0 hosts that died"]
    );
    assert!(instance.apply(start(1)).is_empty());
    assert_eq!(instance.machine.started_tasks(), [(ID, 1)]);
    instance.complete(1, 7_u64);
    assert_eq!(instance.machine.started_tasks(), []);
    assert_eq!(instance.output::<u64>(), 7);
    instance.assert_replays_from_every_point();
}

#[test]
fn without_a_policy_it_is_tried_again_at_once_up_to_the_bound_and_then_fails() {
    let mut instance = calling(None);
    for died in 1..3 {
        instance.apply(start(died));
        let lost = instance.apply(lose(3)).log();
        assert!(lost[0].starts_with(&format!("TaskAttemptFailed #1, attempt {died}")), "{lost:?}");
        assert_eq!(called(&mut instance), Some(died + 1));
        assert_eq!(instance.machine.open_activities(1)[0].attempt, died + 1);
    }
    instance.apply(start(3));
    let failed = instance.apply(lose(3)).log();
    let why =
        "TaskFailed #1: the host died: 3 times, each time while an attempt of the activity ran";
    assert_eq!(failed[0], why);
    instance.assert_replays_from_every_point();
}

#[test]
fn what_did_not_start_or_was_stopped_is_not_lost() {
    let mut instance = calling(None);
    assert!(instance.apply(lose(1)).is_empty(), "it only waited for its place");
    instance.apply(start(1));
    assert_eq!(instance.apply(Command::StopTask { id: ID }).log(), ["TaskStopped #1"]);
    assert!(instance.apply(lose(1)).is_empty());
    assert!(instance.apply(Command::StopTask { id: ID }).is_empty());
    instance.apply(start(1));
    instance.complete(1, 7_u64);
    assert_eq!(instance.output::<u64>(), 7);
    instance.assert_replays_from_every_point();
}

#[test]
fn the_policy_of_the_call_says_when_and_how_often() {
    let policy = RetryPolicy::new(2).first_delay(Duration::from_secs(60));
    let mut instance = calling(Some(ActivityOptions::new().retry(policy)));
    instance.apply(start(1));
    instance.apply(lose(5));
    assert_eq!(called(&mut instance), None, "its delay is not over");
    instance.pass(60);
    assert_eq!(called(&mut instance), Some(2));
    instance.apply(start(2));
    let failed = instance.apply(lose(5)).log();
    assert!(failed[0].starts_with("TaskFailed #1: the host died: 2 times"), "{failed:?}");
    instance.assert_replays_from_every_point();
}

#[test]
fn an_attempt_that_fails_by_itself_is_no_death_and_resets_none() {
    let policy = RetryPolicy::new(9).first_delay(Duration::ZERO);
    let mut instance = calling(Some(ActivityOptions::new().retry(policy)));
    instance.apply(start(1));
    instance.apply(lose(5));
    assert_eq!(called(&mut instance), Some(2));
    instance.apply(start(2));
    instance.fail(1, "busy".into());
    assert_eq!(instance.machine.started_tasks(), []);
    assert_eq!(instance.machine.deaths_of_tasks(), [(ID, 1)]);
    assert_eq!(called(&mut instance), Some(3));
    let started = instance.apply(start(3)).log();
    assert_eq!(started, ["TaskStarted #1, attempt 3, after 1 hosts that died"]);
    instance.assert_replays_from_every_point();
}

/// The failure that tells of the death is superseded then, and is not in every log.
#[test]
fn a_death_counts_no_longer_after_an_attempt_that_fails_without_a_recorded_start() {
    let mut instance = calling(Some(ActivityOptions::new().retry(RetryPolicy::new(9).jitter(0.0))));
    instance.apply(start(1));
    instance.apply(lose(3));
    assert_eq!(instance.machine.deaths_of_tasks(), [(ID, 1)]);
    instance.fail(1, ActivityError::retryable("busy"));
    assert_eq!(instance.machine.deaths_of_tasks(), [(ID, 0)]);
    assert_eq!(
        instance.apply(start(3)).log(),
        ["TaskStarted #1, attempt 3, after 0 hosts that died"]
    );
    instance.assert_replays_from_every_point();
}

#[test]
fn a_death_can_be_tried_again_by_the_code() {
    let is_death = ActivityErrorKind::HostDied;
    let mut instance = calling(None);
    instance.apply(start(1));
    instance.apply(lose(1));
    let failure = instance.failure();
    assert!(failure.message().contains("the host died"), "{failure} {is_death:?}");
}

#[test]
fn a_run_that_nothing_comes_of_was_the_end_of_its_host() {
    let code: OrchestrationCode = code(|ctx: OrchestrationContext, ()| async move {
        ctx.wait_external::<()>("Go").await?;
        ctx.wait_external::<()>("Never").await?;
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    let deaths = |instance: &Instance| {
        let mut deaths = RunDeaths::default();
        instance.turns().iter().for_each(|turn| deaths.apply(turn));
        (deaths.known(), deaths.is_running())
    };
    assert_eq!(deaths(&instance), (0, false));
    instance.apply(Command::AnnounceRun { died: 0 });
    assert_eq!(deaths(&instance), (1, true));
    instance.apply(Command::AnnounceRun { died: 1 });
    assert_eq!(deaths(&instance), (2, true));
    instance.apply(Command::SurviveRun);
    assert_eq!(deaths(&instance), (1, false), "what was known is not forgotten");
    instance.raise("Go", ());
    assert_eq!(deaths(&instance), (0, false), "it gets on");
    instance.assert_replays_from_every_point();
}

#[test]
fn deaths_are_known_while_an_execution_is_parked_and_forgotten_when_it_goes_on() {
    let turn = |event| RecordedTurn { at: Timestamp::EPOCH, events: [event].into() };
    let raised = || {
        let (name, data) = (Name::new("Go").unwrap(), Payload::encode(&()).unwrap());
        turn(Event::ExternalRaised { name, data, key: None })
    };
    let parked = turn(Event::ExecutionParked { reason: "five hosts died".into() });
    assert!(!parked.runs_code());
    let mut deaths = RunDeaths::default();
    for turn in [turn(Event::RunAnnounced { died: 4 }), parked, raised(), raised()] {
        deaths.apply(&turn);
        assert_eq!(deaths.known(), 5);
    }
    deaths.apply(&turn(Event::ExecutionUnparked));
    assert_eq!((deaths.known(), deaths.is_running()), (0, false));
}
