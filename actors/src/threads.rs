//! The threads of a host: those of its shards, and one for everything else.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use reenact_core::ShardId;
use tokio::runtime::{Builder, Handle, Id, Runtime};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::admission::InstancesOfThread;
use crate::error::{Error, Result};
use crate::options::{MAX_REPLACED_THREADS, MAX_SHARD_THREADS, ShardThreads};

/// The threads of a host. Each group of shards has one, on which all of their actors run and, by
/// default, their activities. One more runs what belongs to no shard. Clones are the same threads.
///
/// Each thread is a runtime with one worker. Unlike tokio's runtime for the current thread, it is woken
/// by other threads only when it sleeps, and it lets code call `block_in_place`.
#[derive(Clone, Debug)]
pub(crate) struct Threads {
    /// The host's own thread. No code of orchestrations or activities runs on it.
    own: Handle,
    count: u32,
    /// Shard `n` runs on the thread `n % shards.len()`. Empty when all shards run on the caller's runtime.
    shards: Arc<[Slot]>,
    runtimes: Arc<Runtimes>,
    /// What a host needs that runs on the caller's runtime.
    callers: Arc<Callers>,
}

/// What a host keeps for the caller's runtime when it has no threads of its own.
#[derive(Debug, Default)]
struct Callers {
    tenants: Arc<InstancesOfThread>,
    given_up: Notify,
}

/// The thread of some shards, and those that take its place.
#[derive(Debug)]
struct Slot {
    thread: Mutex<ShardThread>,
    /// Notified after a thread was given up, when no route leads to what is on it any more.
    given_up: Notify,
}

/// A thread of shards.
#[derive(Clone, Debug)]
struct ShardThread {
    handle: Handle,
    /// The instances in memory on this thread.
    tenants: Arc<InstancesOfThread>,
    /// No longer upgrades once the thread has ended.
    alive: Weak<()>,
}

/// The runtimes of the threads; `None` once they are to end.
#[derive(Debug, Default)]
struct Runtimes(Mutex<Option<All>>);

#[derive(Debug)]
struct All {
    host: Runtime,
    /// In the order of their slots.
    shards: Vec<Runtime>,
    /// Threads that were given up and have not ended.
    given_up: Vec<Weak<()>>,
}

/// A thread that was given up, and that another has replaced.
pub(crate) struct GivenUp {
    pub(crate) runtime: Runtime,
    pub(crate) tenants: Arc<InstancesOfThread>,
}

/// Why a thread is not replaced.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReplaced {
    /// It is not a thread of the host, or was replaced before.
    #[error("it is no thread of the host's own")]
    NotOwn,
    /// Too many of the threads that were given up have not ended.
    #[error("{MAX_REPLACED_THREADS} threads that were replaced are still blocked by user code")]
    TooMany,
    /// The operating system gives no thread.
    #[error("{0}")]
    NoThread(Error),
}

impl Threads {
    /// Begins the threads of a host that is started on the runtime `caller`.
    ///
    /// # Errors
    /// [`Error::InvalidThreads`] when the number of threads is zero or too large; [`Error::Startup`] when the
    /// operating system gives no thread.
    pub(crate) fn begin(which: ShardThreads, count: u32, caller: &Handle) -> Result<Self> {
        let threads = threads(which, count)?;
        let callers = Arc::default();
        if threads == 0 {
            let (shards, runtimes) = (Arc::new([]), Arc::default());
            return Ok(Self { own: caller.clone(), count, shards, runtimes, callers });
        }
        let host = begin("reenact-host".to_owned())?;
        let all = (0..threads).map(ShardThread::begin).collect::<Result<Vec<_>>>()?;
        let (shards, all): (Vec<_>, _) = all.into_iter().unzip();
        let slot = |thread| Slot { thread: Mutex::new(thread), given_up: Notify::new() };
        let shards = shards.into_iter().map(slot).collect();
        let own = host.handle().clone();
        let all = All { host, shards: all, given_up: Vec::new() };
        Ok(Self {
            own,
            count,
            shards,
            runtimes: Arc::new(Runtimes(Mutex::new(Some(all)))),
            callers,
        })
    }

    /// The runtime for what belongs to no shard.
    pub(crate) const fn of_host(&self) -> &Handle {
        &self.own
    }

    /// The runtime of a shard.
    pub(crate) fn of_shard(&self, shard: ShardId) -> Handle {
        self.slot(shard).map_or_else(|| self.own.clone(), |slot| lock(&slot.thread).handle.clone())
    }

    /// The instances in memory on the thread of a shard.
    pub(crate) fn tenants_of(&self, shard: ShardId) -> Arc<InstancesOfThread> {
        let slot = self.slot(shard);
        slot.map_or_else(|| self.callers.tenants.clone(), |slot| lock(&slot.thread).tenants.clone())
    }

    /// Whether the shards have threads of their own.
    pub(crate) fn are_own(&self) -> bool {
        !self.shards.is_empty()
    }

    /// The id of a shard's thread. `None` on the caller's runtime, which may have several threads.
    pub(crate) fn id_of(&self, shard: ShardId) -> Option<Id> {
        self.are_own().then(|| self.of_shard(shard).id())
    }

    /// Returns when the present thread of a shard is given up: what ran on it will never answer. The wait
    /// covers everything from this call on. On the caller's runtime it ends only with the host.
    pub(crate) fn given_up(&self, shard: ShardId) -> Notified<'_> {
        self.given_up_notify(shard).notified()
    }

    fn given_up_notify(&self, shard: ShardId) -> &Notify {
        self.slot(shard).map_or(&self.callers.given_up, |slot| &slot.given_up)
    }

    /// The shards on a thread; empty when the thread is not, or is no longer, one of this host's.
    pub(crate) fn shards_on(&self, thread: Id) -> Vec<ShardId> {
        let Some(index) = self.index_of(thread) else { return Vec::new() };
        (index as u32..self.count).step_by(self.shards.len()).map(ShardId).collect()
    }

    /// Replaces a thread that user code does not give back.
    pub(crate) fn replace(&self, thread: Id) -> std::result::Result<GivenUp, NotReplaced> {
        let mut all = lock(&self.runtimes.0);
        let (Some(all), Some(index)) = (&mut *all, self.index_of(thread)) else {
            return Err(NotReplaced::NotOwn);
        };
        all.given_up.retain(|alive| alive.strong_count() > 0);
        if all.given_up.len() >= MAX_REPLACED_THREADS {
            return Err(NotReplaced::TooMany);
        }
        let (next, runtime) = ShardThread::begin(index).map_err(NotReplaced::NoThread)?;
        let (Some(slot), Some(old)) = (self.shards.get(index), all.shards.get_mut(index)) else {
            return Err(NotReplaced::NotOwn);
        };
        let runtime = std::mem::replace(old, runtime);
        let before = std::mem::replace(&mut *lock(&slot.thread), next);
        all.given_up.push(before.alive);
        Ok(GivenUp { runtime, tenants: before.tenants })
    }

    /// Notifies those who wait for something on a shard's thread: the thread was given up, or the host has
    /// ended. Call it when no route leads there any more.
    pub(crate) fn notify_given_up(&self, shard: ShardId) {
        self.given_up_notify(shard).notify_waiters();
    }

    /// Ends all threads. What runs on them is dropped at its next await; this does not wait for that.
    pub(crate) fn stop(&self) {
        self.runtimes.stop();
    }

    /// Like [`stop`](Self::stop), and waits until the threads have ended, at most for `patience`. It blocks
    /// the calling thread, which must not be one of them.
    pub(crate) fn end(&self, patience: Duration) {
        let all = lock(&self.runtimes.0).take();
        let runtimes = all.into_iter().flat_map(All::runtimes);
        runtimes.for_each(|runtime| runtime.shutdown_timeout(patience));
    }

    fn slot(&self, shard: ShardId) -> Option<&Slot> {
        let index = (shard.0 as usize).checked_rem(self.shards.len())?;
        self.shards.get(index)
    }

    fn index_of(&self, thread: Id) -> Option<usize> {
        self.shards.iter().position(|slot| lock(&slot.thread).handle.id() == thread)
    }
}

impl ShardThread {
    fn begin(index: usize) -> Result<(Self, Runtime)> {
        let runtime = begin(format!("reenact-shards-{index}"))?;
        let alive = Arc::new(());
        let thread = Self {
            handle: runtime.handle().clone(),
            tenants: Arc::default(),
            alive: Arc::downgrade(&alive),
        };
        // Dropped when the thread has ended, with everything that is on it.
        runtime.spawn(async move {
            let _alive = alive;
            pending::<()>().await;
        });
        Ok((thread, runtime))
    }
}

impl All {
    fn runtimes(self) -> impl Iterator<Item = Runtime> {
        self.shards.into_iter().chain([self.host])
    }
}

impl Runtimes {
    fn stop(&self) {
        let all = lock(&self.0).take();
        all.into_iter().flat_map(All::runtimes).for_each(Runtime::shutdown_background);
    }
}

/// A runtime that is dropped within another one would panic.
impl Drop for Runtimes {
    fn drop(&mut self) {
        self.stop();
    }
}

/// After this number of polls of tasks, a thread takes a task from the global queue of its runtime.
/// Tasks that other threads wake are in that queue, and those that did not fit into the thread's own
/// queue of 256 tasks. At tokio's default, 61, a task in the global queue waited while others ran
/// thousands of times.
const LOOK_AT_GLOBAL_QUEUE: u32 = 2;

fn begin(name: String) -> Result<Runtime> {
    let failed = |error: std::io::Error| Error::Startup {
        reason: format!("no thread for its shards: {error}"),
        source: None,
    };
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(name)
        .global_queue_interval(LOOK_AT_GLOBAL_QUEUE)
        .enable_all()
        .build()
        .map_err(failed)
}

/// The number of threads for the shards.
fn threads(which: ShardThreads, shards: u32) -> Result<usize> {
    let shards = shards.max(1) as usize;
    match which {
        ShardThreads::PerCore => {
            let cores = thread::available_parallelism().map_or(1, usize::from);
            Ok(cores.min(MAX_SHARD_THREADS).min(shards))
        }
        ShardThreads::Exactly(threads) if (1..=MAX_SHARD_THREADS).contains(&threads) => {
            Ok(threads.min(shards))
        }
        ShardThreads::Exactly(threads) => Err(Error::InvalidThreads { threads }),
        ShardThreads::OnCallersRuntime => Ok(0),
    }
}

/// Every change under these locks is complete, so a panic while it is held leaves it usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use tokio::task::JoinSet;

    use super::*;
    use crate::task::let_others_run;

    /// Twice as many as a thread's own queue has room for.
    const READY: usize = 512;

    #[test]
    fn of_many_tasks_that_are_ready_none_waits_while_others_run_many_times() {
        let runtime = begin("shard-of-test".into()).unwrap();
        let (polls, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let slowest = runtime.block_on(async {
            let mut others = JoinSet::new();
            for _ in 0..READY {
                let (polls, ended) = (polls.clone(), ended.clone());
                others.spawn(async move {
                    while !ended.load(Ordering::Relaxed) {
                        polls.fetch_add(1, Ordering::Relaxed);
                        let_others_run().await;
                    }
                });
            }
            let probe = tokio::spawn(async move {
                let mut slowest = 0;
                for _ in 0..100 {
                    let before = polls.load(Ordering::Relaxed);
                    let_others_run().await;
                    slowest = slowest.max(polls.load(Ordering::Relaxed) - before);
                }
                ended.store(true, Ordering::Relaxed);
                slowest
            });
            probe.await.unwrap()
        });
        assert!(slowest <= 4 * READY, "{slowest} polls of others");
    }
}
