//! What no host can take is kept where people see it, and can be sent again.

use std::sync::Arc;

use reenact::core::{RemoteCommand, RemoteEvent, ShardId, codec};
use reenact::prelude::*;
use reenact::providers::limits::VISIBILITY_TIME;
use reenact::providers::{Message, Provider};
use reenact::{Error, EventKey, Name, Payload, QueueOf};

use super::scene::{SHARDS, adds, host, shared_store, until_quarantined};
use crate::kit::{Faulty, events, guard, id, options, pass_time_until, until};

/// Puts a message into the queue of an instance's shard, as another host would.
async fn put(store: &InMemory, key: &str, to: &InstanceId, bytes: Vec<u8>) {
    let message = Message { key: key.into(), to: to.clone(), bytes: Arc::from(bytes) };
    let router = store.sharing().unwrap().router();
    router.send(ShardId::of(to, SHARDS), message).await.unwrap();
}

fn event(key: &str, number: u64) -> Vec<u8> {
    let (name, data) = (Name::new("Add").unwrap(), Payload::encode(&number).unwrap());
    let event = RemoteEvent { name, data, key: EventKey::new(key).unwrap() };
    codec::encode_command(&RemoteCommand::RaiseEvent(event)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_does_not_decode_is_kept_and_the_queue_goes_on() {
    let (store, _) = shared_store();
    let host = guard(host(store.clone(), "host")).await;
    let instance = guard(host.start_new(adds, ()).id("i")).await.unwrap();
    put(&store, "poison", instance.id(), vec![250, 1, 2, 3]).await;
    put(&store, "good", instance.id(), event("k", 0)).await;
    assert_eq!(guard(instance.result()).await.unwrap(), 0);
    let found = guard(host.quarantined(None, 10)).await.unwrap();
    let [(poison, what)] = &found[..] else { panic!("{found:?}") };
    assert!(what.reason.contains("format version 250"), "{}", what.reason);
    assert_eq!(what.queue, QueueOf::Shard(ShardId::of(instance.id(), SHARDS)));
    assert_eq!(what.message.as_ref().unwrap().key, "poison");
    host.discard_quarantined(poison).await.unwrap();
    assert_eq!(host.quarantined(None, 10).await.unwrap(), []);
    assert!(!host.requeue(poison).await.unwrap(), "it is not there any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_for_nobody_is_kept_and_arrives_when_it_is_sent_again() {
    let (store, _) = shared_store();
    let host = guard(host(store.clone(), "host")).await;
    put(&store, "early", &id("i"), event("k", 7)).await;
    let found = until_quarantined(&host).await;
    let [(early, reason)] = &found[..] else { panic!("{found:?}") };
    assert!(reason.contains("instance `i` does not exist"), "{reason}");
    let instance = guard(host.start_new(adds, ()).id("i")).await.unwrap();
    assert!(host.requeue(early).await.unwrap());
    assert_eq!(host.quarantined(None, 10).await.unwrap(), []);
    put(&store, "last", instance.id(), event("last", 0)).await;
    assert_eq!(guard(instance.result()).await.unwrap(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_no_host_can_take_fails_with_the_reason() {
    let (store, _) = shared_store();
    let _host = guard(host(store.clone(), "host")).await;
    let client = Client::connect(store).unwrap();
    let unknown = guard(client.start_new_by_name::<()>("unknown", ())).await.unwrap_err();
    let Error::Quarantined { reason, .. } = &unknown else { panic!("{unknown}") };
    assert!(reason.contains("`unknown` is not registered"), "{reason}");
    let bad = guard(client.start_new_by_name::<()>("doubles", "two").id("bad")).await.unwrap_err();
    assert!(matches!(bad, Error::InvalidPayload { .. }), "{bad}");
    assert!(bad.to_string().contains("the input of orchestration `doubles`"), "{bad}");
    let kept = client.quarantined(None, 10).await.unwrap();
    assert!(kept.iter().any(|(_, kept)| kept.message.as_ref().unwrap().to == id("bad")));
    assert_eq!(client.count(&Default::default()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_parked_instance_does_not_take_comes_again_and_is_kept_in_the_end() {
    let (store, clock) = shared_store();
    let before = guard(host(store.clone(), "before")).await;
    guard(before.start_new(adds, ()).id("i")).await.unwrap();
    guard(before.shutdown()).await.unwrap();
    // This one has not got its code.
    let without = Host::builder().provider(store.clone()).options(options());
    let without = guard(without.start()).await.unwrap();
    let client = Client::connect(store.clone()).unwrap();
    client.raise_event(&id("i"), "Add", 7).await.unwrap();
    client.cancel(&id("i"), "why").await.unwrap();
    let found = pass_time_until(&clock, VISIBILITY_TIME, until_quarantined(&client)).await;
    // The event is kept, and the cancel asks the code. Time passes quickly here: a further delivery of it may be there as well.
    let [(cancel, reason), ..] = &found[..] else { panic!("{found:?}") };
    assert!(reason.contains("is parked"), "{reason}");
    guard(without.shutdown()).await.unwrap();

    let _again = guard(host(store, "again")).await;
    assert!(client.requeue(cancel).await.unwrap());
    let ended = guard(client.instance::<u64>(&id("i")).result()).await.unwrap_err();
    assert!(matches!(ended, reenact::Error::Cancelled { .. }), "{ended}");
    let events = events(&client, &id("i")).await;
    assert!(events.contains(&"ExternalRaised `Add`".to_owned()), "{events:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rewind_that_comes_again_while_the_store_is_away_is_done_once() {
    let (store, clock) = shared_store();
    let faulty = Faulty::new(store.clone());
    let host = guard(host(faulty.clone(), "host")).await;
    // Those who look do not read through the faults.
    let client = Client::connect(store.clone()).unwrap();
    let instance = guard(host.start_new(adds, ()).id("i")).await.unwrap();
    guard(instance.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 0);
    let rewinds = async || {
        let events = events(&client, &id("i")).await;
        events.iter().filter(|event| event.starts_with("ExecutionRewound")).count()
    };
    let position = client.history(&id("i")).await.unwrap().len() - 1;
    let rewind = RemoteCommand::Rewind { position, reason: "again".into(), seed: 77 };
    let rewind = codec::encode_command(&rewind).unwrap();
    put(&store, "first", &id("i"), rewind.clone()).await;
    guard(async {
        while rewinds().await == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;

    faulty.fail_reads(1);
    put(&store, "second", &id("i"), rewind).await;
    until(|| faulty.read_faults_left() == 0).await;
    put(&store, "last", &id("i"), event("last", 0)).await;
    // It comes after the one that could not be looked at, which comes again.
    pass_time_until(&clock, VISIBILITY_TIME, until_quarantined(&client)).await;
    assert_eq!(rewinds().await, 1);
}

#[tokio::test]
async fn a_store_of_one_host_has_no_quarantine() {
    let host = host(InMemory::new(), "host").await;
    let refused = host.quarantined(None, 10).await.unwrap_err();
    assert!(matches!(refused, Error::NotShared), "{refused}");
}
