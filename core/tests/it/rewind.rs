//! A history that is rewound: what is kept replays, what is undone happens anew, and nothing that came
//! from outside is lost.

use std::time::Duration;

use crate::support::instance::{
    self, Instance, code, complete, fire, instance_id, name, payload, raise, raise_once, rejection,
    seconds, start, task, turn,
};
use reenact_core::{
    Action, ActivityError, ActivityOptions, Command, CorrelationId, Event, ExecutionId, History,
    Machine, MachineConfig, NamedActivity, NoSuchPosition, OrchestrationCode, OrchestrationContext,
    Outcome, RecordedTurn, ReplayError, RetryPolicy, Rewind, Rewound, Start,
};

/// What a rewind of this instance to before an event makes of it, by the same code.
fn rewound(instance: &Instance, position: u64) -> Instance {
    rewound_with(instance, position, instance.code.clone(), 1)
}

/// By other code, and with that seed.
fn rewound_with(
    instance: &Instance,
    position: u64,
    code: OrchestrationCode,
    seed: u64,
) -> Instance {
    let turns = rewound_turns(instance.machine.history(), position, seed, instance.now);
    let (config, next) = (MachineConfig::default(), instance.machine.execution_id().next());
    let machine = Machine::replay(&code, instance_id(), next.expect("few"), config.clone(), turns);
    Instance::resumed(code, config, machine.expect("it fits"), instance.now)
}

fn rewound_turns(
    history: &History,
    position: u64,
    seed: u64,
    at: reenact_core::Timestamp,
) -> Vec<RecordedTurn> {
    let rewind = Rewind { position, reason: "a test".into(), seed };
    let Rewound { kept, turns } =
        history.rewound(&instance_id(), rewind, at).expect("there is the position");
    history.turns()[..kept].iter().cloned().chain(turns).collect()
}

/// The place of the first event that begins with this text.
fn position_of(instance: &Instance, text: &str) -> u64 {
    let place = instance.log().iter().position(|event| event.starts_with(text));
    place.unwrap_or_else(|| panic!("no {text} in {:#?}", instance.log())) as u64
}

/// The same out of its log.
fn assert_replays(instance: &Instance) {
    let (config, turns) = (instance.config.clone(), instance.turns().iter().cloned());
    let execution = instance.machine.execution_id();
    let again = Machine::replay(&instance.code, instance_id(), execution, config, turns);
    let again = again.expect("it replays");
    assert_eq!(again.history(), instance.machine.history());
    assert_eq!(again.outcome(), instance.machine.outcome());
    assert_eq!(again.open_actions(), instance.machine.open_actions());
    assert_eq!(again.wake_at(), instance.machine.wake_at());
}

/// Two activities and an event, all of which must be well.
fn order() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        let reserved = task(&ctx, "reserve").await?;
        let extra: u64 = ctx.wait_external("Go").await?;
        Ok(reserved + extra + task(&ctx, "charge").await?)
    })
}

fn failed_order() -> Instance {
    let mut instance = Instance::start(order(), ());
    instance.complete(1, 1);
    instance.raise("Go", 20);
    instance.fail(3, ActivityError::fatal("no money"));
    assert_eq!(instance.failure().message(), "activity `charge` #3 failed: no money");
    instance
}

#[test]
fn to_before_a_failed_step_the_activity_runs_again() {
    let failed = failed_order();
    let mut again = rewound(&failed, position_of(&failed, "TaskFailed"));
    assert_eq!(again.machine.outcome(), None);
    assert_eq!(
        again.log(),
        [
            "ExecutionStarted `orchestration`",
            "TaskScheduled #1 `reserve`",
            "TaskCompleted #1",
            "ExternalSubscribed #2 `Go`",
            "ExternalRaised `Go`",
            "TaskScheduled #3 `charge`",
            "ExecutionRewound by 2 events: a test",
            "TimerCreated #0 for 1970-01-01T00:16:43.000000Z",
        ]
    );
    let open = again.machine.open_actions();
    let (id, fire_at) = (CorrelationId::START, seconds(1_003));
    assert_eq!(open.len(), 2);
    assert_eq!(open[0], Action::CreateTimer { id, fire_at });
    assert!(matches!(&open[1], Action::CallActivity { name, .. } if name.as_str() == "charge"));
    again.fire(0);
    again.complete(3, 300);
    assert_eq!(again.output::<u64>(), 321);
    assert_replays(&again);
}

#[test]
fn an_event_that_is_undone_is_raised_again_and_the_code_reacts_to_it_anew() {
    let failed = failed_order();
    let mut again = rewound(&failed, position_of(&failed, "ExternalRaised"));
    assert_eq!(
        again.log()[4..],
        [
            "ExecutionRewound by 4 events: a test",
            "TimerCreated #0 for 1970-01-01T00:16:43.000000Z",
            "ExternalRaised `Go`",
        ]
    );
    assert_replays(&again);
    assert_eq!(again.fire(0).outputs(), ["TaskScheduled #3 `charge`"]);
    again.complete(3, 300);
    assert_eq!(again.output::<u64>(), 321);
    assert_replays(&again);
}

#[test]
fn whatever_comes_before_the_code_may_run_waits_for_it() {
    let failed = failed_order();
    let mut again = rewound(&failed, position_of(&failed, "TaskFailed"));
    assert_eq!(again.complete(3, 300).outputs(), [""; 0]);
    again.raise("Go", 1);
    assert_replays(&again);
    assert_eq!(again.machine.outcome(), None);
    assert_eq!(again.fire(0).outputs(), ["ExecutionCompleted"]);
    assert_eq!(again.output::<u64>(), 321);
    assert_replays(&again);
}

/// Any place of a history leads to the same end, when the rest happens again.
#[test]
fn every_position_but_those_of_the_first_turn_can_be_rewound_to() {
    let failed = failed_order();
    let length = failed.machine.history().len();
    for position in 0..length + 2 {
        let rewind = Rewind { position, reason: String::new(), seed: 1 };
        let refused = failed.machine.history().rewound(&instance_id(), rewind, failed.now);
        if !(2..length).contains(&position) {
            assert_eq!(refused, Err(NoSuchPosition { position, length }));
            continue;
        }
        let mut again = rewound(&failed, position);
        again.fire(0);
        again.complete(1, 1);
        again.complete(3, 300);
        assert_eq!(again.output::<u64>(), 321, "to before {position}");
        assert_replays(&again);
    }
}

#[test]
fn code_that_differs_after_the_position_goes_on() {
    let failed = failed_order();
    let changed = code(async |ctx: OrchestrationContext, ()| {
        let reserved = task(&ctx, "reserve").await?;
        let extra: u64 = ctx.wait_external("Go").await?;
        Ok(reserved + extra + task(&ctx, "invoice").await?)
    });
    let position = position_of(&failed, "TaskScheduled #3");
    let mut again = rewound_with(&failed, position, changed.clone(), 1);
    assert_eq!(again.fire(0).outputs(), ["TaskScheduled #3 `invoice`"]);
    again.complete(3, 300);
    assert_eq!(again.output::<u64>(), 321);

    // What is kept must fit, as ever.
    let turns = rewound_turns(failed.machine.history(), position + 1, 1, failed.now);
    let replayed = Instance::try_replay(&changed, &MachineConfig::default(), &turns);
    assert_eq!(instance::divergence(replayed).position, position);
}

#[test]
fn timers_that_had_not_fired_are_open_again_for_their_time() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let timer = ctx.timer(Duration::from_secs(3_600));
        let short = ctx.timer(Duration::from_secs(60));
        short.await;
        timer.await;
        Err::<(), _>("nothing works".into())
    });
    let mut failed = Instance::start(code, ());
    failed.fire(2);
    failed.fire(1);
    let again = rewound(&failed, position_of(&failed, "TimerFired #1"));
    let timers = |instance: &Instance| -> Vec<_> {
        let open = instance.machine.open_actions().into_iter();
        open.map(|action| match action {
            Action::CreateTimer { id, fire_at } => (id.0, fire_at),
            other => panic!("{other:?}"),
        })
        .collect()
    };
    assert_eq!(timers(&again), [(0, seconds(1_002)), (1, seconds(4_600))]);
    assert_eq!(again.machine.wake_at(), Some(seconds(1_002)));
    let earlier = rewound(&failed, position_of(&failed, "TimerFired #2"));
    assert_eq!(timers(&earlier), [(0, seconds(1_002)), (1, seconds(4_600)), (2, seconds(1_060))]);
}

#[test]
fn keys_stay_known_and_events_keep_their_order() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut seen = Vec::<u64>::new();
        for _ in 0..3 {
            seen.push(ctx.wait_external("Number").await?);
        }
        ctx.wait_external::<()>("End").await?;
        Ok(seen)
    });
    let mut instance = Instance::start(code, ());
    for number in 0..4 {
        instance.apply(raise_once("Number", number, &format!("key {number}")));
    }
    instance.raise("Other", 7);
    // Some of them are after the position and some are not.
    for position in 2..instance.machine.history().len() {
        let mut again = rewound(&instance, position);
        for number in 0..4 {
            let known = again.apply(raise_once("Number", 99, &format!("key {number}")));
            assert!(known.is_empty(), "key {number}, to before {position}");
        }
        again.fire(0);
        again.raise("End", ());
        assert_eq!(again.output::<Vec<u64>>(), [0, 1, 2]);
        assert_replays(&again);
    }
}

#[test]
fn random_numbers_are_others_from_there_on_and_differ_each_time() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let before = ctx.new_guid();
        task(&ctx, "a").await?;
        let after = ctx.new_guid();
        task(&ctx, "b").await?;
        Ok((before, after))
    });
    type Guids = (reenact_core::Guid, reenact_core::Guid);
    let finish = |mut instance: Instance| -> Guids {
        instance.apply(complete(1, 0));
        instance.apply(complete(2, 0));
        assert_replays(&instance);
        instance.output()
    };
    let first = Instance::start(code.clone(), ());
    let mut ended = Instance::start(code.clone(), ());
    ended.complete(1, 0);
    ended.complete(2, 0);
    let once = |seed| {
        let mut again =
            rewound_with(&ended, position_of(&ended, "TaskCompleted #1"), code.clone(), seed);
        again.fire(0);
        again
    };
    let (original, one, two) = (finish(first), finish(once(1)), finish(once(2)));
    assert_eq!([original.0, original.0], [one.0, two.0], "what is kept was drawn before");
    assert!(original.1 != one.1 && original.1 != two.1 && one.1 != two.1);

    // Rewound to before the rewind: it is undone, and its numbers do not come again.
    let mut again = once(1);
    again.complete(1, 0);
    let position = position_of(&again, "ExecutionRewound");
    let mut anew = rewound_with(&again, position, code, 3);
    assert_eq!(anew.machine.execution_id(), ExecutionId(3));
    assert!(!anew.log()[..position as usize].iter().any(|e| e.starts_with("ExecutionRewound")));
    anew.fire(0);
    let anew = finish(anew);
    assert!(anew.0 == original.0 && anew.1 != one.1 && anew.1 != original.1);
}

#[test]
fn several_rewinds_may_follow_each_other() {
    let failed = failed_order();
    let mut again = rewound(&failed, position_of(&failed, "TaskFailed"));
    // Before the code ran, and after it.
    let mut at_once = rewound(&again, position_of(&again, "TaskScheduled #3"));
    at_once.fire(0);
    assert_replays(&at_once);
    again.fire(0);
    again.fail(3, ActivityError::fatal("still no money"));
    let position = position_of(&again, "TaskFailed");
    let mut third = rewound(&again, position);
    assert_eq!(third.log().iter().filter(|e| e.starts_with("ExecutionRewound")).count(), 2);
    let after_the_timer = rewound(&third, third.machine.history().len() - 1);
    assert_eq!(after_the_timer.log().len(), third.log().len() + 1, "the rewind itself is undone");
    assert!(after_the_timer.log().contains(&"CommandsReceived".into()), "and known");
    third.fire(0);
    third.complete(3, 300);
    assert_eq!(third.output::<u64>(), 321);
    assert_replays(&third);
    assert_eq!(at_once.machine.outcome(), None);
}

#[test]
fn a_delayed_start_that_has_not_begun_keeps_its_delay() {
    let how = Start { delay: Some(Duration::from_secs(60)), ..start(()) };
    let mut delayed = Instance::start_with(order(), MachineConfig::default(), how);
    delayed.raise("Go", 20);
    let mut again = rewound(&delayed, position_of(&delayed, "ExternalRaised"));
    assert_eq!(again.log()[2..], ["ExecutionRewound by 1 events: a test", "ExternalRaised `Go`"]);
    assert_eq!(again.machine.wake_at(), Some(seconds(1_060)));
    again.fire(0);
    again.complete(1, 1);
    again.complete(3, 300);
    assert_eq!(again.output::<u64>(), 321);
    assert_replays(&again);
}

#[test]
fn keys_that_were_carried_over_are_carried_again() {
    let code = code(async |ctx: OrchestrationContext, again: bool| {
        let () = ctx.wait_external("Next").await?;
        if again { Ok(()) } else { ctx.continue_as_new_untyped(&true) }
    });
    let mut first = Instance::start(code.clone(), false);
    first.apply(raise_once("Early", 1, "key"));
    first.raise("Next", ());
    let next = first.machine.successor(None).expect("nothing runs").expect("it continues");
    let second = Instance::resumed(code, MachineConfig::default(), next.machine, first.now);
    let mut again = rewound(&second, position_of(&second, "EventKeysCarried"));
    assert_eq!(
        again.log()[2..],
        ["ExecutionRewound by 2 events: a test", "EventKeysCarried", "ExternalRaised `Early`"]
    );
    assert!(again.apply(raise_once("Early", 2, "key")).is_empty());
    again.fire(0);
    again.raise("Next", ());
    assert_eq!(again.machine.outcome(), Some(&Outcome::Completed(payload(()))));
    assert_replays(&again);
}

#[test]
fn it_can_continue_as_new_and_be_terminated() {
    let eternal = || {
        code(async |ctx: OrchestrationContext, n: u64| {
            let () = ctx.wait_external("Next").await?;
            task(&ctx, "a").await?;
            ctx.continue_as_new_untyped::<_, ()>(&(n + 1))
        })
    };
    let mut instance = Instance::start(eternal(), 0_u64);
    instance.raise("Next", ());
    instance.fail(2, ActivityError::fatal("no"));
    let mut again = rewound(&instance, position_of(&instance, "TaskFailed"));
    let terminated = rewound(&instance, position_of(&instance, "TaskFailed"));
    again.fire(0);
    again.complete(2, 0);
    let next = again.machine.successor(None).expect("nothing runs").expect("it continues");
    assert_eq!(next.machine.execution_id(), ExecutionId(3));

    let mut terminated = terminated;
    terminated.apply(instance::terminate("enough"));
    assert!(matches!(terminated.machine.outcome(), Some(Outcome::Terminated { .. })));
    assert_replays(&terminated);
    let refused = rejection(terminated.try_apply(raise("Next", ())));
    assert_eq!(refused, reenact_core::Rejected::Finished);
    // The end is undone like anything else.
    let mut anew = rewound(&terminated, position_of(&terminated, "ExecutionTerminated"));
    anew.apply(fire(0));
    anew.complete(2, 0);
    assert!(matches!(anew.machine.outcome(), Some(Outcome::Continued { .. })));
}

#[test]
fn an_activity_begins_anew_with_its_first_attempt_and_all_of_its_time() {
    let patient = code(async |ctx: OrchestrationContext, ()| {
        let policy = RetryPolicy::new(3).deadline(Duration::from_secs(60));
        let busy = NamedActivity::new("a").with(ActivityOptions::new().retry(policy));
        ctx.call_activity_by_name::<_, u64>(busy, &()).await.map_err(Into::into)
    });
    let mut instance = Instance::start(patient, ());
    for delay in [1, 2, 0] {
        instance.fail(1, ActivityError::retryable("busy"));
        instance.pass(delay);
        instance.fire(1);
    }
    assert_eq!(instance.failure().message(), "activity `a` #1 failed after 3 attempts: busy");
    instance.pass(1_000);
    // Before the end; and before a failure that has superseded another.
    for place in ["TaskFailed", "TaskAttemptFailed"] {
        let mut again = rewound(&instance, position_of(&instance, place));
        assert_replays(&again);
        let open = again.machine.open_activities(1);
        assert_eq!((open[0].attempt, open[0].last_error.clone()), (1, None));
        assert_eq!(again.machine.wake_at(), Some(reenact_core::Timestamp::EPOCH));
        again.fire(0);
        for delay in [1, 2] {
            again.fail(1, ActivityError::retryable("still busy"));
            again.pass(delay);
            again.fire(1);
        }
        again.complete(1, 7);
        assert_eq!(again.output::<u64>(), 7);
        assert_replays(&again);
    }
}

#[test]
fn a_cancel_and_a_suspension_are_undone_with_the_rest() {
    let mut instance = Instance::start(order(), ());
    instance.complete(1, 1);
    instance.apply(instance::suspend("audit"));
    instance.apply(instance::cancel("fraud"));
    instance.apply(Command::Resume);
    assert_eq!(instance.machine.outcome(), Some(&Outcome::Cancelled { reason: "fraud".into() }));

    let mut suspended = rewound(&instance, position_of(&instance, "CancelRequested"));
    assert_replays(&suspended);
    assert!(suspended.machine.is_suspended());
    assert_eq!(suspended.machine.cancel_requested(), None);
    suspended.fire(0);
    suspended.raise("Go", 20);
    assert!(suspended.apply(Command::Resume).log().len() > 1, "the code goes on");
    suspended.complete(3, 300);
    assert_eq!(suspended.output::<u64>(), 321);
    assert_replays(&suspended);

    let free = rewound(&instance, position_of(&instance, "ExecutionSuspended"));
    assert!(!free.machine.is_suspended());
}

#[test]
fn a_rewind_in_another_place_is_malformed() {
    let started = || Event::ExecutionStarted {
        name: name("orchestration"),
        input: payload(()),
        seed: 7,
        delay: None,
    };
    let rewound = || Event::ExecutionRewound { reason: "no".into(), dropped: 1, seed: 3 };
    let waits = || Event::ExternalSubscribed { id: CorrelationId(1), name: name("Go") };
    let lets_run = || Event::TimerCreated { id: CorrelationId::START, fire_at: seconds(1) };
    let code = code(async |ctx: OrchestrationContext, ()| {
        ctx.wait_external::<()>("Go").await?;
        Ok(())
    });
    let good = [turn(1, [started(), waits()]), turn(2, [rewound(), lets_run()])];
    Instance::try_replay(&code, &MachineConfig::default(), &good).expect("it is a rewind");
    let twice = [&good[..], &[turn(3, [rewound()])]].concat();
    Instance::try_replay(&code, &MachineConfig::default(), &twice).expect("and again");
    for bad in [
        vec![turn(1, [rewound()])],
        vec![turn(1, [started(), rewound()])],
        vec![turn(1, [started(), waits(), lets_run()])],
        [&good[..], &[turn(3, [rewound(), lets_run()])]].concat(),
        vec![turn(1, [started(), waits()]), turn(2, [rewound()])],
        vec![turn(1, [started(), waits()]), turn(2, [rewound(), lets_run(), lets_run()])],
    ] {
        let replayed = Instance::try_replay(&code, &MachineConfig::default(), &bad);
        let refused =
            matches!(replayed, Err(ReplayError::Malformed(_) | ReplayError::Nondeterministic(_)));
        assert!(refused, "{bad:#?}");
    }
}

#[test]
fn a_position_counts_what_was_superseded() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let one = task(&ctx, "one").await?;
        Ok(one + task(&ctx, "two").await?)
    });
    let mut instance = Instance::start(code, ());
    (1..=3).for_each(|done| drop(instance.heartbeat(1, done)));
    instance.complete(1, 1);
    instance.complete(2, 2);
    let history = instance.machine.history();
    let is_first = |event: &Event| matches!(event, Event::TaskCompleted { .. });
    let first = history.events().find(|event| is_first(event.event)).expect("it is there");
    let again = rewound(&instance, first.position);
    assert!(!again.log().iter().any(|event| event.starts_with("TaskCompleted")));
}
