//! What an execution has open, as far as its events do not say it again when that ends.

use std::collections::{BTreeMap, VecDeque};

use reenact_core::{CorrelationId, Event, Name, RecordedTurn};

/// What an execution has open, followed event by event. Kept only while somebody
/// [listens](super::is_followed).
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    open: BTreeMap<CorrelationId, Open>,
    /// The waits for each event that have not got one, oldest first.
    waits: BTreeMap<Name, VecDeque<CorrelationId>>,
    /// The number of events of each name that nobody has taken.
    buffered: BTreeMap<Name, usize>,
}

/// Something that was scheduled and has not ended.
#[derive(Clone, Debug)]
pub(super) struct Open {
    /// The activity, the event, or the child's orchestration.
    pub(super) name: Option<Name>,
    /// The attempt that is under way; the first is 1.
    pub(super) attempt: u32,
}

/// What the ledger knows of one event.
#[derive(Clone, Debug, Default)]
pub(super) struct Fact {
    /// What the event is about.
    pub(super) about: Option<Open>,
    /// The wait that takes an external event with it.
    pub(super) taken_by: Option<(CorrelationId, Open)>,
}

impl Ledger {
    /// Follows a turn; returns what is known of each of its events.
    pub(super) fn follow(&mut self, turn: &RecordedTurn) -> Vec<Fact> {
        turn.events.iter().map(|event| self.follow_event(event)).collect()
    }

    /// Follows a turn of the past.
    pub(crate) fn replay(&mut self, turn: &RecordedTurn) {
        turn.events.iter().for_each(|event| drop(self.follow_event(event)));
    }

    fn follow_event(&mut self, event: &Event) -> Fact {
        match event {
            Event::TaskScheduled { id, name, .. } | Event::ChildScheduled { id, name, .. } => {
                self.begins(*id, Some(name));
                Fact::default()
            }
            Event::TimerCreated { id, .. } => {
                self.begins(*id, None);
                Fact::default()
            }
            Event::ExternalSubscribed { id, name } => {
                self.begins(*id, Some(name));
                self.waits.entry(name.clone()).or_default().push_back(*id);
                self.taken(name)
            }
            Event::ExternalRaised { name, .. } => {
                *self.buffered.entry(name.clone()).or_default() += 1;
                self.taken(name)
            }
            Event::ExternalUnsubscribed { id } => {
                let about = self.open.remove(id);
                if let Some(name) = about.as_ref().and_then(|open| open.name.as_ref())
                    && let Some(waits) = self.waits.get_mut(name)
                {
                    waits.retain(|wait| wait != id);
                }
                Fact { about, taken_by: None }
            }
            Event::TaskAttemptFailed { id, .. } | Event::ChildAttemptFailed { id, .. } => {
                let about = self.open.get(id).cloned();
                if let Some(open) = self.open.get_mut(id) {
                    open.attempt = open.attempt.saturating_add(1);
                }
                Fact { about, taken_by: None }
            }
            Event::TaskHeartbeat { id, .. } => {
                Fact { about: self.open.get(id).cloned(), taken_by: None }
            }
            Event::TaskCompleted { id, .. }
            | Event::TaskFailed { id, .. }
            | Event::TaskCancelRequested { id }
            | Event::TimerFired { id }
            | Event::TimerCancelled { id }
            | Event::ChildCompleted { id, .. }
            | Event::ChildFailed { id, .. }
            | Event::ChildCancelRequested { id } => {
                Fact { about: self.open.remove(id), taken_by: None }
            }
            Event::ExecutionRenewed { .. } => {
                self.open.clear();
                self.waits.clear();
                Fact::default()
            }
            _ => Fact::default(),
        }
    }

    fn begins(&mut self, id: CorrelationId, name: Option<&Name>) {
        self.open.insert(id, Open { name: name.cloned(), attempt: 1 });
    }

    /// The oldest wait for an event takes the oldest event of that name, if there are both.
    fn taken(&mut self, name: &Name) -> Fact {
        let Some(buffered) = self.buffered.get_mut(name).filter(|events| **events > 0) else {
            return Fact::default();
        };
        let Some(wait) = self.waits.get_mut(name).and_then(VecDeque::pop_front) else {
            return Fact::default();
        };
        *buffered -= 1;
        let taken_by = self.open.remove(&wait).map(|open| (wait, open));
        Fact { about: None, taken_by }
    }
}
