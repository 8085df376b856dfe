//! Those who wait for instances when a host ends.

use std::future::IntoFuture;
use std::sync::Arc;

use reenact::prelude::*;
use reenact::{Error, InMemory, InstanceState};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::scene::{echo, host, waits, works};
use crate::kit::{Gate, guard, id, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_are_notified_when_a_shutdown_begins_and_not_when_it_ends() {
    let gate = Gate::closed();
    let host = host(InMemory::new(), &gate).start().await.unwrap();
    let waiting = host.start_new(waits, ()).await.unwrap();
    let working = host.start_new(works, ()).id("works").await.unwrap();
    gate.until_came(1).await;
    let result = tokio::spawn(async move { waiting.result().await });
    let status = tokio::spawn({
        let working = working.clone();
        async move { working.wait_for_status(|_| false).await }
    });
    let ending = tokio::spawn(host.shutdown());
    let answer = guard(result).await.unwrap();
    assert!(matches!(answer, Err(Error::ShuttingDown)), "{answer:?}");
    let answer = guard(status).await.unwrap();
    assert!(matches!(answer, Err(Error::ShuttingDown)), "{answer:?}");
    assert!(!ending.is_finished(), "the activity runs");
    gate.let_all_through();
    guard(ending).await.unwrap().unwrap();
}

/// A web server that ends as those of axum do: when it is asked to, it takes no more requests, and waits
/// for its handlers.
async fn serve(
    requests: Vec<InstanceHandle<u64>>,
    signal: impl Future<Output = ()> + Send + 'static,
) -> Vec<u16> {
    let mut handlers = JoinSet::new();
    for instance in requests {
        handlers.spawn(async move {
            match instance.result().await {
                Ok(_) => 200,
                Err(Error::ShuttingDown) => 503,
                Err(_) => 500,
            }
        });
    }
    signal.await;
    handlers.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_handlers_wait_for_results_ends_before_its_host() {
    let memory = InMemory::new();
    let before = host(memory.clone(), &Gate::open()).start().await.unwrap();
    let mut requests = vec![before.start_new(echo, 1).id("done").await.unwrap()];
    guard(requests[0].result()).await.unwrap();
    for n in 0..3 {
        requests.push(before.start_new(waits, ()).id(format!("w{n}")).await.unwrap());
    }
    let (ending, ending_began) = (before.shutdown_handle(), Arc::new(Notify::new()));
    let signal = {
        let ending_began = ending_began.clone();
        async move {
            ending_began.notified().await;
            ending.begin();
        }
    };
    ending_began.notify_one();
    let mut answers = guard(serve(requests, signal)).await;
    answers.sort_unstable();
    assert_eq!(answers[1..], [503, 503, 503]);
    guard(before.shutdown()).await.unwrap();

    let after = host(memory, &Gate::open()).start().await.unwrap();
    guard(after.raise_event(&id("w0"), "Go", 5_u64)).await.unwrap();
    assert_eq!(guard(after.instance::<u64>(&id("w0")).result()).await.unwrap(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_memory_goes_on_after_a_shutdown_has_begun() {
    let gate = Gate::closed();
    let host = host(InMemory::new(), &gate).start().await.unwrap();
    let working = host.start_new(works, ()).await.unwrap();
    gate.until_came(1).await;
    host.begin_shutdown();
    host.begin_shutdown();
    let refused = [
        guard(host.start_new(echo, 1)).await.map(drop),
        guard(working.raise_event("Any", ())).await,
        guard(working.cancel("any")).await,
        guard(working.result()).await.map(drop),
        guard(working.wait_for_status(|_| false)).await.map(drop),
    ];
    for refused in refused {
        assert!(matches!(refused, Err(Error::ShuttingDown)), "{refused:?}");
    }
    gate.let_all_through();
    let mut is_done = false;
    while !is_done {
        is_done = guard(working.status()).await.unwrap().state == InstanceState::Completed;
    }
    assert_eq!(guard(working.result()).await.unwrap(), 7, "it is there");
    guard(host.shutdown()).await.unwrap();
}

/// An activity that waits for another instance by a client of its host.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_that_a_shutdown_makes_fail_runs_again_and_has_not_failed() {
    let memory = InMemory::new();
    let start = async |begun: Gate| {
        let client: Arc<std::sync::OnceLock<Client>> = Arc::default();
        let own = client.clone();
        let host = reenact::Host::builder()
            .provider(memory.clone())
            .orchestration(waits)
            .orchestration(works)
            .register_activity("work", move |_: ActivityContext, (): ()| {
                let (own, begun) = (own.clone(), begun.clone());
                async move {
                    begun.pass().await;
                    // What was open before runs as soon as the host does.
                    until(|| own.get().is_some()).await;
                    let client = own.get().expect("it was started");
                    let awaited = client.instance::<u64>(&id("waits")).result().await;
                    awaited.map_err(ActivityError::fatal)
                }
            })
            .start()
            .await
            .unwrap();
        client.set(host.client().clone()).unwrap();
        host
    };
    let begun = Gate::open();
    let before = start(begun.clone()).await;
    before.start_new(waits, ()).id("waits").await.unwrap();
    before.start_new(works, ()).id("works").await.unwrap();
    begun.until_came(1).await;
    guard(before.shutdown()).await.unwrap();

    let after = start(Gate::open()).await;
    guard(after.raise_event(&id("waits"), "Go", 9_u64)).await.unwrap();
    assert_eq!(guard(after.instance::<u64>(&id("works")).result()).await.unwrap(), 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_an_ended_host_is_notified_whatever_it_asks() {
    let host = host(InMemory::new(), &Gate::open()).start().await.unwrap();
    let instance = host.start_new(waits, ()).await.unwrap();
    let (client, ending) = (host.client().clone(), host.shutdown_handle());
    guard(host.shutdown()).await.unwrap();
    ending.begin();
    let answers = [
        guard(instance.result()).await.map(drop),
        guard(instance.status()).await.map(drop),
        guard(instance.history()).await.map(drop),
        guard(instance.raise_event("Go", 1).into_future()).await,
        guard(client.count(&Default::default())).await.map(drop),
        guard(client.start_new(echo, 1)).await.map(drop),
    ];
    for answer in answers {
        assert!(matches!(answer, Err(Error::ShuttingDown)), "{answer:?}");
    }
}
