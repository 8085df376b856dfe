//! The spans that end with a turn.

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use reenact_core::{
    CorrelationId, Event, ExecutionId, InstanceId, Name, RecordedTurn, RequestEvent, Timestamp,
};
use reenact_providers::InstanceSummary;

use super::ledger::{Asked, BuiltOn, Fact, Ledger, Open, Taken};
use crate::otel::{FinishedSpan, How, SpanLink, is_on};
use crate::run::Run;
use crate::trace::{ExecutionTrace, RunTrace, SpanOf};

/// The spans that end with a turn, of which the ledger knows this. That of the execution is the last.
pub(super) fn of_turn(
    of: &InstanceSummary,
    turn: &RecordedTurn,
    (ledger, facts): (&Ledger, &[Fact]),
    (run, trace): (Run, &RunTrace),
) -> Vec<FinishedSpan> {
    let ends = |(event, fact): (&Event, &Fact)| {
        !fact.taken_by.is_empty()
            || fact.about.is_some()
            || event.is_terminal()
            || matches!(
                event,
                Event::EventSent { .. }
                    | Event::Request(RequestEvent::Sent { .. })
                    | Event::CommandSent { .. }
                    | Event::StartRequested { .. }
            )
    };
    if !is_on() || !turn.events.iter().zip(facts).any(ends) {
        return Vec::new();
    }
    let maker = Maker::new((of, turn.at), ledger, (run, trace));
    turn.events.iter().zip(facts).flat_map(|(event, fact)| maker.spans(event, fact)).collect()
}

/// The span of an execution that has not ended, and that a rewind replaces at this time.
pub(super) fn of_replaced(
    (of, at): (&InstanceSummary, Timestamp),
    ledger: &Ledger,
    (run, trace): (Run, &RunTrace),
) -> FinishedSpan {
    Maker::new((of, at), ledger, (run, trace)).of_execution("Rewound", How::CalledOff)
}

struct Maker<'a> {
    of: &'a InstanceSummary,
    at: Timestamp,
    trace: ExecutionTrace,
    /// When the execution began.
    begun: Timestamp,
    ledger: &'a Ledger,
    /// The execution that this one is built on, with how that has come about.
    before: Option<(ExecutionTrace, &'static str)>,
}

/// What a span says of its type.
struct Type {
    of: SpanOf,
    name: &'static str,
    kind: SpanKind,
}

const ACTIVITY: Type = Type { of: SpanOf::Activity, name: "activity", kind: SpanKind::Server };
const CHILD: Type = Type { of: SpanOf::Child, name: "orchestration", kind: SpanKind::Client };
const TIMER: Type = Type { of: SpanOf::Timer, name: "timer", kind: SpanKind::Internal };
const EVENT: Type = Type { of: SpanOf::Event, name: "event", kind: SpanKind::Internal };
const SENT: Type = Type { of: SpanOf::Sent, name: "orchestration_event", kind: SpanKind::Producer };
const COMMANDED: Type =
    Type { of: SpanOf::Sent, name: "orchestration_command", kind: SpanKind::Producer };
const STARTED: Type =
    Type { of: SpanOf::Child, name: "create_orchestration", kind: SpanKind::Producer };

impl<'a> Maker<'a> {
    fn new(
        (of, at): (&'a InstanceSummary, Timestamp),
        ledger: &'a Ledger,
        (run, trace): (Run, &RunTrace),
    ) -> Self {
        let begun = ledger.begun.unwrap_or(of.created_at);
        let before = ledger.built_on().and_then(|built_on| {
            let (instance, execution, how) = match built_on {
                BuiltOn::Original(fork) => (&fork.from, fork.execution, "fork"),
                BuiltOn::Rewound => {
                    (&of.instance, ExecutionId(run.execution().0.checked_sub(1)?), "rewind")
                }
            };
            Some((trace.of(instance, Run::new(execution, run.seed())), how))
        });
        Self { of, at, trace: trace.of(&of.instance, run), begun, ledger, before }
    }

    /// The spans that end with an event. That of the execution is the last.
    fn spans(&self, event: &Event, fact: &Fact) -> impl Iterator<Item = FinishedSpan> {
        let taken = fact.taken_by.iter().map(|Taken { id, wait, raised_in }| {
            let mut span = self.of_open(&EVENT, *id, wait, How::Well);
            span.links.extend(raised_in.clone().map(SpanLink::to));
            span
        });
        taken.chain(self.span(event, fact))
    }

    fn span(&self, event: &Event, fact: &Fact) -> Option<FinishedSpan> {
        if event.is_terminal() {
            let (status, how) = end_of(event);
            return Some(self.of_execution(status, how));
        }
        if let Event::EventSent { id, to, name, .. } = event {
            return Some(self.of_message(&SENT, *id, name, to));
        }
        if let Event::Request(RequestEvent::Sent { id, to, request }) = event {
            return Some(self.of_message(&SENT, *id, &request.name, to));
        }
        if let Event::CommandSent { id, to, command } = event {
            let name = Name::new(command.name()).ok()?;
            return Some(self.of_message(&COMMANDED, *id, &name, to));
        }
        if let Event::StartRequested { id, instance, name, .. } = event {
            return Some(self.of_message(&STARTED, *id, name, instance));
        }
        let open = fact.about.as_ref()?;
        let (of, id, how) = match event {
            Event::TaskCompleted { id, .. } => (&ACTIVITY, id, How::Well),
            Event::TaskFailed { id, error } | Event::TaskAttemptFailed { id, error, .. } => {
                (&ACTIVITY, id, How::Failed(error.to_string()))
            }
            Event::TaskCancelRequested { id } => (&ACTIVITY, id, How::CalledOff),
            Event::ChildCompleted { id, .. } => (&CHILD, id, How::Well),
            Event::ChildFailed { id, error } | Event::ChildAttemptFailed { id, error, .. } => {
                (&CHILD, id, How::Failed(error.to_string()))
            }
            Event::ChildCancelRequested { id } => (&CHILD, id, How::CalledOff),
            // It is the delay of the start.
            Event::TimerFired { id: CorrelationId::START } => return None,
            Event::TimerFired { id } => (&TIMER, id, How::Well),
            Event::TimerCancelled { id } => (&TIMER, id, How::CalledOff),
            Event::ExternalUnsubscribed { id } => (&EVENT, id, How::CalledOff),
            _ => return None,
        };
        Some(self.of_open(of, *id, open, how))
    }

    /// The span of something that was open, and has ended.
    fn of_open(&self, of: &Type, id: CorrelationId, open: &Open, how: How) -> FinishedSpan {
        let own = open.name.as_ref().unwrap_or(&self.of.name);
        let mut attributes = self.attributes(of.name, own, status_of(&how));
        attributes.push(KeyValue::new("durabletask.task.task_id", number(id.0)));
        if matches!(of.of, SpanOf::Activity | SpanOf::Child) {
            attributes.push(KeyValue::new("reenact.attempt", i64::from(open.attempt)));
        }
        if let Some(fire_at) = open.fire_at {
            attributes.push(KeyValue::new("durabletask.fire_at", fire_at.to_string()));
        }
        let name = match of.of {
            SpanOf::Timer => format!("orchestration:{}:timer", self.of.name),
            _ => format!("{}:{own}", of.name),
        };
        FinishedSpan {
            own: self.trace.span(of.of, id, open.attempt),
            parent: Some(self.trace.own.clone()),
            links: Vec::new(),
            name,
            kind: of.kind.clone(),
            // A retry begins when it is due, and may be called off before.
            start: open.since.min(self.at),
            end: self.at,
            attributes,
            how,
        }
    }

    /// The span of a message to another instance, which nobody waits for.
    fn of_message(
        &self,
        of: &Type,
        id: CorrelationId,
        name: &Name,
        to: &InstanceId,
    ) -> FinishedSpan {
        let open = Open { name: Some(name.clone()), attempt: 1, since: self.at, fire_at: None };
        let mut span = self.of_open(of, id, &open, How::Well);
        span.attributes.push(KeyValue::new("durabletask.event.target_instance_id", to.to_string()));
        span
    }

    fn of_execution(&self, status: &'static str, how: How) -> FinishedSpan {
        let built_on = self
            .before
            .iter()
            .map(|(before, how)| SpanLink { to: before.own.clone(), command: Some(how) });
        let before = self.trace.linked.iter().cloned().map(SpanLink::to).chain(built_on);
        let asked = self.ledger.asked().map(|Asked { command, context }| SpanLink {
            to: context.clone(),
            command: Some(command),
        });
        let links = before.chain(asked).collect();
        FinishedSpan {
            own: self.trace.own.clone(),
            parent: self.trace.parent.clone(),
            links,
            name: format!("orchestration:{}", self.of.name),
            kind: SpanKind::Server,
            start: self.begun,
            end: self.at,
            attributes: self.attributes("orchestration", &self.of.name, status),
            how,
        }
    }

    fn attributes(&self, of: &'static str, name: &Name, status: &'static str) -> Vec<KeyValue> {
        vec![
            KeyValue::new("durabletask.type", of),
            KeyValue::new("durabletask.task.name", name.to_string()),
            KeyValue::new("durabletask.task.instance_id", self.of.instance.to_string()),
            KeyValue::new("durabletask.task.execution_id", self.of.execution.to_string()),
            KeyValue::new("durabletask.task.status", status),
        ]
    }
}

/// What the span of an execution says of its end.
fn end_of(event: &Event) -> (&'static str, How) {
    match event {
        Event::ExecutionFailed { error } => ("Failed", How::Failed(error.to_string())),
        Event::ExecutionTerminated { reason } => ("Terminated", How::Failed(reason.clone())),
        Event::ExecutionCancelled { .. } => ("Canceled", How::CalledOff),
        Event::ExecutionContinued { .. } => ("ContinuedAsNew", How::Well),
        _ => ("Completed", How::Well),
    }
}

const fn status_of(how: &How) -> &'static str {
    match how {
        How::Well => "Completed",
        How::Failed(_) => "Failed",
        How::CalledOff => "Canceled",
    }
}

/// As OpenTelemetry has whole numbers.
fn number(of: u64) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}
