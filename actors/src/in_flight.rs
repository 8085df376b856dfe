//! Bounds how many things are on their way at a time.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ractor::ActorId;

/// Lets a bounded number of things be under way at a time, and notifies when there is room again.
pub(crate) struct InFlightLimit {
    most: usize,
    count: AtomicUsize,
    /// Whether a notification is due when there is room.
    is_waited_for: AtomicBool,
    notify: Box<dyn Fn() + Send + Sync>,
}

/// One thing under way, until this is dropped.
pub(crate) struct InFlight(Arc<InFlightLimit>);

impl InFlightLimit {
    pub(crate) fn new(most: usize, notify: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            most,
            count: AtomicUsize::new(0),
            is_waited_for: AtomicBool::new(false),
            notify: Box::new(notify),
        })
    }

    /// Begins one more, if there is room; otherwise a notification comes when there is.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<InFlight> {
        self.has_room().then(|| self.begin_anyhow())
    }

    /// Begins one more, whether there is room or not.
    pub(crate) fn begin_anyhow(self: &Arc<Self>) -> InFlight {
        self.count.fetch_add(1, Ordering::SeqCst);
        InFlight(self.clone())
    }

    /// Whether there is room for one more; otherwise a message comes when there is.
    pub(crate) fn has_room(&self) -> bool {
        if self.count.load(Ordering::SeqCst) < self.most {
            return true;
        }
        self.is_waited_for.store(true, Ordering::SeqCst);
        // One may have ended since the look, and found no one to notify.
        self.count.load(Ordering::SeqCst) < self.most
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let Self(limit) = self;
        limit.count.fetch_sub(1, Ordering::SeqCst);
        if limit.is_waited_for.load(Ordering::SeqCst)
            && limit.is_waited_for.swap(false, Ordering::SeqCst)
        {
            (limit.notify)();
        }
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InFlight")
    }
}

/// Things under way that have nothing more to do, until their supervisor has seen that their actors
/// have ended. The supervisor sees ends before messages: without a bound on ends, messages would wait
/// for as long as instances end.
#[derive(Debug, Default)]
pub(crate) struct Ending(Mutex<HashMap<ActorId, InFlight>>);

impl Ending {
    /// The actor is about to end.
    pub(crate) fn add(&self, actor: ActorId, on_its_way: InFlight) {
        self.actors().insert(actor, on_its_way);
    }

    /// The supervisor has seen that the actor has ended.
    pub(crate) fn remove(&self, actor: ActorId) {
        let ended = self.actors().remove(&actor);
        // The lock is released first, because this notifies others.
        drop(ended);
    }

    /// Every change under the lock is complete, so a panic while it is held leaves it usable.
    fn actors(&self) -> MutexGuard<'_, HashMap<ActorId, InFlight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_notifies_once_when_there_is_room_again() {
        let times = Arc::new(AtomicUsize::new(0));
        let count = times.clone();
        let limit = InFlightLimit::new(2, move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let first = limit.begin().expect("there is room");
        let second = limit.begin().expect("there is room");
        assert!(limit.begin().is_none() && !limit.has_room());
        drop(first);
        assert_eq!(times.load(Ordering::SeqCst), 1);
        drop(second);
        assert_eq!(times.load(Ordering::SeqCst), 1, "nobody has waited since");
        assert!(limit.has_room());
    }
}
