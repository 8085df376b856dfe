//! A client that only reads: it sees what is durable, and changes nothing.

use std::time::Duration;

use reenact::prelude::*;
use reenact::providers::ProviderError;
use reenact::{Error, ErrorKind, InstanceFilter, InstanceState, OpenError};

use super::scene::{Scratch, host, order};
use crate::kit::{guard, id, stored};

/// A store in which "done" has finished, and "waits" waits for its event.
async fn left_by_a_host() -> Scratch {
    let scratch = Scratch::new();
    let running = guard(host(Local::open(scratch.store()).unwrap()).start()).await.unwrap();
    let done = running.start_new(order, 5).id("done").await.unwrap();
    done.raise_event("Go", "now").await.unwrap();
    assert_eq!(guard(done.result()).await.unwrap(), "6 now");
    let waits = running.start_new(order, 7).id("waits").await.unwrap();
    guard(async {
        while waits.history().await.unwrap().len() < 4 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    guard(running.shutdown()).await.unwrap();
    scratch
}

#[tokio::test]
async fn it_sees_what_is_durable() {
    let scratch = left_by_a_host().await;
    let client = Client::read_only(Local::open_read_only(scratch.store()).unwrap());
    assert_eq!(stored(&client).await, 2);
    let running = InstanceFilter::new().states([InstanceState::Running]);
    assert_eq!(client.count(&running).await.unwrap(), 1);
    assert_eq!(guard(client.instance::<String>("done").result()).await.unwrap(), "6 now");
    let status = client.get_status("waits").await.unwrap();
    assert_eq!(status.state, InstanceState::Running);
    assert!(client.history("waits").await.unwrap().len() >= 4);
    let missing = client.get_status("missing").await.unwrap_err();
    assert!(matches!(missing, Error::NotFound { .. }), "{missing}");
}

#[tokio::test]
async fn each_change_is_refused_and_the_error_names_the_directory() {
    let scratch = left_by_a_host().await;
    let client = Client::read_only(Local::open_read_only(scratch.store()).unwrap());
    let waits = id("waits");
    let refusals = [
        client.start_new(order, 1).await.map(drop).unwrap_err(),
        client.raise_event(&waits, "Go", "now").await.unwrap_err(),
        client.cancel(&waits, "why").await.unwrap_err(),
        client.suspend(&waits, "why").await.unwrap_err(),
        client.resume(&waits).await.unwrap_err(),
        client.terminate(&waits, "why").await.unwrap_err(),
        client.rewind(&waits, 3, "why").await.unwrap_err(),
        client.purge("done").await.unwrap_err(),
        client.actor(&waits).await.map(drop).unwrap_err(),
    ];
    for refused in refusals {
        assert_eq!(refused.kind(), ErrorKind::ReadOnly, "{refused}");
        let text = refused.to_string();
        assert!(text.contains(scratch.store().to_str().unwrap()), "{text}");
        assert!(text.contains("start a host"), "{text}");
    }
}

#[tokio::test]
async fn a_store_in_memory_can_be_read_while_its_host_runs() {
    let memory = InMemory::new();
    let running = guard(host(memory.clone()).start()).await.unwrap();
    let client = Client::read_only(memory);
    let started = running.start_new(order, 5).id("i").await.unwrap();
    let refused = client.raise_event("i", "Go", "now").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ReadOnly);
    assert!(refused.to_string().starts_with("this access only reads, and"), "{refused}");
    started.raise_event("Go", "now").await.unwrap();
    // It looks again and again.
    assert_eq!(guard(client.instance::<String>("i").result()).await.unwrap(), "6 now");
    guard(running.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_host_neither_starts_on_a_store_that_is_only_read_nor_beside_a_reader() {
    let scratch = left_by_a_host().await;
    let reader = Local::open_read_only(scratch.store()).unwrap();
    let refused = Local::open(scratch.store()).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    let options = HostOptions::new().lease_patience(Duration::from_secs(3600));
    let refused = guard(host(reader).options(options).start()).await.unwrap_err();
    let Error::Startup { source: Some(source), .. } = &refused else { panic!("{refused}") };
    assert!(matches!(**source, ProviderError::ReadOnly { .. }), "{source}");
    // The reader has gone with it.
    guard(guard(host(Local::open(scratch.store()).unwrap()).start()).await.unwrap().shutdown())
        .await
        .unwrap();
}
