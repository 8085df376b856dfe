//! Hosts and clients on a store that is encrypted and compressed: they see no difference, and the store shows
//! nothing.

use std::path::Path;

use crate::kit::{guard, id, options};
use reenact::codec::{Compression, Encryption, Keys};
use reenact::prelude::*;
use reenact::{Encoded, HostBuilder};

const SECRET: &str = "4111-1111-1111-1111";

/// Waits for a card, for a year at most, and charges it.
async fn order(ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    ctx.set_status(&format!("{name} is to give a card"));
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    let card: String = ctx.timeout(year, ctx.wait_external("Card")).await??;
    Ok(ctx.call_activity_by_name("charge", &card).await?)
}

fn keys(key: u8) -> Encryption {
    Encryption::new(Keys::new("2026-11", [key; 32]).unwrap())
}

fn host(provider: impl reenact::providers::Provider) -> HostBuilder {
    Host::builder()
        .provider(provider)
        .options(options())
        .register_orchestration("order", order)
        .register_activity(
            "charge",
            |_, card: String| async move { Ok(format!("{card} is charged")) },
        )
}

fn encoded<P: reenact::providers::Provider>(
    store: P,
    key: u8,
) -> impl reenact::providers::Provider {
    Encoded::new(Encoded::new(store, keys(key)), Compression::new())
}

/// Whether a file below a directory has these bytes.
fn is_in_files(directory: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(directory).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => is_in_files(&path, bytes),
            false => {
                let found = std::fs::read(path).unwrap();
                found.windows(bytes.len()).any(|window| window == bytes)
            }
        }
    })
}

#[tokio::test]
async fn an_order_goes_through_restarts_and_nothing_of_it_is_in_the_directory() {
    let directory = std::env::temp_dir().join(format!("reenact-encoded-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let open = || Local::open(&directory).unwrap();
    let first = host(encoded(open(), 1)).start().await.unwrap();
    guard(first.start_new_by_name::<String>("order", "Ada-Lovelace").id("order-7")).await.unwrap();
    guard(first.shutdown()).await.unwrap();

    let second = host(encoded(open(), 1)).start().await.unwrap();
    let instance = second.instance::<String>(&id("order-7"));
    let status = guard(instance.status()).await.unwrap();
    assert_eq!(status.custom_status_as::<String>().unwrap(), "Ada-Lovelace is to give a card");
    guard(instance.raise_event("Card", SECRET)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), format!("{SECRET} is charged"));
    guard(second.shutdown()).await.unwrap();

    assert!(is_in_files(&directory, b"order-7"), "ids are not encrypted");
    for secret in [SECRET, "Ada-Lovelace", "is to give a card"] {
        assert!(!is_in_files(&directory, secret.as_bytes()), "{secret} is there");
    }
    std::fs::remove_dir_all(&directory).unwrap();
}

/// A host finds an order that it cannot decode: it says why, and the order is as it was.
async fn cannot_decode(store: &InMemory, foreign: HostBuilder, why: &str) {
    let before = turns(store, "order-7").await;
    let foreign = foreign.start().await.unwrap();
    let instance = foreign.instance::<String>(&id("order-7"));
    let refusals = [
        guard(instance.raise_event("Card", SECRET)).await,
        guard(async { instance.cancel("too late").await }).await,
        guard(async { instance.terminate("too late").await }).await,
        guard(async { instance.resume().await }).await,
        guard(foreign.rewind(&id("order-7"), 2, "again")).await,
    ];
    for refused in refusals {
        let error = refused.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    guard(foreign.shutdown()).await.unwrap();
    assert_eq!(turns(store, "order-7").await, before, "nothing was written");
}

/// What a store has of an instance.
async fn turns(store: &InMemory, id: &str) -> Vec<reenact::providers::StoredTurn> {
    let histories = reenact::providers::Provider::histories(store);
    let (instance, execution) = (self::id(id), reenact::ExecutionId(1));
    histories.read(&instance, execution, 0, 100).await.unwrap().turns
}

/// An order that waits, with a timer, so that a host has it in memory as it starts.
async fn one_order(store: &InMemory) {
    let first = host(encoded(store.clone(), 1)).start().await.unwrap();
    guard(first.start_new_by_name::<String>("order", "Ada").id("order-7")).await.unwrap();
    guard(first.shutdown()).await.unwrap();
}

async fn goes_on(store: InMemory) {
    let right = host(encoded(store, 1)).start().await.unwrap();
    let instance = right.instance::<String>(&id("order-7"));
    guard(instance.raise_event("Card", SECRET)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), format!("{SECRET} is charged"));
    guard(right.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_host_with_a_wrong_key_writes_nothing_to_what_it_cannot_decode() {
    let store = InMemory::new();
    one_order(&store).await;
    cannot_decode(&store, host(encoded(store.clone(), 2)), "the key is another one of that id")
        .await;
    goes_on(store).await;
}

#[tokio::test]
async fn a_host_without_the_codec_writes_nothing_to_what_it_cannot_decode() {
    let store = InMemory::new();
    one_order(&store).await;
    cannot_decode(&store, host(store.clone()), "encoded by the codec `aes-256-gcm`").await;
    goes_on(store).await;
}

#[tokio::test]
async fn a_client_without_a_host_and_hosts_of_a_hub_understand_each_other() {
    let hub = InMemory::new().shared();
    let client = Client::connect(encoded(hub.clone(), 1)).unwrap();
    let host = host(encoded(hub.clone(), 1)).start().await.unwrap();
    let start = client.start_new_by_name::<String>("order", "Ada").id("order-7");
    let instance = guard(start).await.unwrap();
    guard(instance.raise_event("Card", SECRET)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), format!("{SECRET} is charged"));
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn what_a_client_sends_with_a_foreign_key_is_in_quarantine_with_the_reason() {
    let hub = InMemory::new().shared();
    let host = host(encoded(hub.clone(), 1)).start().await.unwrap();
    guard(host.start_new_by_name::<String>("order", "Ada").id("order-7")).await.unwrap();
    let foreign = Encryption::new(Keys::new("foreign", [7; 32]).unwrap());
    let foreign = Encoded::new(Encoded::new(hub.clone(), foreign), Compression::new());
    let client = Client::connect(foreign).unwrap();
    guard(client.raise_event(&id("order-7"), "Card", "a card")).await.unwrap();

    let quarantined = guard(async {
        loop {
            let page = host.quarantined(None, 10).await.unwrap();
            if let Some(first) = page.into_iter().next() {
                return first;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let reason = quarantined.1.reason;
    assert!(reason.contains("encrypted with the key `foreign`"), "{reason}");
    guard(host.shutdown()).await.unwrap();
}
