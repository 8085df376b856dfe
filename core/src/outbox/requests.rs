//! Updates between instances: what this one has sent, and the answers that it owes.

use alloc::vec::Vec;
use core::mem;

use super::Outbox;
use super::owed::Owed;
use crate::event::RequestEvent;
use crate::ids::{CorrelationId, EventKey};
use crate::message::{
    Message, MessageBody, MessageId, MessageKind, Request, Requester, UpdateReturn,
};

impl Outbox {
    pub(super) fn follow_request(&mut self, event: &RequestEvent) -> Vec<Message> {
        match event {
            RequestEvent::Sent { id, to, request } => {
                let id = self.id(*id, kind_of(request));
                let body = MessageBody::Request(request.clone().into());
                self.put(Message { id, to: to.clone(), body })
            }
            RequestEvent::Asked { key, by } => {
                let content = self.content();
                content.asked += 1;
                let owed = Owed { to: by.clone(), number: content.asked };
                content.held.messages += owed.bytes(key);
                content.owed.insert(key.clone(), owed);
                Vec::new()
            }
            RequestEvent::LockAsked { id, lock, to, or_start } => {
                self.ask_for_lock((*id, *lock), to, or_start.clone())
            }
            RequestEvent::LockReleased { lock } => self.release_lock(*lock),
            // What came back has come for what has arrived.
            RequestEvent::Returned { id, .. } => {
                self.sent_update(*id).map_or_else(Vec::new, |message| self.take(message))
            }
        }
    }

    /// An update has its answer: it goes to the instance that has sent it, if one has.
    pub(super) fn answer_update(&mut self, key: &EventKey, answer: UpdateReturn) -> Vec<Message> {
        let Some(content) = self.content.as_mut() else { return Vec::new() };
        let Some(owed) = content.owed.remove(key) else { return Vec::new() };
        content.held.messages = content.held.messages.saturating_sub(owed.bytes(key));
        let Owed { to: Requester { instance, lineage, id }, number } = owed;
        let body = MessageBody::Return { lineage, id, answer };
        let id = self.id(CorrelationId(number), MessageKind::Return);
        self.put(Message { id, to: instance, body })
    }

    /// The execution has ended: the updates that have no answer get none.
    pub(super) fn end_updates(&mut self) -> Vec<Message> {
        let owed = self.content.as_ref().into_iter().flat_map(|content| content.owed.keys());
        let keys: Vec<_> = owed.cloned().collect();
        keys.iter().flat_map(|key| self.answer_update(key, UpdateReturn::Ended)).collect()
    }

    /// The execution goes on as a new one, which gets the updates that have no answer again.
    pub(super) fn leave_updates_to_next(&mut self) {
        if let Some(content) = self.content.as_mut() {
            let owed = mem::take(&mut content.owed);
            let bytes: usize = owed.iter().map(|(key, owed)| owed.bytes(key)).sum();
            content.held.messages = content.held.messages.saturating_sub(bytes);
        }
    }

    /// Of the answers that are owed: what is left of them in the log of the next execution, or in messages.
    pub(super) fn owed_bytes(&self) -> usize {
        let owed = self.content.as_ref().into_iter().flat_map(|content| &content.owed);
        owed.map(|(key, owed)| owed.bytes(key)).sum()
    }

    /// The message of an update, of this run or of one before a rewind, if it is still here.
    fn sent_update(&self, id: CorrelationId) -> Option<MessageId> {
        let content = self.content.as_deref()?;
        let runs = [self.lineage].into_iter().chain(content.earlier.iter().copied());
        let of_run = |lineage| MessageId { lineage, id, attempt: 1, kind: MessageKind::Update };
        runs.map(of_run).find(|message| content.places.contains_key(message))
    }
}

const fn kind_of(request: &Request) -> MessageKind {
    if request.is_update { MessageKind::Update } else { MessageKind::Event }
}
