//! Shards, queues, the archive and failures of the store.

use std::future::IntoFuture;

use super::{builder, waits};
use crate::hosts::scene::{SHARDS, in_shard};
use crate::kit::{AppendFault, Faulty, guard, pass_time_until, store, until};
use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::providers::{Message, Provider, Waiting};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_are_held_until_the_host_has_ended() {
    let host = builder(store().0.with_shards(3)).start().await.unwrap();
    let client = host.client().clone();
    let shards = host.metrics().shards;
    assert_eq!((shards.held, shards.taken, shards.given_up, shards.restarted), (3, 3, 0, 0));
    guard(host.shutdown()).await.unwrap();
    let shards = client.metrics().unwrap().shards;
    assert_eq!((shards.held, shards.taken, shards.given_up), (0, 3, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_queue_are_counted_and_what_nobody_can_take() {
    let shared = store().0.shared();
    let host = builder(shared.clone()).start().await.unwrap();
    let client = Client::connect(shared).unwrap();
    let instance = guard(client.start_new(waits, ()).id("i")).await.unwrap();
    instance.raise_event("Go", 1).await.unwrap();
    guard(instance.result()).await.unwrap();
    let unknown = guard(client.start_new_by_name::<()>("unknown", ())).await.unwrap_err();
    assert!(unknown.to_string().contains("unknown"), "{unknown}");
    let queues = host.metrics().queues;
    assert_eq!((queues.received, queues.redelivered, queues.quarantined), (3, 0, 1));
    assert_eq!(
        (queues.sent, queues.requeued),
        (0, 0),
        "the client has sent them, and not this host"
    );
    let page = guard(host.quarantined(None, 1)).await.unwrap();
    let (id, _) = page.first().unwrap();
    assert!(guard(host.requeue(id)).await.unwrap());
    assert_eq!(host.metrics().queues.requeued, 1);
    assert!(!guard(host.requeue(id)).await.unwrap(), "it is not there any more");
    assert_eq!(host.metrics().queues.requeued, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_the_queues_of_the_store_is_known() {
    let (memory, clock) = store();
    let faulty = Faulty::new(memory.shared());
    let host = builder(faulty.clone()).start().await.unwrap();
    let client = Client::connect(faulty.clone()).unwrap();
    let instance = guard(client.start_new(waits, ()).id("i")).await.unwrap();
    // What is in hand waits as long as its effect is not durable.
    faulty.appends.close();
    guard(instance.raise_event("Go", 1)).await.unwrap();
    assert_eq!(host.metrics().queues.waiting, None, "the store is asked now");
    until(|| host.metrics().queues.waiting == Some(1)).await;
    let text = host.metrics().to_prometheus();
    assert!(text.lines().any(|line| line == "reenact_queue_waiting 1"), "{text}");
    faulty.appends.let_all_through();
    guard(instance.result()).await.unwrap();
    let sharing = faulty.sharing().unwrap();
    guard(async {
        while sharing.waiting().await.unwrap() != Some(Waiting::default()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(host.metrics().queues.waiting, Some(1), "the answer is not old");
    clock.advance(Duration::from_secs(60));
    until(|| host.metrics().queues.waiting == Some(0)).await;
    guard(host.shutdown()).await.unwrap();
    let alone = builder(store().0).start().await.unwrap();
    for _ in 0..3 {
        assert_eq!(alone.metrics().queues.waiting, None, "it has no queues");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_age_of_the_oldest_message_in_a_queue_says_that_a_shard_has_no_host() {
    let (memory, clock) = store();
    let memory = memory.with_shards(SHARDS).shared();
    // Its owner hangs: it keeps the shard, and does nothing.
    let mut lease = memory.leases().acquire(ShardId(1), "one that hangs").await.unwrap();
    let mut time_passes = async |time| {
        for _ in 0..time {
            clock.advance(Duration::from_secs(1));
            lease = memory.leases().renew(&lease).await.unwrap();
        }
    };
    let host = builder(memory.clone()).start().await.unwrap();
    host.metrics();
    until(|| host.metrics().queues.oldest_seconds.is_some()).await;
    let queues = host.metrics().queues;
    assert_eq!((queues.oldest_seconds, queues.oldest_shard), (Some(0.0), None), "nothing waits");

    let send = async |key: &str| {
        let (key, to) = (key.to_owned(), in_shard(1, "nobody"));
        let message = Message { key, to, bytes: [0].into() };
        memory.sharing().unwrap().router().send(ShardId(1), message).await.unwrap();
    };
    send("first").await;
    time_passes(30).await;
    send("second").await;
    time_passes(60).await;
    until(|| host.metrics().queues.waiting == Some(2)).await;
    let metrics = host.metrics();
    assert_eq!(metrics.queues.oldest_seconds, Some(90.0), "that of the first");
    assert_eq!(metrics.queues.oldest_shard, Some(1));
    let text = metrics.to_prometheus();
    assert!(text.lines().any(|line| line == "reenact_queue_oldest_seconds 90"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_away_for_a_moment_is_an_error_and_no_failed_append() {
    let (memory, clock) = store();
    let faulty = Faulty::new(memory);
    let host = builder(faulty.clone()).start().await.unwrap();
    faulty.fail_appends([AppendFault::Unavailable]);
    let start = host.start_new(waits, ()).into_future();
    pass_time_until(&clock, Duration::from_secs(1), start).await.unwrap();
    let metrics = host.metrics();
    assert_eq!(metrics.store.errors["unavailable"], 1);
    assert_eq!((metrics.log.turns, metrics.log.failed_appends), (1, 0));
}

#[cfg(feature = "local")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_archive_does_not_have_yet_is_known_of_a_directory_and_not_of_memory() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = path.join(format!("metrics-{}", std::process::id()));
    let host = builder(Local::open(&path).unwrap()).start().await.unwrap();
    assert_eq!(host.metrics().store.unarchived_bytes, Some(0));
    guard(host.start_new(waits, ())).await.unwrap();
    let bytes = host.metrics().store.unarchived_bytes.unwrap();
    assert!(bytes > 0);
    guard(host.shutdown()).await.unwrap();
    std::fs::remove_dir_all(&path).unwrap();
    let memory = builder(store().0).start().await.unwrap();
    assert_eq!(memory.metrics().store.unarchived_bytes, None);
}
