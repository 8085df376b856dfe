//! The instances of a shard that wait to come into memory.

use std::collections::{BTreeSet, HashMap, VecDeque};

use reenact_core::{InstanceId, Timestamp};

use super::stashed::Stashed;
use crate::message::{Begin, Due};

/// The queue. Each instance is in it once: with what was sent to it, or because it is due.
#[derive(Default)]
pub(super) struct ActivationQueue {
    /// In the order in which the first message came. Some of these may be in memory by now.
    asked: VecDeque<InstanceId>,
    /// The messages for these instances.
    waiting: HashMap<InstanceId, Waiting>,
    /// The instance that was due first comes into memory first.
    due: BTreeSet<(Timestamp, InstanceId)>,
    /// When each of these is due, and how it begins.
    begins: HashMap<InstanceId, (Timestamp, Begin)>,
}

/// An instance to which something was sent.
pub(super) struct Waiting {
    /// How its actor begins.
    pub(super) begin: Begin,
    /// In the order of coming; at least one.
    pub(super) messages: Vec<Stashed>,
}

impl ActivationQueue {
    /// The messages of an instance that waits here.
    pub(super) fn waiting_for(&mut self, instance: &InstanceId) -> Option<&mut Waiting> {
        self.waiting.get_mut(instance)
    }

    /// Adds an instance without waiting messages, for a first one.
    pub(super) fn push(&mut self, instance: InstanceId, begin: Begin, what: Stashed) {
        self.asked.push_back(instance.clone());
        self.waiting.insert(instance, Waiting { begin, messages: vec![what] });
    }

    /// Adds an instance that is due.
    pub(super) fn push_due(&mut self, due: Due) {
        let Due { at, instance, is_recovered } = due;
        let begin = if is_recovered { Begin::Recover } else { Begin::Activate };
        // The instance comes into memory anyway, for a message or because it was due before.
        if self.waiting.contains_key(&instance) || self.begins.contains_key(&instance) {
            return;
        }
        self.due.insert((at, instance.clone()));
        self.begins.insert(instance, (at, begin));
    }

    /// How the actor of an instance begins that is now loaded for a message, and would begin as `begin`
    /// without this queue. The instance is taken off the list of those that are due.
    pub(super) fn begin_of(&mut self, instance: &InstanceId, begin: Begin) -> Begin {
        let Some((at, due)) = self.begins.remove(instance) else { return begin };
        self.due.remove(&(at, instance.clone()));
        match begin {
            Begin::Activate | Begin::Claim => due,
            Begin::Fresh | Begin::Recover | Begin::Resume => begin,
        }
    }

    /// Takes out the messages that wait for an instance.
    pub(super) fn take(&mut self, instance: &InstanceId) -> Option<Waiting> {
        self.waiting.remove(instance)
    }

    pub(super) fn next_asked(&mut self) -> Option<(InstanceId, Waiting)> {
        loop {
            let instance = self.asked.pop_front()?;
            // An instance may have been taken out before its turn.
            if let Some(waiting) = self.waiting.remove(&instance) {
                return Some((instance, waiting));
            }
        }
    }

    pub(super) fn next_due(&mut self) -> Option<(InstanceId, Begin)> {
        let (_, instance) = self.due.pop_first()?;
        let (_, begin) = self.begins.remove(&instance)?;
        Some((instance, begin))
    }

    pub(super) fn is_anyone_asked(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn is_anyone_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Takes out all messages, and forgets the instances that are due: their logs know.
    pub(super) fn clear(&mut self) -> Vec<Stashed> {
        (self.due, self.begins) = Default::default();
        let asked = std::mem::take(&mut self.asked).into_iter();
        let waiting = asked.filter_map(|instance| self.waiting.remove(&instance));
        waiting.flat_map(|waiting| waiting.messages).collect()
    }
}
