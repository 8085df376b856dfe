//! The trace that an input was asked for in: an event of its own, which the code does not see, and a replay does not
//! need.

use std::path::PathBuf;
use std::time::Duration;

use crate::support::instance::{
    Instance, cancel, code, instance_id, payload, start, suspend, terminate, turn,
};
use reenact_core::codec::{decode_command, encode_command};
use reenact_core::{
    Command, CorrelationId, Event, ExecutionId, InstanceId, Machine, MachineConfig, MessageBody,
    Name, OrchestrationCode, Origin, Outcome, ParkedExecution, ReceivedTrace, RecordedTurn,
    Relation, RemoteCommand, Replacement, Rewind, Start, TimeLimits, Timestamp, TraceContext,
    TraceRelation, Version, check_history,
};

const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

pub(crate) fn context() -> TraceContext {
    let context = TraceContext::from_traceparent(HEADER).expect("a header");
    context.with_state("vendor=1").expect("a short state")
}

fn received(relation: TraceRelation) -> ReceivedTrace {
    ReceivedTrace { context: context(), relation }
}

fn in_a_trace(input: u64) -> Start {
    Start { trace: Some(Box::new(received(TraceRelation::Caller))), ..start(input) }
}

/// Waits for an event, and continues as new as often as its input says.
fn waits() -> OrchestrationCode {
    code(|ctx, left: u64| async move {
        let go: u64 = ctx.wait_external("Go").await?;
        if left > 0 {
            return ctx.continue_as_new_untyped(&(left - 1));
        }
        Ok(go)
    })
}

fn raise(n: u64) -> Command {
    Command::RaiseEvent { name: Name::new("Go").expect("a name"), data: payload(n), key: None }
}

#[test]
fn the_trace_of_a_start_stands_after_it_and_is_known_after_a_replay() {
    let mut instance = Instance::start_with(waits(), MachineConfig::default(), in_a_trace(0));
    assert_eq!(instance.log()[1], "TraceContextReceived");
    assert_eq!(instance.machine.received_trace(), Some(received(TraceRelation::Caller)));
    instance.raise("Go", 7);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_delayed_start_in_a_trace_is_read_again() {
    let how = Start { delay: Some(Duration::from_secs(60)), ..in_a_trace(1) };
    let mut instance = Instance::start_with(waits(), MachineConfig::default(), how);
    assert_eq!(
        instance.log()[1..],
        ["TraceContextReceived", "TimerCreated #0 for 1970-01-01T00:17:40.000000Z"]
    );
    instance.assert_replays();
    instance.pass(60);
    instance.fire(0);
    instance.raise("Go", 7);
    let next = instance.machine.successor(Some(context())).expect("it begins");
    let turns: Vec<_> =
        next.expect("it continues").turns.into_iter().map(|turn| turn.recorded).collect();
    assert_eq!(check_history(&turns), Ok(()), "so is the next execution");
    instance.assert_replays_from_every_point();
}

#[test]
fn without_a_trace_there_is_not_a_byte_more() {
    let mut instance = Instance::start_with(waits(), MachineConfig::default(), start(0_u64));
    instance.raise("Go", 7);
    assert!(!instance.log().join(" ").contains("Trace"), "{:?}", instance.log());
    assert_eq!(instance.machine.received_trace(), None);
}

#[test]
fn the_trace_of_an_event_stands_after_it_and_changes_nothing() {
    let (id, first) = (InstanceId::new("i").expect("an id"), ExecutionId::FIRST);
    let at = Timestamp::from_micros(1);
    let config = MachineConfig::default;
    let started = Machine::start(&waits(), id.clone(), first, config(), start(0_u64), at);
    let (mut machine, begin) = started.expect("it starts");
    let trace = Some(Box::new(context()));
    let raised = machine.apply_traced(raise(5), trace, at).expect("it is taken");
    let kinds: Vec<_> = raised.recorded.events.iter().map(|event| event.kind().name()).collect();
    assert_eq!(kinds, ["ExternalRaised", "TraceContextReceived", "ExecutionCompleted"]);
    let turns = [begin.recorded, raised.recorded];
    let again = Machine::replay(&waits(), id, first, config(), turns).expect("it replays");
    assert_eq!(again.outcome(), machine.outcome());
    assert_eq!(again.received_trace(), None, "it is the trace of the event only");
}

/// The kinds of the events of a turn.
fn kinds(turn: &RecordedTurn) -> Vec<&'static str> {
    turn.events.iter().map(|event| event.kind().name()).collect()
}

fn context_of(turn: &RecordedTurn) -> Option<&TraceContext> {
    turn.events.iter().find_map(|event| match event {
        Event::TraceContextReceived { received } => Some(&received.context),
        _ => None,
    })
}

#[test]
fn the_trace_of_whatever_somebody_asks_for_stands_after_it() {
    let mut instance = Instance::start(waits(), 0_u64);
    let asked = [
        (suspend("a pause"), vec!["ExecutionSuspended", "TraceContextReceived"]),
        (Command::Resume, vec!["ExecutionResumed", "TraceContextReceived"]),
        (cancel("enough"), vec!["CancelRequested", "TraceContextReceived", "ExecutionCancelled"]),
    ];
    for (command, expected) in asked {
        let turn = instance.apply_in(&context(), command).recorded;
        assert_eq!(kinds(&turn), expected);
        assert_eq!(context_of(&turn), Some(&context()));
        instance.assert_replays();
    }
    assert_eq!(instance.machine.received_trace(), None);
}

#[test]
fn the_trace_of_a_termination_is_the_last_event_and_the_end_is_known() {
    let mut instance = Instance::start(waits(), 0_u64);
    let answer = instance.apply_in(&context(), terminate("enough"));
    assert_eq!(kinds(&answer.recorded), ["ExecutionTerminated", "TraceContextReceived"]);
    let outcome = Some(Outcome::Terminated { reason: "enough".into() });
    assert_eq!(answer.outcome, outcome);
    assert_eq!(answer.recorded.outcome(), outcome);
    assert_eq!(instance.machine.history().outcome(), outcome);
    assert_eq!(instance.assert_replays().outcome(), outcome.as_ref());
    let trace = answer.recorded.events[1].clone();
    let again = RecordedTurn { at: answer.recorded.at, events: [trace].into() };
    let turns = [instance.turns(), &[again]].concat();
    let refused = check_history(&turns).expect_err("it stands in the turn of the end only");
    assert!(refused.to_string().contains("nothing after the end"), "{refused}");
}

#[test]
fn what_a_parked_instance_keeps_has_its_trace() {
    let instance = Instance::start(waits(), 0_u64);
    let parked_at = RecordedTurn::parked(instance.now, "no code");
    let mut turns = [instance.turns(), &[parked_at]].concat();
    let mut parked = ParkedExecution::default();
    turns.iter().for_each(|turn| parked.apply(turn));
    let (trace, now) = (context(), instance.now);
    let name = Name::new("Go").expect("a name");
    let raised = parked.raise(name, payload(5), None, Some(&trace), now).expect("it is taken");
    let suspended = parked.suspend("a pause".into(), Some(&trace), now).expect("it is taken");
    let resumed = parked.resume(Some(&trace), now).expect("it is taken");
    let cancelled = parked.cancel("enough".into(), Some(&trace), now);
    let cancelled = cancelled.expect("it is taken");
    for (kept, kind) in [
        (raised, "ExternalRaised"),
        (suspended, "ExecutionSuspended"),
        (resumed, "ExecutionResumed"),
        (cancelled, "CancelRequested"),
    ] {
        assert_eq!(kinds(&kept[0]), [kind, "TraceContextReceived"]);
        assert_eq!(context_of(&kept[0]), Some(&trace));
        turns.extend(kept);
    }
    assert_eq!(check_history(&turns), Ok(()));
    assert!(Instance::try_replay(&waits(), &MachineConfig::default(), &turns).is_ok());
}

#[test]
fn an_event_that_a_rewind_raises_again_keeps_its_trace() {
    let mut instance = Instance::start(waits(), 0_u64);
    let position = instance.machine.events();
    instance.raise("Other", 1);
    instance.apply_in(&context(), raise(5));
    let rewind = Rewind { position, reason: "a test".into(), seed: 1 };
    let rewound = instance.machine.history().rewound(&instance_id(), rewind, instance.now);
    let turns = rewound.expect("there is the position").turns;
    let raised: Vec<_> = turns.iter().filter(|turn| kinds(turn)[0] == "ExternalRaised").collect();
    assert_eq!(
        raised.iter().map(|turn| context_of(turn)).collect::<Vec<_>>(),
        [None, Some(&context())]
    );
    let log = [&instance.turns()[..1], &turns].concat();
    assert_eq!(check_history(&log), Ok(()));
}

#[test]
fn an_event_that_is_carried_over_keeps_its_trace() {
    let mut instance = Instance::start(waits(), 1_u64);
    instance.apply(suspend("gather"));
    instance.raise("Go", 1);
    instance.apply_in(&context(), raise(2));
    instance.raise("Go", 3);
    let (code, config) = (instance.code.clone(), instance.config.clone());
    let mut again = Instance::resumed(code, config, instance.assert_replays(), instance.now);
    again.apply(Command::Resume);
    let next = again.machine.successor(None).expect("it begins").expect("it continues");
    let raised: Vec<_> = next.turns.iter().map(|turn| &turn.recorded).collect();
    let raised: Vec<_> =
        raised.into_iter().filter(|turn| kinds(turn)[0] == "ExternalRaised").collect();
    assert_eq!(
        raised.iter().map(|turn| context_of(turn)).collect::<Vec<_>>(),
        [Some(&context()), None]
    );
}

#[test]
fn a_child_that_takes_the_place_of_another_has_the_trace_of_its_start() {
    let instance = Instance::start(waits(), 0_u64);
    let origin = Origin {
        instance: instance_id(),
        lineage: 77,
        id: CorrelationId(4),
        attempt: 1,
        depth: 1,
        relation: Relation::Child,
    };
    let replacement = Replacement {
        name: instance.code.name().clone(),
        version: Version::NONE,
        input: payload(0_u64),
        origin: Box::new(origin),
        delay: None,
        trace: Some(Box::new(received(TraceRelation::Caller))),
        limits: TimeLimits::NONE,
    };
    let turns = replacement.begin(&instance_id(), instance.turns(), instance.now);
    assert_eq!(context_of(&turns[0]), Some(&context()));
    let machine = Instance::try_replay(&instance.code, &instance.config, &turns).expect("it fits");
    assert_eq!(machine.received_trace(), Some(received(TraceRelation::Caller)));
}

#[test]
fn a_command_that_is_refused_leaves_no_trace_for_the_next() {
    let mut instance = Instance::start_with(waits(), MachineConfig::default(), start(0_u64));
    let at = Timestamp::from_micros(u64::MAX);
    let trace = Some(Box::new(context()));
    let resumed =
        instance.machine.apply_traced(Command::Resume, trace, at).expect("it does nothing");
    assert!(resumed.recorded.events.is_empty());
    let raised = instance.machine.apply(raise(5), at).expect("it is taken");
    assert_eq!(raised.recorded.events.len(), 2);
}

#[test]
fn an_execution_that_continues_is_linked_to_the_span_of_the_one_before_it() {
    let mut instance = Instance::start_with(waits(), MachineConfig::default(), in_a_trace(2));
    instance.raise("Go", 1);
    let next = instance.machine.successor(Some(context())).expect("it begins");
    let next = next.expect("it continues").machine;
    assert_eq!(next.received_trace(), Some(received(TraceRelation::Predecessor)));
    let next = instance.machine.successor(None).expect("it begins").expect("it continues");
    assert_eq!(next.machine.received_trace(), None, "the caller's trace is that of the first only");
}

#[test]
fn a_trace_in_another_place_is_malformed() {
    let (id, first) = (InstanceId::new("i").expect("an id"), ExecutionId::FIRST);
    let (at, config) = (Timestamp::from_micros(1), MachineConfig::default);
    let started = Machine::start(&waits(), id.clone(), first, config(), start(0_u64), at);
    let (_, begin) = started.expect("it starts");
    let trace = Event::TraceContextReceived { received: Box::new(received(TraceRelation::Caller)) };
    let turns = [begin.recorded, turn(2, [Event::ExecutionParked { reason: "why".into() }, trace])];
    let replayed = Machine::replay(&waits(), id, first, config(), turns);
    let error = replayed.expect_err("it is malformed").to_string();
    assert!(error.contains("a trace context after a start"), "{error}");
}

/// Never written again, as the other fixtures.
#[test]
fn what_version_1_sent_in_a_trace_is_read_for_ever() {
    let command = Box::new(RemoteCommand::Resume);
    let traced = RemoteCommand::Traced { context: Box::new(context()), command };
    let bytes = encode_command(&traced).expect("a command encodes");
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/commands_v1_traced.bin");
    if std::env::var_os("WRITE_FIXTURES").is_some() && !path.exists() {
        std::fs::write(&path, &bytes).expect("a writable directory");
    }
    assert_eq!(bytes, std::fs::read(path).expect("the fixture is checked in"));
    assert_eq!(decode_command(&bytes), Ok(traced));
}

#[test]
fn a_message_in_a_trace_is_that_message() {
    let body = MessageBody::Cancel { reason: "why".into() };
    let traced = MessageBody::Traced { context: Box::new(context()), body: Box::new(body.clone()) };
    assert_eq!(traced.untraced(), (body.clone(), Some(Box::new(context()))));
    assert_eq!(body.clone().untraced(), (body, None));
}
