//! Starts under ids that instances of other hosts have: through queues, and decided where the instance is.

use reenact::core::{IdReuse, RemoteCommand, RemoteStart, ShardId, StartOption, codec};
use reenact::prelude::*;
use reenact::providers::{Message, Provider};
use reenact::{Error, InstanceState, Name, Payload};

use super::scene::{SHARDS, adds, host, one_of_each, shared_store, until_held};
use crate::kit::{events, guard, id};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_everywhere_one_start_counts_and_all_others_have_its_instance() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    let outside = Client::connect(store).unwrap();
    for id in one_of_each("i") {
        let clients = [&*first, &*second, &outside, &outside];
        let starts =
            clients.map(|client| client.start_new(adds, ()).id(&id).or_attach().into_future());
        let started = guard(futures::future::join_all(starts)).await;
        assert!(started.iter().all(Result::is_ok), "{started:?}");
        let begun = events(&outside, &id).await;
        assert_eq!(begun.iter().filter(|e| e.starts_with("ExecutionStarted")).count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_everywhere_one_that_has_ended_begins_anew_once() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    let outside = Client::connect(store).unwrap();
    for id in one_of_each("i") {
        guard(first.start_new(adds, ()).id(&id)).await.unwrap();
        guard(first.terminate(&id, "enough")).await.unwrap();
        guard(first.instance::<u64>(&id).result()).await.unwrap_err();
        let clients = [&*first, &*second, &outside, &outside];
        let starts = clients.map(|client| {
            let start = client.start_new(adds, ()).id(&id);
            start.replacing([InstanceState::Terminated]).into_future()
        });
        let started = guard(futures::future::join_all(starts)).await;
        let won = started.iter().filter(|started| started.is_ok()).count();
        assert_eq!(won, 1, "{started:?}");
        let lost = |error: &Error| matches!(error, Error::AlreadyExists { .. });
        assert!(started.iter().filter_map(|s| s.as_ref().err()).all(lost), "{started:?}");
        assert_eq!(outside.get_status(&id).await.unwrap().execution.0, 2);
        guard(outside.raise_event(&id, "Add", 0)).await.unwrap();
        assert_eq!(guard(outside.instance::<u64>(&id).result()).await.unwrap(), 0);
    }
    assert_eq!(first.quarantined(None, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_runs_elsewhere_is_terminated_and_begins_anew() {
    let (store, _) = shared_store();
    let _host = guard(host(store.clone(), "host")).await;
    let client = Client::connect(store).unwrap();
    let start = || client.start_new(adds, ()).id("a").replacing([InstanceState::Running]);
    let old = guard(start()).await.unwrap();
    guard(old.raise_event("Add", 7)).await.unwrap();
    let new = guard(start()).await.unwrap();
    guard(new.raise_event("Add", 1)).await.unwrap();
    guard(new.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(new.result()).await.unwrap(), 1);
}

/// Puts a start that replaces one that runs into the queue, as if it came for another time.
async fn deliver(store: &InMemory, instance: &InstanceId, seed: u64, key: &str) {
    let start = RemoteStart {
        name: Name::new("adds").unwrap(),
        version: None,
        input: Payload::encode(&()).unwrap(),
        seed,
        not_before: None,
        event: None,
    };
    let options = vec![StartOption::Reuse(IdReuse { replaced: 1, attached: 0 })];
    let command = RemoteCommand::StartWith { start: Box::new(start), options };
    let bytes = codec::encode_command(&command).unwrap().into();
    let message = Message { key: key.into(), to: instance.clone(), bytes };
    let router = store.sharing().unwrap().router();
    router.send(ShardId::of(instance, SHARDS), message).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_comes_twice_replaces_neither_what_it_began_nor_what_replaced_that() {
    let (store, _) = shared_store();
    let host = guard(host(store.clone(), "host")).await;
    let execution = async || host.get_status("a").await.map_or(0, |found| found.execution.0);
    let until = async |wanted: u32| {
        guard(async {
            while execution().await != wanted {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    // Keys of the queue are new ones: the host that took the first delivery may be another.
    deliver(&store, &id("a"), 5, "1").await;
    until(1).await;
    deliver(&store, &id("a"), 5, "2").await;
    deliver(&store, &id("a"), 6, "3").await;
    until(2).await;
    for (seed, key) in [(5, "4"), (6, "5")] {
        deliver(&store, &id("a"), seed, key).await;
    }
    // What comes after them shows that they were taken.
    guard(Client::connect(store).unwrap().raise_event("a", "Add", 0)).await.unwrap();
    assert_eq!(guard(host.instance::<u64>("a").result()).await.unwrap(), 0);
    assert_eq!(execution().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_limit_goes_with_a_start_through_a_queue() {
    let (store, clock) = shared_store();
    let _host = guard(host(store.clone(), "host")).await;
    let client = Client::connect(store).unwrap();
    let (second, limit) = (std::time::Duration::from_secs(1), std::time::Duration::from_secs(10));
    let limited = guard(client.start_new(adds, ()).id("a").timeout(limit)).await.unwrap();
    let ended = crate::kit::pass_time_until(&clock, second, limited.result()).await;
    let Err(Error::Failed { source, .. }) = ended else { panic!("it failed: {ended:?}") };
    assert_eq!(source.kind(), reenact::OrchestrationErrorKind::TimedOut);
}
