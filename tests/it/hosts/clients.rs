//! Clients of one host reach the instances of all others; so does a client without a host.

use reenact::prelude::*;
use reenact::{Error, InstanceState};

use super::scene::{
    adds, doubles, host, host_with, in_shard, one_of_each, renews, shared_store, until_held,
};
use crate::kit::{events, guard, id, on_the_tests_runtime};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_reaches_every_instance() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    let outside = Client::connect(store.clone()).unwrap();
    for id in one_of_each("i") {
        guard(first.start_new(adds, ()).id(&id)).await.unwrap();
        for (client, number) in [(&*first, 1), (&*second, 10), (&outside, 100), (&outside, 0)] {
            guard(client.raise_event(&id, "Add", number)).await.unwrap();
        }
        for client in [&*first, &*second, &outside] {
            assert_eq!(guard(client.instance::<u64>(&id).result()).await.unwrap(), 111);
            let status = client.get_status(&id).await.unwrap();
            assert_eq!(status.state, InstanceState::Completed);
            assert!(events(client, &id).await.len() > 4);
        }
        let taken = guard(outside.start_new(adds, ()).id(&id)).await.unwrap_err();
        assert!(matches!(taken, Error::AlreadyExists { .. }), "{taken}");
        let late = guard(second.raise_event(&id, "Add", 1)).await.unwrap_err();
        assert!(matches!(late, Error::Finished { .. }), "{late}");
    }
    assert_eq!(outside.count(&Default::default()).await.unwrap(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_starts_under_one_id_from_everywhere_exactly_one_counts() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    let outside = Client::connect(store).unwrap();
    for id in one_of_each("i") {
        let clients = [&*first, &*second, &outside, &outside];
        let starts = clients.map(|client| client.start_new(adds, ()).id(&id).into_future());
        let started = guard(futures::future::join_all(starts)).await;
        let won = started.iter().filter(|started| started.is_ok()).count();
        assert_eq!(won, 1, "{started:?}");
        let lost = |error: &Error| matches!(error, Error::AlreadyExists { .. });
        assert!(started.iter().filter_map(|s| s.as_ref().err()).all(lost), "{started:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_of_an_instance_elsewhere_is_done_there() {
    let (store, _) = shared_store();
    let _host = guard(host(store.clone(), "host")).await;
    let client = Client::connect(store).unwrap();
    let is = |id: InstanceId, state: InstanceState| {
        let client = client.clone();
        async move {
            guard(async {
                while client.get_status(&id).await.unwrap().state != state {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
    };
    let [a, b] = ["a", "b"].map(id);
    for id in [&a, &b] {
        guard(client.start_new(adds, ()).id(id)).await.unwrap();
    }
    client.suspend(&a, "wait").await.unwrap();
    is(a.clone(), InstanceState::Suspended).await;
    client.resume(&a).await.unwrap();
    is(a.clone(), InstanceState::Running).await;
    client.raise_event(&a, "Add", 7).await.unwrap();
    client.raise_event(&a, "Add", 0).await.unwrap();
    assert_eq!(guard(client.instance::<u64>(&a).result()).await.unwrap(), 7);

    let history = client.history(&a).await.unwrap();
    let refused = client.rewind(&a, 0, "too far").await.unwrap_err();
    assert!(matches!(refused, Error::NoSuchPosition { .. }), "{refused}");
    client.rewind(&a, history.len() - 1, "again").await.unwrap();
    is(a.clone(), InstanceState::Completed).await;

    client.cancel(&b, "enough").await.unwrap();
    let ended = guard(client.instance::<u64>(&b).result()).await.unwrap_err();
    assert!(matches!(&ended, Error::Cancelled { reason, .. } if reason == "enough"), "{ended}");
    let refused = client.purge(&id("nobody")).await.unwrap_err();
    assert!(matches!(refused, Error::NotFound { .. }), "{refused}");
    client.purge(&b).await.unwrap();
    guard(async {
        while client.get_status(&b).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_with_an_event_starts_or_raises_wherever_the_instance_is() {
    let (store, _) = shared_store();
    let _host = guard(host(store.clone(), "host")).await;
    let client = Client::connect(store).unwrap();
    let add = |n: u64| client.start_new(adds, ()).id("cart").and_raise("Add", n);
    guard(add(5)).await.unwrap();
    guard(add(6)).await.unwrap();
    let cart = guard(add(0)).await.unwrap();
    assert_eq!(guard(cart.result()).await.unwrap(), 11);
    let late = guard(add(1)).await.unwrap_err();
    assert!(matches!(late, Error::Finished { .. }), "{late}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_came_before_any_host_is_taken_by_the_first() {
    let (store, _) = shared_store();
    let client = Client::connect(store.clone()).unwrap();
    let starting = tokio::spawn(client.start_new(doubles, 4).id("early").into_future());
    let _host = guard(host(store, "host")).await;
    let started = guard(starting).await.unwrap().unwrap();
    assert_eq!(guard(started.result()).await.unwrap(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_is_known_though_the_instance_has_continued_as_new_since() {
    let (store, _) = shared_store();
    let _host = guard(host(store.clone(), "host")).await;
    let client = Client::connect(store).unwrap();
    for id in one_of_each("i") {
        let started = guard(client.start_new(renews, 50).id(&id)).await.unwrap();
        guard(started.raise_event("Add", 9)).await.unwrap();
        assert_eq!(guard(started.result()).await.unwrap(), 9);
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_that_nobody_takes_says_so_and_begins_when_a_host_comes() {
    let (store, _) = shared_store();
    let client = Client::connect(store.clone()).unwrap();
    let unanswered = client.start_new(doubles, 4).id("early").await.unwrap_err();
    assert!(matches!(unanswered, Error::Unanswered { .. }), "{unanswered}");
    let _host = host_with(store, "host", on_the_tests_runtime()).await;
    let found = async {
        loop {
            match client.instance::<u64>(&id("early")).result().await {
                Err(Error::NotFound { .. }) => tokio::task::yield_now().await,
                ended => return ended,
            }
        }
    };
    assert_eq!(found.await.unwrap(), 8);
}

#[tokio::test]
async fn a_store_that_one_host_has_for_itself_has_no_clients_without_a_host() {
    let refused = Client::connect(InMemory::new()).unwrap_err();
    assert!(matches!(refused, Error::NotShared), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_an_instance_sees_it_end_wherever_its_shard_goes() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let waits: Vec<_> = {
        let mut waits = Vec::new();
        for id in one_of_each("i") {
            let instance = guard(first.start_new(adds, ()).id(&id)).await.unwrap();
            waits.push((id, tokio::spawn(async move { instance.result().await })));
        }
        waits
    };
    let second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    for (id, waiting) in waits {
        guard(second.raise_event(&id, "Add", 3)).await.unwrap();
        guard(second.raise_event(&id, "Add", 0)).await.unwrap();
        assert_eq!(guard(waiting).await.unwrap().unwrap(), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_one_key_count_once_for_each_instance() {
    let (store, _) = shared_store();
    let host = guard(host(store.clone(), "before")).await;
    let ids = ["a", "b"].map(|prefix| in_shard(2, prefix));
    for id in &ids {
        guard(host.start_new(adds, ()).id(id)).await.unwrap();
    }
    guard(host.shutdown()).await.unwrap();
    let client = Client::connect(store.clone()).unwrap();
    // All of them wait in one queue.
    for id in &ids {
        for _ in 0..2 {
            guard(client.raise_event(id, "Add", 5).key("order 7")).await.unwrap();
        }
    }
    let _after = guard(super::scene::host(store, "after")).await;
    for id in &ids {
        guard(client.raise_event(id, "Add", 0)).await.unwrap();
        assert_eq!(guard(client.instance::<u64>(id).result()).await.unwrap(), 5, "{id}");
    }
}
