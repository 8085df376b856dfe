//! Shards move: hosts join, leave and die.

use std::future::IntoFuture;

use reenact::prelude::*;
use reenact::providers::ShardLease;
use reenact::providers::limits::LEASE_TIME;
use reenact::{Error, ProviderError, ShardId};

use crate::absent::Absent;
use crate::scene::{
    SHARDS, adds, collects, doubles, host, in_shard, one_of_each, shared_store, until_held,
};
use crate::support::{guard, id, pass_time_until, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_join_get_their_part_and_one_that_leaves_gives_all_back() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    until_held(&store, &["first"], &[4]).await;
    let second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    guard(first.shutdown()).await.unwrap();
    until_held(&store, &["first", "second"], &[0, 4]).await;
    guard(second.shutdown()).await.unwrap();
    until_held(&store, &["first", "second"], &[0, 0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_move_with_their_shards_and_end_once() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let ids = one_of_each("i");
    for id in &ids {
        guard(first.start_new(adds, ()).id(id)).await.unwrap();
        guard(first.raise_event(id, "Add", 1)).await.unwrap();
    }
    let second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    for id in &ids {
        guard(first.raise_event(id, "Add", 10)).await.unwrap();
        guard(second.raise_event(id, "Add", 100)).await.unwrap();
    }
    guard(first.shutdown()).await.unwrap();
    for id in &ids {
        guard(second.raise_event(id, "Add", 0)).await.unwrap();
        assert_eq!(guard(second.instance::<u64>(id).result()).await.unwrap(), 111);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_host_had_goes_on_elsewhere_once_it_is_taken_for_dead() {
    let (store, clock) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    let ids = one_of_each("i");
    for id in &ids {
        guard(second.start_new(adds, ()).id(id)).await.unwrap();
        guard(second.raise_event(id, "Add", 1)).await.unwrap();
    }
    guard(first.abort()).await;
    for id in &ids {
        // What is for the shards of the dead one waits in their queues.
        guard(second.raise_event(id, "Add", 10)).await.unwrap();
        guard(second.raise_event(id, "Add", 0)).await.unwrap();
    }
    clock.advance(LEASE_TIME);
    for id in &ids {
        assert_eq!(guard(second.instance::<u64>(id).result()).await.unwrap(), 11);
    }
    until_held(&store, &["first", "second"], &[0, 4]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_hosts_come_and_go_every_event_counts_once_and_every_instance_ends_once() {
    const ROUNDS: u32 = 6;
    let (store, clock) = shared_store();
    let mut hosts = vec![guard(host(store.clone(), "host 0")).await];
    let client = Client::connect(store.clone()).unwrap();
    let ids: Vec<_> = (0..16).map(|n| id(&format!("i-{n}"))).collect();
    let starts = ids.iter().map(|id| client.start_new(collects, ROUNDS).id(id).into_future());
    guard(futures::future::try_join_all(starts)).await.unwrap();
    for round in 1..=ROUNDS {
        hosts.push(guard(host(store.clone(), &format!("host {round}"))).await);
        for id in &ids {
            guard(client.raise_event(id, "Add", round)).await.unwrap();
        }
        if hosts.len() > 2 {
            let gone = hosts.remove(0);
            if round % 2 == 0 {
                guard(gone.shutdown()).await.unwrap();
            } else {
                guard(gone.abort()).await;
            }
        }
    }
    for id in &ids {
        let instance = client.instance::<u64>(id);
        // What a host that died had in hand comes again after a while.
        let sum = pass_time_until(&clock, Duration::from_secs(1), instance.result()).await.unwrap();
        assert_eq!(sum, 21, "{id}");
    }
    assert_eq!(client.quarantined(None, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_taken_for_dead_gives_up_its_instances_and_gets_its_part_back() {
    let (store, clock) = shared_store();
    let absent = Absent::new(store.clone());
    let first = guard(host(absent.clone(), "first")).await;
    let ids = one_of_each("i");
    for id in &ids {
        guard(first.start_new(adds, ()).id(id)).await.unwrap();
    }
    absent.is_taken_for_dead();
    until_held(&store, &["first"], &[0]).await;
    until(|| first.in_memory() == 0).await;
    let second = guard(host(store.clone(), "second")).await;
    clock.advance(LEASE_TIME);
    until_held(&store, &["first", "second"], &[0, 4]).await;
    for id in &ids {
        // Through the queue now.
        guard(first.raise_event(id, "Add", 1)).await.unwrap();
        guard(second.raise_event(id, "Add", 2)).await.unwrap();
    }
    guard(second.shutdown()).await.unwrap();
    absent.is_back();
    for id in &ids {
        guard(first.raise_event(id, "Add", 0)).await.unwrap();
        let result = first.instance::<u64>(id);
        let sum = pass_time_until(&clock, Duration::from_secs(1), result.result()).await.unwrap();
        assert_eq!(sum, 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_lost_its_lease_answers_nothing_wrong() {
    let (store, clock) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let ids = one_of_each("i");
    for id in &ids {
        guard(first.start_new(adds, ()).id(id)).await.unwrap();
    }
    // Somebody takes its shards from it, as another host would that took it for dead.
    clock.advance(LEASE_TIME);
    let mut leases = Vec::new();
    for shard in (0..SHARDS).map(ShardId) {
        leases.push(store.acquire(shard, "rival").await.unwrap());
    }
    for id in &ids {
        let refused = guard(first.raise_event(id, "Add", 1)).await;
        let fenced = |error: &Error| match error {
            Error::Store { source } => matches!(**source, ProviderError::Fenced { .. }),
            Error::Interrupted { .. } => true,
            _ => false,
        };
        assert!(refused.as_ref().is_err_and(fenced), "{refused:?}");
    }
    until(|| first.in_memory() == 0).await;
    for lease in &leases {
        store.release(lease).await.unwrap();
    }
    until_held(&store, &["first"], &[4]).await;
    for id in &ids {
        guard(first.raise_event(id, "Add", 0)).await.unwrap();
        let sum = guard(first.instance::<u64>(id).result()).await.unwrap();
        assert_eq!(sum, 0, "what was refused has not come");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_another_still_holds_is_no_failure_and_comes_later() {
    let (store, _) = shared_store();
    let held = store.acquire(ShardId(1), "somebody").await.unwrap();
    let only = guard(host(store.clone(), "only")).await;
    until_held(&store, &["only", "somebody"], &[3, 1]).await;
    let id = in_shard(1, "i");
    let starting = tokio::spawn(only.start_new(doubles, 3).id(&id).into_future());
    store.release(&held).await.unwrap();
    let started = guard(starting).await.unwrap().unwrap();
    assert_eq!(guard(started.result()).await.unwrap(), 6);
}
