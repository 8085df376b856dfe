//! A store whose members can be taken for dead while they live.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reenact::core::ShardId;
use reenact::providers::{
    Delivery, DeliveryId, ExternalEventRouter, HistoryStore, Membership, Message, Provider,
    ProviderError, QuarantineId, Quarantined, ShardLease, Sharing, TimerScheduler,
};
use reenact::{InMemory, Name};
use tokio::sync::watch;

/// Shows an empty share while its host is taken for dead: then the host is not a member.
#[derive(Clone)]
pub(crate) struct Absent {
    inner: InMemory,
    absent: Arc<watch::Sender<bool>>,
}

struct Member {
    share: watch::Receiver<BTreeSet<ShardId>>,
    left: watch::Sender<bool>,
}

impl Absent {
    pub(crate) fn new(inner: InMemory) -> Self {
        Self { inner, absent: Arc::new(watch::Sender::new(false)) }
    }

    pub(crate) fn is_taken_for_dead(&self) {
        self.absent.send_replace(true);
    }

    pub(crate) fn is_back(&self) {
        self.absent.send_replace(false);
    }

    fn sharing_of(&self) -> Arc<dyn Sharing> {
        self.inner.sharing().expect("a shared store")
    }
}

impl Provider for Absent {
    fn shards(&self) -> u32 {
        self.inner.shards()
    }

    fn histories(&self) -> Arc<dyn HistoryStore> {
        self.inner.histories()
    }

    fn timers(&self) -> Arc<dyn TimerScheduler> {
        self.inner.timers()
    }

    fn leases(&self) -> Arc<dyn ShardLease> {
        self.inner.leases()
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        Some(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Membership for Member {
    fn share(&self) -> watch::Receiver<BTreeSet<ShardId>> {
        self.share.clone()
    }

    async fn leave(&self) -> Result<(), ProviderError> {
        self.left.send_replace(true);
        Ok(())
    }
}

/// Joins and leaves the store as its host is there or absent; shows the share that it has then.
async fn follow(
    store: Absent,
    host: String,
    shown: watch::Sender<BTreeSet<ShardId>>,
    mut left: watch::Receiver<bool>,
) {
    let mut absent = store.absent.subscribe();
    loop {
        let member = store.sharing_of().join(&host).await.expect("memory does not fail");
        let mut share = member.share();
        loop {
            let now = share.borrow_and_update().clone();
            shown.send_replace(now);
            let has_left = tokio::select! {
                biased;
                _ = left.wait_for(|left| *left) => true,
                _ = absent.wait_for(|absent| *absent) => break,
                _ = share.changed() => false,
            };
            if has_left {
                let _ = member.leave().await;
                return;
            }
        }
        shown.send_replace(BTreeSet::new());
        drop(member);
        let _ = absent.wait_for(|absent| !*absent).await;
    }
}

#[async_trait]
impl Sharing for Absent {
    fn router(&self) -> Arc<dyn ExternalEventRouter> {
        self.sharing_of().router()
    }

    async fn join(&self, host: &str) -> Result<Arc<dyn Membership>, ProviderError> {
        let (shown, mut share) = watch::channel(BTreeSet::new());
        let (left, leaves) = watch::channel(false);
        tokio::spawn(follow(self.clone(), host.to_owned(), shown, leaves));
        let joined = share.wait_for(|share| !share.is_empty()).await.is_ok();
        assert!(joined, "there are shards for it");
        Ok(Arc::new(Member { share, left }))
    }

    async fn send_to(&self, tag: &Name, message: Message) -> Result<(), ProviderError> {
        self.sharing_of().send_to(tag, message).await
    }

    async fn receive_from(&self, tag: &Name, limit: usize) -> Result<Vec<Delivery>, ProviderError> {
        self.sharing_of().receive_from(tag, limit).await
    }

    fn visibility_time(&self) -> Duration {
        self.sharing_of().visibility_time()
    }

    async fn extend(&self, tag: &Name, delivery: DeliveryId) -> Result<(), ProviderError> {
        self.sharing_of().extend(tag, delivery).await
    }

    async fn acknowledge_from(
        &self,
        tag: &Name,
        delivery: DeliveryId,
    ) -> Result<(), ProviderError> {
        self.sharing_of().acknowledge_from(tag, delivery).await
    }

    async fn quarantine(&self, what: Quarantined) -> Result<(), ProviderError> {
        self.sharing_of().quarantine(what).await
    }

    async fn quarantined(
        &self,
        after: Option<&QuarantineId>,
        limit: usize,
    ) -> Result<Vec<(QuarantineId, Quarantined)>, ProviderError> {
        self.sharing_of().quarantined(after, limit).await
    }

    async fn discard(&self, id: &QuarantineId) -> Result<(), ProviderError> {
        self.sharing_of().discard(id).await
    }
}
