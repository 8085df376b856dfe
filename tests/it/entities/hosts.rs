//! Entities on hosts that share a store, and for clients without one.

use crate::hosts::scene::{SHARDS, shared_store, until_held};
use crate::kit::{guard, options};
use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{EntityError, PageRequest};

use super::Account;

async fn host(store: impl Provider, name: &str) -> Host {
    let options = options().host_name(name);
    let host = Host::builder().provider(store).options(options).entity::<Account>();
    guard(host.start()).await.unwrap()
}

/// A key for each shard.
fn keys() -> Vec<String> {
    let shard = |key: &str| {
        let id = InstanceId::new(format!("@account@{key}")).unwrap();
        ShardId::of(&id, SHARDS)
    };
    let key_of = |wanted| (0..).map(|n| format!("k{n}")).find(|key| shard(key) == ShardId(wanted));
    (0..SHARDS).filter_map(key_of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_calls_every_entity_and_each_call_counts_once() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    let outside = Client::connect(store.clone()).unwrap();
    let clients = [&*first, &*second, &outside];
    for (number, key) in keys().into_iter().enumerate() {
        // Each is made by another client.
        let maker = clients[number % 3].entity::<Account>(&key);
        assert_eq!(guard(maker.deposit(1).key("first")).await.unwrap(), 1);
        for client in clients {
            let account = client.entity::<Account>(&key);
            assert_eq!(guard(account.deposit(1).key("first")).await.unwrap(), 1);
            let refused = guard(account.withdraw(100)).await.unwrap_err();
            assert!(matches!(refused, EntityError::Refused(why) if why.contains("left")));
            guard(account.signal().deposit(1)).await.unwrap();
        }
        // A signal through a queue may come after a call that needs none.
        guard(async { while maker.balance().await.unwrap() < 4 {} }).await;
        assert_eq!(guard(maker.deposit(1)).await.unwrap(), 5);
        for client in clients {
            let state = guard(client.entity::<Account>(&key).state()).await.unwrap();
            assert_eq!(state.unwrap().cents, 5);
        }
    }
    let listed = guard(outside.entities::<Account>(&PageRequest::new())).await.unwrap();
    assert_eq!(listed.entities.len(), SHARDS as usize);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_host_dies_the_other_one_goes_on_with_its_entities() {
    let (store, clock) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    until_held(&store, &["first"], &[4]).await;
    for key in keys() {
        assert_eq!(guard(first.entity::<Account>(&key).deposit(2)).await.unwrap(), 2);
    }
    guard(first.abort()).await;
    clock.advance(crate::kit::HOUR);
    let second = guard(host(store, "second")).await;
    for key in keys() {
        assert_eq!(guard(second.entity::<Account>(&key).deposit(1)).await.unwrap(), 3);
    }
}
