//! A store as one host or client sees it: its calls go through the [`Site`] of that host.

use std::sync::Arc;

use async_trait::async_trait;
use reenact_core::{ExecutionId, InstanceId, Receipt, ShardId};
use reenact_providers::{
    Batch, HistoryStore, InstanceCounts, InstanceFilter, InstancePage, InstanceSummary, Lease,
    LoadedInstance, PageRequest, Provider, ProviderError, ShardHolder, ShardLease, Sharing,
    TimeOrder, TimerScheduler, TurnPage,
};

use super::dice::{FaultKind, mixed};
use super::queues::Queues;
use super::site::{Call, Site};
use super::witness::Witnessed;
use crate::testing::VirtualClock;

/// The store as one host or client has it.
#[derive(Clone)]
pub(super) struct Faulty {
    shards: u32,
    histories: Arc<dyn HistoryStore>,
    leases: Arc<dyn ShardLease>,
    site: Arc<Site>,
    clock: VirtualClock,
    queues: Option<Arc<Queues>>,
}

impl Faulty {
    pub(super) fn new(
        store: &dyn Provider,
        site: Arc<Site>,
        clock: VirtualClock,
        queues: Option<Arc<Queues>>,
    ) -> Self {
        let (histories, leases) = (store.histories(), store.leases());
        Self { shards: store.shards(), histories, leases, site, clock, queues }
    }
}

impl Provider for Faulty {
    fn shards(&self) -> u32 {
        self.shards
    }

    fn histories(&self) -> Arc<dyn HistoryStore> {
        Arc::new(self.clone())
    }

    fn timers(&self) -> Arc<dyn TimerScheduler> {
        Arc::new(self.clock.clone())
    }

    fn leases(&self) -> Arc<dyn ShardLease> {
        Arc::new(self.clone())
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        Some(self.queues.clone()?)
    }
}

impl Faulty {
    async fn read_by<T>(
        &self,
        about: u64,
        ask: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        self.site.call(Call::Read, about, ask).await
    }
}

#[async_trait]
impl HistoryStore for Faulty {
    async fn append(&self, batch: Arc<Batch>) -> Result<Receipt, ProviderError> {
        let turn = |turn: &reenact_providers::TurnRecord| {
            let summary = &turn.summary;
            mixed((summary.instance.as_str(), summary.execution.0, turn.number, &turn.bytes))
        };
        let turns: Vec<u64> = batch.turns.iter().map(turn).collect();
        let about = (batch.shard.0, batch.epoch.0, turns);
        if self.site.dice.fault(FaultKind::LeaseLost) {
            self.lose(batch.shard, batch.epoch).await?;
        }
        let mut is_written = false;
        let append = async {
            let appending = self.site.witness.begin(batch.clone());
            let receipt = self.histories.append(batch.clone()).await?;
            is_written = true;
            appending.succeed();
            Ok(receipt)
        };
        let result = self.site.call(Call::Append, about, append).await;
        if let Err(error) = &result {
            let is_fenced = matches!(error, ProviderError::Fenced { .. });
            self.site.witness.add(Witnessed::NotAppended { batch, is_written, is_fenced });
        }
        result
    }

    async fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<TurnPage, ProviderError> {
        let about = mixed((instance.as_str(), execution.0, from));
        self.read_by(about, self.histories.read(instance, execution, from, limit)).await
    }

    async fn summary(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, ProviderError> {
        self.read_by(mixed(instance.as_str()), self.histories.summary(instance)).await
    }

    async fn executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.read_by(mixed(instance.as_str()), self.histories.executions(instance)).await
    }

    async fn load(
        &self,
        instance: &InstanceId,
        limit: usize,
    ) -> Result<Option<LoadedInstance>, ProviderError> {
        self.read_by(mixed(instance.as_str()), self.histories.load(instance, limit)).await
    }

    fn unload(&self, instance: &InstanceId) {
        self.histories.unload(instance);
    }

    fn unarchived_bytes(&self) -> Option<u64> {
        self.histories.unarchived_bytes()
    }

    async fn list(
        &self,
        filter: &InstanceFilter,
        page: &PageRequest,
    ) -> Result<InstancePage, ProviderError> {
        self.read_by(1, self.histories.list(filter, page)).await
    }

    async fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        self.read_by(2, self.histories.count(filter)).await
    }

    async fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.read_by(3, self.histories.list_by_time(filter, order, limit)).await
    }

    async fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        self.read_by(4, self.histories.counts(filter)).await
    }

    async fn purge(&self, instances: &[InstanceId], lease: &Lease) -> Result<usize, ProviderError> {
        let about: Vec<&str> = instances.iter().map(InstanceId::as_str).collect();
        self.site.call(Call::Purge, about, self.histories.purge(instances, lease)).await
    }

    async fn recover(&self, lease: &Lease) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.read_by(mixed((lease.shard.0, lease.epoch.0)), self.histories.recover(lease)).await
    }
}

impl Faulty {
    /// The lease is given up, and its owner does not know.
    async fn lose(
        &self,
        shard: ShardId,
        epoch: reenact_providers::Epoch,
    ) -> Result<(), ProviderError> {
        let lease = Lease { shard, epoch, owner: String::new(), expires: None };
        self.leases.release(&lease).await
    }
}

#[async_trait]
impl ShardLease for Faulty {
    async fn acquire(&self, shard: ShardId, owner: &str) -> Result<Lease, ProviderError> {
        self.site.call(Call::Acquire, shard.0, self.leases.acquire(shard, owner)).await
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, ProviderError> {
        let about = (lease.shard.0, lease.epoch.0);
        self.site.call(Call::Renew, about, self.leases.renew(lease)).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), ProviderError> {
        let about = (lease.shard.0, lease.epoch.0);
        self.site.call(Call::Release, about, self.leases.release(lease)).await
    }

    async fn holders(&self) -> Result<Vec<ShardHolder>, ProviderError> {
        self.read_by(5, self.leases.holders()).await
    }
}
