//! A hub as a provider: each handle holds all of it open.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reenact_core::{ExecutionId, InstanceId, Name, Receipt, ShardId};
use tokio::sync::watch;

use super::Azure;
use super::port::PortError;
use crate::{
    Batch, Delivery, DeliveryId, ExternalEventRouter, HistoryStore, InstanceCounts, InstanceFilter,
    InstancePage, InstanceSummary, Lease, LoadedInstance, Membership, Message, PageRequest,
    Provider, ProviderError, QuarantineId, Quarantined, QueueOf, ShardHolder, ShardLease, Sharing,
    SharingHost, TimeOrder, TimerScheduler, TurnPage, Waiting,
};

impl Provider for Azure {
    fn shards(&self) -> u32 {
        self.journaled().shards()
    }

    fn histories(&self) -> Arc<dyn HistoryStore> {
        Arc::new(self.inner.large_turns.beside(Arc::new(self.clone())))
    }

    fn timers(&self) -> Arc<dyn TimerScheduler> {
        Arc::clone(&self.inner.clock)
    }

    fn leases(&self) -> Arc<dyn ShardLease> {
        Arc::new(self.clone())
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        Some(Arc::new(self.clone()))
    }
}

#[async_trait]
impl HistoryStore for Azure {
    async fn append(&self, batch: Arc<Batch>) -> Result<Receipt, ProviderError> {
        self.journaled().append(batch).await
    }

    async fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<TurnPage, ProviderError> {
        self.journaled().read(instance, execution, from, limit).await
    }

    async fn summary(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, ProviderError> {
        self.journaled().summary(instance).await
    }

    async fn executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.journaled().executions(instance).await
    }

    async fn load(
        &self,
        instance: &InstanceId,
        limit: usize,
    ) -> Result<Option<LoadedInstance>, ProviderError> {
        self.journaled().load(instance, limit).await
    }

    fn unload(&self, instance: &InstanceId) {
        self.journaled().unload(instance);
    }

    fn unarchived_bytes(&self) -> Option<u64> {
        self.journaled().unarchived_bytes()
    }

    async fn list(
        &self,
        filter: &InstanceFilter,
        page: &PageRequest,
    ) -> Result<InstancePage, ProviderError> {
        self.journaled().list(filter, page).await
    }

    async fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        self.journaled().count(filter).await
    }

    async fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.journaled().list_by_time(filter, order, limit).await
    }

    async fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        self.journaled().counts(filter).await
    }

    async fn purge(&self, instances: &[InstanceId], lease: &Lease) -> Result<usize, ProviderError> {
        self.journaled().purge(instances, lease).await
    }

    async fn recover(&self, lease: &Lease) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.journaled().recover(lease).await
    }
}

#[async_trait]
impl ShardLease for Azure {
    async fn acquire(&self, shard: ShardId, owner: &str) -> Result<Lease, ProviderError> {
        self.journaled().acquire(shard, owner).await
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, ProviderError> {
        self.journaled().renew(lease).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), ProviderError> {
        self.journaled().release(lease).await
    }

    async fn holders(&self) -> Result<Vec<ShardHolder>, ProviderError> {
        let members = Arc::clone(&self.inner.members);
        let looked = async move { members.look().await.map_err(PortError::into_provider_error) };
        self.inner.client.run(looked).await?;
        Ok(self.inner.members.holders())
    }
}

#[async_trait]
impl ExternalEventRouter for Azure {
    async fn send(&self, shard: ShardId, message: Message) -> Result<(), ProviderError> {
        let queues = Arc::clone(&self.inner.queues);
        let to = queues.of_shard(shard)?;
        self.inner.client.run(queues.put(to, message)).await
    }

    async fn receive(&self, shard: ShardId, limit: usize) -> Result<Vec<Delivery>, ProviderError> {
        let queues = Arc::clone(&self.inner.queues);
        let from = queues.of_shard(shard)?;
        self.inner.client.run_while_awaited(queues.take(from, limit)).await
    }

    async fn acknowledge(&self, _: ShardId, delivery: DeliveryId) -> Result<(), ProviderError> {
        self.inner.client.run(Arc::clone(&self.inner.queues).done(delivery)).await
    }
}

#[async_trait]
impl Sharing for Azure {
    fn router(&self) -> Arc<dyn ExternalEventRouter> {
        Arc::new(self.clone())
    }

    async fn join(&self, host: &str) -> Result<Arc<dyn Membership>, ProviderError> {
        let (members, host) = (Arc::clone(&self.inner.members), host.to_owned());
        let joined =
            async move { members.join(&host).await.map_err(PortError::into_provider_error) };
        self.inner.client.run(joined).await?;
        Ok(Arc::new(Member { hub: self.clone() }))
    }

    async fn send_to(&self, tag: &Name, message: Message) -> Result<(), ProviderError> {
        let to = QueueOf::Tag(tag.clone());
        self.inner.client.run(Arc::clone(&self.inner.queues).put(to, message)).await
    }

    async fn receive_from(&self, tag: &Name, limit: usize) -> Result<Vec<Delivery>, ProviderError> {
        let from = QueueOf::Tag(tag.clone());
        let queues = Arc::clone(&self.inner.queues);
        self.inner.client.run_while_awaited(queues.take(from, limit)).await
    }

    fn visibility_time(&self) -> Duration {
        self.inner.queues.visibility()
    }

    async fn extend(&self, _tag: &Name, delivery: DeliveryId) -> Result<(), ProviderError> {
        self.inner.client.run(Arc::clone(&self.inner.queues).hide_longer(delivery)).await
    }

    async fn acknowledge_from(
        &self,
        _tag: &Name,
        delivery: DeliveryId,
    ) -> Result<(), ProviderError> {
        self.inner.client.run(Arc::clone(&self.inner.queues).done(delivery)).await
    }

    async fn waiting(&self) -> Result<Option<Waiting>, ProviderError> {
        self.inner.client.run(Arc::clone(&self.inner.queues).waiting()).await.map(Some)
    }

    async fn quarantine(&self, what: Quarantined) -> Result<(), ProviderError> {
        let queues = Arc::clone(&self.inner.queues);
        self.inner.client.run(async move { queues.keep(what).await }).await
    }

    async fn quarantined(
        &self,
        after: Option<&QuarantineId>,
        limit: usize,
    ) -> Result<Vec<(QuarantineId, Quarantined)>, ProviderError> {
        let (queues, after) = (Arc::clone(&self.inner.queues), after.cloned());
        self.inner.client.run(async move { queues.kept(after, limit).await }).await
    }

    async fn discard(&self, id: &QuarantineId) -> Result<(), ProviderError> {
        let (queues, id) = (Arc::clone(&self.inner.queues), id.clone());
        self.inner.client.run(async move { queues.discard(&id).await }).await
    }

    async fn hosts(&self) -> Result<Vec<SharingHost>, ProviderError> {
        let members = Arc::clone(&self.inner.members);
        let looked = async move { members.look().await.map_err(PortError::into_provider_error) };
        self.inner.client.run(looked).await?;
        Ok(self.inner.members.hosts())
    }
}

/// This process as a host.
struct Member {
    hub: Azure,
}

#[async_trait]
impl Membership for Member {
    fn share(&self) -> watch::Receiver<BTreeSet<ShardId>> {
        self.hub.inner.members.share()
    }

    async fn leave(&self) -> Result<(), ProviderError> {
        let members = Arc::clone(&self.hub.inner.members);
        let left = async move { members.leave().await.map_err(PortError::into_provider_error) };
        self.hub.inner.client.run(left).await
    }
}
