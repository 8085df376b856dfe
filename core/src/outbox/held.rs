//! What an outbox holds in memory.

use alloc::collections::BTreeMap;
use core::mem;

use super::{Child, Content, Outbox};
use crate::ids::CorrelationId;
use crate::message::{Message, MessageBody};

/// What messages and open children hold, in bytes, about.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    messages: usize,
    children: usize,
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
    let input = match &child.start.body {
        MessageBody::Start { input, .. } | MessageBody::Replace { input, .. } => input.len(),
        _ => 0,
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

impl Outbox {
    /// What it holds in memory, in bytes, about.
    pub(crate) fn held_bytes(&self) -> usize {
        self.content.as_ref().map_or(0, |content| content.held.messages + content.held.children)
    }
}
