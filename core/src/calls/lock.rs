//! Locks of other instances.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use core::fmt;

use super::recipient::{Addressed, InvalidStart, Requested, ToRecipient, Unstartable};
use crate::context::OrchestrationContext;
use crate::correlation_buffer::Scheduled;
use crate::error::{CallUpdateError, LockError};
use crate::event::RequestEvent;
use crate::future::DurableFuture;
use crate::ids::{CorrelationId, InstanceId, Name};
use crate::message::{LOCK_UPDATE, OrStart};
use crate::output::DurableOutput;
use crate::state::{CodeLock, Shared, State};

/// Holds the locks of instances until it is dropped or [released](Self::release). See
/// [`OrchestrationContext::lock`].
#[must_use = "the locks are given back when it is dropped"]
pub struct LockGuard {
    shared: Shared,
    lock: Option<CorrelationId>,
}

/// Whether the code holds the lock of an instance. See [`OrchestrationContext::held_lock`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldLock {
    /// It does not.
    NotHeld,
    /// It does; the text by which that instance knows the lock.
    Held(String),
    /// It did, and has lost it: the instance was parked or rewound meanwhile. The guard is still there.
    Lost,
}

impl OrchestrationContext {
    /// Takes the locks of several instances that have one, such as entities: all of them, one after the other in
    /// the order of their ids, so that two who lock the same never wait for each other. Until the guard is dropped or
    /// released, these instances do nothing but what this one asks of them.
    ///
    /// What is held, or asked for, follows from the log. It is given back when the guard is dropped, which is a step of
    /// the code, and at the end of the instance, whatever that is: it completes, fails, is cancelled, terminated,
    /// continues as new or is purged. An instance that is parked or rewound gives back what it holds too: then
    /// the lock is lost, and what the code asks for under it, as it goes on, is an error. One that still waits for a
    /// lock then asks for all of them anew, as it goes on.
    ///
    /// Dropped while it waits, the future gives back what it has. An id that stands twice counts once.
    ///
    /// # Errors
    /// [`LockError::Nested`] inside another lock; [`LockError::InvalidName`] and [`LockError::InvalidInput`] when an
    /// instance cannot be, or not be started: in these cases nothing is recorded. [`LockError::NotLocked`] when one of
    /// the instances does not give its lock; [`LockError::Cancelled`]. What was locked by then is given back.
    pub async fn lock<R: ToRecipient>(
        &self,
        of: impl IntoIterator<Item = R>,
    ) -> Result<LockGuard, LockError> {
        let mut sorted = BTreeMap::new();
        for recipient in of {
            let Addressed { instance, or_start } = recipient.addressed();
            sorted.insert(instance?, or_start.transpose()?);
        }
        if self.shared().lock().lock.is_some() {
            return Err(LockError::Nested);
        }
        if sorted.is_empty() {
            return Ok(LockGuard { shared: self.shared().clone(), lock: None });
        }
        loop {
            if let Some(guard) = self.ask_for_locks(&sorted).await? {
                return Ok(guard);
            }
        }
    }

    /// Asks for all of them in order. `None` when what was given or asked for was lost meanwhile.
    async fn ask_for_locks(
        &self,
        of: &BTreeMap<InstanceId, Option<Box<OrStart>>>,
    ) -> Result<Option<LockGuard>, LockError> {
        self.shared().lock().lock = Some(CodeLock::default());
        // From here on, dropping it gives back what was asked for.
        let mut guard =
            LockGuard { shared: self.shared().clone(), lock: Some(CorrelationId::START) };
        for (to, or_start) in of {
            let asked = RequestOfLock { to: to.clone(), or_start: or_start.clone() };
            let refusal = asked.or_start.as_ref().and_then(|start| self.refusal_of_start(start));
            let mut state = self.shared().lock();
            let id = state.ask_for_lock(&mut guard, (asked, refusal), self.is_shielded())?;
            drop(state);
            let shared = self.shared().clone();
            let answer = DurableFuture::scheduled(shared, id, given).await;
            if self.shared().lock().has_lost_lock() {
                return Ok(None);
            }
            answer.map_err(|why| {
                if let CallUpdateError::Cancelled(cancelled) = why {
                    return LockError::Cancelled(cancelled);
                }
                LockError::NotLocked { of: to.clone(), why: why.into() }
            })?;
        }
        if let Some(lock) = &mut self.shared().lock().lock {
            lock.is_held = true;
        }
        Ok(Some(guard))
    }

    /// Whether the code holds the lock of an instance now.
    pub fn held_lock(&self, of: &InstanceId) -> HeldLock {
        let state = self.shared().lock();
        let Some(lock) = state.lock.as_ref().filter(|lock| lock.is_held && lock.of.contains(of))
        else {
            return HeldLock::NotHeld;
        };
        let text = lock.id.and_then(|id| state.outbox.text_of_lock(id));
        text.map_or(HeldLock::Lost, |text| HeldLock::Held(text.into()))
    }
}

/// Whether a lock was given; the reason of a refusal as its text.
fn given(output: DurableOutput) -> Result<(), CallUpdateError<String>> {
    let DurableOutput::Updated(answer) = output else { return output.into_updated() };
    answer.map(drop).map_err(|why| {
        if let CallUpdateError::Refused(reason) = &*why {
            return CallUpdateError::Refused(reason.to_string());
        }
        why.decoded()
    })
}

struct RequestOfLock {
    to: InstanceId,
    or_start: Option<Box<OrStart>>,
}

impl State {
    /// Whether the instance was parked or rewound since the code asked for the first of its locks.
    fn has_lost_lock(&self) -> bool {
        let lock = self.lock.as_ref().and_then(|lock| lock.id);
        lock.is_some_and(|lock| self.outbox.text_of_lock(lock).is_none())
    }

    /// The code asks for a lock. The id of the first of them names all that are taken together.
    fn ask_for_lock(
        &mut self,
        guard: &mut LockGuard,
        (RequestOfLock { to, or_start }, refusal): (RequestOfLock, Option<Unstartable>),
        shielded: bool,
    ) -> Result<CorrelationId, LockError> {
        if let Some(cancelled) = self.refuses(shielded) {
            return Err(cancelled.into());
        }
        let update = Name::new(LOCK_UPDATE)?;
        let id = self.next_id();
        let lock = guard.lock.filter(|lock| *lock != CorrelationId::START).unwrap_or(id);
        let asked = RequestEvent::LockAsked { id, lock, to: to.clone(), or_start };
        match self.record_request(id, asked, refusal) {
            Requested::Halted => {}
            Requested::Recorded => {
                guard.lock = Some(lock);
                if let Some(held) = &mut self.lock {
                    held.id = Some(lock);
                    held.of.push(to.clone());
                }
                let lineage = self.lineage();
                self.buffer_slot(id, Scheduled::Update { to, update, lineage }, shielded);
            }
            Requested::Refused(why) => {
                let error = CallUpdateError::InvalidInput(why);
                self.refuse_request(id, DurableOutput::Updated(Err(Box::new(error))));
            }
        }
        Ok(id)
    }
}

impl LockGuard {
    /// Gives the locks back. So does dropping it.
    pub fn release(self) {
        drop(self);
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            self.shared.lock().drop_lock(lock);
        }
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockGuard").field("lock", &self.lock).finish_non_exhaustive()
    }
}

impl From<InvalidStart> for LockError {
    fn from(why: InvalidStart) -> Self {
        match why {
            InvalidStart::Name(why) => Self::InvalidName(why),
            InvalidStart::Input(why) => Self::InvalidInput(why),
        }
    }
}
