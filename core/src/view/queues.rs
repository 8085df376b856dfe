//! The external events of a view, and the waits for them, matched as the core does it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::ids::{CorrelationId, Name};
use crate::payload::Payload;
use crate::time::Timestamp;

use super::execution::{Listed, ViewedEvent, ViewedWait};

/// First event to first wait, for each name. A wait and its event stay, as the log does not say when the code
/// takes it, and a wait that goes away leaves its event to the next one.
#[derive(Debug, Default)]
pub(super) struct Queues {
    by_name: BTreeMap<Name, Queue>,
    /// The waits for events of any name, and what is there for them.
    any: BTreeMap<CorrelationId, AnyWait>,
    /// The names of the waits.
    names: BTreeMap<CorrelationId, Name>,
    /// What the events carry that the code cannot have taken, by their places.
    data: BTreeMap<u64, Payload>,
}

/// The wait at place *n* has the event at place *n*.
#[derive(Debug, Default)]
struct Queue {
    waits: Vec<Wait>,
    events: Vec<Raised>,
}

/// A wait for an event of any name.
#[derive(Debug)]
struct AnyWait {
    wait: Wait,
    /// The event that is there for it.
    event: Option<(Name, Raised)>,
}

#[derive(Debug)]
struct Wait {
    id: CorrelationId,
    position: u64,
    since: Timestamp,
    in_doubt: bool,
}

#[derive(Debug)]
struct Raised {
    position: u64,
    at: Timestamp,
    bytes: u64,
}

impl Queues {
    /// An event has come; the wait that it is there for. `is_held`: the code cannot run for now.
    pub(super) fn raise(
        &mut self,
        name: &Name,
        (position, at): (u64, Timestamp),
        data: &Payload,
        is_held: bool,
    ) -> Option<CorrelationId> {
        let queue = self.by_name.entry(name.clone()).or_default();
        let wait = queue.waits.get(queue.events.len());
        let oldest = wait.map(|wait| wait.id);
        let mut unanswered = self.any.iter_mut().filter(|(_, any)| any.event.is_none());
        if let Some((id, any)) =
            unanswered.next().filter(|(id, _)| oldest.is_none_or(|oldest| oldest > **id))
        {
            if is_held || any.wait.in_doubt {
                self.data.insert(position, data.clone());
            }
            any.event = Some((name.clone(), Raised { position, at, bytes: data.len() as u64 }));
            return Some(*id);
        }
        if is_held || wait.is_none_or(|wait| wait.in_doubt) {
            self.data.insert(position, data.clone());
        }
        let ready = wait.map(|wait| wait.id);
        queue.events.push(Raised { position, at, bytes: data.len() as u64 });
        ready
    }

    /// The code has begun to wait; the place of the event that is there for it.
    pub(super) fn subscribe(
        &mut self,
        id: CorrelationId,
        name: &Name,
        (position, since): (u64, Timestamp),
    ) -> Option<u64> {
        self.names.insert(id, name.clone());
        let queue = self.by_name.entry(name.clone()).or_default();
        let event = queue.events.get(queue.waits.len()).map(|event| event.position);
        event.iter().for_each(|event| drop(self.data.remove(event)));
        queue.waits.push(Wait { id, position, since, in_doubt: false });
        event
    }

    /// The code has begun to wait for an event of any name; the place of the event that is there for it.
    pub(super) fn subscribe_any(
        &mut self,
        id: CorrelationId,
        (position, since): (u64, Timestamp),
    ) -> Option<u64> {
        let unawaited = self.by_name.iter().filter_map(|(name, queue)| {
            queue.events.get(queue.waits.len()).map(|event| (event.position, name.clone()))
        });
        let event = unawaited.min().and_then(|(place, name)| {
            self.data.remove(&place);
            let queue = self.by_name.get_mut(&name)?;
            Some((name, queue.events.remove(queue.waits.len())))
        });
        let place = event.as_ref().map(|(_, event)| event.position);
        let wait = Wait { id, position, since, in_doubt: false };
        self.any.insert(id, AnyWait { wait, event });
        place
    }

    /// A wait for any event has taken the one in that place.
    pub(super) fn take_any(&mut self, id: CorrelationId, place: u64) {
        self.data.remove(&place);
        let Some(any) = self.any.remove(&id) else { return };
        if let Some((name, event)) = any.event.filter(|(_, event)| event.position != place) {
            self.put_back(&name, event);
        }
        for queue in self.by_name.values_mut() {
            queue.events.retain(|event| event.position != place);
        }
    }

    /// An event has nobody who waits for it any more.
    fn put_back(&mut self, name: &Name, event: Raised) {
        let events = &mut self.by_name.entry(name.clone()).or_default().events;
        let index = events.partition_point(|other| other.position < event.position);
        events.insert(index, event);
    }

    /// The code has dropped a wait for any event; the wait that gets the event that was there for it.
    fn unsubscribe_any(&mut self, any: AnyWait) -> Option<CorrelationId> {
        let (name, event) = any.event?;
        let place = event.position;
        let mut unanswered = self.any.iter_mut().filter(|(_, any)| any.event.is_none());
        let next = unanswered.next();
        let queue = self.by_name.entry(name.clone()).or_default();
        let named = queue.waits.get(queue.events.len()).map(|wait| wait.id);
        match next.filter(|(id, _)| named.is_none_or(|named| named > **id)) {
            Some((id, other)) => {
                other.event = Some((name, event));
                Some(*id)
            }
            None => {
                self.put_back(&name, event);
                let queue = self.by_name.get(&name)?;
                let index = queue.events.partition_point(|other| other.position < place);
                queue.waits.get(index.max(queue.events.len() - 1)).map(|wait| wait.id)
            }
        }
    }

    /// The code has dropped a wait that took nothing; the wait that gets the event that was there for it.
    pub(super) fn unsubscribe(&mut self, id: CorrelationId) -> Option<CorrelationId> {
        if let Some(any) = self.any.remove(&id) {
            return self.unsubscribe_any(any);
        }
        let name = self.names.remove(&id)?;
        let queue = self.by_name.get_mut(&name)?;
        // Ids rise in the order of the waits.
        let place = queue.waits.binary_search_by_key(&id, |wait| wait.id).ok()?;
        queue.waits.remove(place);
        if place >= queue.events.len() {
            return None;
        }
        queue.waits.get(queue.events.len() - 1).map(|wait| wait.id)
    }

    /// The code runs again: it takes what has come for its waits.
    pub(super) fn let_go(&mut self) {
        for queue in self.by_name.values() {
            for (wait, event) in queue.waits.iter().zip(&queue.events) {
                if !wait.in_doubt {
                    self.data.remove(&event.position);
                }
            }
        }
    }

    /// A cancel has come: waits that have no event are over, unless they are shielded.
    pub(super) fn doubt(&mut self) {
        for queue in self.by_name.values_mut() {
            let unanswered = queue.waits.iter_mut().skip(queue.events.len());
            unanswered.for_each(|wait| wait.in_doubt = true);
        }
        let unanswered = self.any.values_mut().filter(|any| any.event.is_none());
        unanswered.for_each(|any| any.wait.in_doubt = true);
    }

    /// The code begins anew, having taken the events in these places since it began.
    pub(super) fn begin_anew(&mut self, taken: &[u64]) {
        let taken: BTreeSet<_> = taken.iter().collect();
        for any in core::mem::take(&mut self.any).into_values() {
            any.event.into_iter().for_each(|(name, event)| self.put_back(&name, event));
        }
        for queue in self.by_name.values_mut() {
            queue.waits.clear();
            queue.events.retain(|event| !taken.contains(&event.position));
        }
        self.by_name.retain(|_, queue| !queue.events.is_empty());
        self.names.clear();
    }

    /// The execution has ended: nobody waits, and what is left was never taken.
    pub(super) fn end(&mut self) {
        self.names.clear();
        self.any.clear();
        for queue in self.by_name.values_mut() {
            // What was there for a wait counts as taken.
            let taken = queue.waits.len().min(queue.events.len());
            queue.events.drain(..taken);
            queue.waits.clear();
        }
        self.by_name.retain(|_, queue| !queue.events.is_empty());
    }

    /// The waits that have no event.
    pub(super) fn waits(&self, most: usize) -> Listed<ViewedWait> {
        let open = self.by_name.iter().flat_map(|(name, queue)| {
            // An event that is there for a wait in doubt may be there for one of these.
            let in_doubt = queue.waits.iter().take(queue.events.len()).any(|wait| wait.in_doubt);
            let unanswered = queue.waits.iter().skip(queue.events.len());
            unanswered.map(move |wait| (wait.id, name, wait, wait.in_doubt || in_doubt))
        });
        let mut open: Vec<_> = open.collect();
        open.sort_unstable_by_key(|(id, ..)| *id);
        let shown = |(id, name, wait, in_doubt): (CorrelationId, &Name, &Wait, bool)| ViewedWait {
            id,
            name: name.clone(),
            position: wait.position,
            since: wait.since,
            in_doubt,
        };
        let named = open.into_iter().map(shown);
        let unanswered = self.any.values().filter(|any| any.event.is_none());
        let any = unanswered.map(|AnyWait { wait, .. }| ViewedWait {
            id: wait.id,
            name: Name::any_event(),
            position: wait.position,
            since: wait.since,
            in_doubt: wait.in_doubt,
        });
        let mut all: Vec<_> = named.chain(any).collect();
        all.sort_unstable_by_key(|wait| wait.id);
        Listed::first(all.into_iter(), most)
    }

    /// The events that the code has not taken, as far as is known.
    pub(super) fn buffered(&self, most: usize) -> Listed<ViewedEvent> {
        let all = self.by_name.iter().flat_map(|(name, queue)| {
            let waits = queue.waits.iter().map(Some).chain(core::iter::repeat(None));
            queue.events.iter().zip(waits).map(move |(event, wait)| (name, event, wait))
        });
        let is_buffered = |(_, event, wait): &(&Name, &Raised, Option<&Wait>)| {
            wait.is_none() || self.data.contains_key(&event.position)
        };
        let mut buffered: Vec<_> = all.filter(is_buffered).collect();
        buffered.sort_unstable_by_key(|(_, event, _)| event.position);
        let shown = |(name, event, wait): (&Name, &Raised, Option<&Wait>)| ViewedEvent {
            name: name.clone(),
            position: event.position,
            at: event.at,
            bytes: event.bytes,
            data: self.data.get(&event.position).cloned(),
            awaited_by: wait.map(|wait| wait.id),
            in_doubt: wait.is_some_and(|wait| wait.in_doubt),
        };
        Listed::first(buffered.into_iter().map(shown), most)
    }
}
