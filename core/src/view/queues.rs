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

    /// The code has dropped a wait that took nothing; the wait that gets the event that was there for it.
    pub(super) fn unsubscribe(&mut self, id: CorrelationId) -> Option<CorrelationId> {
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
    }

    /// The code begins anew, having taken the events in these places since it began.
    pub(super) fn begin_anew(&mut self, taken: &[u64]) {
        let taken: BTreeSet<_> = taken.iter().collect();
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
        Listed::first(open.into_iter().map(shown), most)
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
