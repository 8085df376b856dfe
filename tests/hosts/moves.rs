//! Shards move: hosts join, leave and die.

use reenact::prelude::*;
use reenact::providers::limits::LEASE_TIME;

use crate::scene::{SHARDS, adds, host, one_of_each, shared_store, until_held};
use crate::support::guard;

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
async fn whatever_hosts_come_and_go_every_instance_ends_once() {
    let (store, clock) = shared_store();
    let mut hosts = vec![guard(host(store.clone(), "host 0")).await];
    let client = Client::connect(store.clone()).unwrap();
    let ids: Vec<_> = (0..16).map(|n| crate::support::id(&format!("i-{n}"))).collect();
    let starts = ids.iter().map(|id| client.start_new(adds, ()).id(id).into_future());
    guard(futures::future::try_join_all(starts)).await.unwrap();
    for round in 1..=6_u64 {
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
                clock.advance(LEASE_TIME);
            }
        }
    }
    for id in &ids {
        guard(client.raise_event(id, "Add", 0)).await.unwrap();
        assert_eq!(guard(client.instance::<u64>(id).result()).await.unwrap(), 21, "{id}");
    }
    assert_eq!(client.quarantined(None, 10).await.unwrap().len(), 0);
    assert_eq!(usize::try_from(SHARDS).unwrap(), 4);
}
