//! A pool of threads that activities may block.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};
use crate::options::MAX_BLOCKING_THREADS;
use crate::panic::catch;

/// The maximum number of additional threads, for what activities pass to `tokio::task::spawn_blocking`:
/// they never wait for the threads that they block themselves.
const THREADS_OF_THEIRS: usize = 512;

/// A runtime whose threads may be blocked: one thread for each activity on it, and a worker for their
/// timers, their I/O and what they spawn. The store does not run on it, so an activity that never
/// returns takes nothing from the store.
///
/// It ends when the host has released it and the last activity has returned: it is there for as long as
/// activities need it.
pub(crate) struct BlockingPool {
    /// Taken out when the pool is dropped.
    runtime: Option<Runtime>,
}

impl BlockingPool {
    /// Begins a pool for this number of activities at a time. It has no threads before activities come.
    ///
    /// # Errors
    /// [`Error::Startup`] when the system gives no thread.
    pub(crate) fn begin(activities: usize) -> Result<Self> {
        let failed = |error: std::io::Error| Error::Startup {
            reason: format!("no thread for activities that block: {error}"),
            source: None,
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(activities.clamp(1, MAX_BLOCKING_THREADS) + THREADS_OF_THEIRS)
            .thread_name("reenact-blocking")
            .enable_all()
            .build()
            .map_err(failed)?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Runs code on a thread that it has to itself for as long as it runs.
    pub(super) fn run(
        self: Arc<Self>,
        code: impl Future<Output = ()> + Send + 'static,
        thread: impl Send + 'static,
    ) {
        let Some(runtime) = self.runtime.as_ref().map(|runtime| runtime.handle().clone()) else {
            return;
        };
        let run = move || {
            block_on(code);
            drop(thread);
            drop(self);
        };
        if let Err(error) = catch(|| drop(runtime.spawn_blocking(run))) {
            // The activity is in the queue of the pool nevertheless.
            tracing::error!(
                target: "reenact::activity", parent: None,
                error,
                "the system gave no thread for an activity that blocks; the activity waits for one: allow the process more threads"
            );
        }
    }
}

/// A pool that is dropped does not wait for what still runs on it, and may be dropped on one of its own
/// threads.
impl Drop for BlockingPool {
    fn drop(&mut self) {
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// Runs a future on this thread. Unlike `Handle::block_on` it does not enter the runtime: code that
/// blocks on a runtime of its own, as blocking clients of HTTP and databases do, would panic in one.
fn block_on<F: Future>(future: F) -> F::Output {
    let woken = Arc::new(Woken { thread: thread::current(), is_woken: AtomicBool::new(true) });
    let waker = Waker::from(woken.clone());
    let mut future = pin!(future);
    loop {
        // The code may park and unpark its thread as well, so only the flag counts.
        while !woken.is_woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
    }
}

/// A waiting thread, and whether it has been woken.
struct Woken {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_takes_the_wake_of_its_thread_is_polled_all_the_same() {
        let mut polls = 0;
        let ready_at_the_second = std::future::poll_fn(|cx| {
            polls += 1;
            if polls == 2 {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            // Like code that parks its thread for reasons of its own.
            thread::park();
            Poll::Pending
        });
        block_on(ready_at_the_second);
        assert_eq!(polls, 2);
    }
}
