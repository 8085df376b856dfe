//! Which turns of a log a later one supersedes.

use alloc::collections::BTreeMap;

use super::RecordedTurn;
use crate::event::{Event, EventKind};
use crate::ids::CorrelationId;
use crate::message::{MessageId, SupersededChild};

/// Goes over the turns of a log, and finds those that a later one has
/// [superseded](Event::is_superseded_by_the_next). Keeps a `T` for each turn that may still be
/// superseded: its place, or what it counts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Superseding<T> {
    /// By the id and the kind of the event.
    newest: BTreeMap<(CorrelationId, EventKind), T>,
    /// The run, in messages.
    lineage: u64,
}

impl<T> Default for Superseding<T> {
    fn default() -> Self {
        Self { newest: BTreeMap::new(), lineage: 0 }
    }
}

impl<T> Superseding<T> {
    /// Takes in the next turn, and what stands for it. Gives what stands for the turns that it
    /// supersedes. A failed attempt of a child supersedes the failure before it, and what says no more
    /// than that the attempt had begun. What says so of a child that was begun anew since stays: it is about
    /// what another run has started.
    pub(crate) fn superseded_by(
        &mut self,
        turn: &RecordedTurn,
        what: T,
    ) -> impl Iterator<Item = T> + use<T> {
        let mut superseded = (None, None);
        if let Some(event) = turn.events.first().filter(|event| event.is_superseded_by_the_next()) {
            superseded = self.supersede(event, what);
        } else if let [Event::MessagesDelivered { messages, end: None }] = &*turn.events {
            self.note_delivery(messages, what);
        } else if let [Event::ChildrenSuperseded { children }, ..] = &*turn.events {
            self.forget_deliveries(children);
        } else if let Some(
            Event::ExecutionStarted { seed, .. } | Event::ExecutionRewound { seed, .. },
        ) = turn.events.first()
        {
            self.lineage = *seed;
        }
        let (before, begun) = superseded;
        before.into_iter().chain(begun)
    }

    fn supersede(&mut self, by: &Event, what: T) -> (Option<T>, Option<T>) {
        let Some(id) = by.correlation() else { return (None, None) };
        let before = self.newest.insert((id, by.kind()), what);
        let begun = if matches!(by, Event::ChildAttemptFailed { .. }) {
            self.newest.remove(&(id, EventKind::MessagesDelivered))
        } else {
            None
        };
        (before, begun)
    }

    /// That a start has arrived is of no interest any more when what was started has failed.
    fn note_delivery(&mut self, messages: &[MessageId], what: T) {
        if let Some(child) = MessageId::child_whose_start_arrived(messages, self.lineage) {
            self.newest.insert((child, EventKind::MessagesDelivered), what);
        }
    }

    /// A child that is begun anew, in the place of what was cancelled, is not known to have begun; as the
    /// [`Outbox`](crate::Outbox) sees it.
    fn forget_deliveries(&mut self, children: &[SupersededChild]) {
        for SupersededChild { call, .. } in children.iter().filter(|child| child.call.unless_ended)
        {
            self.newest.remove(&(call.id, EventKind::MessagesDelivered));
        }
    }
}
