//! Messages to a shard: at least once, in order, and none twice while it is in the queue.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use reenact_core::ShardId;
use reenact_providers::limits::{MAX_ROUTED_BYTES, MAX_ROUTED_KEY_BYTES};
use reenact_providers::{Delivery, ExternalEventRouter, Message, Provider, Waiting};
use tokio::task::JoinSet;

use super::kit::{SHARD, assert_too_large, id_on, poll_once, within};
use super::{Hub, Stage};

/// The queue of one shard.
struct ShardQueue {
    router: Arc<dyn ExternalEventRouter>,
    shard: ShardId,
    shards: u32,
}

impl ShardQueue {
    fn of(shard: ShardId, provider: &impl Provider) -> Self {
        let sharing = provider.sharing().expect("a store that hosts share says so");
        Self { router: sharing.router(), shard, shards: provider.shards() }
    }

    fn message(&self, key: &str) -> Message {
        let bytes = Arc::from(format!("bytes of {key}").into_bytes());
        Message { key: key.to_owned(), to: id_on(self.shard, self.shards, "to"), bytes }
    }

    async fn send(&self, key: &str) {
        let sent = self.router.send(self.shard, self.message(key)).await;
        sent.expect("a message can be sent to any shard");
    }

    async fn receive(&self, limit: usize) -> Vec<Delivery> {
        let received = within(
            self.router.receive(self.shard, limit),
            "a message that is in the queue and not being handled is delivered",
        );
        let deliveries = received.await.expect("a queue can be received from");
        assert!(!deliveries.is_empty(), "receiving waits until there is a message");
        for delivery in &deliveries {
            let sent = self.message(&delivery.message.key);
            assert_eq!(delivery.message, sent, "a message arrives as it was sent");
        }
        deliveries
    }

    /// Receives `count` messages, however many calls it takes.
    async fn receive_all(&self, count: usize) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        while deliveries.len() < count {
            deliveries.extend(self.receive(count - deliveries.len()).await);
        }
        deliveries
    }

    async fn acknowledge(&self, delivery: &Delivery) {
        let acknowledged = self.router.acknowledge(self.shard, delivery.id).await;
        acknowledged.expect("acknowledging is no error, however often and late");
    }

    /// Asserts that nothing is to be delivered: a message that is sent now is the next to arrive,
    /// all alone.
    async fn assert_empty(&self, marker: &str, contract: &str) {
        self.send(marker).await;
        let deliveries = self.receive(100).await;
        assert_eq!(keys(&deliveries), [marker], "{contract}");
        self.acknowledge(&deliveries[0]).await;
    }
}

fn keys(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.message.key.as_str()).collect()
}

/// Messages are delivered in the order of arrival, each with attempt 1 and an id of its own.
pub async fn messages_are_delivered_in_order_of_arrival<H: Hub>(stage: &Stage<H>) {
    let queue = ShardQueue::of(SHARD, &stage.open().await);
    for key in ["c", "a", "b"] {
        queue.send(key).await;
    }
    let deliveries = queue.receive_all(3).await;
    assert_eq!(keys(&deliveries), ["c", "a", "b"], "messages are delivered as they arrived");
    assert!(deliveries.iter().all(|delivery| delivery.attempt == 1), "{deliveries:?}");
    let ids: BTreeSet<u64> = deliveries.iter().map(|delivery| delivery.id.0).collect();
    assert_eq!(ids.len(), 3, "each delivery has an id of its own");
}

/// A call delivers at most as many messages as it asks for, and the others stay in the queue.
pub async fn no_more_messages_are_delivered_than_asked_for<H: Hub>(stage: &Stage<H>) {
    let queue = ShardQueue::of(SHARD, &stage.open().await);
    for key in ["1", "2", "3", "4"] {
        queue.send(key).await;
    }
    for (limit, at_most) in [(1, 1), (2, 2), (0, 1)] {
        let deliveries = queue.receive(limit).await;
        assert!(deliveries.len() <= at_most, "{limit} were asked for (0 counts as 1)");
    }
}

/// A message whose key is in the queue is dropped, whether the first one waits or is being handled. A
/// router that cannot look into its queue delivers both, the first one first.
pub async fn a_key_that_is_in_the_queue_is_not_taken_twice<H: Hub>(stage: &Stage<H>) {
    let queue = ShardQueue::of(SHARD, &stage.open().await);
    queue.send("twice").await;
    let other = Message { bytes: Arc::from(*b"another"), ..queue.message("twice") };
    let again = queue.router.send(SHARD, other.clone()).await;
    again.expect("sending a key again is no error");
    queue.send("once").await;
    if !H::TAKES_A_KEY_ONCE {
        return assert_taken_twice(&queue, &other).await;
    }
    let deliveries = queue.receive_all(2).await;
    assert_eq!(keys(&deliveries), ["twice", "once"], "a key is in the queue once");

    queue.router.send(SHARD, other).await.expect("sending a key again is no error");
    queue.assert_empty("marker", "a key that is being handled is still in the queue").await;
}

async fn assert_taken_twice(queue: &ShardQueue, other: &Message) {
    let mut messages = Vec::new();
    while messages.len() < 3 {
        let receive = queue.router.receive(SHARD, 3 - messages.len());
        let deliveries = within(receive, "what is in the queue is delivered").await;
        for delivery in deliveries.expect("a queue can be received from") {
            queue.acknowledge(&delivery).await;
            messages.push(delivery.message);
        }
    }
    let expected = [queue.message("twice"), other.clone(), queue.message("once")];
    assert_eq!(messages, expected, "each delivery is one of those that were sent, in their order");
    queue.assert_empty("marker", "all of them are acknowledged, and nothing remains").await;
}

/// After the acknowledgement, a message with the same key is a new message.
pub async fn an_acknowledged_key_can_be_sent_again<H: Hub>(stage: &Stage<H>) {
    let queue = ShardQueue::of(SHARD, &stage.open().await);
    queue.send("again").await;
    let first = queue.receive(10).await;
    queue.acknowledge(&first[0]).await;
    queue.send("again").await;
    let second = queue.receive(10).await;
    assert_eq!(keys(&second), ["again"], "a key that left the queue may come back");
    assert_eq!(second[0].attempt, 1, "as a new message");
    assert_ne!(second[0].id, first[0].id, "each delivery has an id of its own");
}

/// A message that is not acknowledged in time is delivered again with a higher attempt.
pub async fn what_is_not_acknowledged_is_delivered_again_with_a_higher_attempt<H: Hub>(
    stage: &Stage<H>,
) {
    let queue = ShardQueue::of(SHARD, &stage.open().await);
    queue.send("m").await;
    let mut ids = BTreeSet::new();
    for attempt in 1..=3 {
        let deliveries = queue.receive(10).await;
        assert_eq!(keys(&deliveries), ["m"]);
        assert_eq!(deliveries[0].attempt, attempt, "each delivery is counted");
        assert!(ids.insert(deliveries[0].id.0), "each delivery has an id of its own");
        stage.outwait().await;
    }
}

/// An acknowledged message is not delivered again, and all others are.
pub async fn what_is_acknowledged_is_never_delivered_again<H: Hub>(stage: &Stage<H>) {
    let queue = ShardQueue::of(SHARD, &stage.open().await);
    for key in ["1", "2", "3"] {
        queue.send(key).await;
    }
    let deliveries = queue.receive_all(3).await;
    queue.acknowledge(&deliveries[1]).await;
    stage.outwait().await;
    let again = queue.receive_all(2).await;
    let again: BTreeSet<&str> = keys(&again).into_iter().collect();
    assert_eq!(again, ["1", "3"].into(), "what was not acknowledged comes again, the rest not");
}

/// An acknowledgement may come twice or late. It never removes another message.
pub async fn acknowledging_twice_or_late_is_no_error<H: Hub>(stage: &Stage<H>) {
    let queue = ShardQueue::of(SHARD, &stage.open().await);
    queue.send("1").await;
    let done = queue.receive(1).await;
    queue.acknowledge(&done[0]).await;
    queue.acknowledge(&done[0]).await;

    queue.send("2").await;
    let late = queue.receive(1).await;
    stage.outwait().await;
    let newer = queue.receive(1).await;
    queue.acknowledge(&late[0]).await;
    queue.acknowledge(&newer[0]).await;
    queue.acknowledge(&late[0]).await;
    queue.send("3").await;
    queue.acknowledge(&done[0]).await;
    assert_eq!(keys(&queue.receive(10).await), ["3"], "an old acknowledgement hits nothing new");
}

/// A call on an empty queue waits until a message arrives.
pub async fn receiving_waits_until_a_message_arrives<H: Hub>(stage: &Stage<H>) {
    let queue = ShardQueue::of(SHARD, &stage.open().await);
    let mut receive = pin!(queue.receive(10));
    let early = poll_once(receive.as_mut()).await;
    assert!(early.is_pending(), "there is nothing to receive yet: {early:?}");
    queue.send("m").await;
    assert_eq!(keys(&receive.await), ["m"], "a message wakes a call that waits");
}

/// A call waits until a message that is being handled is visible again, without a further message.
pub async fn receiving_waits_until_a_delivery_has_run_out<H: Hub>(stage: &Stage<H>) {
    let queue = ShardQueue::of(SHARD, &stage.open().await);
    queue.send("m").await;
    queue.receive(10).await;
    let mut receive = pin!(queue.receive(10));
    let early = poll_once(receive.as_mut()).await;
    assert!(early.is_pending(), "a message that is being handled is hidden: {early:?}");
    stage.outwait().await;
    let again = receive.await;
    assert_eq!(keys(&again), ["m"], "a delivery that ran out wakes a call that waits");
    assert_eq!(again[0].attempt, 2, "each delivery is counted");
}

/// A call that is dropped, at whatever point, loses no message.
pub async fn a_dropped_receive_loses_nothing<H: Hub>(stage: &Stage<H>) {
    let queue = ShardQueue::of(SHARD, &stage.open().await);
    {
        let mut waiting = pin!(queue.receive(10));
        assert!(poll_once(waiting.as_mut()).await.is_pending());
        queue.send("1").await;
    }
    queue.send("2").await;
    drop(queue.receive(10));
    let mut received = BTreeSet::new();
    {
        let mut begun = pin!(queue.receive(10));
        if let Poll::Ready(deliveries) = poll_once(begun.as_mut()).await {
            received.extend(deliveries.into_iter().map(|delivery| delivery.message.key));
        }
    }
    stage.outwait().await;
    while received.len() < 2 {
        let deliveries = queue.receive(10).await;
        received.extend(deliveries.into_iter().map(|delivery| delivery.message.key));
    }
    assert_eq!(received, ["1".to_owned(), "2".to_owned()].into(), "cancelling loses nothing");
}

/// Each shard has its own queue: the same key in two queues is two messages.
pub async fn each_shard_has_its_own_queue<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let (zero, one) = (ShardQueue::of(SHARD, &provider), ShardQueue::of(ShardId(1), &provider));
    zero.send("same").await;
    one.send("same").await;
    one.send("other").await;
    assert_eq!(keys(&one.receive_all(2).await), ["same", "other"]);
    let delivery = zero.receive(10).await;
    assert_eq!(keys(&delivery), ["same"], "a key counts within its shard");
    zero.acknowledge(&delivery[0]).await;
    zero.assert_empty("marker", "a message goes to its own shard only").await;
}

/// Several senders at the same time lose no message, and those of each sender stay in order.
pub async fn concurrent_senders_lose_nothing<H: Hub>(stage: &Stage<H>) {
    const SENDERS: usize = 4;
    const MESSAGES: usize = 50;
    let queue = Arc::new(ShardQueue::of(SHARD, &stage.open().await));
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let queue = Arc::clone(&queue);
        senders.spawn(async move {
            for number in 0..MESSAGES {
                queue.send(&format!("{sender}/{number:03}")).await;
            }
        });
    }
    let mut received = Vec::new();
    while received.len() < SENDERS * MESSAGES {
        for delivery in queue.receive(7).await {
            queue.acknowledge(&delivery).await;
            received.push(delivery.message.key);
        }
    }
    while let Some(sender) = senders.join_next().await {
        sender.expect("senders do not disturb each other");
    }
    for sender in 0..SENDERS {
        let prefix = format!("{sender}/");
        let of_sender: Vec<_> = received.iter().filter(|key| key.starts_with(&prefix)).collect();
        assert_eq!(of_sender.len(), MESSAGES, "each message arrives, once");
        assert!(of_sender.is_sorted(), "the messages of a sender stay in order");
    }
}

/// A message is taken up to the limits of its bytes and its key, and refused over them.
pub async fn an_overlarge_message_is_refused<H: Hub>(stage: &Stage<H>) {
    let queue = ShardQueue::of(SHARD, &stage.open().await);
    let large = |bytes: usize| Message { bytes: Arc::from(vec![7; bytes]), ..queue.message("m") };
    let over = queue.router.send(SHARD, large(MAX_ROUTED_BYTES + 1)).await;
    assert_too_large(over, "a message over the limit is refused");
    let long_key = queue.message(&"k".repeat(MAX_ROUTED_KEY_BYTES + 1));
    assert_too_large(queue.router.send(SHARD, long_key).await, "so is one whose key is");
    queue.assert_empty("marker", "what is refused is not in the queue").await;

    let largest = Message { key: "k".repeat(MAX_ROUTED_KEY_BYTES), ..large(MAX_ROUTED_BYTES) };
    queue.router.send(SHARD, largest.clone()).await.expect("a message at the limits is taken");
    let receive = queue.router.receive(SHARD, 1);
    let deliveries = within(receive, "a message at the limits is delivered").await;
    assert_eq!(deliveries.expect("it arrives")[0].message, largest);
}

/// Messages that wait and messages that were being handled are durable. Acknowledged ones do not come back.
pub async fn a_queue_survives_reopening<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let queue = ShardQueue::of(SHARD, &provider);
    for key in ["done", "in hand", "waiting"] {
        queue.send(key).await;
    }
    let deliveries = queue.receive_all(2).await;
    queue.acknowledge(&deliveries[0]).await;
    drop(queue);

    let provider = stage.reopen(provider).await;
    stage.outwait().await;
    let queue = ShardQueue::of(SHARD, &provider);
    if H::TAKES_A_KEY_ONCE {
        queue.send("waiting").await;
    }
    let deliveries = queue.receive_all(2).await;
    let received: BTreeSet<&str> = keys(&deliveries).into_iter().collect();
    assert_eq!(received, ["in hand", "waiting"].into(), "a message that was sent is durable");
    queue.assert_empty("marker", "what was acknowledged before the crash stays away").await;
}

/// A store that can count what waits counts it all, also what is in hand, until it is acknowledged. The oldest
/// message is one that nobody has in hand.
pub async fn what_waits_is_counted_until_it_is_acknowledged<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let sharing = provider.sharing().expect("a store that hosts share says so");
    let waiting = async || sharing.waiting().await.expect("what waits can be counted");
    let Some(before) = waiting().await else { return };
    assert_eq!(before, Waiting::default(), "nothing was sent");
    let queue = ShardQueue::of(SHARD, &provider);
    queue.send("one").await;
    queue.send("two").await;
    let both = waiting().await.expect("it could be counted before");
    assert_eq!(both.messages, 2);
    assert_eq!(both.oldest.map(|oldest| oldest.shard), Some(SHARD));
    let deliveries = queue.receive_all(2).await;
    let all_in_hand = Some(Waiting { messages: 2, oldest: None });
    assert_eq!(waiting().await, all_in_hand, "what is in hand counts, and does not wait");
    queue.acknowledge(&deliveries[0]).await;
    let one_in_hand = Some(Waiting { messages: 1, oldest: None });
    assert_eq!(waiting().await, one_in_hand, "what was acknowledged does not");
}
