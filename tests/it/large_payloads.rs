//! Payloads over a mebibyte, in stores that take them: through every way in and out, across restarts, in the places
//! where they are looked at, and gone with their instance.
#![cfg(feature = "local")]

#[cfg(any(feature = "azure", feature = "azure-legacy"))]
mod hub;

use std::path::{Path, PathBuf};

use crate::kit::{guard, id, options};
use reenact::limits::{MAX_LARGE_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::transfer::{self, ExportOptions, ImportOptions};
use reenact::{
    Access, Error, HostBuilder, InstanceFilter, PageRequest, ParkReason, PayloadError, UpdateName,
};

/// An update that answers what it is asked.
const ASK: UpdateName<String, String, String> = UpdateName::new("Ask");

/// With its quotes, more than other stores take.
const BYTES: usize = MAX_PAYLOAD_BYTES;

/// A text that no other number gives.
fn large(number: u8) -> String {
    char::from(b'a' + number).to_string().repeat(BYTES + usize::from(number))
}

#[activity]
async fn echo(_ctx: ActivityContext, text: String) -> Result<String, ActivityError> {
    Ok(text)
}

#[orchestration]
async fn child(_ctx: OrchestrationContext, text: String) -> Result<String, OrchestrationError> {
    Ok(text)
}

/// Passes a large text through all that takes one, and ends with it.
#[orchestration]
async fn passed_on(ctx: OrchestrationContext, text: String) -> Result<String, OrchestrationError> {
    let text = ctx.call_activity(echo, text).await?;
    let text = ctx.call_orchestration(child, text).await?;
    let text: String = ctx.side_effect(|| text.clone()).await;
    let go: String = ctx.wait_external("Go").await?;
    assert_eq!(go, large(1), "an event has what was sent");
    for _ in 0..2 {
        let asked = ctx.updates(ASK).next().await?;
        let answer = asked.request().clone();
        asked.reply(&answer);
    }
    Ok(text)
}

/// Continues as new with a large input, and waits.
#[orchestration]
async fn renewed(ctx: OrchestrationContext, text: String) -> Result<String, OrchestrationError> {
    if text.starts_with('a') {
        return ctx.continue_as_new(renewed, large(1));
    }
    ctx.wait_external::<()>("Go").await?;
    Ok(text)
}

fn host(provider: impl Provider) -> HostBuilder {
    let host = Host::builder().provider(provider).options(options());
    host.orchestration(passed_on).orchestration(child).orchestration(renewed).activity(echo)
}

/// A directory that is removed when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("reenact-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn store(&self, takes_large: bool) -> Local {
        LocalOptions::new().shards(1).large_payloads(takes_large).open(&self.0).unwrap()
    }

    /// The files with large turns.
    fn blobs(&self) -> Vec<PathBuf> {
        files(&self.0.join("large-0000"))
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An instance takes large payloads in, through and out.
async fn goes_through(host: &Host) {
    let instance = guard(host.start_new(passed_on, large(0)).id("a")).await.unwrap();
    guard(instance.raise_event("Go", large(1))).await.unwrap();
    for number in 2..4 {
        let answer = guard(instance.update(ASK, large(number))).await.unwrap();
        assert_eq!(answer, large(number));
    }
    assert_eq!(guard(instance.result()).await.unwrap(), large(0));
}

#[tokio::test]
async fn a_large_payload_goes_through_every_way_in_memory() {
    let host = guard(host(InMemory::new().large_payloads(true)).start()).await.unwrap();
    goes_through(&host).await;
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_large_payload_goes_through_every_way_in_a_directory_and_is_removed_with_its_instance() {
    let scratch = Scratch::new("large-through");
    let host = guard(host(scratch.store(true)).start()).await.unwrap();
    goes_through(&host).await;
    assert!(scratch.blobs().len() > 4, "{:?}", scratch.blobs());
    for instance in
        guard(host.list(&Default::default(), &Default::default())).await.unwrap().instances
    {
        guard(host.purge(&instance.instance)).await.unwrap();
    }
    assert_eq!(scratch.blobs(), Vec::<PathBuf>::new());
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn an_instance_with_large_payloads_goes_on_after_a_restart_also_where_no_more_are_taken() {
    let scratch = Scratch::new("large-restart");
    left_waiting(&scratch).await;

    let second = guard(host(scratch.store(false)).start()).await.unwrap();
    let instance = second.instance::<String>(&id("a"));
    let refused = guard(instance.update(ASK, large(2))).await.unwrap_err();
    assert!(too_large(&refused), "{refused}");
    let answer: String = guard(instance.update(ASK, "small".to_owned())).await.unwrap();
    assert_eq!(answer, "small");
    // Its own output is a new payload.
    let failed = guard(instance.result()).await.unwrap_err();
    assert!(failed.to_string().contains("at most 1048576 are allowed"), "{failed}");
    guard(second.shutdown()).await.unwrap();
}

fn too_large(error: &impl std::fmt::Debug) -> bool {
    format!("{error:?}").contains("TooLarge")
}

#[tokio::test]
async fn continuing_as_new_leaves_only_the_blobs_of_the_newest_execution() {
    let scratch = Scratch::new("large-renewed");
    let host = guard(host(scratch.store(true)).start()).await.unwrap();
    let instance = guard(host.start_new(renewed, large(0)).id("a")).await.unwrap();
    guard(instance.raise_event("Go", ())).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), large(1));
    let names: Vec<_> =
        scratch.blobs().iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert!(names.iter().all(|name| name.to_str().unwrap().starts_with("a.2.")), "{names:?}");
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_payload_over_the_limit_of_large_ones_is_refused() {
    let host = guard(host(InMemory::new().large_payloads(true)).start()).await.unwrap();
    let refused = guard(host.start_new(child, "x".repeat(MAX_LARGE_PAYLOAD_BYTES))).await;
    let refused = refused.unwrap_err();
    let Error::InvalidPayload { source: PayloadError::TooLarge { bytes, limit }, .. } = refused
    else {
        panic!("{refused}");
    };
    assert_eq!((bytes, limit), (MAX_LARGE_PAYLOAD_BYTES + 2, MAX_LARGE_PAYLOAD_BYTES));
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_missing_blob_parks_its_instance_and_names_both() {
    let scratch = Scratch::new("large-missing");
    let first = guard(host(scratch.store(true)).start()).await.unwrap();
    guard(first.start_new(passed_on, large(0)).id("order-7")).await.unwrap();
    guard(first.start_new(renewed, large(1)).id("other")).await.unwrap();
    guard(first.shutdown()).await.unwrap();
    let blob = scratch
        .blobs()
        .into_iter()
        .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("order-7.1.0."))
        .unwrap();
    let kept = std::fs::read(&blob).unwrap();
    std::fs::remove_file(&blob).unwrap();

    let second = guard(host(scratch.store(true)).start()).await.unwrap();
    guard(second.raise_event(&id("other"), "Go", ())).await.unwrap();
    let other = second.instance::<String>(&id("other"));
    assert_eq!(guard(other.result()).await.unwrap(), large(1), "it harms no other");
    let refused = guard(second.raise_event(&id("order-7"), "Go", large(1))).await.unwrap_err();
    let status = guard(second.instance::<String>(&id("order-7")).status()).await.unwrap();
    let parked = status.parked.unwrap();
    assert!(matches!(parked, ParkReason::Unreadable { .. }), "{parked:?}");
    for said in [parked.to_string(), refused.to_string()] {
        assert!(said.contains("order-7"), "{said}");
    }
    assert!(parked.to_string().contains(blob.file_name().unwrap().to_str().unwrap()), "{parked}");
    guard(second.shutdown()).await.unwrap();

    // Once it is put back, the instance goes on.
    std::fs::write(&blob, kept).unwrap();
    let third = guard(host(scratch.store(true)).start()).await.unwrap();
    let instance = third.instance::<String>(&id("order-7"));
    guard(instance.raise_event("Go", large(1))).await.unwrap();
    for number in 2..4 {
        guard(instance.update(ASK, large(number))).await.unwrap();
    }
    assert_eq!(guard(instance.result()).await.unwrap(), large(0));
    guard(third.shutdown()).await.unwrap();
}

/// An instance that has taken one large update, and waits for another, in a store where no host works.
async fn left_waiting(scratch: &Scratch) {
    let host = guard(host(scratch.store(true)).start()).await.unwrap();
    let instance = guard(host.start_new(passed_on, large(0)).id("a")).await.unwrap();
    guard(instance.raise_event("Go", large(1))).await.unwrap();
    assert_eq!(guard(instance.update(ASK, large(2))).await.unwrap(), large(2));
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn an_export_brings_large_payloads_into_another_store() {
    let (from, to) = (Scratch::new("large-from"), Scratch::new("large-to"));
    left_waiting(&from).await;
    let (mut file, everything) = (Vec::new(), InstanceFilter::new());
    let access = Access::read_only(&Local::open_read_only(&from.0).unwrap());
    let options = ExportOptions::new();
    transfer::export(&access, &everything, options, &mut file, |_| {}).await.unwrap();
    drop(access);

    let store = to.store(true);
    let imported = transfer::import(&*file, &store, ImportOptions::new(), |_| {}).await.unwrap();
    assert_eq!(imported.imported, 2);
    assert_eq!(to.blobs().len(), from.blobs().len());
    let host = guard(host(store).start()).await.unwrap();
    let instance = host.instance::<String>(&id("a"));
    assert_eq!(guard(instance.update(ASK, large(3))).await.unwrap(), large(3));
    assert_eq!(guard(instance.result()).await.unwrap(), large(0));
    guard(host.shutdown()).await.unwrap();
}

#[cfg(feature = "encryption")]
#[tokio::test]
async fn what_is_in_blobs_is_encrypted_as_well() {
    use reenact::Encoded;
    use reenact::codec::{Encryption, Keys};

    let scratch = Scratch::new("large-encrypted");
    let keys = Keys::new("2026-11", [7; 32]).unwrap();
    let store = Encoded::new(scratch.store(true), Encryption::new(keys));
    let host = guard(host(store).start()).await.unwrap();
    goes_through(&host).await;
    assert!(scratch.blobs().len() > 4, "{:?}", scratch.blobs());
    for blob in scratch.blobs() {
        let stored = std::fs::read(&blob).unwrap();
        assert!(!stored.windows(8).any(|window| window == b"aaaaaaaa"), "{}", blob.display());
    }
    guard(host.shutdown()).await.unwrap();
}
