//! Following an instance, or all of them, without looking again and again.

use std::pin::pin;

use futures::poll;

use crate::kit::{guard, options, store};
use reenact::Error;
use reenact::prelude::*;

#[orchestration]
async fn waits(ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
    Ok(ctx.wait_external::<()>("Go").await?)
}

async fn host(memory: &InMemory) -> Host {
    let host = Host::builder().provider(memory.clone()).options(options());
    host.orchestration(waits).start().await.unwrap()
}

#[tokio::test]
async fn a_watch_returns_after_a_commit_of_the_instance_and_not_before() {
    let (memory, _clock) = store();
    let host = host(&memory).await;
    guard(host.start_new(waits, ()).id("waits")).await.unwrap();
    let (mut watch, mut all) = (host.watch("waits").unwrap(), host.watch_all());
    assert!(poll!(pin!(watch.changed())).is_pending(), "nothing has happened");
    assert!(poll!(pin!(all.changed())).is_pending());
    guard(host.raise_event("waits", "Go", ())).await.unwrap();
    guard(watch.changed()).await.unwrap();
    guard(all.changed()).await.unwrap();
    assert!(host.view("waits").await.unwrap().summary.state.is_finished());

    guard(host.purge("waits")).await.unwrap();
    guard(watch.changed()).await.unwrap();
    assert!(matches!(host.view("waits").await, Err(Error::NotFound { .. })));
    assert!(poll!(pin!(watch.changed())).is_pending(), "each change is reported once");
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_watch_ends_with_its_host() {
    let (memory, _clock) = store();
    let host = host(&memory).await;
    let mut watch = host.watch_all();
    let client = Client::clone(&host);
    let ends = tokio::spawn(async move { watch.changed().await });
    host.shutdown().await.unwrap();
    assert!(matches!(guard(ends).await.unwrap(), Err(Error::ShuttingDown)));
    let late = guard(client.watch_all().changed()).await;
    assert!(matches!(late, Err(Error::ShuttingDown)));
    assert!(matches!(client.watch(""), Err(Error::InvalidName(_))));
}

#[tokio::test]
async fn without_the_host_a_watch_says_again_and_again_that_it_is_time_to_look() {
    let (memory, _clock) = store();
    let memory = memory.shared();
    let client = Client::connect(memory.clone()).unwrap();
    let mut watch = client.watch("waits").unwrap();
    for _ in 0..2 {
        guard(watch.changed()).await.unwrap();
    }
}
