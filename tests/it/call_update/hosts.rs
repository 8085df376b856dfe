//! Updates between instances of several hosts: through queues.

use std::time::Duration;

use reenact::InMemory;
use reenact::prelude::*;
use reenact::providers::limits::LEASE_TIME;

use super::{asks, asks_or_starts, host, raises_or_starts, sums};
use crate::hosts::scene::{SHARDS, in_shard, one_of_each, shared_store, until_held};
use crate::kit::{events, guard, options, pass_time_until};

async fn named(store: &InMemory, name: &str) -> Host {
    host(store.clone()).options(options().host_name(name)).start().await.unwrap()
}

async fn two_hosts(store: &InMemory) -> (Host, Host) {
    let (first, second) = (guard(named(store, "first")).await, guard(named(store, "second")).await);
    until_held(store, &["first", "second"], &[2, 2]).await;
    (first, second)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_and_refusals_come_from_instances_of_every_host() {
    let (store, _) = shared_store();
    let (first, _second) = two_hosts(&store).await;
    for shard in 0..SHARDS {
        for from in one_of_each(&format!("from-{shard}")) {
            let to = in_shard(shard, &format!("sum-of-{from}"));
            guard(first.start_new(sums, 0).id(&to)).await.unwrap();
            let numbers = (to.to_string(), vec![40, 2_000, 70]);
            let asking = guard(first.start_new(asks, numbers).id(from)).await.unwrap();
            assert_eq!(
                guard(asking.result()).await.unwrap(),
                ["40", "2000 is too much", "60 are left"]
            );
            let requests = events(&first, &to).await;
            let taken = requests.iter().filter(|event| event.starts_with("ExternalRaised"));
            assert_eq!(taken.count(), 2, "{requests:?}");
        }
    }
    assert_eq!(first.quarantined(None, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_start_instances_on_every_host_where_they_are_absent() {
    let (store, _) = shared_store();
    let (first, _second) = two_hosts(&store).await;
    for shard in 0..SHARDS {
        let to = in_shard(shard, "sum");
        for (from, answers) in one_of_each(&format!("to-{shard}")).into_iter().zip([11, 12, 13, 14])
        {
            let numbers = (to.to_string(), vec![1]);
            let asking = guard(first.start_new(asks_or_starts, numbers).id(from)).await.unwrap();
            assert_eq!(guard(asking.result()).await.unwrap(), [answers]);
        }
        let taker = in_shard(shard, "taker");
        let raising = guard(first.start_new(raises_or_starts, taker.to_string())).await.unwrap();
        guard(raising.result()).await.unwrap();
        assert_eq!(guard(first.instance::<u64>(&taker).result()).await.unwrap(), 7);
    }
    assert_eq!(first.quarantined(None, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_ever_when_a_host_dies_in_between() {
    let (store, clock) = shared_store();
    let (first, second) = two_hosts(&store).await;
    let mut waiting = Vec::new();
    for shard in 0..SHARDS {
        let to = in_shard(shard, "sum").to_string();
        for from in one_of_each(&format!("from-{shard}")) {
            let numbers = (to.clone(), vec![1, 1, 1]);
            let start = second.start_new(asks_or_starts, numbers).id(&from);
            waiting.push((guard(start).await.unwrap(), shard));
        }
    }
    guard(first.abort()).await;
    clock.advance(LEASE_TIME);
    let mut last = [0; SHARDS as usize];
    for (asking, shard) in waiting {
        let answers = pass_time_until(&clock, Duration::from_secs(1), asking.result()).await;
        let newest = answers.unwrap().into_iter().max().unwrap();
        last[shard as usize] = newest.max(last[shard as usize]);
    }
    assert_eq!(last, [22; SHARDS as usize], "each of twelve requests counts once");
    assert_eq!(second.quarantined(None, 10).await.unwrap(), []);
}
