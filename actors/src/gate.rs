//! The gate to the store: all calls of a host pass it, and it lets go of the store when the host ends.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use reenact_core::{ExecutionId, InstanceId, Receipt, ShardId};
use reenact_providers::{
    Batch, HistoryStore, InstanceCounts, InstanceFilter, InstancePage, InstanceSummary, Lease,
    LoadedInstance, PageRequest, Provider, ProviderError, ShardHolder, ShardLease, TimeOrder,
    TurnPage,
};

use crate::changes::Changes;
use crate::metrics::StoreRecorder;

/// The only holder of a host's store. Actors, tasks and clients reach the store through it, so that
/// [`close`](Self::close) takes the store away from all of them, those that wait for an answer
/// included. Calls give [`ProviderError::Closed`] afterwards.
pub(crate) struct Gate {
    /// `None` once it is closed. It is locked for reading while a call begins, which may be all of the
    /// call.
    store: RwLock<Option<Arc<OpenStore>>>,
    /// The calls that did not end at once.
    calls: Mutex<Calls>,
    /// Counts the calls that fail.
    failures: Arc<StoreRecorder>,
    /// Locked while the store is dropped: a second call of `close` waits for that.
    closing: Mutex<()>,
    /// What has become durable through it.
    changes: Changes,
}

#[derive(Default)]
struct Calls {
    under_way: BTreeMap<u64, Arc<dyn Cut>>,
    next: u64,
}

struct OpenStore {
    histories: Arc<dyn HistoryStore>,
    leases: Arc<dyn ShardLease>,
}

type Asking<T> = BoxFuture<'static, Result<T, ProviderError>>;

/// What became of a call when it began.
enum Begun<'a, T> {
    Ended(Result<T, ProviderError>),
    UnderWay(Call<'a, T>),
}

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
    pub(crate) fn new(provider: &dyn Provider, failures: Arc<StoreRecorder>) -> Arc<Self> {
        let open = OpenStore { histories: provider.histories(), leases: provider.leases() };
        let store = RwLock::new(Some(Arc::new(open)));
        let (calls, closing) = (Mutex::default(), Mutex::default());
        let changes = Changes::new(provider.shards());
        Arc::new(Self { store, calls, failures, closing, changes })
    }

    pub(crate) const fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Lets go of the store: when this returns, nothing of the host holds it. Blocks while the store
    /// is closed, if the host was the last to hold it. Doing it again is no error.
    pub(crate) fn close(&self) {
        let _closing = lock(&self.closing);
        let store = self.store.write().unwrap_or_else(PoisonError::into_inner).take();
        // No call begins from here on.
        let calls = std::mem::take(&mut lock(&self.calls).under_way);
        calls.values().for_each(|call| call.cut());
        drop(store);
    }

    /// Calls the store, and counts a failure.
    async fn call<T: Send + 'static>(
        &self,
        ask: impl FnOnce(Arc<OpenStore>) -> Asking<T>,
    ) -> Result<T, ProviderError> {
        let result = self.call_uncounted(ask).await;
        result.inspect_err(|error| self.failures.failed(error))
    }

    async fn call_uncounted<T: Send + 'static>(
        &self,
        ask: impl FnOnce(Arc<OpenStore>) -> Asking<T>,
    ) -> Result<T, ProviderError> {
        let (mut ask, mut call) = (Some(ask), None);
        poll_fn(|cx| match (&mut call, ask.take()) {
            (Some(call), _) => Call::poll(call, cx),
            (None, Some(ask)) => match self.begin(ask, cx) {
                Begun::Ended(result) => Poll::Ready(result),
                Begun::UnderWay(begun) => {
                    call = Some(begun);
                    Poll::Pending
                }
            },
            (None, None) => Poll::Ready(Err(ProviderError::Closed)),
        })
        .await
    }

    /// Begins a call. A quick medium ends it at once, and then it need not be registered.
    fn begin<T: Send + 'static>(
        &self,
        ask: impl FnOnce(Arc<OpenStore>) -> Asking<T>,
        cx: &mut Context<'_>,
    ) -> Begun<'_, T> {
        // It is locked for writing only to be closed.
        let Ok(store) = self.store.try_read() else {
            return Begun::Ended(Err(ProviderError::Closed));
        };
        let Some(open) = store.clone() else { return Begun::Ended(Err(ProviderError::Closed)) };
        let mut asking = ask(open);
        if let Poll::Ready(result) = asking.as_mut().poll(cx) {
            return Begun::Ended(result);
        }
        let pending = Pending { asking: Some(asking), waker: Some(cx.waker().clone()) };
        let slot = Arc::new(Slot(Mutex::new(pending)));
        let mut calls = lock(&self.calls);
        let number = calls.next;
        calls.next += 1;
        calls.under_way.insert(number, slot.clone());
        Begun::UnderWay(Call { gate: self, number, slot })
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
        lock(&self.gate.calls).under_way.remove(&self.number);
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
        let is_open = self.store.try_read().is_ok_and(|store| store.is_some());
        f.debug_struct("Gate").field("is_open", &is_open).finish_non_exhaustive()
    }
}

#[async_trait]
impl HistoryStore for Gate {
    async fn append(&self, batch: Arc<Batch>) -> Result<Receipt, ProviderError> {
        let shard = batch.shard;
        let appended =
            self.call(|store| Box::pin(async move { store.histories.append(batch).await })).await;
        // It may be there although the call failed.
        self.changes.note(shard);
        appended
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

    async fn executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        let instance = instance.clone();
        self.call(|store| Box::pin(async move { store.histories.executions(&instance).await }))
            .await
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
        // Under the lock, so that the store is let go of after it.
        if let Ok(store) = self.store.try_read()
            && let Some(open) = &*store
        {
            open.histories.unload(instance);
        }
    }

    fn unarchived_bytes(&self) -> Option<u64> {
        let store = self.store.try_read().ok()?;
        store.as_ref()?.histories.unarchived_bytes()
    }

    fn shows_attributes(&self) -> bool {
        let store = self.store.try_read();
        store.is_ok_and(|store| store.as_ref().is_none_or(|open| open.histories.shows_attributes()))
    }

    fn takes_large_payloads(&self) -> bool {
        let store = self.store.try_read();
        let takes_large = |open: &Arc<OpenStore>| open.histories.takes_large_payloads();
        store.is_ok_and(|store| store.as_ref().is_some_and(takes_large))
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

    async fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        let filter = filter.clone();
        self.call(|store| {
            Box::pin(async move { store.histories.list_by_time(&filter, order, limit).await })
        })
        .await
    }

    async fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        let filter = filter.clone();
        self.call(|store| Box::pin(async move { store.histories.counts(&filter).await })).await
    }

    async fn purge(&self, instances: &[InstanceId], lease: &Lease) -> Result<usize, ProviderError> {
        let (instances, lease, shard) = (instances.to_vec(), lease.clone(), lease.shard);
        let purged = self
            .call(|store| Box::pin(async move { store.histories.purge(&instances, &lease).await }))
            .await;
        self.changes.note(shard);
        purged
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
        let acquire = |store: Arc<OpenStore>| -> Asking<Lease> {
            Box::pin(async move { store.leases.acquire(shard, &owner).await })
        };
        let acquired = self.call_uncounted(acquire).await;
        acquired.inspect_err(|error| match error {
            // Another host has the shard.
            ProviderError::Conflict { .. } => {}
            error => self.failures.failed(error),
        })
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, ProviderError> {
        let lease = lease.clone();
        self.call(|store| Box::pin(async move { store.leases.renew(&lease).await })).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), ProviderError> {
        let lease = lease.clone();
        self.call(|store| Box::pin(async move { store.leases.release(&lease).await })).await
    }

    async fn holders(&self) -> Result<Vec<ShardHolder>, ProviderError> {
        self.call(|store| Box::pin(async move { store.leases.holders().await })).await
    }
}
