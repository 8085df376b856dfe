//! The buffered external events of one name, and the waits for them.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use crate::ids::{CorrelationId, EventKey};
use crate::payload::Payload;
use crate::trace_context::ReceivedTrace;

/// First event to first wait: the wait at place *n* is ready when there are more than *n* events.
///
/// Nothing is assigned before it is taken, so a wait that goes away leaves its event to the next.
#[derive(Debug, Default)]
pub(crate) struct EventQueue {
    /// Events that nobody has taken, oldest first.
    events: VecDeque<BufferedEvent>,
    /// Waits that have taken nothing, oldest first.
    waits: VecDeque<CorrelationId>,
}

/// An event that nobody has taken.
#[derive(Clone, Debug)]
pub(crate) struct BufferedEvent {
    /// Its place in the log.
    pub(crate) position: u64,
    pub(crate) data: Payload,
    pub(crate) key: Option<EventKey>,
    /// The trace in which it was raised.
    pub(crate) trace: Option<Box<ReceivedTrace>>,
}

/// What an update is of an event that was taken: its position, its key, and the trace in which it was raised.
pub(crate) type KeyOfLast = (u64, EventKey, Option<Box<ReceivedTrace>>);

impl EventQueue {
    /// Adds an event; returns the wait that it makes ready.
    pub(crate) fn raise(&mut self, event: BufferedEvent) -> Option<CorrelationId> {
        self.events.push_back(event);
        self.last_ready()
    }

    /// An event that was taken is there again, in front. The code begins anew: all waits are to
    /// [end](Self::end_waits).
    pub(crate) fn put_back(&mut self, event: BufferedEvent) {
        self.events.push_front(event);
    }

    /// Adds a wait; gives the event that it takes from those which nobody waits for.
    pub(crate) fn subscribe(&mut self, id: CorrelationId) -> Option<&BufferedEvent> {
        self.waits.push_back(id);
        self.events.get(self.waits.len() - 1)
    }

    /// Whether a wait has taken nothing.
    pub(crate) fn has_wait(&self, id: CorrelationId) -> bool {
        self.place(id).is_some()
    }

    /// Whether a wait is open for the next event that comes.
    pub(crate) fn awaits_next(&self) -> bool {
        self.waits.len() > self.events.len()
    }

    /// The place in the log of the event that a wait would take now.
    pub(crate) fn ready(&self, id: CorrelationId) -> Option<u64> {
        let place = self.place(id)?;
        self.events.get(place).map(|event| event.position)
    }

    /// The event of a wait, if it is there. The wait is over then.
    pub(crate) fn take(&mut self, id: CorrelationId) -> Option<BufferedEvent> {
        let place = self.place(id)?;
        let event = self.events.remove(place)?;
        self.waits.remove(place);
        Some(event)
    }

    /// Ends a wait that took nothing; returns the other wait that gets its event.
    pub(crate) fn unsubscribe(&mut self, id: CorrelationId) -> Option<CorrelationId> {
        let place = self.place(id)?;
        self.waits.remove(place);
        if place < self.events.len() { self.last_ready() } else { None }
    }

    /// Ends all waits: no event has anybody who waits for it.
    pub(crate) fn end_waits(&mut self) {
        self.waits.clear();
    }

    /// The oldest event that nobody waits for.
    pub(crate) fn first_unawaited(&self) -> Option<&BufferedEvent> {
        self.events.get(self.waits.len())
    }

    /// What nobody has taken, oldest first.
    pub(crate) fn events(&self) -> impl Iterator<Item = &BufferedEvent> {
        self.events.iter()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.events.is_empty() && self.waits.is_empty()
    }

    /// Ids rise in the order of subscription.
    fn place(&self, id: CorrelationId) -> Option<usize> {
        self.waits.binary_search(&id).ok()
    }

    fn last_ready(&self) -> Option<CorrelationId> {
        self.waits.get(self.events.len().checked_sub(1)?).copied()
    }
}
