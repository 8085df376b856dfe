//! The external events that nobody has taken, and the waits for them.

use alloc::vec::Vec;
use core::mem;
use core::task::Waker;

use crate::event_queue::{BufferedEvent, EventQueue, KeyOfLast};
use crate::ids::{CorrelationId, Name};

use super::CorrelationBuffer;
use super::scheduled::Buffered;

impl CorrelationBuffer {
    /// Buffers an external event; gives the waker of the wait that it makes ready.
    pub(crate) fn raise(&mut self, name: Name, event: BufferedEvent) -> Option<Waker> {
        self.untaken.add(&event);
        event.key.iter().for_each(|key| self.keys.remember(key));
        let queue = self.queues.entry(name).or_default();
        if !queue.awaits_next() {
            self.unawaited.add(&event);
        }
        let ready = queue.raise(event)?;
        self.take_waker(ready)
    }

    pub(super) fn unsubscribe(&mut self, name: &Name, id: CorrelationId) -> Option<Waker> {
        let queue = self.queues.get_mut(name)?;
        let ready = queue.unsubscribe(id);
        if let Some(event) = queue.first_unawaited() {
            // The wait is gone: so one event more is without one.
            self.unawaited.add(event);
        }
        if queue.is_idle() {
            self.queues.remove(name);
        }
        self.take_waker(ready?)
    }

    /// Whether a wait is open for the next event of that name.
    pub(crate) fn awaits_next(&self, name: &Name) -> bool {
        self.queues.get(name).is_some_and(EventQueue::awaits_next)
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

    /// The key of the event that was taken last, if it has one, and its place.
    pub(crate) fn take_key_of_last(&mut self) -> Option<KeyOfLast> {
        self.key_of_last.take()
    }

    /// An event that was taken is there again, in front of the others of its name.
    pub(crate) fn put_back(&mut self, name: Name, event: BufferedEvent) {
        self.untaken.add(&event);
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
