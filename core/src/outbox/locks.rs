//! The locks that the code holds or asks for, and how they are given back.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::Outbox;
use super::owed::Lock;
use crate::ids::{CorrelationId, InstanceId, Name};
use crate::message::{
    ATTEMPT_OF_UNLOCK, LOCK_UPDATE, Message, MessageBody, MessageId, MessageKind, OrStart, Request,
    fnv,
};
use crate::payload::Payload;
use crate::zoo::{self, Bug};

/// The event that gives a lock back.
const UNLOCK_EVENT: &str = "@held";

/// What an instance is asked for.
#[derive(Serialize)]
struct Ask<'a> {
    lock: &'a str,
    /// Who asks, for people: the text of the lock does not say it.
    owner: &'a InstanceId,
}

/// What it is given back.
#[derive(Serialize)]
struct GiveBack<'a> {
    by: &'a str,
    unlock: bool,
}

impl Outbox {
    /// The code asks an instance for its lock.
    pub(super) fn ask_for_lock(
        &mut self,
        (id, lock): (CorrelationId, CorrelationId),
        to: &InstanceId,
        or_start: Option<Box<OrStart>>,
    ) -> Vec<Message> {
        let (text, lineage) = (self.lock_text(lock), self.lineage);
        let Ok(name) = Name::new(LOCK_UPDATE) else { return Vec::new() };
        let data = Payload::write(&Ask { lock: &text, owner: &self.instance }).unwrap_or_default();
        let new = || Lock { text, lineage, asked: Vec::new(), is_lost: false };
        let content = self.content();
        content.locks.entry(lock).or_insert_with(new).asked.push((id, to.clone()));
        let body = Request { name, data, is_update: true, or_start };
        let (id, body) = (self.id(id, MessageKind::Update), MessageBody::Request(Box::new(body)));
        self.put(Message { id, to: to.clone(), body })
    }

    /// The code gives back a lock, or asks for it no longer.
    pub(super) fn release_lock(&mut self, lock: CorrelationId) -> Vec<Message> {
        let Some(lock) = self.content().locks.remove(&lock) else { return Vec::new() };
        self.give_back(&lock)
    }

    /// Nothing is held any more, as the code does not go on from here, or begins anew.
    pub(super) fn release_all_locks(&mut self) -> Vec<Message> {
        let Some(content) = self.content.as_mut() else { return Vec::new() };
        let locks = core::mem::take(&mut content.locks);
        locks.values().flat_map(|lock| self.give_back(lock)).collect()
    }

    /// The code cannot go on for now, or goes on from an earlier place: what it held goes to others, and it finds
    /// its locks lost.
    pub(super) fn lose_locks(&mut self) -> Vec<Message> {
        let Some(content) = self.content.as_mut() else { return Vec::new() };
        let mut locks = core::mem::take(&mut content.locks);
        let given_back = locks.values().flat_map(|lock| self.give_back(lock)).collect();
        locks.values_mut().for_each(|lock| lock.is_lost = true);
        self.content().locks = locks;
        given_back
    }

    /// Whether there are any, lost ones included.
    pub(crate) fn has_locks(&self) -> bool {
        self.content.as_ref().is_some_and(|content| !content.locks.is_empty())
    }

    /// The text of a lock, by which those that were asked for it know it; `None` when it was lost.
    pub(crate) fn text_of_lock(&self, lock: CorrelationId) -> Option<&str> {
        let lock = self.content.as_ref()?.locks.get(&lock)?;
        (!lock.is_lost).then_some(&*lock.text)
    }

    /// The messages that give back locks, and those before them for the same instances. All are to be sent even
    /// while the code cannot go on; the first of each now.
    pub fn giving_back_locks(&self) -> Vec<Message> {
        let queues = self.content.iter().flat_map(|content| content.queues.values());
        let gives_back = queues.filter(|queue| queue.iter().any(Message::is_unlock));
        gives_back.filter_map(|queue| queue.front().cloned()).collect()
    }

    fn lock_text(&self, lock: CorrelationId) -> String {
        format!("{:016x}-{:016x}-{}", fnv(self.instance.as_str().as_bytes()), self.lineage, lock.0)
    }

    fn give_back(&mut self, lock: &Lock) -> Vec<Message> {
        if zoo::planted(Bug::LockNeverGivenBack) {
            return Vec::new();
        }
        let Lock { text, lineage, asked, is_lost } = lock;
        let Ok(name) = Name::new(UNLOCK_EVENT) else { return Vec::new() };
        let mut released = Vec::new();
        for (id, to) in asked.iter().filter(|_| !is_lost) {
            let data = Payload::write(&GiveBack { by: text, unlock: true }).unwrap_or_default();
            let (lineage, attempt, kind) = (*lineage, ATTEMPT_OF_UNLOCK, MessageKind::Event);
            let id = MessageId { lineage, id: *id, attempt, kind };
            let body = MessageBody::Event { name: name.clone(), data };
            released.extend(self.put(Message { id, to: to.clone(), body }));
        }
        released
    }
}
