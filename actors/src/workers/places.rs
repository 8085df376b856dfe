//! Places for activities, counted without a lock while no activity waits for one.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use reenact_core::CorrelationId;

use super::queue::FairQueue;
use crate::run::Run;

/// Set in the number of taken places when the queue counts them instead.
const BY_QUEUE: usize = 1 << (usize::BITS - 1);

/// The places of a host. All of its shards use them, each with two changes of one number, unless the
/// queue is needed: an activity waits, a name has a limit of its own, or the host ends.
pub(super) struct Places<T> {
    limit: usize,
    /// The number of taken places, or [`BY_QUEUE`].
    taken: AtomicUsize,
    queued: Mutex<Queued<T>>,
}

/// What the lock protects.
pub(super) struct Queued<T> {
    /// By the run and the id of the call.
    pub(super) queue: FairQueue<(Run, CorrelationId), T>,
    /// The number of waiting activities that came through the queues of tags.
    pub(super) remote: usize,
    /// A task waits until there is room.
    pub(super) room_wanted: bool,
    /// A task waits until nothing runs.
    pub(super) idle_wanted: bool,
    /// Nothing starts any more.
    pub(super) closed: bool,
}

/// The locked queue. While it is locked, the queue counts the places.
pub(super) struct Locked<'a, T> {
    places: &'a Places<T>,
    queued: MutexGuard<'a, Queued<T>>,
}

impl<T> Places<T> {
    pub(super) fn new(queue: FairQueue<(Run, CorrelationId), T>) -> Self {
        let (limit, taken) = (queue.limit(), AtomicUsize::new(0));
        let queued =
            Queued { queue, remote: 0, room_wanted: false, idle_wanted: false, closed: false };
        let places = Self { limit, taken, queued: Mutex::new(queued) };
        // Names may have limits of their own, and the queue counts the places then.
        drop(places.lock());
        places
    }

    /// Takes a place if one is free and the queue is not needed.
    pub(super) fn take_at_once(&self) -> bool {
        self.change(|taken| (taken < self.limit).then(|| taken + 1))
    }

    /// Gives a place back if the queue is not needed.
    pub(super) fn give_back_at_once(&self) -> bool {
        self.change(|taken| taken.checked_sub(1))
    }

    fn change(&self, to: impl Fn(usize) -> Option<usize>) -> bool {
        let change = |taken| if taken & BY_QUEUE == 0 { to(taken) } else { None };
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, change).is_ok()
    }

    pub(super) fn lock(&self) -> Locked<'_, T> {
        // Every change under the lock is complete, so a panic while it is held leaves it usable.
        let mut queued = self.queued.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = self.taken.fetch_or(BY_QUEUE, Ordering::AcqRel);
        if taken & BY_QUEUE == 0 {
            queued.queue.set_running(taken);
        }
        Locked { places: self, queued }
    }
}

impl<T> Queued<T> {
    /// How many more activities can run, if no call from the queue of a tag waits. Otherwise the caller is
    /// notified when to ask again.
    pub(super) fn room(&mut self) -> Option<usize> {
        let free = self.queue.free();
        let room = (free > 0 && self.remote == 0).then_some(free);
        self.room_wanted |= room.is_none();
        room
    }

    /// Whether nothing runs. Otherwise the caller is notified when to ask again.
    pub(super) fn is_idle(&mut self) -> bool {
        let is_idle = self.queue.running() == 0;
        self.idle_wanted |= !is_idle;
        is_idle
    }

    fn is_needed(&self) -> bool {
        self.closed || self.room_wanted || self.idle_wanted || self.queue.is_needed()
    }
}

impl<T> Drop for Locked<'_, T> {
    fn drop(&mut self) {
        if !self.queued.is_needed() {
            self.places.taken.store(self.queued.queue.running(), Ordering::Release);
        }
    }
}

impl<T> Deref for Locked<'_, T> {
    type Target = Queued<T>;

    fn deref(&self) -> &Queued<T> {
        &self.queued
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut Queued<T> {
        &mut self.queued
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use reenact_core::{ExecutionId, InstanceId, Name};

    use super::*;

    fn places(limit: usize, limits: HashMap<Name, usize>) -> Places<u32> {
        Places::new(FairQueue::new(limit, limits))
    }

    fn work() -> Name {
        Name::new("work").unwrap()
    }

    fn push(places: &Places<u32>, task: u32) -> Option<u32> {
        let key = (Run::of_test(ExecutionId::FIRST), CorrelationId(task.into()));
        places.lock().queue.push(&work(), &InstanceId::new("i").unwrap(), key, task)
    }

    #[test]
    fn the_queue_is_needed_only_while_somebody_waits() {
        let places = places(2, HashMap::new());
        assert!(places.take_at_once() && places.take_at_once());
        assert!(!places.take_at_once(), "all are taken");
        assert_eq!(push(&places, 3), None);
        assert!(!places.give_back_at_once(), "somebody waits for it");
        assert_eq!(places.lock().queue.finished(&work()), Some(3));
        assert!(places.give_back_at_once());
        assert!(places.take_at_once());
        assert!(places.give_back_at_once() && places.give_back_at_once());
        assert!(!places.give_back_at_once(), "none is taken");
        assert!(places.lock().is_idle());
    }

    #[test]
    fn nobody_passes_the_queue_where_names_have_limits_or_nothing_starts_any_more() {
        let places_of_names = places(2, HashMap::from([(work(), 1)]));
        assert!(!places_of_names.take_at_once());
        let closed = places(2, HashMap::new());
        assert!(closed.take_at_once());
        closed.lock().closed = true;
        assert!(!closed.take_at_once() && !closed.give_back_at_once());
        assert!(!closed.lock().is_idle());
        assert_eq!(closed.lock().queue.finished(&work()), None);
        assert!(closed.lock().is_idle());
    }

    #[test]
    fn no_place_is_taken_twice_or_lost_when_many_take_and_wait_at_once() {
        const LIMIT: usize = 3;
        let (places, most) = (places(LIMIT, HashMap::new()), AtomicUsize::new(0));
        let running = AtomicUsize::new(0);
        let ran = AtomicUsize::new(0);
        // Each activity gives its place to the next, which then runs.
        let run = || {
            let mut runs = true;
            while runs {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
                ran.fetch_add(1, Ordering::SeqCst);
                runs =
                    !places.give_back_at_once() && places.lock().queue.finished(&work()).is_some();
            }
        };
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (run, places) = (&run, &places);
                scope.spawn(move || {
                    for task in 0..500 {
                        if places.take_at_once() || push(places, 1_000 * thread + task).is_some() {
                            run();
                        }
                    }
                });
            }
        });
        assert_eq!(ran.load(Ordering::SeqCst), 8 * 500);
        assert!(most.load(Ordering::SeqCst) <= LIMIT);
        assert!(places.lock().is_idle());
    }
}
