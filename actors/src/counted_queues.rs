//! The queues of a shared store, with what passes them counted.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reenact_core::{Name, ShardId};
use reenact_providers::{
    Delivery, DeliveryId, ExternalEventRouter, Membership, Message, ProviderError, QuarantineId,
    Quarantined, Sharing, SharingHost, Waiting,
};

use crate::metrics::{QueueRecorder, StoreRecorder};

/// What hosts share of a store: each call goes to the store, and is counted.
pub(crate) struct CountedQueues {
    sharing: Arc<dyn Sharing>,
    router: Arc<dyn ExternalEventRouter>,
    counts: Counts,
}

#[derive(Clone)]
struct Counts {
    queues: Arc<QueueRecorder>,
    store: Arc<StoreRecorder>,
}

struct CountedRouter {
    router: Arc<dyn ExternalEventRouter>,
    counts: Counts,
}

impl CountedQueues {
    pub(crate) fn new(
        sharing: Arc<dyn Sharing>,
        queues: Arc<QueueRecorder>,
        store: Arc<StoreRecorder>,
    ) -> Arc<Self> {
        let counts = Counts { queues, store };
        let router = CountedRouter { router: sharing.router(), counts: counts.clone() };
        Arc::new(Self { sharing, router: Arc::new(router), counts })
    }
}

impl Counts {
    fn sent(&self, result: Result<(), ProviderError>) -> Result<(), ProviderError> {
        self.checked(result).inspect(|()| self.queues.sent.count())
    }

    fn received(
        &self,
        result: Result<Vec<Delivery>, ProviderError>,
    ) -> Result<Vec<Delivery>, ProviderError> {
        self.checked(result).inspect(|deliveries| {
            deliveries.iter().for_each(|delivery| self.queues.received(delivery.attempt));
        })
    }

    fn checked<T>(&self, result: Result<T, ProviderError>) -> Result<T, ProviderError> {
        result.inspect_err(|error| self.store.failed(error))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ExternalEventRouter for CountedRouter {
    async fn send(&self, shard: ShardId, message: Message) -> Result<(), ProviderError> {
        self.counts.sent(self.router.send(shard, message).await)
    }

    async fn receive(&self, shard: ShardId, limit: usize) -> Result<Vec<Delivery>, ProviderError> {
        self.counts.received(self.router.receive(shard, limit).await)
    }

    async fn acknowledge(&self, shard: ShardId, delivery: DeliveryId) -> Result<(), ProviderError> {
        self.counts.checked(self.router.acknowledge(shard, delivery).await)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Sharing for CountedQueues {
    fn router(&self) -> Arc<dyn ExternalEventRouter> {
        self.router.clone()
    }

    async fn join(&self, host: &str) -> Result<Arc<dyn Membership>, ProviderError> {
        self.counts.checked(self.sharing.join(host).await)
    }

    async fn send_to(&self, tag: &Name, message: Message) -> Result<(), ProviderError> {
        self.counts.sent(self.sharing.send_to(tag, message).await)
    }

    async fn receive_from(&self, tag: &Name, limit: usize) -> Result<Vec<Delivery>, ProviderError> {
        self.counts.received(self.sharing.receive_from(tag, limit).await)
    }

    fn visibility_time(&self) -> Duration {
        self.sharing.visibility_time()
    }

    async fn extend(&self, tag: &Name, delivery: DeliveryId) -> Result<(), ProviderError> {
        // A delivery that has run out is no failure of the store.
        match self.sharing.extend(tag, delivery).await {
            Err(error @ ProviderError::Conflict { .. }) => Err(error),
            result => self.counts.checked(result),
        }
    }

    async fn acknowledge_from(
        &self,
        tag: &Name,
        delivery: DeliveryId,
    ) -> Result<(), ProviderError> {
        self.counts.checked(self.sharing.acknowledge_from(tag, delivery).await)
    }

    async fn quarantine(&self, what: Quarantined) -> Result<(), ProviderError> {
        let result = self.sharing.quarantine(what).await;
        self.counts.checked(result).inspect(|()| self.counts.queues.quarantined.count())
    }

    async fn quarantined(
        &self,
        after: Option<&QuarantineId>,
        limit: usize,
    ) -> Result<Vec<(QuarantineId, Quarantined)>, ProviderError> {
        self.counts.checked(self.sharing.quarantined(after, limit).await)
    }

    async fn discard(&self, id: &QuarantineId) -> Result<(), ProviderError> {
        self.counts.checked(self.sharing.discard(id).await)
    }

    async fn waiting(&self) -> Result<Option<Waiting>, ProviderError> {
        self.counts.checked(self.sharing.waiting().await)
    }

    async fn hosts(&self) -> Result<Vec<SharingHost>, ProviderError> {
        self.counts.checked(self.sharing.hosts().await)
    }
}
