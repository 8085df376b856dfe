//! What the store has said last about how much there is of something.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reenact_core::Timestamp;
use tokio::runtime::Handle;

/// The store is asked only while somebody looks, and never waited for: a look gets the answer to an earlier one.
pub(crate) struct Asked<T> {
    /// Where the store is asked: a look needs no runtime.
    runtime: Handle,
    /// The store is asked again when its answer is as old as this.
    again_after: Duration,
    known: Arc<Mutex<Known<T>>>,
}

struct Known<T> {
    answer: Option<Arc<T>>,
    asked_at: Option<Timestamp>,
    is_asking: bool,
}

impl<T: Send + Sync + 'static> Asked<T> {
    pub(crate) fn new(runtime: Handle, again_after: Duration) -> Self {
        let known = Known { answer: None, asked_at: None, is_asking: false };
        Self { runtime, again_after, known: Arc::new(Mutex::new(known)) }
    }

    /// What the store has said last, if it has been asked before. When that is old, it is asked again.
    pub(crate) fn look<F>(&self, now: Timestamp, ask: impl FnOnce() -> F) -> Option<Arc<T>>
    where
        F: Future<Output = Option<T>> + Send + 'static,
    {
        let mut known = lock(&self.known);
        let is_old = known.asked_at.is_none_or(|at| now.since(at) >= self.again_after);
        if is_old && !known.is_asking {
            (known.is_asking, known.asked_at) = (true, Some(now));
            let (asking, known) = (ask(), self.known.clone());
            self.runtime.spawn(async move {
                let answer = asking.await;
                let mut known = lock(&known);
                known.is_asking = false;
                // What it said before is better than nothing. Its errors are counted where they occur.
                if let Some(answer) = answer {
                    known.answer = Some(Arc::new(answer));
                }
            });
        }
        known.answer.clone()
    }
}

/// Every change under the lock is whole.
fn lock<T>(known: &Mutex<Known<T>>) -> MutexGuard<'_, Known<T>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}
