//! Keeps the runtimes of threads that were given up, until the activity that blocks each has ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::Runtime;

use crate::activity::ActivityContext;

/// The runtimes of threads that were given up, each with the activity that blocks it and goes on there.
#[derive(Default)]
pub(super) struct BlockedRuntimes {
    /// Whether there may be any. Mostly there are not, and then an activity that ends need not look.
    any: AtomicBool,
    all: Mutex<Vec<(ActivityContext, Runtime)>>,
}

impl BlockedRuntimes {
    /// Keeps a runtime until the activity that blocks it has ended.
    pub(super) fn keep(&self, holder: ActivityContext, runtime: Runtime) {
        let mut all = self.all();
        self.any.store(true, Ordering::Release);
        all.push((holder.clone(), runtime));
        drop(all);
        if holder.has_left() {
            self.has_left(&holder);
        }
    }

    /// An activity has ended: the runtime that was kept for it ends too.
    pub(super) fn has_left(&self, context: &ActivityContext) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let mut all = self.all();
        let ended: Vec<_> = all.extract_if(.., |(holder, _)| holder.is(context)).collect();
        self.any.store(!all.is_empty(), Ordering::Release);
        drop(all);
        ended.into_iter().for_each(|(_, runtime)| runtime.shutdown_background());
    }

    /// Ends all of the runtimes, each as soon as its code gives the thread back.
    pub(super) fn end(&self) {
        let all = std::mem::take(&mut *self.all());
        all.into_iter().for_each(|(_, runtime)| runtime.shutdown_background());
    }

    /// Every change under the lock is complete, so a panic while it is held leaves it usable.
    fn all(&self) -> MutexGuard<'_, Vec<(ActivityContext, Runtime)>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A runtime that is dropped within another one would panic.
impl Drop for BlockedRuntimes {
    fn drop(&mut self) {
        self.end();
    }
}
