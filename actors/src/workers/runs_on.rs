//! Where an activity runs: on the thread of its shard, on a runtime of the caller's, or on a thread that it
//! may block.
//!
//! The task of a call is always on the thread of its shard. If the activity runs on another thread, the
//! task waits for it, and handles time-outs, the grace, places and reports as for any other call.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::pool::BlockingPool;

/// The runtimes that the activities of a host run on, where that is not the thread of their shard.
pub(crate) struct ActivityRuntimes {
    /// The caller's runtime, for all activities that do not block.
    callers: Option<Handle>,
    /// Whether it was logged that the caller's runtime has ended.
    has_ended: AtomicBool,
    /// `None` where no activity blocks, and once the host has ended.
    pool: Mutex<Option<Arc<BlockingPool>>>,
}

/// Where one activity runs.
pub(crate) enum RunsOn<T> {
    /// On the thread of its shard, in the task that asks.
    ItsShard,
    /// On a runtime of the caller's.
    Callers(Handle),
    /// On a thread that it may block. The value is kept until the activity has returned.
    Pool(Arc<BlockingPool>, T),
    /// Nowhere: the host has ended.
    Nowhere,
}

impl ActivityRuntimes {
    pub(crate) fn new(callers: Option<Handle>, pool: Option<BlockingPool>) -> Self {
        let pool = Mutex::new(pool.map(Arc::new));
        Self { callers, has_ended: AtomicBool::new(false), pool }
    }

    /// Where an activity runs: `thread` is given to one that blocks, and the task of all others is on the
    /// current thread.
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

    /// Starts nothing more on the pool. The pool ends when the last activity on it has returned.
    pub(crate) fn end(&self) {
        let pool = self.pool().take();
        // The lock is released first.
        drop(pool);
    }

    /// An activity did not run to its end because the caller's runtime has ended. This is logged once.
    pub(super) fn callers_has_ended(&self) {
        if !self.has_ended.swap(true, Ordering::Relaxed) {
            tracing::error!(
                target: "reenact::activity", parent: None,
                "the runtime of the activities (`HostOptions::activity_threads`) has ended: they wait until a host starts on one that lives \
                 longer: start such a host"
            );
        }
    }

    /// Every change under the lock is complete, so a panic while it is held leaves it usable.
    fn pool(&self) -> std::sync::MutexGuard<'_, Option<Arc<BlockingPool>>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the current thread belongs to this runtime.
fn is_current(runtime: &Handle) -> bool {
    Handle::try_current().is_ok_and(|current| current.id() == runtime.id())
}

impl<B: Send + 'static> RunsOn<B> {
    /// Runs code on the chosen runtime, not on this thread. `None` when the runtime ended before the code
    /// did. When the returned future is dropped, so is the code, at its next await.
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

/// Runs code until its output is sent, or its receiver is gone.
async fn until_unwanted<T>(code: impl Future<Output = T>, mut sender: oneshot::Sender<T>) {
    let output = tokio::select! {
        biased;
        () = sender.closed() => return,
        output = code => output,
    };
    // The receiver may be gone by now.
    let _ = sender.send(output);
}
