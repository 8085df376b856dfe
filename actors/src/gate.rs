//! The way to a store, for as long as its host uses it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use reenact_core::{ExecutionId, InstanceId, Receipt, ShardId};
use reenact_providers::{
    Batch, HistoryStore, InstanceFilter, InstancePage, InstanceSummary, Lease, LoadedInstance,
    PageRequest, Provider, ProviderError, ShardLease, TurnPage,
};

/// The only holder of a host's store. Actors, tasks and clients reach the store through it, so that
/// [`close`](Self::close) takes the store away from all of them, those that wait for an answer
/// included. Calls give [`ProviderError::Closed`] afterwards.
pub(crate) struct Gate {
    state: Mutex<State>,
    /// Held while the store is dropped: whoever closes it a second time waits for that.
    closing: Mutex<()>,
}

struct State {
    /// `None` once it is closed.
    store: Option<Held>,
    /// The calls that are under way.
    calls: BTreeMap<u64, Arc<dyn Cut>>,
    next: u64,
}

#[derive(Clone)]
struct Held {
    histories: Arc<dyn HistoryStore>,
    leases: Arc<dyn ShardLease>,
}

type Asking<T> = BoxFuture<'static, Result<T, ProviderError>>;

/// A call that is under way.
struct Call<'a, T> {
    gate: &'a Gate,
    number: u64,
    slot: Arc<Slot<T>>,
}

/// The future of a call. It is polled and dropped under its lock, so that it is gone once it was
/// taken from here.
struct Slot<T>(Mutex<Pending<T>>);

struct Pending<T> {
    /// `None` once it has ended or was cut.
    asking: Option<Asking<T>>,
    waker: Option<Waker>,
}

/// Ends a call, whatever its answer would be.
trait Cut: Send + Sync {
    fn cut(&self);
}

impl Gate {
    pub(crate) fn new(provider: &dyn Provider) -> Arc<Self> {
        let held = Held { histories: provider.histories(), leases: provider.leases() };
        let state = State { store: Some(held), calls: BTreeMap::new(), next: 0 };
        Arc::new(Self { state: Mutex::new(state), closing: Mutex::default() })
    }

    /// Lets go of the store: when this returns, nothing of the host holds it. Blocks while the store
    /// is closed, if the host was the last to hold it. Doing it again is no error.
    pub(crate) fn close(&self) {
        let _closing = lock(&self.closing);
        let mut state = lock(&self.state);
        let (store, calls) = (state.store.take(), std::mem::take(&mut state.calls));
        drop(state);
        calls.values().for_each(|call| call.cut());
        drop(store);
    }

    async fn call<T: Send + 'static>(
        &self,
        ask: impl FnOnce(Held) -> Asking<T>,
    ) -> Result<T, ProviderError> {
        let mut call = self.begin(ask)?;
        poll_fn(|cx| call.poll(cx)).await
    }

    fn begin<T: Send + 'static>(
        &self,
        ask: impl FnOnce(Held) -> Asking<T>,
    ) -> Result<Call<'_, T>, ProviderError> {
        let mut state = lock(&self.state);
        let store = state.store.clone().ok_or(ProviderError::Closed)?;
        let pending = Pending { asking: Some(ask(store)), waker: None };
        let slot = Arc::new(Slot(Mutex::new(pending)));
        let number = state.next;
        state.next += 1;
        state.calls.insert(number, slot.clone());
        Ok(Call { gate: self, number, slot })
    }
}

impl<T> Call<'_, T> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, ProviderError>> {
        let mut pending = lock(&self.slot.0);
        let Some(asking) = &mut pending.asking else {
            return Poll::Ready(Err(ProviderError::Closed));
        };
        let polled = asking.as_mut().poll(cx);
        if polled.is_ready() {
            pending.asking = None;
        } else {
            pending.waker = Some(cx.waker().clone());
        }
        polled
    }
}

/// The store is let go of first: while the gate knows of the call, it waits for that.
impl<T> Drop for Call<'_, T> {
    fn drop(&mut self) {
        lock(&self.slot.0).asking = None;
        lock(&self.gate.state).calls.remove(&self.number);
    }
}

impl<T> Cut for Slot<T> {
    fn cut(&self) {
        let mut pending = lock(&self.0);
        pending.asking = None;
        let waker = pending.waker.take();
        drop(pending);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What is under these locks is whole after each step, also where a future has panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_open = lock(&self.state).store.is_some();
        f.debug_struct("Gate").field("is_open", &is_open).finish_non_exhaustive()
    }
}

#[async_trait]
impl HistoryStore for Gate {
    async fn append(&self, batch: Arc<Batch>) -> Result<Receipt, ProviderError> {
        self.call(|store| Box::pin(async move { store.histories.append(batch).await })).await
    }

    async fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<TurnPage, ProviderError> {
        let instance = instance.clone();
        self.call(|store| {
            Box::pin(async move { store.histories.read(&instance, execution, from, limit).await })
        })
        .await
    }

    async fn summary(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, ProviderError> {
        let instance = instance.clone();
        self.call(|store| Box::pin(async move { store.histories.summary(&instance).await })).await
    }

    async fn load(
        &self,
        instance: &InstanceId,
        limit: usize,
    ) -> Result<Option<LoadedInstance>, ProviderError> {
        let instance = instance.clone();
        self.call(|store| Box::pin(async move { store.histories.load(&instance, limit).await }))
            .await
    }

    fn unload(&self, instance: &InstanceId) {
        // Under the lock, so that the store is let go of behind it.
        if let Some(Held { histories, .. }) = &lock(&self.state).store {
            histories.unload(instance);
        }
    }

    async fn list(
        &self,
        filter: &InstanceFilter,
        page: &PageRequest,
    ) -> Result<InstancePage, ProviderError> {
        let (filter, page) = (filter.clone(), page.clone());
        self.call(|store| Box::pin(async move { store.histories.list(&filter, &page).await })).await
    }

    async fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        let filter = filter.clone();
        self.call(|store| Box::pin(async move { store.histories.count(&filter).await })).await
    }

    async fn purge(&self, instances: &[InstanceId], lease: &Lease) -> Result<usize, ProviderError> {
        let (instances, lease) = (instances.to_vec(), lease.clone());
        self.call(|store| Box::pin(async move { store.histories.purge(&instances, &lease).await }))
            .await
    }

    async fn recover(&self, lease: &Lease) -> Result<Vec<InstanceSummary>, ProviderError> {
        let lease = lease.clone();
        self.call(|store| Box::pin(async move { store.histories.recover(&lease).await })).await
    }
}

#[async_trait]
impl ShardLease for Gate {
    async fn acquire(&self, shard: ShardId, owner: &str) -> Result<Lease, ProviderError> {
        let owner = owner.to_owned();
        self.call(|store| Box::pin(async move { store.leases.acquire(shard, &owner).await })).await
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, ProviderError> {
        let lease = lease.clone();
        self.call(|store| Box::pin(async move { store.leases.renew(&lease).await })).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), ProviderError> {
        let lease = lease.clone();
        self.call(|store| Box::pin(async move { store.leases.release(&lease).await })).await
    }
}
