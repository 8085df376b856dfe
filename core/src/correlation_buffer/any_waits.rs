//! The waits for external events of any name, beside those for one name.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::event_queue::EventQueue;
use crate::ids::{CorrelationId, Name};

/// Each event goes to the oldest wait that takes it, in the order in which the events came: to one for its name,
/// or to one for any. As with [`EventQueue`], nothing is assigned before it is taken.
#[derive(Debug, Default)]
pub(super) struct AnyWaits {
    /// Those that have taken nothing, oldest first.
    waits: VecDeque<CorrelationId>,
    /// The events that nobody has taken, by their places. From the first such wait on.
    arrivals: Option<BTreeMap<u64, Name>>,
}

/// What a wait for any event would take now.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) id: CorrelationId,
    /// Of the event, as that has it.
    pub(super) position: u64,
    pub(super) name: Name,
}

/// The places of the events that are claimed.
pub(super) fn claimed_places(claims: &[Claim]) -> Vec<u64> {
    claims.iter().map(|claim| claim.position).collect()
}

impl AnyWaits {
    pub(super) fn is_empty(&self) -> bool {
        self.waits.is_empty()
    }

    /// Number of waits.
    pub(super) fn len(&self) -> usize {
        self.waits.len()
    }

    /// Adds a wait.
    pub(super) fn subscribe(&mut self, id: CorrelationId, queues: &BTreeMap<Name, EventQueue>) {
        self.arrivals.get_or_insert_with(|| {
            let all = queues.iter().flat_map(|(name, queue)| {
                queue.events().map(move |event| (event.position, name.clone()))
            });
            all.collect()
        });
        self.waits.push_back(id);
    }

    pub(super) fn remove(&mut self, id: CorrelationId) {
        self.waits.retain(|wait| *wait != id);
    }

    pub(super) fn end_waits(&mut self) {
        self.waits.clear();
    }

    /// An event is there to be taken.
    pub(super) fn has_come(&mut self, position: u64, name: &Name) {
        if let Some(arrivals) = &mut self.arrivals {
            arrivals.insert(position, name.clone());
        }
    }

    /// An event was taken.
    pub(super) fn has_gone(&mut self, position: u64) {
        if let Some(arrivals) = &mut self.arrivals {
            arrivals.remove(&position);
        }
    }

    /// What these waits would take now, oldest first. Goes over no more events than there are waits.
    pub(super) fn claims(&self, queues: &BTreeMap<Name, EventQueue>) -> Vec<Claim> {
        let mut waits = self.waits.iter().peekable();
        let mut served: BTreeMap<&Name, usize> = BTreeMap::new();
        let mut claims = Vec::new();
        for (position, name) in self.arrivals.iter().flatten() {
            let Some(any) = waits.peek() else { break };
            let of_name = served.entry(name).or_default();
            let named = queues.get(name).and_then(|queue| queue.wait_at(*of_name));
            if named.is_some_and(|named| named < **any) {
                *of_name += 1;
            } else {
                claims.push(Claim { id: **any, position: *position, name: name.clone() });
                waits.next();
            }
        }
        claims
    }
}
