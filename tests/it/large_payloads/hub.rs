//! Large payloads on a hub in Azure Storage that two hosts share: by way of queues, and on other hosts than before.

use crate::hosts::hub::{Hub, until_shared_by};
use crate::hosts::scene::one_of_each;

use super::*;

async fn named(hub: &Hub, name: &str) -> Host {
    guard(host(hub.open().await).options(options().host_name(name)).start()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_payload_goes_through_queues_moves_with_its_shard_and_is_removed_with_its_instance()
{
    let hub = Hub::new(true);
    let (first, second) = (named(&hub, "first").await, named(&hub, "second").await);
    let outside = hub.client().await;
    until_shared_by(&outside, &["first", "second"]).await;
    for id in one_of_each("large") {
        let instance = guard(first.start_new(passed_on, large(0)).id(&id)).await.unwrap();
        guard(outside.raise_event(&id, "Go", large(1))).await.unwrap();
        assert_eq!(guard(instance.update(ASK, large(2))).await.unwrap(), large(2));
    }
    guard(first.shutdown()).await.unwrap();
    until_shared_by(&outside, &["second"]).await;
    let before = hub.large_turns().await.len();
    for id in one_of_each("large") {
        // What was stored by the other host is read here.
        let fork = format!("{id}-fork");
        let fork = guard(outside.fork::<String>(&id, &*fork)).await.unwrap();
        for id in [&id, fork.id()] {
            assert_eq!(guard(outside.update(id, ASK, large(3))).await.unwrap(), large(3));
            let result = guard(outside.instance::<String>(id).result()).await;
            assert_eq!(result.unwrap(), large(0));
        }
    }
    assert!(hub.large_turns().await.len() > before, "forks have turns of their own");
    let everything = PageRequest::new().limit(100);
    for instance in guard(second.list(&Default::default(), &everything)).await.unwrap().instances {
        guard(second.purge(&instance.instance)).await.unwrap();
    }
    assert_eq!(hub.large_turns().await, [""; 0]);
    assert_eq!(outside.quarantined(None, 10).await.unwrap(), []);
    guard(second.shutdown()).await.unwrap();
}
