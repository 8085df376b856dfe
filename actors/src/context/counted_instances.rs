//! How many instances the store has, by orchestration and state, as it has said last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reenact_core::Timestamp;
use reenact_providers::{HistoryStore, InstanceCounts, InstanceFilter};
use tokio::runtime::Handle;

/// The store is asked again when its answer is as old as this.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// The store is asked only while somebody looks, and never waited for: a look gets the answer to an earlier one.
pub(crate) struct CountedInstances {
    /// Where the store is asked: a look needs no runtime.
    runtime: Handle,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    counts: Option<Arc<InstanceCounts>>,
    asked_at: Option<Timestamp>,
    is_asking: bool,
}

impl CountedInstances {
    pub(crate) fn new(runtime: Handle) -> Self {
        Self { runtime, known: Arc::default() }
    }

    /// What the store has said last, if it has been asked before. When that is old, it is asked again.
    pub(crate) fn look(
        &self,
        store: &Arc<dyn HistoryStore>,
        now: Timestamp,
    ) -> Option<Arc<InstanceCounts>> {
        let mut known = lock(&self.known);
        let is_old = known.asked_at.is_none_or(|at| now.since(at) >= ASKED_AGAIN_AFTER);
        if is_old && !known.is_asking {
            (known.is_asking, known.asked_at) = (true, Some(now));
            let (store, known) = (store.clone(), self.known.clone());
            self.runtime.spawn(async move {
                let counts = store.counts(&InstanceFilter::new()).await;
                let mut known = lock(&known);
                known.is_asking = false;
                // What it said before is better than nothing. Its errors are counted where they occur.
                if let Ok(counts) = counts {
                    known.counts = Some(Arc::new(counts));
                }
            });
        }
        known.counts.clone()
    }
}

/// Every change under the lock is whole.
fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}
