//! The history of an execution, as workers and clients are shown it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reenact::{CorrelationId, Name, OrchestrationContext};

use crate::decision::Span;
use crate::events::{Encoded, time_of};
use crate::proto::{self, HistoryEvent, HistoryEventEventType as Kind, OrchestrationInstance};
use crate::start::Start;

/// An execution in memory.
#[derive(Debug)]
pub(crate) struct Run {
    name: String,
    version: Option<String>,
    instance: String,
    execution: String,
    started: Kind,
    shown: Mutex<Shown>,
    /// The numbers that the worker has given calls, by those of the log.
    calls: Mutex<HashMap<CorrelationId, i32>>,
}

#[derive(Debug, Default)]
struct Shown {
    /// Grows only, but for a rewind.
    events: Vec<Encoded>,
    /// What the events take in memory.
    bytes: usize,
    /// Where the part begins that no worker has answered.
    new_from: usize,
    /// The number of the question that a worker is to answer.
    question: u32,
    span: Option<Span>,
}

/// The history at a question: what the worker has answered before, and what has happened since.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) past: Vec<Encoded>,
    pub(crate) new: Vec<Encoded>,
    pub(crate) span: Option<Span>,
}

impl History {
    /// The bytes of what the worker has answered before.
    pub(crate) fn past_bytes(&self) -> usize {
        bytes_of(&self.past)
    }

    /// The bytes of all events.
    pub(crate) fn bytes(&self) -> usize {
        bytes_of(&self.past) + bytes_of(&self.new)
    }
}

fn bytes_of(events: &[Encoded]) -> usize {
    events.iter().map(Encoded::len).sum()
}

impl Run {
    pub(super) fn new(name: &Name, start: &Start, ctx: &OrchestrationContext) -> Self {
        let (instance, execution) = (ctx.instance_id(), execution_of(ctx));
        let started = proto::ExecutionStartedEvent {
            name: name.to_string(),
            version: start.version.clone(),
            input: crate::decision::text(&start.input),
            orchestration_instance: Some(OrchestrationInstance {
                instance_id: instance.to_string(),
                execution_id: Some(execution.clone()),
            }),
            parent_instance: start.parent.clone().map(crate::start::Parent::into_proto),
            scheduled_start_timestamp: start.scheduled.map(time_of),
            parent_trace_context: start.trace.clone().map(Into::into),
            orchestration_span_id: None,
            tags: start.tags.clone().into_iter().collect(),
        };
        Self {
            name: name.to_string(),
            version: start.version.clone(),
            instance: instance.to_string(),
            execution,
            started: Kind::ExecutionStarted(started),
            shown: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    /// The execution by its number, which is different in each.
    pub(crate) fn execution(&self) -> &str {
        &self.execution
    }

    pub(super) fn started(&self) -> Kind {
        self.started.clone()
    }

    pub(super) fn name_call(&self, scheduled: CorrelationId, id: i32) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).insert(scheduled, id);
    }

    /// The number that the worker has given a call.
    pub(crate) fn call(&self, scheduled: CorrelationId) -> Option<i32> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).get(&scheduled).copied()
    }

    pub(super) fn set_span(&self, span: Span) {
        self.lock().span = Some(span);
    }

    /// Adds what a worker is to be asked about. Returns the number of the question.
    pub(super) fn show(&self, news: impl Iterator<Item = HistoryEvent>) -> u32 {
        let mut shown = self.lock();
        shown.new_from = shown.events.len();
        news.for_each(|event| shown.push((&event).into()));
        shown.question += 1;
        shown.question
    }

    pub(super) fn add(&self, event: &HistoryEvent) {
        self.lock().push(event.into());
    }

    /// Another history takes the place of this one.
    pub(super) fn replace(&self, events: Vec<Encoded>) {
        let mut shown = self.lock();
        (shown.events, shown.bytes) = (Vec::new(), 0);
        events.into_iter().for_each(|event| shown.push(event));
    }

    /// What the history takes in memory, in bytes, about.
    pub(super) fn held_bytes(&self) -> usize {
        self.lock().bytes
    }

    /// What is to be asked with this number; `None` where another question is open, or none.
    pub(crate) fn question(&self, number: u32) -> Option<History> {
        let shown = self.lock();
        let (past, new) = shown.events.split_at_checked(shown.new_from)?;
        let history =
            || History { past: past.to_vec(), new: new.to_vec(), span: shown.span.clone() };
        (shown.question == number).then(history)
    }

    /// Everything that workers have been shown so far, and what came of it.
    pub(crate) fn events(&self) -> Vec<Encoded> {
        self.lock().events.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    fn push(&mut self, event: Encoded) {
        self.bytes += event.held_bytes();
        self.events.push(event);
    }
}

/// The name that the protocol has for an execution.
fn execution_of(ctx: &OrchestrationContext) -> String {
    ctx.execution_id().to_string()
}
