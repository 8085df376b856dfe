//! The external events that nobody has taken, and the waits for them.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::mem;
use core::task::Waker;

use crate::event_queue::{BufferedEvent, EventQueue, TakenLast};
use crate::ids::{CorrelationId, EventKey, Name};

use super::CorrelationBuffer;
use super::any_waits::{Claim, claimed_places};
use super::scheduled::Buffered;
use crate::payload::Payload;

impl CorrelationBuffer {
    /// Buffers an external event; gives the waker of the wait that it makes ready.
    pub(crate) fn raise(&mut self, name: Name, event: BufferedEvent) -> Option<Waker> {
        self.untaken.add(&event);
        event.key.iter().for_each(|key| self.keys.remember(key));
        if self.any.as_ref().is_some_and(|any| !any.is_empty()) {
            return self.raise_beside_any(name, event);
        }
        self.any.iter_mut().for_each(|any| any.has_come(event.position, &name));
        let queue = self.queues.entry(name).or_default();
        if !queue.awaits_next() {
            self.unawaited.add(&event);
        }
        let ready = queue.raise(event)?;
        self.take_waker(ready)
    }

    fn raise_beside_any(&mut self, name: Name, event: BufferedEvent) -> Option<Waker> {
        let before = self.ready_waits();
        self.any.iter_mut().for_each(|any| any.has_come(event.position, &name));
        let _ = self.queues.entry(name).or_default().raise(event);
        self.waker_of_newly_ready(&before)
    }

    /// No other instance waits for the answer to an update that has come.
    pub(crate) fn forget_requesters(&mut self) {
        self.queues.values_mut().for_each(EventQueue::forget_requesters);
        self.key_of_last.iter_mut().for_each(|last| last.by = None);
    }

    pub(super) fn unsubscribe(&mut self, name: &Name, id: CorrelationId) -> Option<Waker> {
        let is_beside_any = self.any.as_ref().is_some_and(|any| !any.is_empty());
        let before = if is_beside_any { self.ready_waits() } else { BTreeSet::new() };
        let queue = self.queues.get_mut(name)?;
        let ready = queue.unsubscribe(id);
        if let Some(event) = queue.first_unawaited() {
            // The wait is gone: so one event more is without one.
            self.unawaited.add(event);
        }
        if queue.is_idle() {
            self.queues.remove(name);
        }
        if is_beside_any { self.waker_of_newly_ready(&before) } else { self.take_waker(ready?) }
    }

    /// Ends a wait for an event of any name, which took nothing.
    pub(super) fn unsubscribe_any(&mut self, id: CorrelationId) -> Option<Waker> {
        let before = self.ready_waits();
        self.any.as_mut()?.remove(id);
        self.waker_of_newly_ready(&before)
    }

    /// At most one wait becomes ready at a time.
    fn waker_of_newly_ready(&mut self, before: &BTreeSet<CorrelationId>) -> Option<Waker> {
        self.count_beside_any();
        let ready = self.ready_waits().into_iter().find(|ready| !before.contains(ready))?;
        self.take_waker(ready)
    }

    /// Whether a wait is open for the next event of that name.
    pub(crate) fn awaits_next(&self, name: &Name) -> bool {
        let queue = self.queues.get(name);
        match &self.any {
            Some(any) if !any.is_empty() => {
                let claimed = any.claims(&self.queues);
                let places = claimed_places(&claimed);
                claimed.len() < any.len()
                    || queue.is_some_and(|queue| queue.awaits_next_beside(&places))
            }
            _ => queue.is_some_and(EventQueue::awaits_next),
        }
    }

    /// The place of the event that a wait for a name would take now.
    pub(super) fn event_of_wait(&self, name: &Name, id: CorrelationId) -> Option<u64> {
        let queue = self.queues.get(name)?;
        match self.any.as_ref().filter(|any| !any.is_empty()) {
            None => queue.ready(id),
            Some(any) => queue.ready_beside(id, &claimed_places(&any.claims(&self.queues))),
        }
    }

    /// What a wait for any event would take now.
    pub(super) fn claim_of(&self, id: CorrelationId) -> Option<Claim> {
        self.any.as_ref()?.claims(&self.queues).into_iter().find(|claim| claim.id == id)
    }

    pub(super) fn take_event_of_wait(
        &mut self,
        name: &Name,
        id: CorrelationId,
    ) -> Option<BufferedEvent> {
        let beside = self.any.as_ref().filter(|any| !any.is_empty());
        let claimed = beside.map(|any| claimed_places(&any.claims(&self.queues)));
        let queue = self.queues.get_mut(name)?;
        match claimed {
            None => queue.take(id),
            Some(claimed) => queue.take_beside(id, &claimed),
        }
    }

    pub(super) fn take_event_of_any(&mut self, id: CorrelationId) -> Option<(Name, BufferedEvent)> {
        let Claim { position, name, .. } = self.claim_of(id)?;
        let event = self.queues.get_mut(&name)?.take_at(position)?;
        self.any.as_mut()?.remove(id);
        Some((name, event))
    }

    /// An event was taken; what it carries.
    pub(super) fn note_event_taken(&mut self, name: &Name, event: BufferedEvent) -> Payload {
        self.untaken.remove(&event);
        // A completion counts as after its event.
        self.taken.push(event.position - 1);
        self.any.iter_mut().for_each(|any| any.has_gone(event.position));
        let BufferedEvent { position, data, key, trace, by } = event;
        self.key_of_last = key.map(|key| TakenLast { position, key, trace, by });
        if self.queues.get(name).is_some_and(EventQueue::is_idle) {
            self.queues.remove(name);
        }
        data
    }

    /// The place of the event that was taken last.
    pub(crate) fn last_taken(&self) -> Option<u64> {
        self.taken.last().copied()
    }

    /// The waits that have an event, while there are waits for any.
    fn ready_waits(&self) -> BTreeSet<CorrelationId> {
        let Some(any) = &self.any else { return BTreeSet::new() };
        let claims = any.claims(&self.queues);
        let places = claimed_places(&claims);
        let named = self.queues.values().flat_map(|queue| queue.ready_waits_beside(&places));
        claims.iter().map(|claim| claim.id).chain(named).collect()
    }

    /// Counts anew the events that nobody waits for, where there are waits for any: all that were not taken, but
    /// for those that waits would take. However many there are, it goes over the latter only.
    pub(super) fn count_beside_any(&mut self) {
        let Some(any) = &self.any else { return };
        let claims = any.claims(&self.queues);
        let places = claimed_places(&claims);
        let named = self.queues.values().flat_map(|queue| queue.awaited_beside(&places));
        let of_any = claims.iter().filter_map(|claim| {
            self.queues.get(&claim.name).and_then(|queue| queue.at(claim.position))
        });
        let mut unawaited = self.untaken;
        named.chain(of_any).for_each(|event| unawaited.remove(event));
        self.unawaited = unawaited;
    }

    /// Whether a wait for an event of that name has taken none.
    pub(crate) fn has_wait(&self, name: &Name, id: CorrelationId) -> bool {
        self.queues.get(name).is_some_and(|queue| queue.has_wait(id))
    }

    pub(crate) fn unawaited(&self) -> Buffered {
        self.unawaited
    }

    /// The events that nobody has taken.
    pub(crate) fn untaken_size(&self) -> Buffered {
        self.untaken
    }

    /// The places in the log of the events that were taken since the code began, which begins anew.
    pub(crate) fn forget_taken(&mut self) -> Vec<u64> {
        mem::take(&mut self.taken)
    }

    /// The key of the event that was taken last, if another instance waits for its answer.
    pub(crate) fn key_owed_of_last(&self) -> Option<EventKey> {
        let last = self.key_of_last.as_ref().filter(|last| last.by.is_some())?;
        Some(last.key.clone())
    }

    /// The key of the event that was taken last, if it has one, and its place.
    pub(crate) fn take_key_of_last(&mut self) -> Option<TakenLast> {
        self.key_of_last.take()
    }

    /// An event that was taken is there again, in front of the others of its name.
    pub(crate) fn put_back(&mut self, name: Name, event: BufferedEvent) {
        self.untaken.add(&event);
        self.any.iter_mut().for_each(|any| any.has_come(event.position, &name));
        self.queues.entry(name).or_default().put_back(event);
    }

    /// The events that nobody has taken, in the order in which they came.
    pub(crate) fn untaken(&self) -> Vec<(Name, BufferedEvent)> {
        let by_name = self.queues.iter();
        let mut events: Vec<_> = by_name
            .flat_map(|(name, queue)| queue.events().map(|event| (name.clone(), event.clone())))
            .collect();
        events.sort_unstable_by_key(|(_, event)| event.position);
        events
    }
}
