//! What a look through a store says of what stands beside the histories: blobs of large turns, and messages in queues.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use reenact::Access;
use reenact::core::ShardId;
use reenact::doctor::{self, Finding, Severity};
use reenact::prelude::*;
use reenact::providers::{Message, Provider};

use super::scene::{Scratch, host, order};
use crate::kit::{guard, id, store};

/// A blob for which there is no instance.
fn left_over() -> String {
    format!("nobody.1.0.1.{:032x}", 7)
}

async fn look(store: &impl Provider) -> Vec<Finding> {
    doctor::check_store(&Access::read_only(store), |_| {}).await.unwrap()
}

/// An order with a large event, and then the end of its host.
async fn large_order(store: impl Provider) {
    let running = guard(host(store).start()).await.unwrap();
    let instance = running.start_new(order, 7).id("order").await.unwrap();
    instance.raise_event("Note", "x".repeat(2 * 1024 * 1024)).await.unwrap();
    guard(running.shutdown()).await.unwrap();
}

/// The findings that need a person are one, about the order; it says what to do.
#[track_caller]
fn assert_order_is_damaged(findings: &[Finding], blob: &str) {
    let bad: Vec<_> = findings.iter().filter(|finding| finding.severity > Severity::Info).collect();
    let [damaged] = bad[..] else { panic!("{findings:#?}") };
    assert_eq!((damaged.severity, &*damaged.place), (Severity::Error, "instance `order`"));
    assert!(damaged.what.contains(blob), "{damaged}");
    assert!(damaged.advice.contains("terminate and purge the instance"), "{damaged}");
}

#[track_caller]
fn assert_names_what_is_left(findings: &[Finding]) {
    let named = findings.iter().find(|finding| finding.what.contains(&left_over()));
    let named = named.unwrap_or_else(|| panic!("{findings:#?}"));
    assert_eq!((named.severity, &*named.place), (Severity::Info, "the large turns of shard 0"));
    assert!(named.what.contains("the next host that takes the shard removes"), "{named}");
}

#[track_caller]
fn assert_healthy(findings: &[Finding]) {
    let names: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert!(findings.iter().all(|finding| finding.severity == Severity::Info), "{names:#?}");
    assert!(!names.iter().any(|finding| finding.contains("large turns")), "{names:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_large_turns_that_are_missing_damaged_or_left_over_are_found_in_a_directory() {
    let scratch = Scratch::new();
    let options = LocalOptions::new().shards(1).large_payloads(true);
    large_order(options.open(scratch.store()).unwrap()).await;
    let found = async || look(&Local::open_read_only(scratch.store()).unwrap()).await;
    assert_healthy(&found().await);
    let files = scratch.store().join("large-0000");
    let paths: Vec<PathBuf> =
        fs::read_dir(&files).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [path] = &paths[..] else { panic!("{paths:?}") };
    let name = path.file_name().unwrap().to_str().unwrap();
    let whole = fs::read(path).unwrap();

    fs::write(files.join(left_over()), b"anything").unwrap();
    assert_names_what_is_left(&found().await);
    fs::write(path, &whole[..whole.len() - 1]).unwrap();
    assert_order_is_damaged(&found().await, name);
    fs::remove_file(path).unwrap();
    assert_order_is_damaged(&found().await, name);

    fs::write(path, &whole).unwrap();
    let options = LocalOptions::new().large_payloads(true);
    let running = guard(host(options.open(scratch.store()).unwrap()).start()).await.unwrap();
    guard(running.shutdown()).await.unwrap();
    assert_healthy(&found().await);
}

#[cfg(feature = "azure")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_of_large_turns_that_are_missing_damaged_or_left_over_are_found_in_a_hub() {
    use reenact::providers::azure::port::{Metadata, Only, StoragePort};
    use reenact_testkit::azure::storage::FakeStorage;

    let port = Arc::new(FakeStorage::new(Arc::new(reenact::testing::ManualClock::default())));
    let open = async || {
        let options = AzureOptions::new().shards(1).large_payloads(true);
        options.open(Arc::clone(&port) as _, "orders").await.unwrap()
    };
    large_order(open().await).await;
    let found = async || look(&open().await).await;
    assert_healthy(&found().await);
    let listed = port.list("large/0000/", None).await.unwrap().blobs;
    let [blob] = &listed[..] else { panic!("{listed:?}") };
    let name = blob.name.strip_prefix("large/0000/").unwrap();
    let whole = port.get(&blob.name, 0, None).await.unwrap().bytes;
    let put = async |name: &str, bytes: &[u8]| {
        port.put(name, bytes.to_vec(), &Metadata::new(), &Only::Always).await.unwrap();
    };

    put(&format!("large/0000/{}", left_over()), b"anything").await;
    assert_names_what_is_left(&found().await);
    put(&blob.name, &whole[..whole.len() - 1]).await;
    assert_order_is_damaged(&found().await, name);
    port.delete(&blob.name).await.unwrap();
    assert_order_is_damaged(&found().await, name);

    put(&blob.name, &whole).await;
    let running = guard(host(open().await).start()).await.unwrap();
    guard(running.shutdown()).await.unwrap();
    assert_healthy(&found().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_wait_while_no_host_lives_are_named_with_what_to_do() {
    let memory = store().0.shared();
    let client = Client::connect(memory.clone()).unwrap();
    let warnings = async || -> Vec<String> {
        let found = look(&memory).await.into_iter();
        found.filter(|one| one.severity == Severity::Warning).map(|one| one.to_string()).collect()
    };
    assert_eq!(warnings().await, [""; 0]);
    let to = id("nobody");
    let shard = ShardId::of(&to, memory.shards());
    let message = Message { key: "of no version".to_owned(), to, bytes: [250].into() };
    memory.sharing().unwrap().router().send(shard, message).await.unwrap();
    let [waits] = &warnings().await[..] else { panic!("one") };
    assert!(waits.contains("messages in queues: 1 wait for hosts, and no host lives"), "{waits}");
    assert!(waits.contains("start a host"), "{waits}");

    let running = guard(host(memory.clone()).start()).await.unwrap();
    guard(async {
        while client.quarantined(None, 1).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    guard(running.shutdown()).await.unwrap();
    let [kept] = &warnings().await[..] else { panic!("one") };
    assert!(kept.contains("messages in quarantine: 1 could not be taken"), "{kept}");
    assert!(kept.contains("reenact quarantine"), "{kept}");
}
