//! What a fork leaves to the instance whose log it has copied.

use alloc::vec::Vec;

use super::Outbox;
use crate::ids::{CorrelationId, InstanceId};
use crate::message::MessageId;

impl Outbox {
    /// Of an execution whose first turns were copied from the log of another instance.
    pub(crate) fn begin_as(&mut self, instance: InstanceId) {
        self.instance = instance;
    }

    /// From here on the log is that of a fork. Nobody has started it, and it owes nobody an answer: that is with the
    /// instance whose log was copied.
    pub(super) fn begin_fork(&mut self, instance: &InstanceId) -> Vec<crate::message::Message> {
        self.instance = instance.clone();
        self.origin = None;
        self.leave_updates_to_next();
        Vec::new()
    }

    /// All messages that are here.
    pub(crate) fn message_ids(&self) -> Vec<MessageId> {
        self.content.iter().flat_map(|content| content.places.keys()).copied().collect()
    }

    /// The calls whose answer comes from others, or that hold something of others: children and locks.
    pub(crate) fn calls_of_others(&self) -> Vec<(CorrelationId, InstanceId)> {
        let Some(content) = &self.content else { return Vec::new() };
        let children = content.open.iter().map(|(id, child)| (*id, child.start.to.clone()));
        let locks = content.locks.values().filter(|lock| !lock.is_lost);
        let locks = locks.flat_map(|lock| lock.asked.iter().cloned());
        children.chain(locks).collect()
    }
}
