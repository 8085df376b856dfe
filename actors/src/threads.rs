//! The threads that a host runs on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use reenact_core::ShardId;
use tokio::runtime::{Builder, Handle, Id, Runtime};

use crate::error::{Error, Result};
use crate::options::{MAX_SHARD_THREADS, ShardThreads};

/// The threads of a host: one for each group of shards, on which all of their actors and, by default, their
/// activities run; and one for what belongs to no shard. Clones are the same.
///
/// Each is a runtime with one worker. Unlike the runtime of tokio for the current thread it is woken by others
/// only when it sleeps, and lets code call `block_in_place`.
#[derive(Clone, Debug)]
pub(crate) struct Threads {
    /// Of the host: no code of orchestrations or activities runs there.
    own: Handle,
    /// Shard `n` is on the thread `n % shards.len()`. Empty where all runs on the runtime of the caller.
    shards: Arc<[Mutex<Handle>]>,
    runtimes: Arc<Runtimes>,
}

/// `None` once they are to end.
#[derive(Debug, Default)]
struct Runtimes(Mutex<Option<Vec<Runtime>>>);

impl Threads {
    /// Begins the threads of a host that is started on the runtime `caller`.
    ///
    /// # Errors
    /// [`Error::InvalidThreads`] when there are to be none or too many; [`Error::Startup`] when the system
    /// gives none.
    pub(crate) fn begin(which: ShardThreads, shards: u32, caller: &Handle) -> Result<Self> {
        let count = count(which, shards)?;
        if count == 0 {
            let (shards, runtimes) = (Arc::new([]), Arc::default());
            return Ok(Self { own: caller.clone(), shards, runtimes });
        }
        let own = begin("reenact-host".to_owned())?;
        let all = (0..count).map(|index| begin(format!("reenact-shards-{index}")));
        let mut runtimes = all.collect::<Result<Vec<_>>>()?;
        let shards = runtimes.iter().map(|runtime| Mutex::new(runtime.handle().clone())).collect();
        let handle = own.handle().clone();
        runtimes.push(own);
        Ok(Self { own: handle, shards, runtimes: Arc::new(Runtimes(Mutex::new(Some(runtimes)))) })
    }

    /// Where what belongs to no shard runs.
    pub(crate) const fn of_host(&self) -> &Handle {
        &self.own
    }

    /// Where a shard runs.
    pub(crate) fn of_shard(&self, shard: ShardId) -> Handle {
        let index = (shard.0 as usize).checked_rem(self.shards.len());
        match index.and_then(|index| self.shards.get(index)) {
            Some(thread) => lock(thread).clone(),
            None => self.own.clone(),
        }
    }

    /// Whether the shards have threads of their own.
    pub(crate) fn are_own(&self) -> bool {
        !self.shards.is_empty()
    }

    /// Names the thread of a shard. `None` on the runtime of the caller, which may have several.
    pub(crate) fn id_of(&self, shard: ShardId) -> Option<Id> {
        self.are_own().then(|| self.of_shard(shard).id())
    }

    /// Ends all threads. What runs on them is dropped at its next await; this does not wait for that.
    pub(crate) fn stop(&self) {
        self.runtimes.stop();
    }

    /// As [`stop`](Self::stop), and waits until they have ended, or for so long. Blocks its thread, which
    /// must be none of them.
    pub(crate) fn end(&self, patience: Duration) {
        let runtimes = lock(&self.runtimes.0).take();
        runtimes.into_iter().flatten().for_each(|runtime| runtime.shutdown_timeout(patience));
    }
}

impl Runtimes {
    fn stop(&self) {
        let runtimes = lock(&self.0).take();
        runtimes.into_iter().flatten().for_each(Runtime::shutdown_background);
    }
}

/// A runtime that is dropped within another one would panic.
impl Drop for Runtimes {
    fn drop(&mut self) {
        self.stop();
    }
}

fn begin(name: String) -> Result<Runtime> {
    let failed = |error: std::io::Error| Error::Startup {
        reason: format!("no thread for its shards: {error}"),
        source: None,
    };
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(name)
        .enable_all()
        .build()
        .map_err(failed)
}

/// How many threads there are for the shards.
fn count(which: ShardThreads, shards: u32) -> Result<usize> {
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

/// Every change under these locks is whole, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
