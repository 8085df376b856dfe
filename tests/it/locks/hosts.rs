//! Locks between instances of several hosts: none stays when a host dies.

use std::time::Duration;

use reenact::InstanceState;
use reenact::prelude::*;
use reenact::providers::limits::LEASE_TIME;

use super::{host, locks};
use crate::hosts::scene::{SHARDS, in_shard, shared_store, until_held};
use crate::kit::{events, guard, id, options, pass_time_until};

async fn two_hosts(store: &InMemory) -> (Host, Host) {
    let named = async |name: &str| {
        guard(host(store.clone()).options(options().host_name(name)).start()).await.unwrap()
    };
    let hosts = (named("first").await, named("second").await);
    until_held(store, &["first", "second"], &[2, 2]).await;
    hosts
}

async fn begun(host: &Host, shard: u32, how: &str) -> InstanceHandle<u64> {
    let of_shard = in_shard(shard, how);
    guard(host.start_new(locks, how.into()).id(of_shard)).await.unwrap()
}

/// Returns when an instance has a status of its own: it holds its locks, or has held them.
async fn until_it_holds(host: &Host, instance: &InstanceHandle<u64>) {
    guard(async {
        while host.get_status(instance.id()).await.unwrap().custom_status.is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn until_it_is_parked(host: &Host, instance: &InstanceHandle<u64>) {
    guard(async {
        while host.get_status(instance.id()).await.unwrap().state != InstanceState::Parked {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_ends_an_owner_its_locks_go_to_the_next_one_on_any_host() {
    let (store, _) = shared_store();
    let (first, _second) = two_hosts(&store).await;
    for shard in 0..SHARDS {
        for how in ["completes", "fails", "releases", "cancel", "terminate", "parks"] {
            let owner = begun(&first, shard, how).await;
            match how {
                "completes" | "fails" => drop(guard(owner.result()).await),
                "parks" => until_it_is_parked(&first, &owner).await,
                _ => until_it_holds(&first, &owner).await,
            }
            match how {
                "cancel" => guard(owner.cancel("enough")).await.unwrap(),
                "terminate" => guard(owner.terminate("enough")).await.unwrap(),
                _ => {}
            }
        }
        let last = begun(&first, shard, "last").await;
        until_it_holds(&first, &last).await;
        guard(last.raise_event("Go", 5)).await.unwrap();
        assert_eq!(guard(last.result()).await.unwrap(), 5);
    }
    assert_eq!(first.quarantined(None, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_lock_stays_when_a_host_dies_that_has_owners_or_what_they_have_locked() {
    for shard in 0..SHARDS {
        let (store, clock) = shared_store();
        let (first, second) = two_hosts(&store).await;
        let owner = begun(&second, shard, "owner").await;
        until_it_holds(&second, &owner).await;
        let waits = begun(&second, (shard + 1) % SHARDS, "waits").await;
        let terminated = begun(&second, (shard + 2) % SHARDS, "terminated").await;
        guard(async {
            while asked(&second).await < 3 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        guard(first.abort()).await;
        clock.advance(LEASE_TIME);
        let second_step = Duration::from_secs(1);
        for (instance, number) in [(&owner, 1), (&waits, 2)] {
            let raised = instance.raise_event("Go", number).into_future();
            pass_time_until(&clock, second_step, raised).await.unwrap();
        }
        let ended = terminated.terminate("enough").into_future();
        pass_time_until(&clock, second_step, ended).await.unwrap();
        for (instance, number) in [(owner, 1), (waits, 2)] {
            let result = pass_time_until(&clock, second_step, instance.result()).await;
            assert_eq!(result.unwrap(), number, "with the owner in shard {shard}");
        }
        let next = second.start_new(locks, "completes".into()).into_future();
        let next = pass_time_until(&clock, second_step, next).await.unwrap();
        assert_eq!(pass_time_until(&clock, second_step, next.result()).await.unwrap(), 1);
        assert_eq!(second.quarantined(None, 10).await.unwrap(), []);
    }
}

/// How many have asked for the first lock.
async fn asked(host: &Host) -> usize {
    let events = events(host, &id("a")).await;
    events.iter().filter(|event| event.starts_with("Request: ")).count()
}
