//! The buffered external events of one name, and the waits for them.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use crate::ids::{CorrelationId, EventKey};
use crate::message::Requester;
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
    /// The other instance that waits for its answer, of an update that one has sent.
    pub(crate) by: Option<Box<Requester>>,
}

/// What an update is of an event that was taken.
#[derive(Debug)]
pub(crate) struct TakenLast {
    pub(crate) position: u64,
    pub(crate) key: EventKey,
    pub(crate) trace: Option<Box<ReceivedTrace>>,
    pub(crate) by: Option<Box<Requester>>,
}

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

    /// No other instance waits for an answer.
    pub(crate) fn forget_requesters(&mut self) {
        self.events.iter_mut().for_each(|event| event.by = None);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.events.is_empty() && self.waits.is_empty()
    }

    /// The wait at a place.
    pub(crate) fn wait_at(&self, place: usize) -> Option<CorrelationId> {
        self.waits.get(place).copied()
    }

    /// Of the events that are not claimed by others, the one at a place, and its index.
    fn beside(&self, place: usize, claimed: &[u64]) -> Option<(usize, &BufferedEvent)> {
        let all = self.events.iter().enumerate();
        all.filter(|(_, event)| !claimed.contains(&event.position)).nth(place)
    }

    /// As [`ready`](Self::ready), where others have claimed some of the events.
    pub(crate) fn ready_beside(&self, id: CorrelationId, claimed: &[u64]) -> Option<u64> {
        self.beside(self.place(id)?, claimed).map(|(_, event)| event.position)
    }

    /// As [`take`](Self::take), where others have claimed some of the events.
    pub(crate) fn take_beside(
        &mut self,
        id: CorrelationId,
        claimed: &[u64],
    ) -> Option<BufferedEvent> {
        let place = self.place(id)?;
        let (index, _) = self.beside(place, claimed)?;
        self.waits.remove(place);
        self.events.remove(index)
    }

    /// Takes the event with that position, for a wait that is not for this name.
    pub(crate) fn take_at(&mut self, position: u64) -> Option<BufferedEvent> {
        let index = self.events.iter().position(|event| event.position == position)?;
        self.events.remove(index)
    }

    /// As [`awaits_next`](Self::awaits_next), where others have claimed some of the events.
    pub(crate) fn awaits_next_beside(&self, claimed: &[u64]) -> bool {
        self.waits.len() > self.awaited_beside(claimed).count()
    }

    /// The waits that have an event, where others have claimed some of the events.
    pub(crate) fn ready_waits_beside(
        &self,
        claimed: &[u64],
    ) -> impl Iterator<Item = CorrelationId> {
        let many = self.awaited_beside(claimed).count();
        self.waits.iter().copied().take(many)
    }

    /// The events that the waits would take, where others have claimed some. Goes over no more events than
    /// waits and others want.
    pub(crate) fn awaited_beside<'a>(
        &'a self,
        claimed: &'a [u64],
    ) -> impl Iterator<Item = &'a BufferedEvent> {
        self.unclaimed(claimed).take(self.waits.len())
    }

    /// The event with that position.
    pub(crate) fn at(&self, position: u64) -> Option<&BufferedEvent> {
        self.events.iter().find(|event| event.position == position)
    }

    fn unclaimed<'a>(&'a self, claimed: &'a [u64]) -> impl Iterator<Item = &'a BufferedEvent> {
        self.events.iter().filter(|event| !claimed.contains(&event.position))
    }

    /// Ids rise in the order of subscription.
    fn place(&self, id: CorrelationId) -> Option<usize> {
        self.waits.binary_search(&id).ok()
    }

    fn last_ready(&self) -> Option<CorrelationId> {
        self.waits.get(self.events.len().checked_sub(1)?).copied()
    }
}
