//! Orders that run are moved into another store, and go on there to their right end.

use std::time::Duration;

use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::testing::ManualClock;
use reenact::{ErrorKind, InstanceState};

use super::scene::{Scratch, countdown, exported, host, imported, long_order, order};
use crate::kit::{events, guard, id, pass_time_until};

/// A store in which orders have stopped in the middle of their work.
async fn left_by_a_host(store: InMemory) {
    let running = guard(host(store).start()).await.unwrap();
    running.start_new(long_order, 5).id("order").await.unwrap();
    running.start_new(countdown, 40).id("countdown").await.unwrap();
    running.start_new(order, 1).id("keyed").await.unwrap();
    running.start_new(order, 2).id("done").await.unwrap();
    running.raise_event("done", "Go", "at once").await.unwrap();
    guard(running.instance::<String>("done").result()).await.unwrap();
    guard(running.wait_for_status("shipping", |status| status.state == InstanceState::Running))
        .await
        .unwrap();
    running.raise_event("keyed", "Later", "once").key("k-2").await.unwrap();
    guard(async {
        // The last execution waits.
        while !events(&running, &id("countdown")).await.iter().any(|event| event.contains("Go")) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    guard(running.shutdown()).await.unwrap();
}

async fn goes_on(store: impl Provider, clock: &ManualClock) {
    let running = guard(host(store).start()).await.unwrap();
    // The child ends, and its parent hears of it.
    guard(running.raise_event("shipping", "Go", "shipped")).await.unwrap();
    guard(running.raise_event("order", "Go", "signed")).await.unwrap();
    let result = running.instance::<String>("order");
    let result = pass_time_until(clock, Duration::from_secs(3600), result.result()).await;
    assert_eq!(result.unwrap(), "7 shipped, signed");
    // An event that had come is known by its key, in the other store as well.
    let before = running.history("keyed").await.unwrap().len();
    guard(running.raise_event("keyed", "Later", "twice").key("k-2")).await.unwrap();
    assert_eq!(running.history("keyed").await.unwrap().len(), before);
    guard(running.raise_event("countdown", "Go", "zero")).await.unwrap();
    assert_eq!(guard(running.instance::<String>("countdown").result()).await.unwrap(), "zero");
    assert_eq!(guard(running.instance::<String>("done").result()).await.unwrap(), "3 at once");
    let taken = guard(running.start_new(order, 1).id("done")).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    guard(running.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_memory_into_a_directory_with_another_number_of_shards() {
    let (store, clock) = crate::kit::store();
    left_by_a_host(store.clone()).await;
    let (file, exported_of_memory) = exported(&store).await;
    assert_eq!(exported_of_memory.instances, 5);
    assert!(exported_of_memory.left.is_empty());

    let scratch = Scratch::new();
    let options = LocalOptions::new().shards(3).clock(clock.clone());
    let local = options.open(scratch.store()).unwrap();
    let came = imported(&file, &local).await.unwrap();
    assert_eq!((came.imported, came.already_there), (5, 0));
    drop(local);
    let reader = Local::open_read_only(scratch.store()).unwrap();
    let (again, exported_of_local) = exported(&reader).await;
    assert_eq!(exported_of_local.checksum, exported_of_memory.checksum);
    assert_eq!(again, file, "the same, line by line");
    drop(reader);
    goes_on(options.open(scratch.store()).unwrap(), &clock).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn into_a_store_that_hosts_share() {
    let (store, clock) = crate::kit::store();
    left_by_a_host(store.clone()).await;
    let (file, _) = exported(&store).await;
    let hub = InMemory::new().with_clock(clock.clone()).shared();
    imported(&file, &hub).await.unwrap();
    let (_, of_hub) = exported(&hub).await;
    assert_eq!(of_hub.left.len(), 1, "its queues are said to be left: {:?}", of_hub.left);
    goes_on(hub, &clock).await;
}
