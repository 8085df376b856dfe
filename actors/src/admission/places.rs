//! A bounded number of places for instances in memory, and a queue for each kind that waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Waits that were given up are removed when the queue has grown by this number since the last time.
const LOOKED_FOR_AT: usize = 64;

/// For whom a place is. Those of one kind get places in the order in which they came, and the kinds take
/// turns: however many wait of one, those of another do not wait for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// For an instance that somebody has sent something to.
    Asked,
    /// For an instance that its own log brings into memory.
    Due,
    /// For one that a client starts.
    Start,
}

/// In the order in which they take turns.
const KINDS: [Kind; 3] = [Kind::Asked, Kind::Due, Kind::Start];

/// The places of a host. Clones are the same places.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    all: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    free: usize,
    /// Number of places whose instances are [busy](Busy).
    busy: usize,
    /// Those who wait, by [kind](KINDS).
    waiting: [Queue; KINDS.len()],
    /// Whose turn it is.
    turn: usize,
    /// No client starts anything any more.
    closed: bool,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<oneshot::Sender<Place>>,
    /// Number after the last look for those who gave up.
    looked_at: usize,
}

/// A place. Dropping it gives it to the next that waits.
#[derive(Debug)]
pub(crate) struct Place {
    /// `None` once it is given back.
    places: Option<Places>,
    /// Those on whose thread its instance is.
    tenants: Option<Arc<InstancesOfThread>>,
}

/// The instances in memory on one thread. When that is given up, their places go to others at once, while what
/// holds the thread may keep these instances in memory for ever.
#[derive(Debug, Default)]
pub(crate) struct InstancesOfThread {
    /// Number of their places, or [`GIVEN_UP`].
    places: AtomicUsize,
}

const GIVEN_UP: usize = usize::MAX;

/// Says of an instance with a place that it does not go from memory for those who wait: it has
/// something under way.
#[derive(Debug)]
pub(crate) struct Busy(Places);

impl Places {
    pub(crate) fn new(all: usize) -> Self {
        let state = State { free: all, ..State::default() };
        Self { all, state: Arc::new(Mutex::new(state)) }
    }

    /// A place, if there is a free one.
    pub(crate) fn try_take(&self, kind: Kind) -> Option<Place> {
        let mut state = self.state();
        if state.free == 0 || kind == Kind::Start && state.closed {
            return None;
        }
        state.free -= 1;
        Some(self.place())
    }

    /// Waits for a place; `None` for a start once none is let in any more. Dropping the wait removes
    /// every trace of it.
    pub(crate) async fn take(&self, kind: Kind) -> Option<Place> {
        if let Some(place) = self.try_take(kind) {
            return Some(place);
        }
        let (sender, receiver) = oneshot::channel();
        self.wait(kind, sender);
        receiver.await.ok()
    }

    /// Whether all places are those of instances that do not go for those who wait.
    pub(crate) fn are_all_busy(&self) -> bool {
        self.state().busy >= self.all
    }

    fn wait(&self, kind: Kind, sender: oneshot::Sender<Place>) {
        let mut state = self.state();
        if kind == Kind::Start && state.closed {
            return;
        }
        if state.free > 0 {
            // It was given back since the look.
            state.free -= 1;
            let place = self.place();
            drop(state);
            // A wait that was given up gives it back.
            drop(sender.send(place));
            return;
        }
        state.waiting[kind as usize].push(sender);
    }

    /// Lets no client start anything any more, those who wait included.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let refused = std::mem::take(&mut state.waiting[Kind::Start as usize]);
        drop(state);
        drop(refused);
    }

    /// An instance with a place has something under way.
    pub(crate) fn busy(&self) -> Busy {
        self.state().busy += 1;
        Busy(self.clone())
    }

    fn place(&self) -> Place {
        Place { places: Some(self.clone()), tenants: None }
    }

    /// The thread of these instances is given up: others get their places.
    pub(crate) fn give_up(&self, tenants: &InstancesOfThread) {
        let places = tenants.places.swap(GIVEN_UP, Ordering::AcqRel);
        let places = if places == GIVEN_UP { 0 } else { places };
        (0..places).for_each(|_| self.give_back());
    }

    /// A place has become free: it goes to the next who still waits.
    fn give_back(&self) {
        loop {
            let mut state = self.state();
            let Some(next) = state.next() else {
                state.free += 1;
                return;
            };
            drop(state);
            let Err(mut place) = next.send(self.place()) else { return };
            // Who was to have it has given up. Without its own end: there may be many of them.
            place.places = None;
        }
    }

    /// Every change under the lock is complete, so a panic while it is held leaves it usable.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> Option<oneshot::Sender<Place>> {
        for _ in KINDS {
            let kind = self.turn;
            self.turn = (kind + 1) % KINDS.len();
            if let Some(next) = self.waiting[kind].waiting.pop_front() {
                return Some(next);
            }
        }
        None
    }
}

impl Queue {
    fn push(&mut self, sender: oneshot::Sender<Place>) {
        if self.waiting.len() >= 2 * self.looked_at + LOOKED_FOR_AT {
            self.waiting.retain(|waiting| !waiting.is_closed());
            self.looked_at = self.waiting.len();
        }
        self.waiting.push_back(sender);
    }
}

impl Place {
    /// Its instance is on the thread of these.
    pub(crate) fn move_in(&mut self, tenants: &Arc<InstancesOfThread>) {
        if self.tenants.is_none() && tenants.count(|places| places + 1) {
            self.tenants = Some(tenants.clone());
        }
    }
}

impl InstancesOfThread {
    /// Whether their thread was given up.
    pub(crate) fn are_given_up(&self) -> bool {
        self.places.load(Ordering::Acquire) == GIVEN_UP
    }

    /// Counts, unless their thread was given up.
    fn count(&self, next: impl Fn(usize) -> usize) -> bool {
        let next = |places| (places != GIVEN_UP).then(|| next(places));
        self.places.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(places) = self.places.take() else { return };
        // Where the thread was given up, others have it already.
        if self.tenants.take().is_none_or(|tenants| tenants.count(|places| places - 1)) {
            places.give_back();
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.state().busy -= 1;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn the_kinds_take_turns_and_those_of_a_kind_come_in_their_order() {
        let places = Places::new(1);
        let first = places.try_take(Kind::Start).unwrap();
        let wait = |kind| Box::pin(places.take(kind));
        let mut waiting = [Kind::Start, Kind::Start, Kind::Due, Kind::Due, Kind::Asked].map(wait);
        assert!(waiting.iter_mut().all(|waiting| waiting.now_or_never().is_none()));
        drop(first);
        let mut order = Vec::new();
        while order.len() < waiting.len() {
            let ready = |(number, waiting): (usize, &mut _)| {
                if order.contains(&number) {
                    None
                } else {
                    Some((number, FutureExt::now_or_never(waiting)?))
                }
            };
            let (number, place) =
                waiting.iter_mut().enumerate().find_map(ready).expect("one has it");
            assert!(place.is_some());
            order.push(number);
        }
        assert_eq!(order, [4, 2, 0, 3, 1]);
        assert!(places.try_take(Kind::Due).is_some());
    }

    #[test]
    fn places_on_a_thread_that_is_given_up_go_to_others_once() {
        let (places, tenants) = (Places::new(2), Arc::new(InstancesOfThread::default()));
        let mut held = [Kind::Start, Kind::Due].map(|kind| places.try_take(kind).unwrap());
        held.iter_mut().for_each(|place| place.move_in(&tenants));
        let waits = Box::pin(places.take(Kind::Start));
        let mut waits = [waits];
        assert!(waits.iter_mut().all(|waits| waits.now_or_never().is_none()));
        places.give_up(&tenants);
        let [waits] = waits;
        assert!(waits.now_or_never().flatten().is_some());
        let free = places.state().free;
        drop(held);
        assert_eq!(places.state().free, free);
        assert!(tenants.are_given_up());
    }

    #[test]
    fn a_wait_that_is_given_up_leaves_no_trace() {
        let places = Places::new(1);
        let held = places.try_take(Kind::Start).unwrap();
        for _ in 0..100_000 {
            assert!(places.take(Kind::Start).now_or_never().is_none());
        }
        assert!(places.state().waiting[Kind::Start as usize].waiting.len() <= 2 * LOOKED_FOR_AT);
        let mut last = Box::pin(places.take(Kind::Start));
        assert!((&mut last).now_or_never().is_none());
        drop(held);
        assert!(last.now_or_never().flatten().is_some());
        assert_eq!(places.state().free, 1);
    }

    #[test]
    fn it_is_known_when_nobody_goes_for_those_who_wait() {
        let places = Places::new(2);
        let _held = [Kind::Start, Kind::Due].map(|kind| places.try_take(kind).unwrap());
        let one = places.busy();
        assert!(!places.are_all_busy());
        let other = places.busy();
        assert!(places.are_all_busy());
        drop((one, other));
        assert!(!places.are_all_busy());
    }

    #[test]
    fn no_start_gets_a_place_once_it_is_closed_and_others_do() {
        let places = Places::new(1);
        let held = places.try_take(Kind::Start).unwrap();
        let (mut start, mut asked) =
            (Box::pin(places.take(Kind::Start)), Box::pin(places.take(Kind::Asked)));
        assert!((&mut start).now_or_never().is_none() && (&mut asked).now_or_never().is_none());
        places.close();
        assert!(start.now_or_never().expect("it is answered").is_none());
        assert!(places.take(Kind::Start).now_or_never().expect("it is answered").is_none());
        drop(held);
        assert!(asked.now_or_never().flatten().is_some());
    }
}
