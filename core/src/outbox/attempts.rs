//! The attempts of the children that are open.

use alloc::vec::Vec;

use super::Outbox;
use super::child::Child;
use crate::error::ChildError;
use crate::ids::{CorrelationId, InstanceId};
use crate::message::{Message, MessageId};
use crate::open::OpenChild;
use crate::time::Timestamp;

impl Outbox {
    /// The children that are open, in the order in which they were called, at most `most` of them.
    pub fn open_children(&self, most: usize) -> Vec<OpenChild> {
        let open = self.content.iter().flat_map(|content| &content.open);
        open.filter_map(|(id, child)| child.shown(*id)).take(most).collect()
    }

    pub(crate) fn number_of_open_children(&self) -> usize {
        self.content.as_ref().map_or(0, |content| content.open.len())
    }

    /// The instance of the attempt under way, of a child that is open.
    pub(crate) fn child(&self, id: CorrelationId) -> Option<&InstanceId> {
        Some(&self.open_child(id)?.start.to)
    }

    /// The number of the attempt under way, of a child that is open; the first is 1.
    pub(crate) fn attempt(&self, id: CorrelationId) -> u32 {
        self.open_child(id).map_or(1, Child::attempt)
    }

    /// What the failure of an attempt of a child supersedes: number of events, and their payload bytes.
    pub(crate) fn superseded_by_failure(&self, id: CorrelationId) -> (u64, usize) {
        let Some(child) = self.open_child(id) else { return (0, 0) };
        let failures = child.retried.as_ref().map(|retried| retried.bytes);
        let events = u64::from(failures.is_some()) + u64::from(child.has_arrived);
        (events, failures.unwrap_or_default())
    }

    /// Messages have arrived: remembers it of a child, as its next failure supersedes that.
    pub(super) fn note_delivery(&mut self, messages: &[MessageId]) {
        let child = MessageId::child_whose_start_arrived(messages, self.lineage);
        let open = self.content.as_mut().map(|content| &mut content.open);
        if let Some(child) = open.zip(child).and_then(|(open, child)| open.get_mut(&child)) {
            child.has_arrived = true;
        }
    }

    fn open_child(&self, id: CorrelationId) -> Option<&Child> {
        self.content.as_ref()?.open.get(&id)
    }

    /// An attempt has failed: the next one is started, to wait where it is until its time has come.
    pub(super) fn start_next(
        &mut self,
        id: CorrelationId,
        attempt: u32,
        error: &ChildError,
        retry_at: Timestamp,
    ) -> Vec<Message> {
        let lineage = self.lineage;
        let Some(child) = self.content().open.get_mut(&id) else { return Vec::new() };
        let before = child.start.id;
        child.failed(attempt, error, retry_at);
        child.next(lineage, retry_at);
        let start = child.start.clone();
        let mut released = self.take(before);
        released.extend(self.put(start));
        released
    }
}
