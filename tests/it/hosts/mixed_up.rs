//! A router that delivers everything twice, and out of order.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use reenact::Name;
use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::providers::limits::LEASE_TIME;
use reenact::providers::{
    Delivery, DeliveryId, ExternalEventRouter, HistoryStore, Membership, Message, Provider,
    ProviderError, QuarantineId, Quarantined, ShardLease, Sharing, TimerScheduler,
};

use super::scene::{
    SHARDS, adds, calls, collects, doubles, host, in_shard, renews, shared_store, sums,
    until_events, until_held,
};
use crate::kit::{events, guard, id};

/// Gives each message a second time, after what came later, and a batch from its end.
#[derive(Clone)]
struct MixedUp {
    inner: InMemory,
    again: Arc<Mutex<VecDeque<(ShardId, Delivery)>>>,
    /// Whether nothing comes a second time for now.
    waits: Arc<AtomicBool>,
}

impl MixedUp {
    fn new(inner: InMemory) -> Self {
        Self { inner, again: Arc::default(), waits: Arc::default() }
    }

    fn sharing_of(&self) -> Arc<dyn Sharing> {
        self.inner.sharing().expect("a shared store")
    }

    fn router_of(&self) -> Arc<dyn ExternalEventRouter> {
        self.sharing_of().router()
    }

    /// What of a shard is to come a second time.
    fn second_time(&self, shard: ShardId) -> Vec<Delivery> {
        if self.waits.load(Ordering::SeqCst) {
            return Vec::new();
        }
        let mut again = self.again.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, later) = again.drain(..).partition(|(of, _)| *of == shard);
        *again = later;
        let now: VecDeque<(ShardId, Delivery)> = now;
        now.into_iter().map(|(_, delivery)| delivery).collect()
    }
}

#[async_trait]
impl ExternalEventRouter for MixedUp {
    async fn send(&self, shard: ShardId, message: Message) -> Result<(), ProviderError> {
        self.router_of().send(shard, message).await
    }

    async fn receive(&self, shard: ShardId, limit: usize) -> Result<Vec<Delivery>, ProviderError> {
        let second = self.second_time(shard);
        if !second.is_empty() {
            return Ok(second);
        }
        let mut first = self.router_of().receive(shard, limit).await?;
        first.reverse();
        let copies = first.iter().map(|delivery| (shard, delivery.clone()));
        self.again.lock().unwrap_or_else(PoisonError::into_inner).extend(copies);
        Ok(first)
    }

    async fn acknowledge(&self, shard: ShardId, delivery: DeliveryId) -> Result<(), ProviderError> {
        self.router_of().acknowledge(shard, delivery).await
    }
}

#[async_trait]
impl Sharing for MixedUp {
    fn router(&self) -> Arc<dyn ExternalEventRouter> {
        Arc::new(self.clone())
    }

    async fn join(&self, host: &str) -> Result<Arc<dyn Membership>, ProviderError> {
        self.sharing_of().join(host).await
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

impl Provider for MixedUp {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_come_twice_count_once() {
    let (store, _) = shared_store();
    let mixed_up = MixedUp::new(store);
    let _host = guard(host(mixed_up.clone(), "host")).await;
    let client = Client::connect(mixed_up).unwrap();
    let instance = guard(client.start_new(collects, 20).id("i")).await.unwrap();
    for number in 1..=20_u64 {
        guard(instance.raise_event("Add", number)).await.unwrap();
    }
    assert_eq!(guard(instance.result()).await.unwrap(), 210);
    let raised = events(&client, &id("i")).await;
    assert_eq!(raised.iter().filter(|event| event.starts_with("ExternalRaised")).count(), 20);
    assert_eq!(client.quarantined(None, 10).await.unwrap(), [], "a copy is no refusal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_whose_messages_come_twice_and_out_of_order_count_once() {
    let (store, _) = shared_store();
    let mixed_up = MixedUp::new(store.clone());
    let first = guard(host(mixed_up.clone(), "first")).await;
    let _second = guard(host(mixed_up, "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    let parent = guard(first.start_new(sums, 20).id("parent")).await.unwrap();
    assert_eq!(guard(parent.result()).await.unwrap(), 420);
    assert_eq!(first.count(&Default::default()).await.unwrap(), 21, "each began once");
    let child = in_shard(3, "child");
    for shard in 0..4 {
        let caller = in_shard(shard, &format!("caller-{shard}"));
        let asked = (child.as_str().to_owned(), 4);
        let caller = guard(first.start_new(calls, asked).id(caller)).await.unwrap();
        let called = guard(caller.result()).await.unwrap();
        let expected = if shard == 0 { called == "8" } else { called.contains("exists already") };
        assert!(expected, "{called}");
    }
    assert_eq!(first.quarantined(None, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_comes_again_after_a_purge_begins_nothing() {
    let (store, _) = shared_store();
    let mixed_up = MixedUp::new(store);
    let _host = guard(host(mixed_up.clone(), "host")).await;
    let client = Client::connect(mixed_up.clone()).unwrap();
    mixed_up.waits.store(true, Ordering::SeqCst);
    let first = guard(client.start_new(doubles, 4).id("i")).await.unwrap();
    assert_eq!(guard(first.result()).await.unwrap(), 8);
    guard(client.purge(&id("i"))).await.unwrap();
    guard(async {
        while client.get_status(&id("i")).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;

    mixed_up.waits.store(false, Ordering::SeqCst);
    // After what is for this one, what came before has come again.
    let marker = guard(client.start_new(adds, ()).id(in_shard_of("i"))).await.unwrap();
    guard(marker.raise_event("Add", 0_u64)).await.unwrap();
    assert_eq!(guard(marker.result()).await.unwrap(), 0);
    assert_eq!(client.count(&Default::default()).await.unwrap(), 1, "it is purged for good");
}

/// A host dies before it has said that it took a command; a later one has undone it since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_comes_again_to_another_host_does_not_count_again() {
    let (store, clock) = shared_store();
    let mixed_up = MixedUp::new(store.clone());
    let first = guard(host(mixed_up.clone(), "first")).await;
    let client = Client::connect(mixed_up.clone()).unwrap();
    let instance = guard(client.start_new(adds, ()).id("i")).await.unwrap();
    let other = guard(client.start_new(renews, 3).id(in_shard_of("i"))).await.unwrap();
    mixed_up.waits.store(true, Ordering::SeqCst);
    // The second one changes nothing, and must be known all the same.
    for (reason, many) in [("a pause", 1), ("a pause as well", 2)] {
        for suspended in [instance.id(), other.id()] {
            guard(client.suspend(suspended, reason)).await.unwrap();
            until_events(&client, suspended, "CommandsReceived", many).await;
        }
    }
    for suspended in [instance.id(), other.id()] {
        guard(first.resume(suspended)).await.unwrap();
    }
    guard(first.abort()).await;
    clock.advance(LEASE_TIME);

    let _second = guard(host(mixed_up.clone(), "second")).await;
    until_held(&store, &["second"], &[4]).await;
    mixed_up.waits.store(false, Ordering::SeqCst);
    for (id, number) in [(instance.id(), 5), (instance.id(), 0), (other.id(), 7)] {
        guard(client.raise_event(id, "Add", number)).await.unwrap();
        // The next one would overtake it.
        until_events(&client, id, "ExternalRaised", 1).await;
    }
    assert_eq!(guard(instance.result()).await.unwrap(), 5);
    assert_eq!(guard(other.result()).await.unwrap(), 7);
    let suspended = |log: Vec<String>| {
        log.iter().filter(|event| event.starts_with("ExecutionSuspended")).count()
    };
    assert_eq!(suspended(events(&client, instance.id()).await), 1);
    assert_eq!(client.quarantined(None, 10).await.unwrap(), []);
}

/// Terminated, purged and started again: the id is another instance's now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_comes_again_does_not_meet_the_next_instance_of_the_id() {
    let (store, clock) = shared_store();
    let mixed_up = MixedUp::new(store.clone());
    let first = guard(host(mixed_up.clone(), "first")).await;
    let client = Client::connect(mixed_up.clone()).unwrap();
    let instance = guard(client.start_new(adds, ()).id("i")).await.unwrap();
    mixed_up.waits.store(true, Ordering::SeqCst);
    guard(instance.terminate("a mistake")).await.unwrap();
    guard(instance.result()).await.unwrap_err();
    clock.advance(Duration::from_secs(1));
    guard(first.purge("i")).await.unwrap();
    guard(first.start_new(adds, ()).id("i")).await.unwrap();
    guard(first.abort()).await;
    clock.advance(LEASE_TIME);

    let _second = guard(host(mixed_up.clone(), "second")).await;
    until_held(&store, &["second"], &[4]).await;
    mixed_up.waits.store(false, Ordering::SeqCst);
    for number in [5, 0] {
        guard(client.raise_event("i", "Add", number)).await.unwrap();
        until_events(&client, &id("i"), "ExternalRaised", 1).await;
    }
    assert_eq!(guard(client.instance::<u64>(&id("i")).result()).await.unwrap(), 5);
    assert_eq!(client.quarantined(None, 10).await.unwrap(), []);
}

/// Another id of the shard of an instance.
fn in_shard_of(other: &str) -> InstanceId {
    in_shard(ShardId::of(&id(other), SHARDS).0, "marker")
}
