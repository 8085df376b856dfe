//! The content of an outbox: its messages and open children, and their bytes.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use super::child::Child;
use super::owed::{Lock, Owed};
use crate::attributes::Attributes;
use crate::ids::{CorrelationId, EventKey, InstanceId};
use crate::message::{Message, MessageBody, MessageId, SupersededCall};
use crate::options::TimeLimits;

#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// The children that have not ended, and whom nobody has cancelled.
    pub(super) open: BTreeMap<CorrelationId, Child>,
    /// By whom they are for, none of them empty. The first of each is under way.
    pub(super) queues: BTreeMap<InstanceId, VecDeque<Message>>,
    pub(super) places: BTreeMap<MessageId, InstanceId>,
    /// The runs before each rewind: what they have sent, and was kept, is of this history too.
    pub(super) earlier: Vec<u64>,
    /// The children of undone calls, by their ids, until there is another call under that id.
    pub(super) superseded: BTreeMap<InstanceId, Vec<SupersededCall>>,
    /// The newest child.
    pub(super) newest: Option<CorrelationId>,
    /// Why the execution was cancelled, if it was, as its children are given it.
    pub(super) cancelled: Option<String>,
    /// The newest child of the turns that are over: the start of a later one has not left yet.
    pub(super) started: Option<CorrelationId>,
    /// The answers to updates of other instances that are owed.
    pub(super) owed: BTreeMap<EventKey, Owed>,
    /// The locks that the code holds or asks for, by their ids.
    pub(super) locks: BTreeMap<CorrelationId, Lock>,
    /// Number of updates of other instances that have come.
    pub(super) asked: u64,
    /// The time limits of the call that comes next.
    pub(super) limits_of_next: TimeLimits,
    /// The attributes of the call that comes next.
    pub(super) attributes_of_next: Attributes,
    pub(super) held: Held,
}

/// What messages and open children hold, in bytes, about.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) messages: usize,
    pub(super) children: usize,
}

impl Held {
    pub(super) fn add_message(&mut self, message: &Message) {
        self.messages += bytes_of(message);
    }

    pub(super) fn remove_message(&mut self, message: &Message) {
        self.messages = self.messages.saturating_sub(bytes_of(message));
    }
}

/// The start of a child is held by the child as well, as the same bytes.
fn bytes_of(message: &Message) -> usize {
    let payload = if message.body.starts_child() { 0 } else { message.payload_bytes() };
    mem::size_of::<Message>() + payload
}

/// The same for all of its attempts.
fn bytes_of_child(child: &Child) -> usize {
    let input = match child.start.body.inner() {
        MessageBody::Start { input, .. } | MessageBody::Replace { input, .. } => input.len(),
        MessageBody::Traced { .. }
        | MessageBody::Limited { .. }
        | MessageBody::Attributed { .. }
        | MessageBody::Cancel { .. }
        | MessageBody::Event { .. }
        | MessageBody::Command { .. }
        | MessageBody::Request(_)
        | MessageBody::Return { .. }
        | MessageBody::Result { .. } => 0,
    };
    mem::size_of::<Child>() + input
}

impl Content {
    pub(super) fn open(&mut self, id: CorrelationId, child: Child) {
        self.held.children += bytes_of_child(&child);
        self.open.insert(id, child);
    }

    pub(super) fn close(&mut self, id: CorrelationId) -> Option<Child> {
        let child = self.open.remove(&id)?;
        self.held.children = self.held.children.saturating_sub(bytes_of_child(&child));
        Some(child)
    }

    pub(super) fn close_all(&mut self) -> BTreeMap<CorrelationId, Child> {
        self.held.children = 0;
        mem::take(&mut self.open)
    }
}
