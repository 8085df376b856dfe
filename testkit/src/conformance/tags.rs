//! Queues by tag: any host that asks for a tag gets its messages, each of them one host.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;

use reenact_core::Name;
use reenact_providers::limits::MAX_ROUTED_BYTES;
use reenact_providers::{Delivery, Message, Provider, Sharing};

use super::kit::{assert_conflict, assert_too_large, id, name, poll_once, within};
use super::{Hub, Stage};

/// The queue of one tag.
struct Tagged {
    sharing: Arc<dyn Sharing>,
    tag: Name,
}

impl Tagged {
    fn of(tag: &str, provider: &impl Provider) -> Self {
        let sharing = provider.sharing().expect("the store is one that several hosts share");
        Self { sharing, tag: name(tag) }
    }

    async fn send(&self, key: &str) {
        let sent = self.sharing.send_to(&self.tag, message(key)).await;
        sent.expect("a message can be sent to any tag");
    }

    async fn receive(&self, limit: usize) -> Vec<Delivery> {
        let receive = self.sharing.receive_from(&self.tag, limit);
        let received = within(receive, "what is in the queue of a tag is delivered").await;
        let deliveries = received.expect("a queue can be received from");
        assert!(!deliveries.is_empty(), "receiving waits until there is a message");
        for delivery in &deliveries {
            let sent = message(&delivery.message.key);
            assert_eq!(delivery.message, sent, "a message arrives as it was sent");
        }
        deliveries
    }

    async fn receive_all(&self, count: usize) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        while deliveries.len() < count {
            deliveries.extend(self.receive(count - deliveries.len()).await);
        }
        deliveries
    }

    async fn acknowledge(&self, delivery: &Delivery) {
        let acknowledged = self.sharing.acknowledge_from(&self.tag, delivery.id).await;
        acknowledged.expect("acknowledging is no error, however often and late");
    }

    /// Asserts that a message that is sent now is all that is delivered.
    async fn assert_empty(&self, marker: &str, contract: &str) {
        self.send(marker).await;
        let deliveries = self.receive(100).await;
        assert_eq!(keys(&deliveries), BTreeSet::from([marker]), "{contract}");
        self.acknowledge(&deliveries[0]).await;
    }
}

fn message(key: &str) -> Message {
    let bytes = Arc::from(format!("bytes of {key}").into_bytes());
    Message { key: key.to_owned(), to: id("to"), bytes }
}

fn keys(deliveries: &[Delivery]) -> BTreeSet<&str> {
    deliveries.iter().map(|delivery| delivery.message.key.as_str()).collect()
}

/// The messages of a tag are delivered only to calls for that tag.
pub async fn messages_of_a_tag_go_to_those_who_ask_for_it<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let (gpu, print) = (Tagged::of("gpu", &provider), Tagged::of("print", &provider));
    gpu.send("a").await;
    print.send("b").await;
    gpu.send("c").await;
    assert_eq!(keys(&print.receive(100).await), BTreeSet::from(["b"]));
    assert_eq!(keys(&gpu.receive_all(2).await), BTreeSet::from(["a", "c"]));
}

/// Each message of a tag is delivered to one call at a time.
pub async fn a_message_of_a_tag_goes_to_one_of_those_who_ask<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let (one, two) = (Tagged::of("tag", &provider), Tagged::of("tag", &provider));
    one.send("a").await;
    let deliveries = one.receive(1).await;
    assert_eq!(deliveries[0].attempt, 1);
    two.assert_empty("marker", "what one has in hand goes to no other").await;
}

/// A message that is neither acknowledged nor extended in time is delivered again, to any host.
pub async fn what_is_not_acknowledged_or_extended_comes_again<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let (one, two) = (Tagged::of("tag", &provider), Tagged::of("tag", &provider));
    one.send("a").await;
    let first = one.receive(1).await;
    stage.outwait().await;
    let second = two.receive(1).await;
    assert_eq!(second[0].attempt, 2, "each delivery is counted");
    assert_ne!(second[0].id, first[0].id, "each delivery has an id of its own");
}

/// An extended delivery stays hidden, and its id stays the same.
pub async fn what_is_extended_stays_hidden_for_another_time<H: Hub>(stage: &Stage<H>) {
    let tagged = Tagged::of("tag", &stage.open().await);
    tagged.send("a").await;
    let delivery = tagged.receive(1).await.remove(0);
    for _ in 0..3 {
        let extended = tagged.sharing.extend(&tagged.tag, delivery.id).await;
        extended.expect("a delivery that has not run out can be extended");
    }
    tagged.assert_empty("marker", "what is extended is hidden").await;
    tagged.acknowledge(&delivery).await;
    stage.outwait().await;
    tagged.assert_empty("another", "the id of a delivery stays good for acknowledging it").await;
}

/// A delivery that has run out, or was acknowledged, cannot be extended.
pub async fn a_delivery_that_has_run_out_cannot_be_extended<H: Hub>(stage: &Stage<H>) {
    let tagged = Tagged::of("tag", &stage.open().await);
    tagged.send("a").await;
    let late = tagged.receive(1).await.remove(0);
    stage.outwait().await;
    let newer = tagged.receive(1).await.remove(0);
    let refused = tagged.sharing.extend(&tagged.tag, late.id).await;
    assert_conflict(refused, "a delivery that has run out cannot be extended");
    let extended = tagged.sharing.extend(&tagged.tag, newer.id).await;
    extended.expect("the newer delivery is as it was");
    tagged.acknowledge(&newer).await;
    let refused = tagged.sharing.extend(&tagged.tag, newer.id).await;
    assert_conflict(refused, "what is acknowledged cannot be extended");
}

/// An acknowledged message of a tag is not delivered again. A second or late acknowledgement is no error.
pub async fn an_acknowledged_message_of_a_tag_is_gone<H: Hub>(stage: &Stage<H>) {
    let tagged = Tagged::of("tag", &stage.open().await);
    tagged.send("a").await;
    let delivery = tagged.receive(1).await.remove(0);
    tagged.acknowledge(&delivery).await;
    tagged.acknowledge(&delivery).await;
    stage.outwait().await;
    tagged.assert_empty("marker", "what is acknowledged is gone").await;
}

/// A call for a tag without messages waits until one arrives.
pub async fn receiving_from_a_tag_waits_until_a_message_arrives<H: Hub>(stage: &Stage<H>) {
    let tagged = Tagged::of("tag", &stage.open().await);
    let mut receiving = pin!(tagged.receive(10));
    assert!(poll_once(receiving.as_mut()).await.is_pending(), "nothing is there");
    tagged.send("a").await;
    assert_eq!(keys(&receiving.await), BTreeSet::from(["a"]));
}

/// A message of a tag over the limit is refused, and nothing of it is written.
pub async fn an_overlarge_message_of_a_tag_is_refused<H: Hub>(stage: &Stage<H>) {
    let tagged = Tagged::of("tag", &stage.open().await);
    let large = Message { bytes: Arc::from(vec![7; MAX_ROUTED_BYTES + 1]), ..message("large") };
    let over = tagged.sharing.send_to(&tagged.tag, large).await;
    assert_too_large(over, "a message over the limit is refused");
    tagged.assert_empty("marker", "what is refused is not in the queue").await;
}

/// Messages of a tag that wait, and those that were being handled, are durable.
pub async fn a_queue_of_a_tag_survives_reopening<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let tagged = Tagged::of("tag", &provider);
    tagged.send("in hand").await;
    tagged.receive(1).await;
    tagged.send("waits").await;
    drop(tagged);
    let provider = stage.reopen(provider).await;
    stage.outwait().await;
    let tagged = Tagged::of("tag", &provider);
    assert_eq!(keys(&tagged.receive_all(2).await), BTreeSet::from(["in hand", "waits"]));
}
