//! What instances tell each other, from host to host.

use reenact::prelude::*;
use reenact::providers::limits::LEASE_TIME;

use crate::scene::{
    adds, calls, host, in_shard, one_of_each, raises, shared_store, sums, until_held,
};
use crate::support::{guard, id, pass_time_until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_on_other_hosts_tell_their_parents_how_they_ended() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let _second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    for parent in one_of_each("parent") {
        let parent = guard(first.start_new(sums, 20).id(parent)).await.unwrap();
        assert_eq!(guard(parent.result()).await.unwrap(), 420);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_whose_id_is_taken_on_another_host_is_refused() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let _second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    for taken in one_of_each("taken") {
        guard(first.start_new(adds, ()).id(&taken)).await.unwrap();
        for caller in one_of_each(&format!("caller-of-{taken}")) {
            let asked = (taken.as_str().to_owned(), 1);
            let caller = guard(first.start_new(calls, asked).id(caller)).await.unwrap();
            let answer = guard(caller.result()).await.unwrap();
            assert!(answer.contains("exists already"), "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_to_instances_on_other_hosts_arrive_or_are_refused() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let _second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    for to in one_of_each("to") {
        guard(first.start_new(adds, ()).id(&to)).await.unwrap();
        for (from, numbers, refused) in [
            (in_shard(0, &format!("a-{to}")), vec![1, 2, 3], 0),
            (in_shard(1, &format!("b-{to}")), vec![4, 0], 0),
            (in_shard(2, &format!("c-{to}")), vec![5], 1),
        ] {
            let asked = (to.clone(), numbers);
            let from = guard(first.start_new(raises, asked).id(from)).await.unwrap();
            let told = guard(from.result()).await.unwrap();
            assert_eq!(told.len(), refused, "{told:?}");
        }
        assert_eq!(guard(first.instance::<u64>(&to).result()).await.unwrap(), 10);
        let asked = (id(&format!("nobody-{to}")), vec![1]);
        let from = guard(first.start_new(raises, asked)).await.unwrap();
        assert_eq!(guard(from.result()).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parents_and_children_come_together_when_a_host_dies_in_between() {
    let (store, clock) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    let mut parents = Vec::new();
    for parent in one_of_each("parent") {
        parents.push(guard(second.start_new(sums, 40).id(parent)).await.unwrap());
    }
    guard(first.abort()).await;
    clock.advance(LEASE_TIME);
    for parent in parents {
        let result = pass_time_until(&clock, Duration::from_secs(1), parent.result()).await;
        assert_eq!(result.unwrap(), 40 * 41);
    }
    assert_eq!(second.count(&Default::default()).await.unwrap(), 4 + 4 * 40);
    assert_eq!(second.quarantined(None, 10).await.unwrap(), []);
}
