//! What an execution has open, as far as its events do not say it again when that ends.

use std::collections::{BTreeMap, VecDeque};

use reenact_core::{CorrelationId, Event, Name, RecordedTurn, Timestamp, TraceContext};

/// What an execution has open, followed event by event. Kept only while somebody
/// [listens](super::is_followed).
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    open: BTreeMap<CorrelationId, Open>,
    /// The waits for each event that have not got one, oldest first.
    waits: BTreeMap<Name, VecDeque<CorrelationId>>,
    /// The events of each name that nobody has taken, with the traces in which they were raised.
    buffered: BTreeMap<Name, VecDeque<Option<TraceContext>>>,
    /// When the execution began.
    #[cfg(feature = "otel")]
    pub(super) begun: Option<Timestamp>,
}

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
    /// The wait that takes an external event with it.
    pub(super) taken_by: Option<Taken>,
}

/// A wait that has its event.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "otel"), allow(dead_code, reason = "spans are linked"))]
pub(super) struct Taken {
    pub(super) id: CorrelationId,
    pub(super) wait: Open,
    /// The trace in which the event was raised.
    pub(super) raised_in: Option<TraceContext>,
}

impl Fact {
    fn about(open: Option<Open>) -> Self {
        Self { about: open, taken_by: None }
    }
}

impl Ledger {
    /// Follows a turn; returns what is known of each of its events.
    pub(super) fn follow(&mut self, turn: &RecordedTurn) -> Vec<Fact> {
        let events = turn.events.iter().enumerate();
        let next = |index: usize| turn.events.get(index + 1);
        events.map(|(index, event)| self.follow_event(turn.at, event, next(index))).collect()
    }

    /// Follows a turn of the past.
    pub(crate) fn replay(&mut self, turn: &RecordedTurn) {
        drop(self.follow(turn));
    }

    fn follow_event(&mut self, at: Timestamp, event: &Event, next: Option<&Event>) -> Fact {
        match event {
            #[cfg(feature = "otel")]
            Event::ExecutionStarted { .. } => {
                self.begun = Some(at);
                Fact::default()
            }
            Event::TaskScheduled { id, name, .. } | Event::ChildScheduled { id, name, .. } => {
                self.begins(*id, Some(name), at);
                Fact::default()
            }
            Event::TimerCreated { id, fire_at } => {
                let open = Open { name: None, attempt: 1, since: at, fire_at: Some(*fire_at) };
                self.open.insert(*id, open);
                Fact::default()
            }
            Event::ExternalSubscribed { id, name } => {
                self.begins(*id, Some(name), at);
                self.waits.entry(name.clone()).or_default().push_back(*id);
                self.taken(name)
            }
            Event::ExternalRaised { name, .. } => {
                let raised_in = match next {
                    Some(Event::TraceContextReceived { received }) => {
                        Some(received.context.clone())
                    }
                    _ => None,
                };
                self.buffered.entry(name.clone()).or_default().push_back(raised_in);
                self.taken(name)
            }
            Event::ExternalUnsubscribed { id } => {
                let about = self.open.remove(id);
                if let Some(name) = about.as_ref().and_then(|open| open.name.as_ref())
                    && let Some(waits) = self.waits.get_mut(name)
                {
                    waits.retain(|wait| wait != id);
                }
                Fact::about(about)
            }
            Event::TaskAttemptFailed { id, retry_at, .. }
            | Event::ChildAttemptFailed { id, retry_at, .. } => {
                let about = self.open.get(id).cloned();
                if let Some(open) = self.open.get_mut(id) {
                    open.attempt = open.attempt.saturating_add(1);
                    open.since = *retry_at;
                }
                Fact::about(about)
            }
            Event::TaskHeartbeat { id, .. } => Fact::about(self.open.get(id).cloned()),
            Event::TaskCompleted { id, .. }
            | Event::TaskFailed { id, .. }
            | Event::TaskCancelRequested { id }
            | Event::TimerFired { id }
            | Event::TimerCancelled { id }
            | Event::ChildCompleted { id, .. }
            | Event::ChildFailed { id, .. }
            | Event::ChildCancelRequested { id } => Fact::about(self.open.remove(id)),
            Event::ExecutionRenewed { .. } => {
                self.open.clear();
                self.waits.clear();
                Fact::default()
            }
            _ => Fact::default(),
        }
    }

    fn begins(&mut self, id: CorrelationId, name: Option<&Name>, since: Timestamp) {
        let open = Open { name: name.cloned(), attempt: 1, since, fire_at: None };
        self.open.insert(id, open);
    }

    /// The oldest wait for an event takes the oldest event of that name, if there are both.
    fn taken(&mut self, name: &Name) -> Fact {
        let Some(buffered) = self.buffered.get_mut(name).filter(|events| !events.is_empty()) else {
            return Fact::default();
        };
        let Some(id) = self.waits.get_mut(name).and_then(VecDeque::pop_front) else {
            return Fact::default();
        };
        let raised_in = buffered.pop_front().flatten();
        let taken = self.open.remove(&id).map(|wait| Taken { id, wait, raised_in });
        Fact { about: None, taken_by: taken }
    }
}
