//! Forks on a hub in Azure Storage, from everywhere, also when a host goes.

use reenact::Error;

use crate::hosts::hub::{Hub, until_shared_by};
use crate::hosts::scene::{adds, host, in_shard, one_of_each, until_events};
use crate::kit::guard;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_fork_counts_in_each_shard_and_goes_on_where_its_shard_goes() {
    let hub = Hub::new(false);
    let first = guard(host(hub.open().await, "first")).await;
    let second = guard(host(hub.open().await, "second")).await;
    let outside = hub.client().await;
    until_shared_by(&outside, &["first", "second"]).await;
    let source = guard(first.start_new(adds, ()).id(in_shard(0, "source"))).await.unwrap();
    guard(source.raise_event("Add", 5)).await.unwrap();
    until_events(&outside, source.id(), "ExternalRaised", 1).await;
    for to in one_of_each("fork") {
        let clients = [first.client(), second.client(), &outside];
        let forks = clients.map(|client| client.fork::<u64>(source.id(), &to).into_future());
        let forks = guard(futures::future::join_all(forks)).await;
        assert_eq!(forks.iter().filter(|fork| fork.is_ok()).count(), 1, "{forks:?}");
        let lost = |error: &Error| matches!(error, Error::AlreadyExists { .. });
        assert!(forks.iter().filter_map(|fork| fork.as_ref().err()).all(lost), "{forks:?}");
        guard(outside.raise_event(&to, "Add", 2)).await.unwrap();
    }
    guard(first.shutdown()).await.unwrap();
    until_shared_by(&outside, &["second"]).await;
    for to in one_of_each("fork") {
        guard(outside.raise_event(&to, "Add", 0)).await.unwrap();
        assert_eq!(guard(outside.instance::<u64>(&to).result()).await.unwrap(), 7);
        until_events(&outside, &to, "ExecutionForked", 1).await;
    }
    guard(outside.raise_event(source.id(), "Add", 0)).await.unwrap();
    let result = guard(outside.instance::<u64>(source.id()).result()).await;
    assert_eq!(result.unwrap(), 5, "the other one is as it was");
    assert_eq!(outside.quarantined(None, 10).await.unwrap(), []);
    guard(second.shutdown()).await.unwrap();
}
