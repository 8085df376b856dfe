//! The queues of a store as one host or client sees them: messages come late, twice and out of order.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reenact_core::{Name, ShardId};
use reenact_providers::{
    Delivery, DeliveryId, ExternalEventRouter, Membership, Message, Provider, ProviderError,
    QuarantineId, Quarantined, Sharing, SharingHost, Waiting,
};
use tokio::sync::watch;

use super::dice::{FaultKind, mixed};
use super::site::{Call, Site, unavailable};
use super::witness::Witnessed;

/// The queues, and the membership of a host.
pub(super) struct Queues {
    inner: Arc<dyn Sharing>,
    router: Arc<dyn ExternalEventRouter>,
    site: Arc<Site>,
    member: Arc<Member>,
    itself: std::sync::Weak<Self>,
}

/// A host among those that share the store. It is taken for dead when it is cut off.
struct Member {
    joined: Mutex<Option<Arc<dyn Membership>>>,
    /// How often it has joined or was lost: a share of an earlier time, which changes until the others have noticed, is
    /// not this host's any more.
    time: AtomicU64,
    share: watch::Sender<BTreeSet<ShardId>>,
}

impl Queues {
    /// `None` when the store is not shared.
    pub(super) fn new(store: &dyn Provider, site: Arc<Site>) -> Option<Arc<Self>> {
        let inner = store.sharing()?;
        let (joined, share) = (Mutex::default(), watch::Sender::default());
        let member = Arc::new(Member { joined, time: AtomicU64::new(0), share });
        let router = inner.router();
        Some(Arc::new_cyclic(|itself| Self { inner, router, site, member, itself: itself.clone() }))
    }

    /// The others take the host for dead, as after a crash.
    pub(super) fn lose_membership(&self) {
        drop(self.member.take());
        self.member.share.send_replace(BTreeSet::new());
    }

    /// The host is one of them again.
    pub(super) async fn rejoin(&self, host: &str) -> Result<(), ProviderError> {
        let joined = self.inner.join(host).await?;
        self.member.set(joined);
        Ok(())
    }

    async fn deliver(&self, mut deliveries: Vec<Delivery>) -> Vec<Delivery> {
        if deliveries.len() > 1 && self.site.dice.fault(FaultKind::Reordered) {
            let first = self.site.dice.below("order", deliveries.len() as u64);
            deliveries.rotate_left(first as usize);
        }
        // The first stays, so that an answer is never empty.
        if deliveries.len() > 1 && self.site.dice.fault(FaultKind::Late) {
            deliveries.pop();
        }
        deliveries
    }

    /// A copy of a message comes after it has been acknowledged.
    fn repeat(&self, shard: ShardId, message: Message) {
        if !self.site.dice.fault(FaultKind::Twice) {
            return;
        }
        let router = self.router.clone();
        let after = Duration::from_millis(self.site.dice.below("repeated", 20_000));
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            // A queue that is full takes it no more, which is as good.
            let _ = router.send(shard, message).await;
        });
    }
}

impl Member {
    fn take(&self) -> Option<Arc<dyn Membership>> {
        self.time.fetch_add(1, Ordering::SeqCst);
        self.joined.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(self: &Arc<Self>, joined: Arc<dyn Membership>) {
        let mut share = joined.share();
        let time = self.time.fetch_add(1, Ordering::SeqCst) + 1;
        self.share.send_replace(share.borrow_and_update().clone());
        *self.joined.lock().unwrap_or_else(PoisonError::into_inner) = Some(joined);
        let this = Arc::downgrade(self);
        // Ends when the membership is dropped.
        tokio::spawn(async move {
            while share.changed().await.is_ok() {
                let current = this.upgrade().filter(|it| it.time.load(Ordering::SeqCst) == time);
                let Some(this) = current else { return };
                this.share.send_replace(share.borrow_and_update().clone());
            }
        });
    }
}

/// The membership that a host has in its hands.
struct Held {
    member: Arc<Member>,
    site: Arc<Site>,
}

#[async_trait]
impl Membership for Held {
    fn share(&self) -> watch::Receiver<BTreeSet<ShardId>> {
        self.member.share.subscribe()
    }

    async fn leave(&self) -> Result<(), ProviderError> {
        let joined = self.member.take();
        self.site.call(Call::Release, "leave", async { Ok(()) }).await?;
        match joined {
            Some(joined) => joined.leave().await,
            None => Ok(()),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.member.take());
    }
}

#[async_trait]
impl Sharing for Queues {
    fn router(&self) -> Arc<dyn ExternalEventRouter> {
        // It lives: its owner asks.
        match self.itself.upgrade() {
            Some(this) => this,
            None => self.router.clone(),
        }
    }

    async fn join(&self, host: &str) -> Result<Arc<dyn Membership>, ProviderError> {
        let joined = self.site.call(Call::Join, host, self.inner.join(host)).await?;
        self.member.set(joined);
        Ok(Arc::new(Held { member: self.member.clone(), site: self.site.clone() }))
    }

    async fn send_to(&self, tag: &Name, message: Message) -> Result<(), ProviderError> {
        let about = mixed((tag.as_str(), &message.key));
        self.site.call(Call::Send, about, self.inner.send_to(tag, message)).await
    }

    async fn receive_from(&self, tag: &Name, limit: usize) -> Result<Vec<Delivery>, ProviderError> {
        self.inner.receive_from(tag, limit).await
    }

    fn visibility_time(&self) -> Duration {
        self.inner.visibility_time()
    }

    async fn extend(&self, tag: &Name, delivery: DeliveryId) -> Result<(), ProviderError> {
        self.site.call(Call::Acknowledge, delivery.0, self.inner.extend(tag, delivery)).await
    }

    async fn acknowledge_from(
        &self,
        tag: &Name,
        delivery: DeliveryId,
    ) -> Result<(), ProviderError> {
        let ask = self.inner.acknowledge_from(tag, delivery);
        self.site.call(Call::Acknowledge, delivery.0, ask).await
    }

    async fn quarantine(&self, what: Quarantined) -> Result<(), ProviderError> {
        self.site.call(Call::Acknowledge, "quarantine", self.inner.quarantine(what)).await
    }

    async fn quarantined(
        &self,
        after: Option<&QuarantineId>,
        limit: usize,
    ) -> Result<Vec<(QuarantineId, Quarantined)>, ProviderError> {
        self.site.call(Call::Read, "quarantined", self.inner.quarantined(after, limit)).await
    }

    async fn discard(&self, id: &QuarantineId) -> Result<(), ProviderError> {
        self.site.call(Call::Acknowledge, "discard", self.inner.discard(id)).await
    }

    async fn waiting(&self) -> Result<Option<Waiting>, ProviderError> {
        self.inner.waiting().await
    }

    async fn hosts(&self) -> Result<Vec<SharingHost>, ProviderError> {
        self.inner.hosts().await
    }
}

#[async_trait]
impl ExternalEventRouter for Queues {
    async fn send(&self, shard: ShardId, message: Message) -> Result<(), ProviderError> {
        let about = mixed((shard.0, &message.key, &message.bytes));
        let send = async {
            self.router.send(shard, message.clone()).await?;
            self.site.witness.add(Witnessed::Sent(shard, message));
            Ok(())
        };
        self.site.call(Call::Send, about, send).await
    }

    async fn receive(&self, shard: ShardId, limit: usize) -> Result<Vec<Delivery>, ProviderError> {
        let deliveries = self.router.receive(shard, limit).await?;
        // What it has taken is delivered again after a while.
        let about = (shard.0, deliveries.len());
        if !self.site.is_alive() {
            return Err(unavailable());
        }
        let deliveries = self.deliver(deliveries).await;
        self.site.call(Call::Receive, about, async { Ok(deliveries) }).await.inspect(|deliveries| {
            for delivery in deliveries {
                self.repeat(shard, delivery.message.clone());
            }
        })
    }

    async fn acknowledge(&self, shard: ShardId, delivery: DeliveryId) -> Result<(), ProviderError> {
        let about = (shard.0, delivery.0);
        self.site.call(Call::Acknowledge, about, self.router.acknowledge(shard, delivery)).await
    }
}
