//! The time that an instance may take: whatever its code does, it fails at the limit.

use std::time::Duration;

use crate::support::instance::{
    Instance, cancel, code, instance_id, payload, seconds, start, suspend,
};
use crate::support::messages::sent;
use reenact_core::{
    Action, ApplyError, ChildError, ChildOptions, Command, CorrelationId, Event, ExecutionId,
    Machine, MachineConfig, MessageBody, OrchestrationByName, OrchestrationCode,
    OrchestrationContext, OrchestrationErrorKind, Outcome, Rejected, Rewind, Rewound, Start,
    TimeLimitEvent, TimeLimits, Timestamp, Viewer, check_history,
};

const MINUTE: Duration = Duration::from_secs(60);
const NINETY: Duration = Duration::from_secs(90);

fn waits() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        ctx.timer(2 * MINUTE).await;
        Ok(ctx.wait_external::<u64>("Go").await?)
    })
}

/// Goes on as new for each event, which says what with.
fn goes_on() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        let () = ctx.wait_external("Go").await?;
        ctx.continue_as_new_untyped::<_, u64>(&())
    })
}

const fn of_execution(limit: Duration) -> TimeLimits {
    TimeLimits { execution: Some(limit), total: None }
}

const fn in_all(limit: Duration) -> TimeLimits {
    TimeLimits { execution: None, total: Some(limit) }
}

fn begin(code: OrchestrationCode, limits: TimeLimits, delay: Option<Duration>) -> Instance {
    let how = Start { limits, delay, ..start(()) };
    Instance::start_with(code, MachineConfig::default(), how)
}

/// Fires the timer of the limit.
fn at_the_limit(instance: &mut Instance) -> Vec<String> {
    let fired = instance.apply(Command::FireTimer { id: CorrelationId::LIMIT });
    fired.log()
}

fn assert_timed_out(instance: &Instance) {
    assert_eq!(instance.failure().kind(), OrchestrationErrorKind::TimedOut);
    check_history(instance.turns()).expect("some execution can have written it");
    instance.assert_replays_from_every_point();
}

fn wakes_at(instance: &Instance) -> Vec<Timestamp> {
    let limits = instance.machine.open_actions().into_iter().filter_map(|action| match action {
        Action::CreateTimer { id: CorrelationId::LIMIT, fire_at } => Some(fire_at),
        _ => None,
    });
    limits.collect()
}

#[test]
fn it_is_in_the_log_at_the_start_and_its_timer_follows_from_there() {
    let instance = begin(waits(), of_execution(MINUTE), None);
    assert_eq!(instance.log()[1], "TimeLimit set: 60s for an execution");
    assert_eq!(wakes_at(&instance), [instance.now + MINUTE]);
    let replayed = instance.assert_replays();
    assert_eq!(replayed.open_actions(), instance.machine.open_actions());
    instance.assert_replays_from_every_point();
}

#[test]
fn at_the_limit_it_fails_without_its_code_and_what_is_open_is_called_off() {
    let mut instance = begin(waits(), of_execution(MINUTE), None);
    assert_eq!(instance.machine.overdue(instance.now), None);
    instance.pass(60);
    let overdue = instance.machine.overdue(instance.now);
    assert_eq!(overdue, Some(Command::FireTimer { id: CorrelationId::LIMIT }));
    let log = at_the_limit(&mut instance);
    assert_eq!(log[0], "TimeLimit of an execution passed");
    assert_eq!(log[1], "ExecutionFailed: the time limit of an execution (60s) has passed");
    let cancels = |action: &Action| matches!(action, Action::CancelTimer { id, .. } if id.0 == 1);
    assert!(instance.actions().iter().any(cancels), "{:?}", instance.actions());
    assert_timed_out(&instance);
}

#[test]
fn before_the_limit_its_timer_changes_nothing() {
    let mut instance = begin(waits(), of_execution(MINUTE), None);
    instance.pass(30);
    assert!(at_the_limit(&mut instance).is_empty());
    instance.assert_replays();
}

#[test]
fn a_timer_that_is_due_at_the_same_time_fires_first() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        ctx.timer(MINUTE).await;
        Ok(7_u64)
    });
    let mut instance = begin(code, of_execution(MINUTE), None);
    instance.pass(60);
    let first = instance.machine.overdue(instance.now);
    assert_eq!(first, Some(Command::FireTimer { id: CorrelationId(1) }));
    instance.fire(1);
    assert_eq!(instance.output::<u64>(), 7);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_suspended_one_ends_and_one_that_is_asked_to_end_does() {
    for command in [suspend("wait"), cancel("please")] {
        let code = code(async |ctx: OrchestrationContext, ()| {
            let patient = ctx.shielded();
            Ok(patient.wait_external::<u64>("Go").await?)
        });
        let mut instance = begin(code, of_execution(MINUTE), None);
        instance.apply(command);
        instance.pass(60);
        at_the_limit(&mut instance);
        assert_timed_out(&instance);
    }
}

#[test]
fn the_delay_of_a_start_is_not_part_of_it() {
    let mut instance = begin(waits(), of_execution(MINUTE), Some(MINUTE));
    assert_eq!(wakes_at(&instance), [instance.now + 2 * MINUTE]);
    instance.pass(60);
    assert!(at_the_limit(&mut instance).is_empty());
    instance.fire(0);
    instance.pass(60);
    at_the_limit(&mut instance);
    assert_timed_out(&instance);
}

#[test]
fn of_an_execution_it_begins_anew_with_the_next_and_in_all_it_goes_on() {
    let both = TimeLimits { execution: Some(MINUTE), total: Some(NINETY) };
    let mut first = begin(goes_on(), both, None);
    let began = first.now;
    first.pass(30);
    first.raise("Go", ());
    assert!(matches!(first.machine.outcome(), Some(Outcome::Continued { .. })));
    let next = first.machine.successor(None).expect("it can").expect("it goes on");
    let turns: Vec<_> = next.turns.into_iter().map(|turn| turn.recorded).collect();
    check_history(&turns).expect("some execution can have written it");
    let set = turns[0].events.iter().find_map(|event| match event {
        Event::TimeLimit(TimeLimitEvent::Set { limits, total_ends_at }) => {
            Some((*limits, *total_ends_at))
        }
        _ => None,
    });
    assert_eq!(set, Some((both, Some(began + NINETY))));
    let (code, config) = (goes_on(), MachineConfig::default());
    let replayed =
        Machine::replay(&code, instance_id(), ExecutionId(2), config.clone(), turns).unwrap();
    let mut next = Instance::resumed(code, config, replayed, first.now);
    // That of the execution would be 60 s from here, that of all is 60 s from here as well.
    assert_eq!(wakes_at(&next), [began + NINETY]);
    next.fire(0);
    next.pass(60);
    assert_eq!(at_the_limit(&mut next)[0], "TimeLimit of the instance passed");
    assert_eq!(next.failure().kind(), OrchestrationErrorKind::TimedOut);
}

#[test]
fn a_rewind_gives_it_all_of_its_time_again() {
    let both = TimeLimits { execution: Some(MINUTE), total: Some(2 * MINUTE) };
    let mut instance = begin(waits(), both, None);
    instance.raise("Go", 7_u64);
    instance.pass(60);
    at_the_limit(&mut instance);
    assert_timed_out(&instance);
    instance.pass(600);
    let history = instance.machine.history();
    let end = history.events().find(|event| event.event.to_string().starts_with("TimeLimit of"));
    let position = end.expect("it has passed").position;
    let rewind = Rewind { position, reason: "more time".into(), seed: 9 };
    let Rewound { kept, turns } = history.rewound(&instance_id(), rewind, instance.now).unwrap();
    let turns: Vec<_> = history.turns()[..kept].iter().cloned().chain(turns).collect();
    check_history(&turns).expect("some execution can have written it");
    let machine = Instance::try_replay(&instance.code, &instance.config, &turns).expect("it fits");
    let mut again = Instance::resumed(instance.code, instance.config, machine, instance.now);
    assert_eq!(wakes_at(&again), [again.now + MINUTE]);
    again.fire(0);
    again.fire(1);
    assert_eq!(again.output::<u64>(), 7);
}

#[test]
fn the_view_shows_when_it_ends() {
    let both = TimeLimits { execution: Some(MINUTE), total: Some(2 * MINUTE) };
    let instance = begin(waits(), both, Some(MINUTE));
    let mut viewer = Viewer::new(instance_id());
    instance.turns().iter().for_each(|turn| viewer.apply(turn));
    let view = viewer.view(10);
    assert_eq!(view.execution_ends_at, Some(instance.now + 2 * MINUTE));
    assert_eq!(view.total_ends_at, Some(instance.now + 3 * MINUTE));
}

#[test]
fn no_time_and_too_much_of_it_are_refused() {
    for limits in [of_execution(Duration::ZERO), in_all(Duration::ZERO), in_all(Duration::MAX)] {
        let how = Start { limits, ..start(()) };
        let refused = Instance::try_start(waits(), MachineConfig::default(), how);
        let refused = refused.err().expect("it cannot be");
        let is_over = matches!(refused, ApplyError::Rejected(Rejected::OverLimit(_)));
        assert!(is_over, "{limits:?}: {refused}");
    }
}

#[test]
fn children_are_started_with_the_limits_of_their_options() {
    let limited = || {
        let options = ChildOptions::new().timeout(MINUTE).total_timeout(2 * MINUTE);
        OrchestrationByName::new("ship", options)
    };
    let code = code(move |ctx: OrchestrationContext, ()| async move {
        let detached = ctx.start_orchestration_by_name(limited(), &1).await.is_ok();
        let child = ctx.call_orchestration_by_name::<_, u64>(limited(), &2).await?;
        Ok((detached, child))
    });
    let mut parent = Instance::start(code, ());
    let both = TimeLimits { execution: Some(MINUTE), total: Some(2 * MINUTE) };
    for _ in 0..2 {
        let message = parent.only_message();
        let MessageBody::Limited { limits, body } = &message.body else { panic!("{message:?}") };
        assert_eq!(*limits, both);
        assert!(matches!(**body, MessageBody::Start { .. }));
        parent.apply(Command::ConfirmDelivery { messages: vec![message.id] });
    }
    check_history(parent.turns()).expect("some execution can have written it");
    parent.assert_replays_from_every_point();
}

#[test]
fn code_that_gives_another_limit_now_fits_its_log() {
    let calls = |options: fn() -> ChildOptions| {
        code(move |ctx: OrchestrationContext, ()| async move {
            let ship = OrchestrationByName::new("ship", options());
            Ok(ctx.call_orchestration_by_name::<_, u64>(ship, &2).await?)
        })
    };
    let options: [fn() -> ChildOptions; 3] = [
        || ChildOptions::new(),
        || ChildOptions::new().timeout(MINUTE),
        || ChildOptions::new().timeout(2 * MINUTE),
    ];
    for before in options {
        let parent = Instance::start(calls(before), ());
        for now in options {
            let (code, config) = (calls(now), MachineConfig::default());
            let replayed = Instance::try_replay(&code, &config, parent.turns()).expect("it fits");
            assert_eq!(replayed.open_actions(), parent.machine.open_actions());
        }
    }
}

#[test]
fn a_limit_of_no_time_of_a_child_is_an_error_of_the_call() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let ship = OrchestrationByName::new("ship", ChildOptions::new().timeout(Duration::ZERO));
        let refused = ctx.call_orchestration_by_name::<_, u64>(ship, &2).await.unwrap_err();
        Ok(matches!(refused, ChildError::InvalidOptions { .. }))
    });
    let parent = Instance::start(code, ());
    assert!(parent.output::<bool>());
    assert!(sent(&parent.actions()).is_empty());
}

#[test]
fn what_a_log_cannot_say_of_limits_is_found() {
    let good = begin(waits(), of_execution(MINUTE), None).turns().to_vec();
    let set = good[0].events[1].clone();
    let passed = Event::TimeLimit(TimeLimitEvent::Passed { limit: reenact_core::TimeLimit::Total });
    let turn = |events: Vec<Event>| reenact_core::RecordedTurn {
        at: seconds(1_000_000),
        events: events.into(),
    };
    let mut unset = good.clone();
    unset[0].events = unset[0].events.iter().filter(|event| **event != set).cloned().collect();
    let twice = [good.clone(), vec![turn(vec![set])]].concat();
    let no_end = [good, vec![turn(vec![passed.clone(), Event::StatusSet { status: payload(1) }])]];
    let none = [unset, vec![turn(vec![passed])]].concat();
    for log in [twice, no_end.concat(), none] {
        assert!(check_history(&log).is_err(), "{log:?}");
    }
}
