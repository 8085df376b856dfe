//! Finds user code that does not give its thread back: an endless loop, or work that blocks.
//!
//! Each thread has a slot that says which user code runs on it. A thread of the operating system looks
//! into the slots: it works when the workers of the runtime are all blocked. No turn reads a clock for
//! it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::Thread;
use std::time::{Duration, Instant};

use reenact_core::{CorrelationId, InstanceId, Name, Timestamp};
use reenact_providers::TimerScheduler;
use tokio::runtime::{Handle, Id as RuntimeId};
use tokio::sync::{Notify, mpsc};

use crate::activity::ActivityCall;
use crate::options::HostOptions;
use crate::run::Run;

/// Code that blocks the thread of a shard for this long is named in a warning.
const LONG_HOLD: Duration = Duration::from_millis(100);

/// The time between two looks is the time after which code counts as stalled, divided by this.
const LOOKS: u32 = 4;

/// The watchdog looks no more often than this.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// User code that has not given its thread back for longer than
/// [`HostOptions::stalls_after`](crate::HostOptions::stalls_after). Nothing can stop it from outside;
/// what else runs on that thread waits for it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Stalled {
    /// The instance whose code it is, or that called the activity.
    pub instance: InstanceId,
    /// The name of the orchestration or the activity.
    pub code: Name,
    /// Whether the code is an activity.
    pub is_activity: bool,
    /// Since when it has blocked its thread, by the provider's clock: when the watchdog first saw it, a
    /// moment late.
    pub since: Timestamp,
}

/// Code that blocks its thread for longer than
/// [`HostOptions::replace_threads_after`](crate::HostOptions::replace_threads_after).
#[derive(Clone, Debug)]
pub(crate) struct BlockedThread {
    /// The runtime of the thread.
    pub(crate) runtime: RuntimeId,
    pub(crate) instance: InstanceId,
    /// The name of the orchestration or the activity.
    pub(crate) code: Name,
    /// The call, if the code is an activity.
    pub(crate) call: Option<ActivityCall>,
    pub(crate) blocked_for: Duration,
}

/// What runs on the threads of a host. Clones share it.
#[derive(Clone)]
pub(crate) struct Stalls {
    shared: Arc<Shared>,
}

struct Shared {
    slots: Mutex<Vec<Arc<Slot>>>,
    stalled: Mutex<Vec<Found>>,
    /// Notified when something new has stalled.
    changed: Notify,
    watchdog: Mutex<Option<Thread>>,
    /// The blocked threads that the watchdog finds, until [`Stalls::take_blocked`] is called.
    blocked: Mutex<Option<mpsc::UnboundedReceiver<BlockedThread>>>,
}

/// Something that has stalled, and where.
#[derive(Clone, PartialEq, Eq)]
struct Found {
    what: Stalled,
    runtime: Option<RuntimeId>,
    /// Whether it has blocked its thread for so long that the thread is replaced.
    is_too_long: bool,
}

/// What runs on one thread.
#[derive(Default)]
struct Slot {
    /// The runtime of the thread.
    runtime: Option<RuntimeId>,
    /// Odd while code runs; never the same for two runs.
    run: AtomicU64,
    /// The code that runs now, or ran last.
    what: Mutex<Option<Running>>,
}

#[derive(Clone)]
struct Running {
    instance: InstanceId,
    code: Name,
    /// The call, if the code is an activity.
    call: Option<(Run, CorrelationId)>,
}

thread_local! {
    /// The slots of this thread, by host.
    static SLOTS: RefCell<Vec<(Weak<Shared>, Arc<Slot>)>> = const { RefCell::new(Vec::new()) };
}

impl Stalls {
    pub(crate) fn new() -> Self {
        let shared = Shared {
            slots: Mutex::default(),
            stalled: Mutex::default(),
            changed: Notify::new(),
            watchdog: Mutex::default(),
            blocked: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Runs code of an orchestration, and watches it.
    pub(crate) fn watch<T>(&self, of: &InstanceId, code: &Name, run: impl FnOnce() -> T) -> T {
        self.watched(of, code, None, run)
    }

    /// Runs code of an activity, and watches it.
    pub(crate) fn watch_activity<T>(
        &self,
        of: &ActivityCall,
        code: &Name,
        run: impl FnOnce() -> T,
    ) -> T {
        self.watched(&of.instance, code, Some(of.key()), run)
    }

    fn watched<T>(
        &self,
        of: &InstanceId,
        code: &Name,
        call: Option<(Run, CorrelationId)>,
        run: impl FnOnce() -> T,
    ) -> T {
        let slot = self.slot();
        if slot.is_running() {
            // This code is called by user code that is watched already.
            return run();
        }
        *lock(&slot.what) = Some(Running { instance: of.clone(), code: code.clone(), call });
        slot.count();
        let _end = End(&slot);
        run()
    }

    /// The slot of this thread.
    fn slot(&self) -> Arc<Slot> {
        SLOTS.with_borrow_mut(|slots| {
            let own = slots.iter().find(|(host, _)| host.as_ptr() == Arc::as_ptr(&self.shared));
            if let Some((_, slot)) = own {
                return slot.clone();
            }
            // Slots of hosts that have ended are removed.
            slots.retain(|(host, _)| host.strong_count() > 0);
            let runtime = Handle::try_current().ok().map(|runtime| runtime.id());
            let slot = Arc::new(Slot { runtime, ..Slot::default() });
            slots.push((Arc::downgrade(&self.shared), slot.clone()));
            lock(&self.shared.slots).push(slot.clone());
            slot
        })
    }

    /// All code that has stalled.
    pub(crate) fn all(&self) -> Vec<Stalled> {
        lock(&self.shared.stalled).iter().map(|found| found.what.clone()).collect()
    }

    /// The stalled code of an instance: its orchestration or, if that has not stalled, an activity.
    pub(crate) fn of(&self, instance: &InstanceId) -> Option<Stalled> {
        let stalled = lock(&self.shared.stalled);
        let all = stalled.iter().map(|found| &found.what);
        let mut own = all.filter(|stalled| stalled.instance == *instance);
        own.clone().find(|stalled| !stalled.is_activity).or_else(|| own.next()).cloned()
    }

    /// Returns when the actor of an instance cannot answer for now: its code has stalled, or other code has
    /// stalled on the thread of its shard.
    pub(crate) async fn until_stalled(&self, instance: &InstanceId, thread: Option<RuntimeId>) {
        let is_it = |found: &Found| {
            let is_own = found.what.instance == *instance && !found.what.is_activity;
            is_own || thread.is_some() && found.runtime == thread
        };
        loop {
            // Enlisted before the look, so that no change is missed in between.
            let changed = self.shared.changed.notified();
            if lock(&self.shared.stalled).iter().any(is_it) {
                return;
            }
            changed.await;
        }
    }

    /// Returns the code of an instance when it has blocked its thread for so long that the thread is
    /// replaced.
    pub(crate) async fn until_too_long(&self, instance: &InstanceId) -> Name {
        let is_it = |found: &Found| {
            found.is_too_long && found.what.instance == *instance && !found.what.is_activity
        };
        loop {
            // Enlisted before the look, so that no change is missed in between.
            let changed = self.shared.changed.notified();
            if let Some(found) = lock(&self.shared.stalled).iter().find(|found| is_it(found)) {
                return found.what.code.clone();
            }
            changed.await;
        }
    }

    /// The blocked threads, as they are found. The first caller follows them; later callers get `None`.
    pub(crate) fn take_blocked(&self) -> Option<mpsc::UnboundedReceiver<BlockedThread>> {
        lock(&self.shared.blocked).take()
    }

    /// Starts the watchdog, which ends with the host. It calls `on_hold` when code blocks its thread for
    /// long.
    pub(crate) fn begin(
        &self,
        options: &HostOptions,
        clock: Arc<dyn TimerScheduler>,
        on_hold: impl Fn() + Send + 'static,
    ) {
        let (limit, lost_after) =
            (options.stalls_after, options.replace_threads_after.max(LONG_HOLD));
        let (sender, blocked) = mpsc::unbounded_channel();
        *lock(&self.shared.blocked) = Some(blocked);
        let pause = (limit.min(LONG_HOLD) / LOOKS).max(SHORTEST_PAUSE);
        let shared = Arc::downgrade(&self.shared);
        let on_hold = Box::new(on_hold);
        let seen = HashMap::new();
        let mut watchdog = Watchdog { limit, lost_after, clock, seen, on_hold, sender };
        let look = move || {
            while let Some(shared) = shared.upgrade() {
                watchdog.look(&shared);
                drop(shared);
                std::thread::park_timeout(pause);
            }
        };
        match std::thread::Builder::new().name("reenact-watchdog".to_owned()).spawn(look) {
            Ok(thread) => *lock(&self.shared.watchdog) = Some(thread.thread().clone()),
            Err(error) => {
                tracing::warn!(target: "reenact::host", parent: None, %error, "no thread for the watchdog: stalls are not found")
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(watchdog) = lock(&self.watchdog).take() {
            watchdog.unpark();
        }
    }
}

impl Slot {
    /// Only the slot's own thread changes the number, so an atomic addition is not needed.
    fn count(&self) {
        self.run.store(self.run.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
    }

    fn is_running(&self) -> bool {
        self.run.load(Ordering::Relaxed) % 2 == 1
    }
}

/// Ends a run when it is dropped, also by a panic.
struct End<'a>(&'a Slot);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.count();
    }
}

struct Watchdog {
    limit: Duration,
    lost_after: Duration,
    /// Sends the threads that are blocked for too long.
    sender: mpsc::UnboundedSender<BlockedThread>,
    clock: Arc<dyn TimerScheduler>,
    /// What was seen in each slot, by its address.
    seen: HashMap<usize, Seen>,
    on_hold: Box<dyn Fn() + Send>,
}

/// What the watchdog has seen in a slot.
struct Seen {
    run: u64,
    first: Instant,
    since: Timestamp,
    /// Whether it was reported that the code blocks its thread for long.
    holds: bool,
    stalled: bool,
    /// How often it was reported that the code has blocked its thread for too long.
    reports: u32,
}

impl Watchdog {
    fn look(&mut self, shared: &Shared) {
        let slots = {
            let mut slots = lock(&shared.slots);
            // The slot of a thread that has ended is in this list only.
            slots.retain(|slot| Arc::strong_count(slot) > 1);
            slots.clone()
        };
        let mut before = std::mem::take(&mut self.seen);
        let (now, mut stalled, mut too_long) = (Instant::now(), Vec::new(), Vec::new());
        for slot in &slots {
            let (key, run) = (Arc::as_ptr(slot) as usize, slot.run.load(Ordering::Acquire));
            let seen = match before.remove(&key) {
                Some(seen) if seen.run == run => seen,
                before => {
                    if let Some(before) = before.filter(|before| before.stalled) {
                        let took = now - before.first;
                        tracing::warn!(target: "reenact::host", parent: None, ?took, "code that had stalled has given its thread back");
                    }
                    let since = self.clock.now();
                    Seen { run, first: now, since, holds: false, stalled: false, reports: 0 }
                }
            };
            let seen = self.judge(seen, slot, now, &mut stalled, &mut too_long);
            self.seen.insert(key, seen);
        }
        let mut known = lock(&shared.stalled);
        let is_new = stalled.iter().any(|stalled| !known.contains(stalled));
        *known = stalled;
        drop(known);
        if is_new {
            shared.changed.notify_waiters();
        }
        // After that: who sees that a thread was replaced finds the code of it in the list.
        for blocked in too_long {
            // The receiver is gone once the host has ended.
            let _ = self.sender.send(blocked);
        }
    }

    fn judge(
        &self,
        mut seen: Seen,
        slot: &Slot,
        now: Instant,
        stalled: &mut Vec<Found>,
        too_long: &mut Vec<BlockedThread>,
    ) -> Seen {
        let (runs, took) = (seen.run % 2 == 1, now - seen.first);
        let Some(Running { instance, code, call }) =
            lock(&slot.what).clone().filter(|_| runs && took >= self.limit.min(LONG_HOLD))
        else {
            return seen;
        };
        if slot.run.load(Ordering::Acquire) != seen.run {
            // The instance and the code may be of the next run.
            return seen;
        }
        let is_activity = call.is_some();
        let kind = if is_activity { "activity" } else { "orchestration" };
        if !seen.holds {
            seen.holds = true;
            tracing::warn!(
                target: "reenact::host", parent: None,
                %instance, %code, kind, ?took,
                "user code blocks its thread, and the shards on that thread wait: mark an activity that blocks \
                 (`#[activity(blocking)]`, or by its name in `HostOptions::blocking_activities`)"
            );
            (self.on_hold)();
        }
        let is_too_long = took >= self.lost_after;
        // Reported again and again, because the thread may not have been replaced.
        if is_too_long && took >= self.lost_after.saturating_mul(seen.reports.saturating_add(1)) {
            seen.reports = seen.reports.saturating_add(1);
            too_long.extend(blocked_thread(slot, &instance, &code, call, took));
        }
        if took < self.limit && !is_too_long {
            return seen;
        }
        if !seen.stalled {
            seen.stalled = true;
            tracing::error!(
                target: "reenact::host", parent: None,
                %instance, %code, kind, ?took,
                "user code does not give its thread back, and everything else on that thread waits; mend the code"
            );
        }
        let what = Stalled { instance, code, is_activity, since: seen.since };
        stalled.push(Found { what, runtime: slot.runtime, is_too_long });
        seen
    }
}

/// `None` for a thread that cannot be replaced.
fn blocked_thread(
    slot: &Slot,
    instance: &InstanceId,
    code: &Name,
    call: Option<(Run, CorrelationId)>,
    blocked_for: Duration,
) -> Option<BlockedThread> {
    let runtime = slot.runtime?;
    let call = call.map(|(run, id)| ActivityCall { instance: instance.clone(), run, id });
    Some(BlockedThread {
        runtime,
        instance: instance.clone(),
        code: code.clone(),
        call,
        blocked_for,
    })
}

/// Every change under these locks is complete, so a panic while it is held leaves it usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
