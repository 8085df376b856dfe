//! What no host can take is kept where people see it; what comes twice or late changes nothing.

use std::future::IntoFuture;
use std::sync::Arc;

use reenact::core::{RemoteCommand, RemoteEvent, ShardId, codec};
use reenact::prelude::*;
use reenact::providers::azure::connection::Options;
use reenact::providers::azure::port::StoragePort;
use reenact::providers::azure::sdk;
use reenact::providers::{ExternalEventRouter, Message};
use reenact::testing::Emulator;
use reenact::{
    Azure, AzureOptions, Connection, Error, Event, EventKey, Name, Payload, Quarantined, QueueOf,
};

use crate::emulator;

/// The shards of the hubs here.
const SHARDS: u32 = 2;

/// How long a message is hidden that somebody has in hand. The service's own clock passes it.
const VISIBILITY_TIME: Duration = Duration::from_secs(1);

/// Longer than anything here takes.
const HANGS: Duration = Duration::from_secs(180);

/// How often it is looked whether something has come into quarantine.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Adds this many numbers that come as "Add", in whatever order.
#[orchestration]
async fn collects(ctx: OrchestrationContext, many: u32) -> Result<u64, OrchestrationError> {
    let mut sum = 0;
    for _ in 0..many {
        sum += ctx.wait_external::<u64>("Add").await?;
    }
    Ok(sum)
}

/// A host on a hub on an emulator of its own, a client elsewhere, and what lies underneath.
struct Scene {
    hub: Azure,
    host: Host,
    client: Client,
    port: Arc<dyn StoragePort>,
    _emulator: Emulator,
}

impl Scene {
    async fn new() -> Self {
        let emulator = emulator().await;
        let connection = Connection::parse(&emulator.connection_string()).unwrap();
        let options = AzureOptions::new().shards(SHARDS).visibility_time(VISIBILITY_TIME);
        let hub = options.connect(&connection, "poison").await.unwrap();
        let host = Host::builder().provider(hub.clone()).orchestration(collects);
        let host = host.start().await.unwrap();
        let client = options.connect(&connection, "poison").await.unwrap();
        let client = Client::connect(client).unwrap();
        let port = sdk::connect(&connection, "poison", Options::default()).unwrap();
        Self { hub, host, client, port, _emulator: emulator }
    }

    /// Puts a text into the queue of a shard by hand.
    async fn put(&self, shard: u32, text: &str) {
        self.port.send(&queue(shard), text).await.unwrap();
    }

    /// Sends what no client would.
    async fn send(&self, key: &str, to: &InstanceId, bytes: Vec<u8>) {
        let message = Message { key: key.into(), to: to.clone(), bytes: Arc::from(bytes) };
        let shard = ShardId::of(to, SHARDS);
        ExternalEventRouter::send(&self.hub, shard, message).await.unwrap();
    }

    /// Returns when so much is in quarantine.
    async fn until_kept(&self, many: usize) -> Vec<Quarantined> {
        let looking = async {
            loop {
                let kept = self.client.quarantined(None, 100).await.unwrap();
                if kept.len() >= many {
                    return kept.into_iter().map(|(_, what)| what).collect();
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(HANGS, looking).await.expect("it comes into quarantine")
    }

    /// Nothing is left, also of what was in hand.
    async fn assert_queues_are_empty(&self) {
        tokio::time::sleep(VISIBILITY_TIME + VISIBILITY_TIME / 4).await;
        for shard in 0..SHARDS {
            let left = self.port.receive(&queue(shard), 32, VISIBILITY_TIME).await.unwrap();
            assert_eq!(left, [], "the queue of shard {shard} is empty");
        }
    }

    async fn assert_the_host_goes_on(&self) {
        for shard in 0..SHARDS {
            let started = self.client.start_new(collects, 1).id(in_shard(shard).as_str());
            let started = tokio::time::timeout(HANGS, started.into_future());
            let instance = started.await.expect("a host takes it").unwrap();
            instance.raise_event("Add", 5).await.unwrap();
            let result = tokio::time::timeout(HANGS, instance.result()).await;
            assert_eq!(result.expect("it ends").unwrap(), 5);
        }
    }
}

fn queue(shard: u32) -> String {
    format!("poison-shard-{shard:04}")
}

fn in_shard(shard: u32) -> InstanceId {
    let mut ids = (0..).map(|n| InstanceId::new(format!("later-{n}")).unwrap());
    ids.find(|id| ShardId::of(id, SHARDS) == ShardId(shard)).unwrap()
}

fn event(key: &str, number: u64) -> Vec<u8> {
    let (name, data) = (Name::new("Add").unwrap(), Payload::encode(&number).unwrap());
    let event = RemoteEvent { name, data, key: EventKey::new(key).unwrap() };
    codec::encode_command(&RemoteCommand::RaiseEvent(event)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_host_can_take_is_kept_and_the_queues_go_on() {
    let scene = Scene::new().await;
    // No base64, of a later form, cut off, and one whose payload is nowhere.
    let texts = ["no base64 ~ at all", "+gA=", "AQAB", "AQFub3RoaW5n"];
    for text in texts {
        scene.put(1, text).await;
    }
    let nobody = in_shard(0);
    scene.send("bytes", &nobody, vec![250, 1, 2, 3]).await;
    scene.send("early", &nobody, event("early", 1)).await;
    let unknown = scene.client.start_new_by_name::<()>("unknown", ());
    let unknown = tokio::time::timeout(HANGS, unknown.into_future()).await;
    let unknown = unknown.expect("a host refuses it").unwrap_err();
    assert!(matches!(unknown, Error::Quarantined { .. }), "{unknown}");

    let kept = scene.until_kept(texts.len() + 3).await;
    assert_eq!(kept.len(), texts.len() + 3, "each once: {kept:?}");
    for text in texts {
        let found = kept.iter().filter(|what| what.raw == text.as_bytes());
        let found: Vec<_> = found.collect();
        let [what] = &found[..] else { panic!("{text} is there once: {kept:?}") };
        assert_eq!(what.queue, QueueOf::Shard(ShardId(1)));
        assert!(!what.reason.is_empty());
    }
    for reason in ["format version 250", "does not exist", "`unknown` is not registered"] {
        assert!(kept.iter().any(|what| what.reason.contains(reason)), "{reason}: {kept:?}");
    }
    scene.assert_queues_are_empty().await;
    scene.assert_the_host_goes_on().await;
    scene.host.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_come_twice_and_in_any_order_count_once() {
    let scene = Scene::new().await;
    let instance = scene.client.start_new(collects, 4).id("i").await.unwrap();
    for number in [3, 1, 3, 2, 1, 1, 3] {
        let key = format!("k{number}");
        scene.send(&key, instance.id(), event(&key, 10_u64.pow(number))).await;
    }
    scene.send("last", instance.id(), event("last", 1)).await;
    let result = tokio::time::timeout(HANGS, instance.result()).await;
    assert_eq!(result.expect("it ends").unwrap(), 1_111);
    // Later than the end of it all.
    scene.send("k2", instance.id(), event("k2", 100)).await;
    scene.assert_queues_are_empty().await;
    let history = instance.history().await.unwrap();
    let raised = history.events().filter(|e| matches!(e.event, Event::ExternalRaised { .. }));
    assert_eq!(raised.count(), 4);
    scene.assert_the_host_goes_on().await;
    scene.host.shutdown().await.unwrap();
}
