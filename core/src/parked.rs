//! An execution whose code cannot run: from its log alone, it applies what needs no code.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::iter;

use crate::attempts::{Attempts, Due};
use crate::command::{Rejected, check_event};
use crate::error::bounded_message;
use crate::event::{Event, RequestEvent};
use crate::history::{RecordedTurn, history_limit};
use crate::ids::{CorrelationId, EventKey, Name};
use crate::limits::{MAX_BUFFERED_EVENTS, PayloadLimits};
use crate::message::Requester;
use crate::payload::Payload;
use crate::seen_keys::SeenKeys;
use crate::time::Timestamp;
use crate::trace_context::TraceContext;

/// An execution that is parked ([`Event::ExecutionParked`]): its code cannot run, and its log goes on.
/// An external event that is raised on it is recorded, and the code sees it once it can run again; so are a cancel, a
/// suspension and its end.
///
/// Takes in all turns of the execution, in order; no code is needed. What else comes (results of
/// children, ends of activities) asks the code, and cannot be taken here.
///
/// ```
/// # use reenact_core::*;
/// # fn example(log: &[RecordedTurn], now: Timestamp) -> Result<(), Box<dyn std::error::Error>> {
/// let mut parked = ParkedExecution::default();
/// log.iter().for_each(|turn| parked.apply(turn));
/// let turns = parked.raise(Name::new("Paid")?, Payload::encode(&7)?, None, None, now)?;
/// // To be appended, in this order.
/// # drop(turns);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct ParkedExecution {
    /// The time of the last turn.
    at: Timestamp,
    /// Number of events, and their payload bytes.
    events: u64,
    bytes: u64,
    /// What a cancel has ended is not in the log.
    is_cancelled: bool,
    is_suspended: bool,
    keys: SeenKeys,
    queues: BTreeMap<Name, OfName>,
    waits: BTreeMap<CorrelationId, Name>,
    limits: PayloadLimits,
    /// For events of any name.
    any_waits: BTreeSet<CorrelationId>,
    timers: BTreeMap<CorrelationId, Timestamp>,
    /// Those with options.
    tasks: BTreeMap<CorrelationId, Box<Attempts>>,
}

/// The events and waits of one name. A wait that was not given up has taken one event, or will.
#[derive(Debug, Default)]
struct OfName {
    /// For each event, the bytes of all up to it.
    bytes: Vec<usize>,
    waits: usize,
}

impl OfName {
    fn awaits_next(&self) -> bool {
        self.waits > self.bytes.len()
    }

    /// The events for which there is no wait, and their bytes.
    fn unawaited(&self) -> (usize, usize) {
        let all = self.bytes.last().copied().unwrap_or_default();
        let awaited = self.bytes.iter().take(self.waits).next_back().copied().unwrap_or_default();
        (self.bytes.len().saturating_sub(self.waits), all - awaited)
    }
}

impl ParkedExecution {
    /// One in a store that takes [large payloads](crate::limits::MAX_LARGE_PAYLOAD_BYTES), or does not, as by default.
    pub fn in_store(takes_large_payloads: bool) -> Self {
        Self { limits: PayloadLimits::of(takes_large_payloads), ..Self::default() }
    }

    /// Goes on with a turn.
    pub fn apply(&mut self, turn: &RecordedTurn) {
        self.at = turn.at;
        turn.events.iter().for_each(|event| self.follow(event));
    }

    /// Records an external event at a time, with the trace in which it was raised: the turns to append, in order.
    /// What is overdue by then comes first. No turns when an event with that key is there.
    ///
    /// # Errors
    /// [`Rejected::TooManyEvents`], [`Rejected::TooManyEventBytes`] as on an execution that runs;
    /// [`Rejected::OverLimit`] when the history is full. Nothing changed then.
    pub fn raise(
        &mut self,
        name: Name,
        data: Payload,
        key: Option<EventKey>,
        trace: Option<&TraceContext>,
        now: Timestamp,
    ) -> Result<Vec<RecordedTurn>, Rejected> {
        if key.as_ref().is_some_and(|key| self.keys.contains(key)) {
            return Ok(Vec::new());
        }
        self.has_room(&name, data.len())?;
        Ok(self.record(Event::ExternalRaised { name, data, key }, trace, now))
    }

    /// Records an update of another instance that waits for its answer, as [`raise`](Self::raise) does an event.
    ///
    /// # Errors
    /// As [`raise`](Self::raise).
    pub fn take_update(
        &mut self,
        name: Name,
        data: Payload,
        (key, by): (EventKey, Requester),
        trace: Option<&TraceContext>,
        now: Timestamp,
    ) -> Result<Vec<RecordedTurn>, Rejected> {
        if self.keys.contains(&key) {
            return Ok(Vec::new());
        }
        self.has_room(&name, data.len())?;
        let asked = Event::Request(RequestEvent::Asked { key: key.clone(), by });
        let raised = Event::ExternalRaised { name, data, key: Some(key) };
        Ok(self.record_all([raised].into_iter().chain([asked]).collect(), trace, now))
    }

    /// Records that somebody has asked it to end: the turns to append, in order. No turns when somebody has before.
    /// Its children are cancelled when its code goes on, which knows which of them are shielded.
    ///
    /// # Errors
    /// [`Rejected::OverLimit`] when the history is full. Nothing changed then.
    pub fn cancel(
        &mut self,
        reason: String,
        trace: Option<&TraceContext>,
        now: Timestamp,
    ) -> Result<Vec<RecordedTurn>, Rejected> {
        let cancel = Event::CancelRequested { reason: bounded_message(reason) };
        self.record_if(!self.is_cancelled, cancel, trace, now)
    }

    /// Records that it is not to go on before somebody resumes it: the turns to append, in order. No turns when
    /// it is suspended already.
    ///
    /// # Errors
    /// As [`cancel`](Self::cancel).
    pub fn suspend(
        &mut self,
        reason: String,
        trace: Option<&TraceContext>,
        now: Timestamp,
    ) -> Result<Vec<RecordedTurn>, Rejected> {
        let suspend = Event::ExecutionSuspended { reason: bounded_message(reason) };
        self.record_if(!self.is_suspended, suspend, trace, now)
    }

    /// Records the end of a suspension: the turns to append, in order. No turns when it is not suspended.
    ///
    /// # Errors
    /// As [`cancel`](Self::cancel).
    pub fn resume(
        &mut self,
        trace: Option<&TraceContext>,
        now: Timestamp,
    ) -> Result<Vec<RecordedTurn>, Rejected> {
        self.record_if(self.is_suspended, Event::ExecutionResumed, trace, now)
    }

    fn record_if(
        &mut self,
        is_new: bool,
        event: Event,
        trace: Option<&TraceContext>,
        now: Timestamp,
    ) -> Result<Vec<RecordedTurn>, Rejected> {
        if !is_new {
            return Ok(Vec::new());
        }
        match history_limit(self.limits, self.events + 1, self.bytes) {
            Some(full) => Err(Rejected::OverLimit(full.to_string())),
            None => Ok(self.record(event, trace, now)),
        }
    }

    /// Records an input, with its trace if there is room for that. What is overdue by then comes first.
    fn record(
        &mut self,
        event: Event,
        trace: Option<&TraceContext>,
        now: Timestamp,
    ) -> Vec<RecordedTurn> {
        self.record_all([event].into(), trace, now)
    }

    /// The same of an input, and of what is about it.
    fn record_all(
        &mut self,
        input: Arc<[Event]>,
        trace: Option<&TraceContext>,
        now: Timestamp,
    ) -> Vec<RecordedTurn> {
        let at = now.max(self.at);
        let overdue = iter::from_fn(|| {
            let turn = one_event(at, self.overdue(at)?);
            self.apply(&turn);
            Some(turn)
        });
        let mut turns: Vec<_> = overdue.collect();
        let bytes: u64 = input.iter().map(|event| event.payload_bytes() as u64).sum();
        let (events, bytes) = (self.events + 1 + input.len() as u64, self.bytes + bytes);
        let limits = self.limits;
        let has_room = |trace: &&TraceContext| {
            history_limit(limits, events, bytes + trace.state().len() as u64).is_none()
        };
        let turn = RecordedTurn { at, events: input }.in_trace(trace.filter(has_room));
        self.apply(&turn);
        turns.push(turn);
        turns
    }

    fn has_room(&self, name: &Name, bytes: usize) -> Result<(), Rejected> {
        check_event(self.limits, bytes)?;
        if let Some(full) = history_limit(self.limits, self.events + 1, self.bytes + bytes as u64) {
            return Err(Rejected::OverLimit(full.to_string()));
        }
        if self.queues.get(name).is_some_and(OfName::awaits_next) {
            return Ok(());
        }
        let unawaited = self.queues.values().map(OfName::unawaited);
        let (events, taken) = unawaited.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        if events < self.any_waits.len() {
            return Ok(());
        }
        if events >= MAX_BUFFERED_EVENTS {
            return Err(Rejected::TooManyEvents { limit: MAX_BUFFERED_EVENTS });
        }
        let limit = self.limits.buffered;
        if taken + bytes > limit {
            return Err(Rejected::TooManyEventBytes { limit });
        }
        Ok(())
    }

    /// What was due first of all that is overdue. Which timers a cancel has left open, only the code
    /// knows: then nothing is said to be.
    fn overdue(&self, now: Timestamp) -> Option<Event> {
        if self.is_cancelled {
            return None;
        }
        let timers = self.timers.iter().map(|(id, fire_at)| (*fire_at, *id));
        let ends = self.tasks.iter().filter_map(|(id, task)| Some((task.deadline()?, *id)));
        let (due, id) = timers.chain(ends).min()?;
        if due > now {
            return None;
        }
        match self.tasks.get(&id).filter(|task| task.due(now) == Some(Due::End)) {
            Some(task) => Some(Event::TaskFailed { id, error: task.too_late() }),
            None => Some(Event::TimerFired { id }),
        }
    }

    fn follow(&mut self, event: &Event) {
        self.events += 1;
        self.bytes += event.payload_bytes() as u64;
        match event {
            Event::ExternalRaised { name, data, key } => {
                key.iter().for_each(|key| self.keys.remember(key));
                let of_name = self.queues.entry(name.clone()).or_default();
                let before = of_name.bytes.last().copied().unwrap_or_default();
                of_name.bytes.push(before + data.len());
            }
            Event::EventKeysCarried { keys } => keys.iter().for_each(|key| self.keys.remember(key)),
            Event::ExternalSubscribed { id, name } => {
                self.waits.insert(*id, name.clone());
                self.queues.entry(name.clone()).or_default().waits += 1;
            }
            Event::AnySubscribed { id } => {
                self.any_waits.insert(*id);
            }
            Event::ExternalTaken { id, name, .. } => {
                self.any_waits.remove(id);
                // As if the wait had been for its name.
                self.queues.entry(name.clone()).or_default().waits += 1;
            }
            Event::ExternalUnsubscribed { id } => {
                self.any_waits.remove(id);
                let name = self.waits.remove(id);
                if let Some(of_name) = name.and_then(|name| self.queues.get_mut(&name)) {
                    of_name.waits = of_name.waits.saturating_sub(1);
                }
            }
            Event::TimerCreated { id, fire_at } => drop(self.timers.insert(*id, *fire_at)),
            Event::TimerFired { id } | Event::TimerCancelled { id } => {
                self.timers.remove(id);
            }
            Event::TaskConfigured { id, options } => {
                let attempts = Attempts::new(options.clone(), None, self.at);
                self.tasks.insert(*id, Box::new(attempts));
            }
            Event::TaskAttemptFailed { id, attempt, error, retry_at } => {
                if let Some(task) = self.tasks.get_mut(id) {
                    task.failed = *attempt;
                    task.last_error = Some(error.clone());
                    task.retry_at = Some(*retry_at);
                }
            }
            Event::TaskCompleted { id, .. }
            | Event::TaskFailed { id, .. }
            | Event::TaskCancelRequested { id } => drop(self.tasks.remove(id)),
            Event::ExecutionRewound { .. } => {
                let at = self.at;
                self.tasks.values_mut().for_each(|task| task.begin_anew(at));
            }
            Event::ExecutionRenewed { .. } => {
                self.timers.clear();
                self.tasks.clear();
                self.waits.clear();
                self.any_waits.clear();
                // A wait that had no event is over.
                let all = self.queues.values_mut();
                all.for_each(|of_name| of_name.waits = of_name.waits.min(of_name.bytes.len()));
            }
            Event::CancelRequested { .. } => self.is_cancelled = true,
            Event::ExecutionSuspended { .. } => self.is_suspended = true,
            Event::ExecutionResumed => self.is_suspended = false,
            Event::ExecutionStarted { .. }
            | Event::TaskScheduled { .. }
            | Event::TaskRefused { .. }
            | Event::SideEffectRecorded { .. }
            | Event::ExecutionCompleted { .. }
            | Event::ExecutionFailed { .. }
            | Event::ExecutionTerminated { .. }
            | Event::StatusSet { .. }
            | Event::UpdateAnswered { .. }
            | Event::UpdateAnswersCarried { .. }
            | Event::ValuePublished { .. }
            | Event::Streamed(_)
            | Event::AttributesChanged { .. }
            | Event::ExecutionContinued { .. }
            | Event::ExecutionCancelled { .. }
            | Event::TaskHeartbeat { .. }
            | Event::VersionSelected { .. }
            | Event::PatchMarked { .. }
            | Event::StartedBy { .. }
            | Event::ChildScheduled { .. }
            | Event::ChildCompleted { .. }
            | Event::ChildFailed { .. }
            | Event::ChildCancelRequested { .. }
            | Event::StartRequested { .. }
            | Event::CallRefused { .. }
            | Event::EventSent { .. }
            | Event::CommandSent { .. }
            | Event::Request(_)
            | Event::MessagesDelivered { .. }
            | Event::MessageRefused { .. }
            | Event::OutboxCarried { .. }
            | Event::ChildAttemptFailed { .. }
            | Event::TaskTagged { .. }
            | Event::ChildrenSuperseded { .. }
            | Event::CommandsReceived { .. }
            | Event::TaskStarted { .. }
            | Event::TaskStopped { .. }
            | Event::TaskDeferred { .. }
            | Event::RunAnnounced { .. }
            | Event::RunSurvived
            | Event::ExecutionParked { .. }
            | Event::ExecutionUnparked
            | Event::TaskLocal { .. }
            | Event::ExecutionForked { .. }
            | Event::TraceContextReceived { .. }
            | Event::TimeLimit(_) => {}
        }
    }
}

fn one_event(at: Timestamp, event: Event) -> RecordedTurn {
    RecordedTurn { at, events: [event].into() }
}
