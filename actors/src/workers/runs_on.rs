//! Where an activity runs: on the thread of its shard, on a runtime of the caller's, or on a thread that it
//! may block.
//!
//! Its task is on the thread of its shard in any case. Where the activity runs on another thread, that task waits for
//! it, and all else of a call stays as it is: time-outs, the grace, places, and reports.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::pool::BlockingPool;

/// The runtimes that the activities of a host run on, where that is not the thread of their shard.
pub(crate) struct ActivityRuntimes {
    /// That of the caller, for all that do not block.
    callers: Option<Handle>,
    /// It has been said that it has ended.
    has_ended: AtomicBool,
    /// `None` where no activity blocks, and once the host has ended.
    pool: Mutex<Option<Arc<BlockingPool>>>,
}

/// Where one activity runs.
pub(crate) enum RunsOn<T> {
    /// On the thread of its shard, as a part of the task that asks.
    ItsShard,
    /// On a runtime of the caller's.
    Callers(Handle),
    /// On a thread that it may block, with what it holds as long as it has that.
    Pool(Arc<BlockingPool>, T),
    /// Nowhere: the host has ended.
    Nowhere,
}

impl ActivityRuntimes {
    pub(crate) fn new(callers: Option<Handle>, pool: Option<BlockingPool>) -> Self {
        let pool = Mutex::new(pool.map(Arc::new));
        Self { callers, has_ended: AtomicBool::new(false), pool }
    }

    /// Where an activity runs that has a thread for itself, or whose task is on the current one.
    pub(crate) fn of<T>(&self, thread: Option<T>) -> RunsOn<T> {
        match (thread, &self.callers) {
            (Some(thread), _) => match self.pool().clone() {
                Some(pool) => RunsOn::Pool(pool, thread),
                None => RunsOn::Nowhere,
            },
            (None, Some(callers)) if !is_current(callers) => RunsOn::Callers(callers.clone()),
            (None, _) => RunsOn::ItsShard,
        }
    }

    /// Starts nothing on the pool any more. It ends when the last activity on it has returned.
    pub(crate) fn end(&self) {
        let pool = self.pool().take();
        // Without the lock.
        drop(pool);
    }

    /// An activity has not run to its end, because the runtime of the caller has ended. Says so, once.
    pub(super) fn callers_has_ended(&self) {
        if !self.has_ended.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "the runtime of the activities (`HostOptions::activity_threads`) has ended: they wait until a \
                 host starts with one that lives longer"
            );
        }
    }

    /// Every change under the lock is complete, so a panic while it is held leaves it usable.
    fn pool(&self) -> std::sync::MutexGuard<'_, Option<Arc<BlockingPool>>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it is the runtime that this runs on.
fn is_current(runtime: &Handle) -> bool {
    Handle::try_current().is_ok_and(|current| current.id() == runtime.id())
}

impl<B: Send + 'static> RunsOn<B> {
    /// Runs code there, not on this thread. `None` when its runtime ended before. When this is dropped, the code
    /// is too, at its next await.
    pub(crate) fn run<T: Send + 'static>(
        self,
        code: impl Future<Output = T> + Send + 'static,
    ) -> Pin<Box<dyn Future<Output = Option<T>> + Send>> {
        let (sender, output) = oneshot::channel();
        let code = until_unwanted(code, sender);
        match self {
            Self::ItsShard | Self::Nowhere => drop(code),
            Self::Callers(runtime) => drop(runtime.spawn(code)),
            Self::Pool(pool, thread) => pool.run(code, thread),
        }
        Box::pin(async { output.await.ok() })
    }
}

/// Runs code until its output is sent, or nobody waits for it.
async fn until_unwanted<T>(code: impl Future<Output = T>, mut sender: oneshot::Sender<T>) {
    let output = tokio::select! {
        biased;
        () = sender.closed() => return,
        output = code => output,
    };
    // Its output may be unwanted by now.
    let _ = sender.send(output);
}
