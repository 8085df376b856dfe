//! Those who wait for the end of an instance, or for a change of its status.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;
use reenact_core::{InstanceId, Outcome};
use tokio::sync::oneshot;

use crate::answers::ClientRuntime;
use crate::error::{Error, Result};
use crate::panic::catch;

/// Who waits for what of which instance.
#[derive(Clone, Default)]
pub(crate) struct Waiters {
    ends: Waiting<Outcome>,
    changes: Waiting<()>,
}

/// Who waits for a `T` of which instance. Clones are the same.
struct Waiting<T> {
    waiting: Arc<DashMap<InstanceId, Vec<Client<T>>>>,
    /// Nothing more will be told.
    closed: Arc<AtomicBool>,
}

/// A client that waits.
struct Client<T> {
    told: oneshot::Sender<Result<T>>,
    /// What it waits on, if answers go there together.
    runtime: Option<Arc<ClientRuntime>>,
}

/// One wait. Dropping it leaves nothing behind.
pub(crate) struct Waiter<T> {
    waiting: Waiting<T>,
    instance: InstanceId,
    told: oneshot::Receiver<Result<T>>,
}

impl Waiters {
    /// Begins to wait for the end. Look at the store afterwards: what ended before now is not told.
    pub(crate) fn end_of(
        &self,
        instance: InstanceId,
        client: Option<Arc<ClientRuntime>>,
    ) -> Waiter<Outcome> {
        self.ends.wait_for(instance, client)
    }

    /// Begins to wait for a change of the status, or for the end. Look at the store afterwards: what
    /// changed before now is not told.
    pub(crate) fn change_of(
        &self,
        instance: InstanceId,
        client: Option<Arc<ClientRuntime>>,
    ) -> Waiter<()> {
        self.changes.wait_for(instance, client)
    }

    /// The instance has ended, or cannot go on: tells everybody who waits for it.
    pub(crate) fn ended(&self, instance: &InstanceId, end: &Result<Outcome>) {
        self.ends.tell(instance, end);
        self.changes.tell(instance, &end.as_ref().map(|_| ()).map_err(Clone::clone));
    }

    /// The status of the instance may have changed: tells those who wait for that to look again.
    pub(crate) fn changed(&self, instance: &InstanceId) {
        self.changes.tell(instance, &Ok(()));
    }

    /// The instances that somebody waits for.
    pub(crate) fn instances(&self) -> Vec<InstanceId> {
        let mut instances = [self.ends.instances(), self.changes.instances()].concat();
        instances.sort_unstable();
        instances.dedup();
        instances
    }

    /// Tells everybody, now and later, that nothing more will be told.
    pub(crate) fn close(&self) {
        self.ends.close();
        self.changes.close();
    }
}

impl<T: Clone + Send + 'static> Waiting<T> {
    fn wait_for(&self, instance: InstanceId, runtime: Option<Arc<ClientRuntime>>) -> Waiter<T> {
        let (tell, told) = oneshot::channel();
        self.waiting.entry(instance.clone()).or_default().push(Client { told: tell, runtime });
        if self.closed.load(Ordering::SeqCst) {
            self.waiting.remove(&instance);
        }
        Waiter { waiting: self.clone(), instance, told }
    }

    fn tell(&self, instance: &InstanceId, what: &Result<T>) {
        if let Some((_, waiting)) = self.waiting.remove(instance) {
            for Client { told, runtime } in waiting {
                let what = what.clone();
                // It may have gone. What this wakes is the client's.
                let send = move || drop(catch(|| told.send(what)));
                match runtime {
                    Some(runtime) => runtime.answer(send),
                    None => send(),
                }
            }
        }
    }

    fn instances(&self) -> Vec<InstanceId> {
        self.waiting.iter().map(|entry| entry.key().clone()).collect()
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for instance in self.instances() {
            // What this wakes is the client's: not while an entry is locked.
            let waiting = self.waiting.remove(&instance);
            let _ = catch(|| drop(waiting));
        }
    }
}

impl<T> Clone for Waiting<T> {
    fn clone(&self) -> Self {
        Self { waiting: self.waiting.clone(), closed: self.closed.clone() }
    }
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { waiting: Arc::default(), closed: Arc::default() }
    }
}

impl<T> Waiter<T> {
    pub(crate) async fn told(mut self) -> Result<T> {
        (&mut self.told).await.unwrap_or(Err(Error::ShuttingDown))
    }
}

impl<T> Drop for Waiter<T> {
    fn drop(&mut self) {
        self.told.close();
        let waiting = &self.waiting.waiting;
        waiting.remove_if_mut(&self.instance, |_, waiting| {
            waiting.retain(|client| !client.told.is_closed());
            waiting.is_empty()
        });
    }
}
