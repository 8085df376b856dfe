//! Forks in a store that several hosts share: from everywhere, of every instance, to every shard.

use reenact::prelude::*;
use reenact::{Error, InstanceState};

use crate::hosts::scene::{adds, host, one_of_each, shared_store, until_held};
use crate::kit::{events, guard};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_everywhere_one_fork_counts_wherever_both_instances_are() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    let outside = Client::connect(store).unwrap();
    let source = guard(first.start_new(adds, ()).id("source")).await.unwrap();
    guard(source.raise_event("Add", 5)).await.unwrap();
    // The event may still be on its way to the other host.
    guard(async {
        while !events(&outside, source.id()).await.iter().any(|e| e.starts_with("ExternalRaised")) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for to in one_of_each("fork") {
        let clients = [first.client(), second.client(), &outside, &outside];
        let forks = clients.map(|client| client.fork::<u64>("source", &to).into_future());
        let forks = guard(futures::future::join_all(forks)).await;
        let won = forks.iter().filter(|fork| fork.is_ok()).count();
        assert_eq!(won, 1, "{forks:?}");
        let lost = |error: &Error| matches!(error, Error::AlreadyExists { .. });
        assert!(forks.iter().filter_map(|fork| fork.as_ref().err()).all(lost), "{forks:?}");
        guard(outside.raise_event(&to, "Add", 2)).await.unwrap();
        guard(outside.raise_event(&to, "Add", 0)).await.unwrap();
        assert_eq!(guard(outside.instance::<u64>(&to).result()).await.unwrap(), 7);
        let log = events(&outside, &to).await;
        assert_eq!(log.iter().filter(|e| e.starts_with("ExecutionForked")).count(), 1);
    }
    assert_eq!(first.get_status(source.id()).await.unwrap().state, InstanceState::Running);
    assert_eq!(first.quarantined(None, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_it_is_known_before_it_goes_into_a_queue() {
    let (store, _) = shared_store();
    let _host = guard(host(store.clone(), "host")).await;
    let client = Client::connect(store).unwrap();
    let source = guard(client.start_new(adds, ()).id("source")).await.unwrap();
    let refused = guard(client.fork::<u64>("nobody", "fork")).await.unwrap_err();
    assert!(matches!(refused, Error::NotFound { .. }), "{refused}");
    let refused = guard(source.fork("fork").before(99)).await.unwrap_err();
    assert!(matches!(refused, Error::NoSuchPosition { .. }), "{refused}");
    let refused = guard(source.fork("source")).await.unwrap_err();
    assert!(matches!(refused, Error::AlreadyExists { .. }), "{refused}");
    guard(source.fork("fork")).await.unwrap();
    guard(source.fork("fork").or_attach()).await.unwrap();
}
