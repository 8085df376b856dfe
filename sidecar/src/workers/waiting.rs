//! Work that no worker has, by whose code it is.

use std::collections::{BTreeMap, VecDeque};

use super::{Kind, Work};

/// The work that waits, in a queue for each name and version. The queue that was served last goes to the end, so
/// that much work under one name does not keep that of others.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    queues: BTreeMap<Of, VecDeque<u64>>,
    turn: VecDeque<Of>,
}

/// Whose code work is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Of {
    kind: Kind,
    name: String,
    version: String,
}

impl Of {
    fn new(work: &Work) -> Self {
        Self { kind: work.kind(), name: work.name().to_owned(), version: work.version().to_owned() }
    }
}

impl Waiting {
    pub(super) fn push(&mut self, work: &Work, id: u64) {
        self.queue(work).push_back(id);
    }

    /// Before all others of its name.
    pub(super) fn push_first(&mut self, work: &Work, id: u64) {
        self.queue(work).push_front(id);
    }

    fn queue(&mut self, work: &Work) -> &mut VecDeque<u64> {
        let of = Of::new(work);
        if !self.queues.contains_key(&of) {
            self.turn.push_back(of.clone());
        }
        self.queues.entry(of).or_default()
    }

    /// Of what something waits that passes.
    pub(super) fn first_for(&self, passes: impl Fn(Kind, &str, &str) -> bool) -> Option<Of> {
        self.turn.iter().find(|of| passes(of.kind, &of.name, &of.version)).cloned()
    }

    pub(super) fn take(&mut self, of: &Of) -> Option<u64> {
        let place = self.turn.iter().position(|other| other == of)?;
        let of = self.turn.remove(place)?;
        let queue = self.queues.get_mut(&of)?;
        let id = queue.pop_front();
        match queue.is_empty() {
            true => drop(self.queues.remove(&of)),
            false => self.turn.push_back(of),
        }
        id
    }

    pub(super) fn remove(&mut self, work: &Work, id: u64) {
        let of = Of::new(work);
        let Some(queue) = self.queues.get_mut(&of) else { return };
        queue.retain(|waiting| *waiting != id);
        if queue.is_empty() {
            self.queues.remove(&of);
            self.turn.retain(|other| *other != of);
        }
    }
}
