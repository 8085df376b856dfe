//! From the start, which may be delayed, to the end, which may be a termination; and commands that
//! come when they should not.

use std::time::Duration;

use crate::support::instance::{
    Instance, code, complete, fire, payload, raise, raise_once, rejection, seconds, start, task,
    terminate,
};
use reenact_core::{
    Action, ActivityError, ApplyError, Command, CorrelationId, MachineConfig, OrchestrationCode,
    OrchestrationContext, OrchestrationError, OrchestrationErrorKind, Outcome, Rejected, Start,
    Timestamp,
};

/// Adds an event's number to its input.
fn adds() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, input: u64| {
        Ok(input + ctx.wait_external::<u64>("More").await?)
    })
}

fn delayed(seconds: u64) -> Instance {
    let how = Start { delay: Some(Duration::from_secs(seconds)), ..start(1) };
    Instance::start_with(adds(), MachineConfig::default(), how)
}

#[test]
fn a_delayed_start_runs_the_code_when_its_timer_fires() {
    let mut instance = delayed(60);
    assert_eq!(
        instance.log(),
        ["ExecutionStarted `orchestration`", "TimerCreated #0 for 1970-01-01T00:17:40.000000Z"]
    );
    let timer = Action::CreateTimer { id: CorrelationId::START, fire_at: seconds(1_060) };
    assert_eq!(instance.actions(), std::slice::from_ref(&timer));
    assert_eq!(instance.machine.open_actions(), [timer]);
    assert_eq!(instance.machine.wake_at(), Some(seconds(1_060)));
    assert_eq!(instance.fire(0).outputs(), ["ExternalSubscribed #1 `More`"]);
    instance.raise("More", 2);
    assert_eq!(instance.output::<u64>(), 3);
    instance.assert_replays_from_every_point();
}

#[test]
fn events_are_buffered_during_the_delay_and_the_timer_fires_once() {
    let mut instance = delayed(60);
    assert!(instance.raise("More", 2).outputs().is_empty());
    assert!(instance.complete(0, 1).is_empty(), "it is no activity");
    assert!(instance.fire(1).is_empty());
    instance.fire(0);
    assert_eq!(instance.output::<u64>(), 3);
    assert!(instance.fire(0).is_empty());
    instance.assert_replays_from_every_point();
}

#[test]
fn termination_during_the_delay_calls_the_timer_off() {
    let mut instance = delayed(60);
    let answer = instance.apply(terminate("changed my mind"));
    let id = CorrelationId::START;
    assert_eq!(answer.actions[0], Action::CancelTimer { id, fire_at: seconds(1_060) });
    assert!(instance.fire(0).is_empty());
    instance.assert_replays_from_every_point();
}

#[test]
fn a_delay_of_nothing_is_still_a_timer() {
    let mut instance = delayed(0);
    assert_eq!(instance.machine.wake_at(), Some(seconds(1_000)));
    instance.fire(0);
    assert_eq!(instance.machine.open_waits().len(), 1);
}

#[test]
fn termination_ends_without_asking_the_code() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let both = (task(&ctx, "a"), ctx.timer(Duration::from_secs(60)));
        ctx.wait_external::<()>("Go").await?;
        drop(both);
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    let answer = instance.apply(terminate("enough"));
    assert_eq!(answer.log(), ["ExecutionTerminated: enough"]);
    let outcome = Outcome::Terminated { reason: "enough".into() };
    assert_eq!(
        answer.actions,
        [
            Action::CancelActivity { id: CorrelationId(1) },
            Action::CancelTimer { id: CorrelationId(2), fire_at: seconds(1_060) },
            Action::Reply { outcome: outcome.clone() },
        ]
    );
    assert_eq!(answer.outcome.as_ref(), Some(&outcome));
    assert_eq!(instance.machine.outcome(), Some(&outcome));
    assert_eq!(instance.machine.history().outcome(), Some(outcome));
    assert_eq!(instance.machine.wake_at(), None);
    assert!(!instance.machine.has_open_tasks(instance.now));
    instance.assert_replays_from_every_point();
}

fn finished() -> Instance {
    let mut instance = Instance::start(adds(), 1);
    instance.apply(raise_once("More", 2, "key"));
    assert_eq!(instance.output::<u64>(), 3);
    instance
}

#[test]
fn a_finished_instance_refuses_what_would_change_it() {
    let mut instance = finished();
    let before = instance.log();
    for command in [raise("More", 3), raise_once("More", 3, "other key"), terminate("late")] {
        assert_eq!(rejection(instance.try_apply(command)), Rejected::Finished);
    }
    let again = Command::Start(start(5));
    assert_eq!(rejection(instance.try_apply(again)), Rejected::AlreadyStarted);
    assert_eq!(instance.log(), before);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_finished_instance_takes_what_it_has_seen_or_no_longer_needs_as_done() {
    let mut instance = finished();
    for command in [raise_once("More", 2, "key"), complete(1, 1), fire(1)] {
        let answer = instance.apply(command);
        assert!(answer.is_empty());
        assert_eq!(answer.outcome, None, "it did not end in this turn");
    }
    instance.assert_replays_from_every_point();
}

#[test]
fn duplicates_make_turns_without_events() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let both = (task(&ctx, "a"), ctx.timer(Duration::from_secs(60)));
        ctx.wait_external::<()>("Go").await?;
        drop(both);
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(instance.complete(1, 1).number, 1);
    instance.fire(2);
    let before = instance.log();
    let duplicates =
        [complete(1, 1), complete(1, 2), fire(2), fire(1), complete(2, 1), complete(3, 1), fire(9)];
    for duplicate in duplicates {
        let answer = instance.apply(duplicate);
        assert!(answer.is_empty());
        assert_eq!(answer.number, 3, "the number of the turn that comes next");
    }
    assert!(instance.fail(1, ActivityError::fatal("too late")).is_empty());
    assert_eq!(instance.log(), before);
    assert_eq!(instance.raise("Go", ()).number, 3);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_started_instance_cannot_be_started_again() {
    let mut instance = Instance::start(adds(), 1);
    let again = Command::Start(start(2));
    assert_eq!(rejection(instance.try_apply(again)), Rejected::AlreadyStarted);
    instance.raise("More", 1);
    assert_eq!(instance.output::<u64>(), 2);
}

#[test]
fn what_has_not_started_takes_nothing_but_its_start() {
    let config = MachineConfig::default();
    let mut machine = Instance::try_replay(&adds(), &config, &[]).expect("nothing to replay");
    for command in [raise("More", 1), terminate("early"), complete(1, 1), fire(0)] {
        let refused = machine.apply(command, seconds(1)).map(drop);
        assert_eq!(refused, Err(ApplyError::Rejected(Rejected::NotStarted)));
    }
    assert!(machine.history().is_empty());
    let turn = machine.apply(Command::Start(start(1)), seconds(2)).expect("it starts");
    assert_eq!(turn.number, 0);
}

#[test]
fn refusals_read_as_sentences() {
    let texts = [
        (Rejected::Finished, "the instance has finished"),
        (Rejected::NotStarted, "the instance has not started"),
        (Rejected::AlreadyStarted, "the instance has started already"),
        (
            Rejected::TooManyEvents { limit: 5 },
            "5 external events are waiting already; the instance must take some first",
        ),
    ];
    for (rejected, text) in texts {
        assert_eq!(ApplyError::from(rejected).to_string(), text);
    }
}

#[test]
fn every_end_replies_with_its_outcome() {
    let code = code(async |ctx: OrchestrationContext, fails: bool| {
        let number = task(&ctx, "a").await?;
        if fails { Err(OrchestrationError::new("no")) } else { Ok(number) }
    });
    let mut completed = Instance::start(code.clone(), false);
    let outcome = Outcome::Completed(payload(4));
    assert_eq!(completed.complete(1, 4).actions, [Action::Reply { outcome: outcome.clone() }]);
    assert_eq!(completed.machine.history().outcome(), Some(outcome));
    let mut failed = Instance::start(code, true);
    let outcome = Outcome::Failed(OrchestrationError::new("no"));
    assert_eq!(failed.complete(1, 4).actions, [Action::Reply { outcome: outcome.clone() }]);
    assert_eq!(failed.machine.history().outcome(), Some(outcome));
    failed.assert_replays_from_every_point();
}

#[test]
fn an_error_of_an_activity_passes_through_with_its_details() {
    let code = code(async |ctx: OrchestrationContext, ()| Ok(task(&ctx, "pay").await?));
    let mut instance = Instance::start(code, ());
    instance.fail(1, ActivityError::fatal("declined").with_details(&51));
    assert_eq!(instance.failure().kind(), OrchestrationErrorKind::Failed);
    assert_eq!(instance.failure().message(), "activity `pay` #1 failed: declined");
    assert_eq!(instance.failure().details::<u32>(), Some(51));
    instance.assert_replays_from_every_point();
}

#[test]
fn an_input_of_another_type_fails_the_instance() {
    assert!(adds().check_input(&payload("text")).is_err());
    assert!(adds().check_input(&payload(1)).is_ok());
    let instance = Instance::start(adds(), "text");
    assert_eq!(instance.failure().kind(), OrchestrationErrorKind::InvalidInput);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_machine_knows_what_must_be_under_way_and_when_it_must_be_in_memory() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let late = ctx.schedule_timer(Duration::from_secs(60));
        let early = ctx.schedule_timer(Duration::from_secs(30));
        task(&ctx, "a").await?;
        early.await;
        late.await;
        Ok(ctx.wait_external::<u64>("Go").await?)
    });
    let mut instance = Instance::start(code, ());
    let machine = |instance: &Instance| {
        (
            instance.machine.has_open_tasks(instance.now),
            instance.machine.wake_at(),
            instance.machine.open_actions().len(),
        )
    };
    assert_eq!(machine(&instance), (true, Some(Timestamp::EPOCH), 3));
    instance.complete(3, 1);
    assert_eq!(machine(&instance), (false, Some(seconds(1_030)), 2));
    instance.fire(2);
    assert_eq!(machine(&instance), (false, Some(seconds(1_060)), 1));
    instance.fire(1);
    assert_eq!(machine(&instance), (false, None, 0));
    instance.raise("Go", 1);
    assert_eq!(machine(&instance), (false, None, 0));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_history_shows_itself_as_one_line_for_each_event() {
    let instance = finished();
    let shown = instance.machine.history().to_string();
    assert_eq!(
        shown,
        "    0  1970-01-01T00:16:40.000000Z  ExecutionStarted `orchestration`\n    \
         1  1970-01-01T00:16:40.000000Z  ExternalSubscribed #1 `More`\n    \
         2  1970-01-01T00:16:41.000000Z  ExternalRaised `More`\n    \
         3  1970-01-01T00:16:41.000000Z  ExecutionCompleted\n"
    );
    let places: Vec<_> = instance.machine.history().events().map(|event| event.position).collect();
    assert_eq!((places, instance.machine.history().len()), (vec![0, 1, 2, 3], 4));
}

#[test]
fn a_machine_names_itself() {
    let instance = Instance::start(adds(), 1);
    assert_eq!(instance.machine.name().as_str(), "orchestration");
    assert_eq!(instance.machine.instance_id().as_str(), "instance");
    let shown = format!("{:?}", instance.machine);
    assert_eq!(shown, "Machine { name: \"orchestration\", events: 2, outcome: None, .. }");
}
