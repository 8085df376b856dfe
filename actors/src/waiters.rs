//! Those who wait for the end of an instance.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;
use reenact_core::{InstanceId, Outcome};
use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// Who waits for which instance.
#[derive(Clone, Default)]
pub(crate) struct Waiters {
    waiting: Arc<DashMap<InstanceId, Vec<oneshot::Sender<Result<Outcome>>>>>,
    /// Nothing more will be told.
    closed: Arc<AtomicBool>,
}

/// One wait. Dropping it leaves nothing behind.
pub(crate) struct Waiter {
    waiters: Waiters,
    instance: InstanceId,
    end: oneshot::Receiver<Result<Outcome>>,
}

impl Waiters {
    /// Begins to wait. Look at the store afterwards: what ended before now is not told.
    pub(crate) fn wait_for(&self, instance: InstanceId) -> Waiter {
        let (tell, end) = oneshot::channel();
        self.waiting.entry(instance.clone()).or_default().push(tell);
        if self.closed.load(Ordering::SeqCst) {
            self.waiting.remove(&instance);
        }
        Waiter { waiters: self.clone(), instance, end }
    }

    /// Tells everybody who waits for the instance.
    pub(crate) fn tell(&self, instance: &InstanceId, end: &Result<Outcome>) {
        if let Some((_, waiting)) = self.waiting.remove(instance) {
            for waiter in waiting {
                // It may have gone.
                let _ = waiter.send(end.clone());
            }
        }
    }

    /// The instances that somebody waits for.
    pub(crate) fn instances(&self) -> Vec<InstanceId> {
        self.waiting.iter().map(|entry| entry.key().clone()).collect()
    }

    /// Tells everybody, now and later, that nothing more will be told.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.waiting.clear();
    }
}

impl Waiter {
    pub(crate) async fn end(mut self) -> Result<Outcome> {
        (&mut self.end).await.unwrap_or(Err(Error::ShuttingDown))
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.end.close();
        let waiting = &self.waiters.waiting;
        waiting.remove_if_mut(&self.instance, |_, waiting| {
            waiting.retain(|waiter| !waiter.is_closed());
            waiting.is_empty()
        });
    }
}
