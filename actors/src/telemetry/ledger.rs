//! What an execution has open, as far as its events do not say it again when that ends.

mod waits;

use std::collections::{BTreeMap, VecDeque};

#[cfg(feature = "otel")]
use reenact_core::ForkedFrom;
use reenact_core::{CorrelationId, Event, Name, RecordedTurn, Timestamp, TraceContext};

use self::waits::{Ready, Waits};

/// What an execution has open, followed event by event. Kept only while somebody
/// [listens](super::is_followed).
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    open: BTreeMap<CorrelationId, Open>,
    waits: Waits,
    /// The place of the next event in the log.
    place: u64,
    /// What others asked for in traces of their own, since the execution began: the newest.
    asked: VecDeque<Asked>,
    /// When the execution began.
    #[cfg(feature = "otel")]
    pub(super) begun: Option<Timestamp>,
    /// Of which log the first turns are a copy, where the instance is a fork.
    #[cfg(feature = "otel")]
    forked: Option<Box<ForkedFrom>>,
    /// How often the execution was rewound; of a fork, its beginning counts as once.
    #[cfg(feature = "otel")]
    rewinds: u32,
}

/// The most commands in traces of their own that an execution remembers: a span has no more than 128 links.
const MAX_ASKED: usize = 32;

/// Something that was scheduled and has not ended.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "otel"), allow(dead_code, reason = "spans have times"))]
pub(super) struct Open {
    /// The activity, the event, or the child's orchestration.
    pub(super) name: Option<Name>,
    /// The attempt that is under way; the first is 1.
    pub(super) attempt: u32,
    /// When that attempt, or what has no attempts, began.
    pub(super) since: Timestamp,
    /// When a timer is to fire.
    pub(super) fire_at: Option<Timestamp>,
}

/// What the ledger knows of one event.
#[derive(Clone, Debug, Default)]
pub(super) struct Fact {
    /// What the event is about.
    pub(super) about: Option<Open>,
    /// The waits whose events the code has taken with it.
    pub(super) taken_by: Vec<Taken>,
}

/// A wait whose event the code has taken.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "otel"), allow(dead_code, reason = "spans are linked"))]
pub(super) struct Taken {
    pub(super) id: CorrelationId,
    pub(super) wait: Open,
    /// The trace in which the event was raised.
    pub(super) raised_in: Option<TraceContext>,
}

/// What somebody has asked of an execution, in a trace.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "otel"), allow(dead_code, reason = "spans are linked"))]
pub(super) struct Asked {
    /// `cancel`, `terminate`, `suspend` or `resume`.
    pub(super) command: &'static str,
    pub(super) context: TraceContext,
}

/// What an execution is built on that does not begin with a start.
#[cfg(feature = "otel")]
#[derive(Clone, Copy, Debug)]
pub(super) enum BuiltOn<'a> {
    /// The execution before it.
    Rewound,
    /// That of another instance.
    Original(&'a ForkedFrom),
}

impl Fact {
    fn about(open: Option<Open>) -> Self {
        Self { about: open, taken_by: Vec::new() }
    }
}

impl Ledger {
    /// A ledger that begins at that place of the log.
    pub(super) fn at(place: u64) -> Self {
        Self { place, ..Self::default() }
    }

    /// Follows a turn; returns what is known of each of its events. `has_wait` says whether a wait is still there
    /// after the turn: the log does not say when the code takes an event.
    pub(super) fn follow(
        &mut self,
        turn: &RecordedTurn,
        has_wait: impl Fn(&Name, CorrelationId) -> bool,
    ) -> Vec<Fact> {
        let first = self.place;
        let mut facts = self.follow_events(turn);
        let ends = turn.events.iter().any(Event::is_terminal);
        let is_there = |ready: &Ready| match ends {
            // No wait is left after the end. What was ready before has been left by the code.
            true => ready.since < first,
            false => has_wait(&ready.name, ready.id),
        };
        for (Ready { since, id, .. }, raised_in) in self.waits.take(is_there) {
            let index = usize::try_from(since.saturating_sub(first)).unwrap_or_default();
            if let (Some(wait), Some(fact)) = (self.open.remove(&id), facts.get_mut(index)) {
                fact.taken_by.push(Taken { id, wait, raised_in });
            }
        }
        facts
    }

    /// Follows a turn of the past. What the code has taken is said with [`forget_taken`](Self::forget_taken).
    pub(crate) fn replay(&mut self, turn: &RecordedTurn) {
        drop(self.follow_events(turn));
    }

    /// After a replay: the waits that are not there any more have taken their events.
    pub(crate) fn forget_taken(&mut self, has_wait: impl Fn(&Name, CorrelationId) -> bool) {
        for (ready, _) in self.waits.take(|ready| has_wait(&ready.name, ready.id)) {
            self.open.remove(&ready.id);
        }
    }

    /// What others have asked for in traces of their own.
    #[cfg(feature = "otel")]
    pub(super) fn asked(&self) -> impl Iterator<Item = &Asked> {
        self.asked.iter()
    }

    /// The execution that this one is built on, by a rewind or as a fork.
    #[cfg(feature = "otel")]
    pub(super) fn built_on(&self) -> Option<BuiltOn<'_>> {
        match (&self.forked, self.rewinds) {
            (None, 0) => None,
            (Some(fork), 0 | 1) => Some(BuiltOn::Original(fork)),
            _ => Some(BuiltOn::Rewound),
        }
    }

    fn follow_events(&mut self, turn: &RecordedTurn) -> Vec<Fact> {
        if turn.events.is_empty() {
            // What was superseded keeps its place.
            self.place += 1;
        }
        let mut facts = Vec::with_capacity(turn.events.len());
        for (index, event) in turn.events.iter().enumerate() {
            let trace = match turn.events.get(index + 1) {
                Some(Event::TraceContextReceived { received }) => Some(&received.context),
                _ => None,
            };
            facts.push(self.follow_event(turn.at, event, trace));
            self.place += 1;
        }
        facts
    }

    fn follow_event(&mut self, at: Timestamp, event: &Event, trace: Option<&TraceContext>) -> Fact {
        match event {
            #[cfg(feature = "otel")]
            Event::ExecutionStarted { .. } => self.begun = Some(at),
            #[cfg(feature = "otel")]
            Event::ExecutionForked { fork } => {
                (self.forked, self.rewinds) = (Some(fork.clone()), 0);
            }
            #[cfg(feature = "otel")]
            Event::ExecutionRewound { .. } => self.rewinds = self.rewinds.saturating_add(1),
            Event::TaskScheduled { id, name, .. } | Event::ChildScheduled { id, name, .. } => {
                self.begins(*id, Some(name), at);
            }
            Event::TimerCreated { id, fire_at } => {
                let open = Open { name: None, attempt: 1, since: at, fire_at: Some(*fire_at) };
                self.open.insert(*id, open);
            }
            Event::ExternalSubscribed { id, name } => {
                self.begins(*id, Some(name), at);
                self.waits.subscribe(self.place, name, *id);
            }
            Event::AnySubscribed { id } => self.begins(*id, None, at),
            Event::ExternalTaken { id, name, place } => {
                self.waits.take_event(name, *place);
                return Fact::about(self.open.remove(id));
            }
            Event::ExternalRaised { name, .. } => {
                self.waits.raise(self.place, name, trace.cloned());
            }
            Event::ExternalUnsubscribed { id } => {
                let about = self.open.remove(id);
                if let Some(name) = about.as_ref().and_then(|open| open.name.as_ref()) {
                    self.waits.unsubscribe(self.place, name, *id);
                }
                return Fact::about(about);
            }
            Event::TaskAttemptFailed { id, retry_at, .. }
            | Event::ChildAttemptFailed { id, retry_at, .. } => {
                let about = self.open.get(id).cloned();
                if let Some(open) = self.open.get_mut(id) {
                    open.attempt = open.attempt.saturating_add(1);
                    open.since = *retry_at;
                }
                return Fact::about(about);
            }
            Event::TaskHeartbeat { id, .. } => return Fact::about(self.open.get(id).cloned()),
            Event::TaskCompleted { id, .. }
            | Event::TaskFailed { id, .. }
            | Event::TaskCancelRequested { id }
            | Event::TimerFired { id }
            | Event::TimerCancelled { id }
            | Event::ChildCompleted { id, .. }
            | Event::ChildFailed { id, .. }
            | Event::ChildCancelRequested { id } => return Fact::about(self.open.remove(id)),
            Event::ExecutionRenewed { taken, .. } => {
                self.open.clear();
                self.waits.begin_anew(taken);
            }
            Event::CancelRequested { .. } => self.is_asked("cancel", trace),
            Event::ExecutionTerminated { .. } => self.is_asked("terminate", trace),
            Event::ExecutionSuspended { .. } => self.is_asked("suspend", trace),
            Event::ExecutionResumed => self.is_asked("resume", trace),
            _ => {}
        }
        Fact::default()
    }

    fn begins(&mut self, id: CorrelationId, name: Option<&Name>, since: Timestamp) {
        let open = Open { name: name.cloned(), attempt: 1, since, fire_at: None };
        self.open.insert(id, open);
    }

    fn is_asked(&mut self, command: &'static str, trace: Option<&TraceContext>) {
        let Some(context) = trace.cloned() else { return };
        if self.asked.len() == MAX_ASKED {
            self.asked.pop_front();
        }
        self.asked.push_back(Asked { command, context });
    }
}
