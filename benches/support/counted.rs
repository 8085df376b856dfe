//! A store that counts what is written to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use reenact::core::Receipt;
use reenact::providers::{
    Batch, HistoryStore, Lease, LoadedInstance, Provider, ProviderError, ShardLease, Sharing,
    TimerScheduler, TurnPage,
};
use reenact::{
    ExecutionId, InstanceCounts, InstanceFilter, InstanceId, InstancePage, InstanceSummary, Local,
    PageRequest, TimeOrder,
};

/// What was written so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Appends with something in them: one sync each.
    pub(crate) commits: AtomicU64,
    pub(crate) turns: AtomicU64,
    /// Bytes of events, as the core encodes them.
    pub(crate) bytes: AtomicU64,
}

/// A local store with counts.
#[derive(Clone)]
pub(crate) struct Counted {
    pub(crate) store: Local,
    pub(crate) counts: Arc<Counts>,
}

impl Counted {
    pub(crate) fn new(store: Local) -> Self {
        Self { store, counts: Arc::default() }
    }
}

impl Provider for Counted {
    fn shards(&self) -> u32 {
        self.store.shards()
    }

    fn histories(&self) -> Arc<dyn HistoryStore> {
        let (store, counts) = (self.store.histories(), self.counts.clone());
        Arc::new(Histories { store, counts })
    }

    fn timers(&self) -> Arc<dyn TimerScheduler> {
        self.store.timers()
    }

    fn leases(&self) -> Arc<dyn ShardLease> {
        self.store.leases()
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        self.store.sharing()
    }
}

struct Histories {
    store: Arc<dyn HistoryStore>,
    counts: Arc<Counts>,
}

#[async_trait]
impl HistoryStore for Histories {
    async fn append(&self, batch: Arc<Batch>) -> Result<Receipt, ProviderError> {
        let turns = batch.turns.len() as u64;
        let bytes: usize = batch.turns.iter().map(|turn| turn.bytes.len()).sum();
        let receipt = self.store.append(batch).await?;
        self.counts.commits.fetch_add(u64::from(turns > 0), Ordering::Relaxed);
        self.counts.turns.fetch_add(turns, Ordering::Relaxed);
        self.counts.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(receipt)
    }

    async fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<TurnPage, ProviderError> {
        self.store.read(instance, execution, from, limit).await
    }

    async fn summary(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, ProviderError> {
        self.store.summary(instance).await
    }

    async fn executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.store.executions(instance).await
    }

    async fn load(
        &self,
        instance: &InstanceId,
        limit: usize,
    ) -> Result<Option<LoadedInstance>, ProviderError> {
        self.store.load(instance, limit).await
    }

    fn unload(&self, instance: &InstanceId) {
        self.store.unload(instance);
    }

    fn unarchived_bytes(&self) -> Option<u64> {
        self.store.unarchived_bytes()
    }

    fn takes_large_payloads(&self) -> bool {
        self.store.takes_large_payloads()
    }

    async fn list(
        &self,
        filter: &InstanceFilter,
        page: &PageRequest,
    ) -> Result<InstancePage, ProviderError> {
        self.store.list(filter, page).await
    }

    async fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        self.store.count(filter).await
    }

    async fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.store.list_by_time(filter, order, limit).await
    }

    async fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        self.store.counts(filter).await
    }

    async fn purge(&self, instances: &[InstanceId], lease: &Lease) -> Result<usize, ProviderError> {
        self.store.purge(instances, lease).await
    }

    async fn recover(&self, lease: &Lease) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.store.recover(lease).await
    }
}
