//! What is asked of other instances and has no answer, and the locks of other instances.

use alloc::collections::BTreeMap;

use super::execution::{Listed, ViewedLock, ViewedUpdate};
use crate::event::RequestEvent;
use crate::ids::CorrelationId;
use crate::message::UpdateReturn;
use crate::time::Timestamp;
use crate::update_answer::UpdateAnswer;

/// The open requests of an execution.
#[derive(Debug, Default)]
pub(super) struct Requests {
    updates: BTreeMap<CorrelationId, ViewedUpdate>,
    locks: BTreeMap<CorrelationId, ViewedLock>,
}

impl Requests {
    /// Goes on with an event in that place.
    pub(super) fn follow(&mut self, event: &RequestEvent, position: u64, at: Timestamp) {
        match event {
            RequestEvent::Sent { id, to, request } if request.is_update => {
                let update = ViewedUpdate {
                    id: *id,
                    name: request.name.clone(),
                    to: to.clone(),
                    position,
                    since: at,
                    data: request.data.clone(),
                    in_doubt: false,
                };
                self.updates.insert(*id, update);
            }
            RequestEvent::LockAsked { id, lock, to, .. } => {
                let lock = ViewedLock {
                    id: *id,
                    lock: *lock,
                    of: to.clone(),
                    position,
                    since: at,
                    given_at: None,
                    lost: false,
                };
                self.locks.insert(*id, lock);
            }
            RequestEvent::LockReleased { lock } => self.locks.retain(|_, one| one.lock != *lock),
            RequestEvent::Returned { id, answer } => match self.locks.get_mut(id) {
                Some(lock) if is_given(answer) => lock.given_at = Some(at),
                _ => self.end(*id),
            },
            // Nothing comes back for an event, and what this one is asked is no request of its own.
            RequestEvent::Sent { .. } | RequestEvent::Asked { .. } => {}
        }
    }

    /// A request has no answer to come: it was answered, or refused before it was recorded.
    pub(super) fn end(&mut self, id: CorrelationId) {
        self.updates.remove(&id);
        self.locks.remove(&id);
    }

    /// A cancel has come: updates that have no answer are not waited for, unless they are shielded. The code gives
    /// its locks back by a step of its own.
    pub(super) fn doubt(&mut self) {
        self.updates.values_mut().for_each(|update| update.in_doubt = true);
    }

    /// The locks are given back for the code, which does not know yet.
    pub(super) fn lose_locks(&mut self) {
        self.locks.values_mut().for_each(|lock| lock.lost = true);
    }

    /// The code has ended, or begins anew: it waits for nothing, and its locks are given back.
    pub(super) fn clear(&mut self) {
        self.updates.clear();
        self.locks.clear();
    }

    pub(super) fn updates(&self, most: usize) -> Listed<ViewedUpdate> {
        Listed::first(self.updates.values().cloned(), most)
    }

    pub(super) fn locks(&self, most: usize) -> Listed<ViewedLock> {
        Listed::first(self.locks.values().cloned(), most)
    }
}

const fn is_given(answer: &UpdateReturn) -> bool {
    matches!(answer, UpdateReturn::Answered(UpdateAnswer::Replied(_)))
}
