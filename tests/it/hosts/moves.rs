//! Shards move: hosts join, leave and die.

use std::future::IntoFuture;
use std::sync::Arc;

use reenact::core::{RemoteCommand, ShardId, codec};
use reenact::prelude::*;
use reenact::providers::limits::{LEASE_TIME, VISIBILITY_TIME};
use reenact::providers::{Message, Provider, ProviderError, ShardLease};
use reenact::{Error, Timestamp};

use super::absent::Absent;
use super::scene::{
    SHARDS, adds, collects, doubles, held_by, host, host_with, in_shard, one_of_each, shared_store,
    until_events, until_held,
};
use crate::kit::{
    AppendFault, Breakage, Faulty, guard, id, on_the_tests_runtime, pass_time_until, until,
};

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
        // What a host that dies has in hand comes after what is raised later.
        until_events(&second, id, "ExternalRaised", 1).await;
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

/// Whether a host of that name holds the shard of an instance.
async fn holds(store: &InMemory, name: &str, instance: &InstanceId) -> bool {
    match store.acquire(ShardId::of(instance, SHARDS), "somebody who looks").await {
        Ok(lease) => {
            store.release(&lease).await.unwrap();
            false
        }
        Err(refused) => refused.to_string().contains(&format!("{name} holds")),
    }
}

/// Lets time pass that nobody waits for in truth, until one host holds half of the shards.
async fn until_half_is_held(store: &InMemory, name: &str) {
    guard(async {
        while held_by(store, &[name]).await != [2] {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_down_when_it_moves_is_given_up() {
    let (store, _) = shared_store();
    let faulty = Faulty::new(store.clone());
    let first = guard(host_with(faulty.clone(), "first", on_the_tests_runtime())).await;
    let ids = one_of_each("i");
    for id in &ids {
        guard(first.start_new(adds, ()).id(id)).await.unwrap();
    }
    faulty.fail_appends([AppendFault::Fatal; SHARDS as usize]);
    for id in &ids {
        guard(first.raise_event(id, "Add", 1)).await.unwrap_err();
    }
    // Time stands still while anybody has something to do: its shards have not come back yet.
    let second = guard(host_with(store.clone(), "second", on_the_tests_runtime())).await;
    until_half_is_held(&store, "second").await;
    for id in &ids {
        guard(second.raise_event(id, "Add", 0)).await.unwrap();
        assert_eq!(guard(second.instance::<u64>(id).result()).await.unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn why_a_shard_could_not_be_read_here_does_not_count_once_another_host_has_it() {
    let (store, _) = shared_store();
    let faulty = Faulty::new(store.clone());
    let first = guard(host_with(faulty.clone(), "first", on_the_tests_runtime())).await;
    let ids = one_of_each("i");
    for (shard, id) in (0..).map(ShardId).zip(&ids) {
        guard(first.start_new(adds, ()).id(id)).await.unwrap();
        faulty.break_shard(shard, Breakage::Rotten);
        guard(first.raise_event(id, "Add", 1)).await.unwrap_err();
        let rotten = guard(first.instance::<u64>(id).result()).await.unwrap_err();
        assert!(matches!(rotten, Error::Store { .. }), "{rotten}");
    }
    let _second = guard(host_with(store.clone(), "second", on_the_tests_runtime())).await;
    until_half_is_held(&store, "second").await;
    let mut moved = 0;
    for id in &ids {
        if holds(&store, "second", id).await {
            // It may not have heard of that yet.
            guard(async {
                while first.raise_event(id, "Add", 0).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            })
            .await;
            assert_eq!(guard(first.instance::<u64>(id).result()).await.unwrap(), 0);
            moved += 1;
        }
    }
    assert_eq!(moved, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_is_not_for_a_host_that_lost_the_shard() {
    let (store, clock) = shared_store();
    let _first = guard(host_with(store.clone(), "first", on_the_tests_runtime())).await;
    until_held(&store, &["first"], &[4]).await;
    clock.advance(LEASE_TIME);
    let shard = ShardId::of(&id("i"), SHARDS);
    let _rival = store.acquire(shard, "rival").await.unwrap();
    let purge = RemoteCommand::Purge { created_at: Timestamp::EPOCH };
    let bytes = Arc::from(codec::encode_command(&purge).unwrap());
    let message = Message { key: "purge".into(), to: id("i"), bytes };
    let router = store.sharing().unwrap().router();
    router.send(shard, message.clone()).await.unwrap();
    // The first one does not know of any such instance. The rival may: so it comes again after that.
    let mut taken_here = 0;
    loop {
        let receiving = router.receive(shard, 1);
        let again = pass_time_until(&clock, VISIBILITY_TIME, receiving).await.unwrap();
        assert_eq!(again[0].message, message);
        taken_here += 1;
        if again[0].attempt > taken_here {
            break;
        }
    }
}
