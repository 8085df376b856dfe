//! Who has which shard, and which hosts there are.

use std::collections::BTreeSet;

use crate::kit::{guard, options, store};
use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::testing::ManualClock;

#[orchestration]
async fn waits(ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
    Ok(ctx.wait_external::<()>("Go").await?)
}

async fn named(memory: &InMemory, name: &str) -> Host {
    let host = Host::builder().provider(memory.clone()).orchestration(waits);
    host.options(options().host_name(name)).start().await.unwrap()
}

#[tokio::test]
async fn one_host_has_all_shards_of_its_store() {
    let (memory, _clock) = store();
    let host = named(&memory, "only").await;
    for number in 0..20 {
        guard(host.start_new(waits, ()).id(format!("waits-{number}"))).await.unwrap();
    }
    let shards = host.shards().await.unwrap();
    assert!(shards.iter().all(|shard| shard.is_here && shard.owner.as_deref() == Some("only")));
    assert!(shards.iter().all(|shard| shard.lease_until.is_some() && shard.why_down.is_none()));
    assert_eq!(shards.iter().map(|shard| shard.in_memory).sum::<usize>(), 20);
    let hosts = host.hosts().await.unwrap();
    assert_eq!((hosts.len(), &*hosts[0].name, hosts[0].shards.len()), (1, "only", shards.len()));
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn hosts_that_share_a_store_see_each_other_and_so_does_a_client() {
    let clock = ManualClock::default();
    let memory = InMemory::new().with_shards(4).with_clock(clock.clone()).shared();
    let (first, second) = (named(&memory, "first").await, named(&memory, "second").await);
    let client = Client::connect(memory.clone()).unwrap();
    guard(async {
        loop {
            let shards = client.shards().await.unwrap();
            let of = |name: &str| {
                let owners = shards.iter().filter_map(|shard| shard.owner.as_deref());
                owners.filter(|owner| *owner == name).count()
            };
            if (of("first"), of("second")) == (2, 2) {
                assert!(shards.iter().all(|shard| !shard.is_here), "a client has none");
                break;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let here: BTreeSet<ShardId> = first
        .shards()
        .await
        .unwrap()
        .into_iter()
        .filter(|shard| shard.is_here)
        .map(|shard| shard.shard)
        .collect();
    let hosts = client.hosts().await.unwrap();
    let names: Vec<_> = hosts.iter().map(|host| (&*host.name, host.is_alive)).collect();
    assert_eq!(names, [("first", true), ("second", true)]);
    assert_eq!(hosts[0].shards.iter().copied().collect::<BTreeSet<_>>(), here);
    second.shutdown().await.unwrap();
    let names: Vec<_> = client.hosts().await.unwrap().into_iter().map(|host| host.name).collect();
    assert_eq!(names, ["first"]);
    first.shutdown().await.unwrap();
    assert!(client.shards().await.unwrap().iter().all(|shard| shard.owner.is_none()));
}
