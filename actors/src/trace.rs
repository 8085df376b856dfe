//! The trace of an execution: its ids follow by a hash from what names the execution, so that each host continues
//! the same trace.

use std::sync::Arc;

use reenact_core::{
    CorrelationId, Event, ExecutionId, InstanceId, Machine, Message, MessageBody, MessageId,
    MessageKind, Outbox, ReceivedTrace, RecordedTurn, TraceContext, TraceRelation,
};
use sha2::{Digest, Sha256};

use crate::run::Run;

/// The trace in which the caller works: of its current span, where the feature `otel` is on and a tracer provider has
/// the [ids of this crate](crate::otel::SpanIds).
#[cfg(feature = "otel")]
pub(crate) fn current() -> Option<TraceContext> {
    crate::otel::current()
}

/// Without the feature `otel`, nobody says in which trace the caller works.
#[cfg(not(feature = "otel"))]
pub(crate) const fn current() -> Option<TraceContext> {
    None
}

/// Whether spans are emitted.
#[cfg(feature = "otel")]
pub(crate) fn is_on() -> bool {
    crate::otel::is_on()
}

/// Whether spans are emitted.
#[cfg(not(feature = "otel"))]
pub(crate) const fn is_on() -> bool {
    false
}

/// What a run has received of a trace; nothing, where nobody gave it one. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunTrace {
    received: Option<Arc<ReceivedTrace>>,
    /// The run, where its code is gone, and only the log says which one it was.
    run: Option<Run>,
    /// The runs of executions before it of which messages are still to be sent; mostly none.
    earlier: Option<Arc<[u64]>>,
}

/// The trace of an execution, with the span of the execution itself.
#[derive(Clone, Debug)]
pub(crate) struct ExecutionTrace {
    /// The execution's own span.
    pub(crate) own: TraceContext,
    /// The caller's span, if the trace is the caller's.
    #[cfg(feature = "otel")]
    pub(crate) parent: Option<TraceContext>,
    /// A span of the trace of the execution before this one.
    #[cfg(feature = "otel")]
    pub(crate) linked: Option<TraceContext>,
    seed: Seed,
}

/// The hash of what names a run. Its spans follow from it.
#[derive(Clone, Copy, Debug)]
struct Seed([u8; 32]);

/// What a span of an execution is about. The names are part of ids: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpanOf {
    Activity,
    Child,
    /// What was asked of another instance: an event, or a command.
    Sent,
    #[cfg(feature = "otel")]
    Timer,
    #[cfg(feature = "otel")]
    Event,
}

impl RunTrace {
    /// That of a run whose code is alive.
    pub(crate) fn of_machine(machine: &Machine) -> Self {
        let received = machine.received_trace().map(Arc::new);
        Self { received, run: None, earlier: senders(machine.earlier_senders()) }
    }

    /// That of a run whose call goes to another host.
    pub(crate) fn of_call(received: Option<Box<ReceivedTrace>>) -> Self {
        Self { received: received.map(Arc::from), ..Self::default() }
    }

    /// That of a run whose code is gone, as its log says. Of a log that cannot be read, nothing is known.
    pub(crate) fn of_log(execution: ExecutionId, turns: &[RecordedTurn], outbox: &Outbox) -> Self {
        let first = turns.first().map(|turn| &*turn.events).unwrap_or_default();
        let seed = first.iter().find_map(|event| match event {
            Event::ExecutionStarted { seed, .. } => Some(*seed),
            _ => None,
        });
        let received = first.iter().find_map(|event| match event {
            Event::TraceContextReceived { received } => Some(Arc::from(received.clone())),
            _ => None,
        });
        let run = seed.map(|seed| Run::new(execution, seed));
        Self { received, run, earlier: senders(outbox.earlier_senders()) }
    }

    /// The run, where only its log says which one it was.
    pub(crate) const fn run(&self) -> Option<Run> {
        self.run
    }

    /// What the run has received, for the call of an activity that goes to another host.
    pub(crate) fn received(&self) -> Option<Box<ReceivedTrace>> {
        self.received.as_deref().cloned().map(Box::new)
    }

    /// Whether it is stored and sent: where nobody wants traces, there is not a byte more.
    fn is_wanted(&self) -> bool {
        self.received.is_some() || is_on()
    }

    /// The span of a run, for the execution that goes on for it.
    pub(crate) fn for_successor(&self, instance: &InstanceId, run: Run) -> Option<TraceContext> {
        self.is_wanted().then(|| self.of(instance, run).own)
    }

    /// The trace of a run. One without a caller's has a trace of its own.
    pub(crate) fn of(&self, instance: &InstanceId, run: Run) -> ExecutionTrace {
        let seed = Seed::of(instance, run);
        let span = seed.span(b"execution", 0, 0);
        let received = self.received.as_deref();
        let caller = received.filter(|received| received.relation == TraceRelation::Caller);
        let own = match caller {
            Some(received) => received.context.with_span(span),
            None => {
                let is_sampled = received.is_none_or(|one| one.context.is_sampled());
                Seed::of_trace(instance, run).trace(span, is_sampled)
            }
        };
        #[cfg(feature = "otel")]
        {
            let context = |received: &ReceivedTrace| received.context.clone();
            let before = received.filter(|one| one.relation == TraceRelation::Predecessor);
            let (parent, linked) = (caller.map(context), before.map(context));
            ExecutionTrace { own, parent, linked, seed }
        }
        #[cfg(not(feature = "otel"))]
        ExecutionTrace { own, seed }
    }

    /// A message of a run, with its trace if it starts an instance, raises an event or asks for something. Without a trace, a message is
    /// sent as it is.
    pub(crate) fn give(&self, instance: &InstanceId, run: Run, mut message: Message) -> Message {
        let run = self.run.unwrap_or(run);
        if !self.is_wanted() || run.is_without_code() {
            return message;
        }
        let MessageId { lineage, id, attempt, kind } = message.id;
        let of = match kind {
            MessageKind::Start => SpanOf::Child,
            MessageKind::Event | MessageKind::Update | MessageKind::Command => SpanOf::Sent,
            MessageKind::Cancel | MessageKind::Result | MessageKind::Return => return message,
        };
        let trace = self.of(instance, run);
        let is_earlier = self.earlier.as_ref().is_some_and(|earlier| earlier.contains(&lineage));
        // The spans of an execution before are not known here: this one sends the message for it.
        let context = if is_earlier { trace.own } else { trace.span(of, id, attempt) };
        message.body =
            MessageBody::Traced { context: Box::new(context), body: Box::new(message.body) };
        message
    }
}

fn senders(runs: Vec<u64>) -> Option<Arc<[u64]>> {
    (!runs.is_empty()).then(|| runs.into())
}

impl ExecutionTrace {
    /// A span of the execution.
    pub(crate) fn span(&self, of: SpanOf, id: CorrelationId, attempt: u32) -> TraceContext {
        let name: &[u8] = match of {
            SpanOf::Activity => b"activity",
            SpanOf::Child => b"child",
            SpanOf::Sent => b"sent",
            #[cfg(feature = "otel")]
            SpanOf::Timer => b"timer",
            #[cfg(feature = "otel")]
            SpanOf::Event => b"event",
        };
        self.own.with_span(self.seed.span(name, id.0, attempt))
    }
}

impl Seed {
    fn of(instance: &InstanceId, run: Run) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"reenact trace 1");
        hash.update(run.seed().to_be_bytes());
        hash.update(run.execution().0.to_be_bytes());
        hash.update(instance.as_str().as_bytes());
        Self(hash.finalize().into())
    }

    /// That of the trace of a run that has no caller's. It is the same for all executions that rewinds make of a run:
    /// they have its seed.
    fn of_trace(instance: &InstanceId, run: Run) -> Self {
        Self::of(instance, Run::new(ExecutionId::FIRST, run.seed()))
    }

    /// A trace of its own, with this span.
    fn trace(self, span: [u8; 8], is_sampled: bool) -> TraceContext {
        let mut id = [0; 16];
        id.copy_from_slice(&self.hash(b"trace", 0, 0)[..16]);
        // An id must not be zero.
        id[15] |= 1;
        let context = TraceContext::new(id, span, u8::from(is_sampled));
        context.unwrap_or_else(|_| unreachable!("neither id is zero"))
    }

    fn span(self, of: &[u8], id: u64, attempt: u32) -> [u8; 8] {
        let mut span = [0; 8];
        span.copy_from_slice(&self.hash(of, id, attempt)[..8]);
        span[7] |= 1;
        span
    }

    fn hash(self, of: &[u8], id: u64, attempt: u32) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(id.to_be_bytes());
        hash.update(attempt.to_be_bytes());
        hash.update(of);
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> ExecutionTrace {
        let instance = InstanceId::new("order-7").expect("an id");
        RunTrace::default().of(&instance, Run::of_test(ExecutionId::FIRST))
    }

    #[test]
    fn ids_never_change() {
        let span = own().span(SpanOf::Activity, CorrelationId(1), 2);
        assert_eq!(
            own().own.traceparent(),
            "00-63e9b0d2614e76f00079fa5b0e29628f-58077dd436aded09-01"
        );
        assert_eq!(span.traceparent(), "00-63e9b0d2614e76f00079fa5b0e29628f-1518d14693a4c5c3-01");
    }

    #[test]
    fn each_span_has_an_id_of_its_own() {
        let trace = own();
        let kinds = [SpanOf::Activity, SpanOf::Child, SpanOf::Sent];
        let ids = kinds.into_iter().flat_map(|of| (1..50).map(move |id| (of, CorrelationId(id))));
        let spans = ids.flat_map(|(of, id)| [1, 2].map(|attempt| trace.span(of, id, attempt)));
        let spans: Vec<_> = spans.map(|span| span.span_id()).collect();
        let distinct: std::collections::BTreeSet<_> = spans.iter().collect();
        assert_eq!(distinct.len(), spans.len());
    }
}
