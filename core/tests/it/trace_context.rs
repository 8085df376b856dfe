//! The trace that an input was asked for in: an event of its own, which the code does not see, and a replay does not
//! need.

use std::path::PathBuf;

use crate::support::instance::{Instance, code, payload, start, turn};
use reenact_core::codec::{decode_command, encode_command};
use reenact_core::{
    Command, Event, ExecutionId, InstanceId, Machine, MachineConfig, MessageBody, Name,
    OrchestrationCode, ReceivedTrace, RemoteCommand, Start, Timestamp, TraceContext, TraceRelation,
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
fn an_execution_that_continues_is_linked_to_the_trace_before_it() {
    let mut instance = Instance::start_with(waits(), MachineConfig::default(), in_a_trace(2));
    instance.raise("Go", 1);
    let next = instance.machine.successor().expect("it begins").expect("it continues");
    assert_eq!(next.machine.received_trace(), Some(received(TraceRelation::Predecessor)));
}

#[test]
fn a_trace_in_another_place_is_malformed() {
    let (id, first) = (InstanceId::new("i").expect("an id"), ExecutionId::FIRST);
    let (at, config) = (Timestamp::from_micros(1), MachineConfig::default);
    let started = Machine::start(&waits(), id.clone(), first, config(), start(0_u64), at);
    let (_, begin) = started.expect("it starts");
    let trace = Event::TraceContextReceived { received: Box::new(received(TraceRelation::Caller)) };
    let turns =
        [begin.recorded, turn(2, [Event::ExecutionSuspended { reason: "why".into() }, trace])];
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
