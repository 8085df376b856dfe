//! Orders that run are moved into another store, and go on there to their right end.

#[cfg(any(feature = "azure", feature = "azure-legacy"))]
use std::sync::Arc;
use std::time::Duration;

use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::testing::ManualClock;
use reenact::transfer::{self, ExportOptions, TransferError};
use reenact::{Access, ErrorKind, InstanceFilter, InstanceState};
#[cfg(any(feature = "azure", feature = "azure-legacy"))]
use reenact_testkit::azure::storage::FakeStorage;

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
    assert_eq!(of_hub.left, [""; 0], "nothing is in its queues");
    goes_on(hub, &clock).await;
}

#[cfg(any(feature = "azure", feature = "azure-legacy"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn into_a_hub_in_azure_storage_and_on_from_there() {
    let (store, clock) = crate::kit::store();
    left_by_a_host(store.clone()).await;
    let (file, of_memory) = exported(&store).await;
    let port = Arc::new(FakeStorage::new(Arc::new(clock.clone())));
    let options = AzureOptions::new().shards(3).clock(clock.clone());
    let hub = options.open(port.clone(), "hub").await.unwrap();
    assert_eq!(imported(&file, &hub).await.unwrap().imported, 5);
    let (_, of_hub) = exported(&hub).await;
    assert_eq!((of_hub.checksum, of_hub.left.len()), (of_memory.checksum, 0));
    drop(hub);
    goes_on(options.open(port, "hub").await.unwrap(), &clock).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_hub_are_not_left_there_unnoticed() {
    let hub = InMemory::new().shared();
    let client = Client::connect(hub.clone()).unwrap();
    let access = Access::connect(&hub).unwrap();
    let running = guard(host(hub.clone()).start()).await.unwrap();
    guard(running.start_new(order, 1).id("order")).await.unwrap();
    let export = async |options: ExportOptions| {
        let mut file = Vec::new();
        let everything = InstanceFilter::new();
        let exported = transfer::export(&access, &everything, options, &mut file, |_| {}).await;
        exported.map(|exported| exported.left)
    };
    // A host that lives may be at work.
    let lives = export(ExportOptions::new().at_rest()).await.unwrap_err();
    assert!(matches!(lives, TransferError::InUse { .. }), "{lives}");
    guard(running.shutdown()).await.unwrap();
    assert_eq!(export(ExportOptions::new().at_rest()).await.unwrap(), [""; 0]);

    client.raise_event("order", "Go", "now").await.unwrap();
    let left = export(ExportOptions::new().at_rest()).await.unwrap_err();
    assert!(matches!(left, TransferError::MessagesLeft { .. }), "{left}");
    assert!(left.to_string().contains("1 message in its queues"), "{left}");
    assert!(left.to_string().contains("start a host with its code"), "{left}");
    let said = export(ExportOptions::new().at_rest().leave_messages()).await.unwrap();
    assert_eq!(said, ["1 message in its queues"]);

    // As it says, a host handles them.
    let running = guard(host(hub.clone()).start()).await.unwrap();
    assert_eq!(guard(running.instance::<String>("order").result()).await.unwrap(), "2 now");
    guard(running.shutdown()).await.unwrap();
    assert_eq!(export(ExportOptions::new().at_rest()).await.unwrap(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_instances_by_their_ids() {
    let (store, _) = crate::kit::store();
    left_by_a_host(store.clone()).await;
    let access = Access::read_only(&store);
    let mut file = Vec::new();
    let ids = [id("done"), id("order")].into();
    let options = ExportOptions::new().at_rest();
    let some = transfer::export_instances(&access, &ids, options, &mut file, |_| {}).await.unwrap();
    assert_eq!(some.instances, 2);
    let other = InMemory::new();
    assert_eq!(imported(&file, &other).await.unwrap().imported, 2);

    let (ids, mut file) = ([id("done"), id("nobody")].into(), Vec::new());
    let missing = transfer::export_instances(&access, &ids, options, &mut file, |_| {}).await;
    let missing = missing.unwrap_err();
    assert!(missing.to_string().contains("nobody"), "{missing}");
    assert!(file.is_empty(), "nothing is written");
}
