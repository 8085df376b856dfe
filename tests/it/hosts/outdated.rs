//! What a client sees of another host's shard may be a second old. It refuses nothing for that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use reenact::core::HistoryEvent;
use reenact::prelude::*;
use reenact::{ActivityToken, Event, InstanceState};

use super::hub::{Hub, until_shared_by};
use super::scene::{adds, host, in_shard, until_events};
use crate::kit::{guard, options};

/// A host, a client on another way to the same hub, and an instance that waits for numbers, of which the client has seen
/// the first one.
async fn scene() -> (Host, Client, InstanceHandle<u64>) {
    let hub = Hub::new(false);
    let host = guard(host(hub.open().await, "host")).await;
    let client = hub.client().await;
    until_shared_by(&client, &["host"]).await;
    let instance = guard(host.start_new(adds, ()).id(in_shard(0, "i"))).await.unwrap();
    guard(instance.raise_event("Add", 5)).await.unwrap();
    until_events(&client, instance.id(), "ExternalRaised", 1).await;
    (host, client, instance)
}

/// The position of the last event of a kind.
async fn last(host: &Host, instance: &InstanceId, is_it: fn(&Event) -> bool) -> u64 {
    let history = guard(host.history(instance)).await.unwrap();
    let found = history.events().filter(|HistoryEvent { event, .. }| is_it(event));
    found.map(|it| it.position).last().unwrap()
}

async fn last_raised(host: &Host, instance: &InstanceId) -> u64 {
    last(host, instance, |event| matches!(event, Event::ExternalRaised { .. })).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_a_client_has_not_seen_can_be_rewound_by_it() {
    let (host, client, instance) = scene().await;
    guard(instance.raise_event("Add", 7)).await.unwrap();
    let position = last_raised(&host, instance.id()).await;
    guard(client.rewind(instance.id(), position, "a mistake")).await.unwrap();
    until_events(&client, instance.id(), "ExecutionRewound", 1).await;
    guard(client.raise_event(instance.id(), "Add", 0)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 12, "the event comes again");
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_has_not_seen_can_be_forked_by_it() {
    let (host, client, instance) = scene().await;
    guard(instance.raise_event("Add", 7)).await.unwrap();
    guard(instance.raise_event("Add", 9)).await.unwrap();
    let position = last_raised(&host, instance.id()).await;
    let fork = guard(client.fork::<u64>(instance.id(), in_shard(1, "fork")).before(position))
        .await
        .unwrap();
    guard(fork.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(fork.result()).await.unwrap(), 12);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_whose_end_a_client_has_not_seen_is_replaced_by_it() {
    let (host, client, instance) = scene().await;
    for sum in [5, 7] {
        guard(instance.raise_event("Add", 0)).await.unwrap();
        assert_eq!(guard(instance.result()).await.unwrap(), sum);
        let start = client.start_new(adds, ()).id(instance.id().as_str());
        let start = start.replacing([InstanceState::Completed]);
        guard(if sum == 5 { start } else { start.or_attach() }).await.unwrap();
        guard(instance.raise_event("Add", 7)).await.unwrap();
        until_events(&client, instance.id(), "ExternalRaised", 1).await;
    }
    assert_eq!(guard(host.get_status(instance.id())).await.unwrap().state, InstanceState::Running);
    guard(host.shutdown()).await.unwrap();
}

/// What the bank of a test does.
#[derive(Default)]
struct Bank {
    /// Whether it fails.
    is_closed: AtomicBool,
    /// What it is to be answered with, later.
    tokens: Mutex<Vec<ActivityToken>>,
}

impl Bank {
    /// The next token, once it is there.
    async fn token(&self) -> ActivityToken {
        guard(async {
            loop {
                let token = self.tokens.lock().unwrap().pop();
                match token {
                    Some(token) => return token,
                    None => tokio::task::yield_now().await,
                }
            }
        })
        .await
    }
}

/// A host with a bank, a client on another way to the same hub, and an instance that waits until it is to ask the bank,
/// as the client has seen.
async fn scene_with(bank: &Arc<Bank>) -> (Host, Client, InstanceHandle<u32>) {
    let (hub, asked) = (Hub::new(false), bank.clone());
    let host = Host::builder()
        .provider(hub.open().await)
        .options(options().host_name("host"))
        .register_orchestration("asks", |ctx: OrchestrationContext, ()| async move {
            ctx.wait_external::<()>("Go").await?;
            Ok(ctx.call_activity_by_name::<_, u32>("approve", &()).await?)
        })
        .register_activity("approve", move |ctx: ActivityContext, (): ()| {
            let is_closed = asked.is_closed.load(Ordering::SeqCst);
            if !is_closed {
                asked.tokens.lock().unwrap().push(ctx.token());
            }
            async move {
                Err::<u32, _>(match is_closed {
                    true => ActivityError::fatal("the bank is closed"),
                    false => ActivityError::later(),
                })
            }
        });
    let host = guard(host.start()).await.unwrap();
    let client = hub.client().await;
    let instance = guard(host.start_new_by_name::<u32>("asks", ()).id("i")).await.unwrap();
    until_events(&client, instance.id(), "ExecutionStarted", 1).await;
    (host, client, instance)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_that_a_client_has_not_seen_is_completed_by_its_token() {
    let bank = Arc::default();
    let (host, client, instance) = scene_with(&bank).await;
    guard(instance.raise_event("Go", ())).await.unwrap();
    guard(client.complete_activity(bank.token().await, &7_u32)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 7);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_a_client_has_seen_to_fail_takes_an_event_after_a_rewind() {
    let bank = Arc::new(Bank { is_closed: true.into(), ..Bank::default() });
    let (host, client, instance) = scene_with(&bank).await;
    guard(instance.raise_event("Go", ())).await.unwrap();
    until_events(&client, instance.id(), "ExecutionFailed", 1).await;
    let is_failure = |event: &Event| matches!(event, Event::TaskFailed { .. });
    let position = last(&host, instance.id(), is_failure).await;
    bank.is_closed.store(false, Ordering::SeqCst);
    guard(host.rewind(instance.id(), position, "it has opened")).await.unwrap();
    guard(client.raise_event(instance.id(), "Go", ())).await.unwrap();
    until_events(&client, instance.id(), "ExternalRaised", 2).await;
    guard(client.complete_activity(bank.token().await, &7_u32)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 7);
    guard(host.shutdown()).await.unwrap();
}
