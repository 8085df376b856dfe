//! Cases of message queues.

use std::time::Duration;

use reenact_providers::azure::port::QueueMessage;

use crate::stage::{Stage, failure, unique, unmet};

/// Longer than any case takes, in seconds.
const LONG: Duration = Duration::from_secs(600);

/// The shortest that the service hides a message for, in seconds.
const SHORT: Duration = Duration::from_secs(1);

/// How long to wait before asking again whether a message is visible, in milliseconds.
const ASKED_EVERY: Duration = Duration::from_millis(50);

pub(crate) async fn a_queue_is_made_again_without_an_error(stage: &Stage) {
    stage.port.send(&stage.queue, "one").await.unwrap();
    stage.port.create_queue(&stage.queue).await.unwrap();
    assert_eq!(receive(stage, 1, LONG).await.len(), 1);
}

pub(crate) async fn a_queue_that_is_not_there_is_not_found(stage: &Stage) {
    let (port, queue) = (&stage.port, unique("none"));
    assert_eq!(failure(port.send(&queue, "one").await), "not found");
    assert_eq!(failure(port.receive(&queue, 1, LONG).await), "not found");
    assert_eq!(failure(port.queue_length(&queue).await), "not found");
    assert_eq!(failure(port.oldest_message(&queue).await), "not found");
    assert_eq!(failure(port.remove(&queue, "id", "receipt").await), "not found");
    assert_eq!(failure(port.extend(&queue, "id", "receipt", LONG).await), "not found");
}

pub(crate) async fn hidden_messages_are_counted_and_removed_ones_are_not(stage: &Stage) {
    let count = async || stage.port.queue_length(&stage.queue).await.unwrap();
    assert_eq!(count().await, 0);
    stage.port.send(&stage.queue, "one").await.unwrap();
    stage.port.send(&stage.queue, "two").await.unwrap();
    let received = receive(stage, 1, LONG).await.remove(0);
    assert_eq!(count().await, 2);
    stage.port.remove(&stage.queue, &received.id, &received.receipt).await.unwrap();
    assert_eq!(count().await, 1);
}

pub(crate) async fn the_oldest_message_is_one_that_is_visible(stage: &Stage) {
    let oldest = async || stage.port.oldest_message(&stage.queue).await.unwrap();
    assert_eq!(oldest().await, None);
    stage.port.send(&stage.queue, "one").await.unwrap();
    let first = oldest().await.expect("it is visible");
    stage.port.send(&stage.queue, "two").await.unwrap();
    assert_eq!(oldest().await, Some(first), "looking takes nothing");
    let received = receive(stage, 32, LONG).await;
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].attempt, 1, "a look is no attempt");
    assert_eq!(oldest().await, None, "both are hidden");
}

pub(crate) async fn a_received_message_is_hidden(stage: &Stage) {
    stage.port.send(&stage.queue, "one").await.unwrap();
    let received = receive(stage, 32, LONG).await;
    assert_eq!(received.len(), 1);
    assert_eq!((received[0].text.as_str(), received[0].attempt), ("one", 1));
    assert_eq!(receive(stage, 32, LONG).await, []);
}

pub(crate) async fn a_message_comes_again_after_its_time_and_counts(stage: &Stage) {
    stage.port.send(&stage.queue, "one").await.unwrap();
    let first = receive(stage, 1, SHORT).await.remove(0);
    let second = visible(stage).await;
    assert_eq!((&second.id, &second.text), (&first.id, &first.text));
    assert_eq!((first.attempt, second.attempt), (1, 2));
    assert_ne!(first.receipt, second.receipt);
}

pub(crate) async fn messages_are_received_up_to_the_limit(stage: &Stage) {
    for text in ["a", "b", "c"] {
        stage.port.send(&stage.queue, text).await.unwrap();
    }
    let mut texts = texts(&receive(stage, 2, LONG).await);
    assert_eq!(texts.len(), 2);
    texts.extend(self::texts(&receive(stage, 2, LONG).await));
    texts.sort_unstable();
    assert_eq!(texts, ["a", "b", "c"]);
}

pub(crate) async fn no_more_than_32_messages_are_received_at_once(stage: &Stage) {
    for number in 0..34 {
        stage.port.send(&stage.queue, &number.to_string()).await.unwrap();
    }
    assert_eq!(receive(stage, 1_000, LONG).await.len(), 32);
    assert_eq!(receive(stage, 32, LONG).await.len(), 2);
}

pub(crate) async fn an_extended_message_has_a_new_receipt_and_keeps_its_text(stage: &Stage) {
    stage.port.send(&stage.queue, "one").await.unwrap();
    let message = receive(stage, 1, LONG).await.remove(0);
    let receipt = extend(stage, &message, &message.receipt, SHORT).await;
    assert_ne!(receipt, message.receipt);
    let again = visible(stage).await;
    assert_eq!((again.text.as_str(), again.attempt), ("one", 2));
}

pub(crate) async fn an_old_receipt_neither_extends_nor_removes(stage: &Stage) {
    stage.port.send(&stage.queue, "one").await.unwrap();
    let message = receive(stage, 1, LONG).await.remove(0);
    let receipt = extend(stage, &message, &message.receipt, LONG).await;
    let (queue, id, old) = (&stage.queue, &message.id, &message.receipt);
    let extended = stage.port.extend(queue, id, old, LONG).await;
    assert_eq!(unmet(extended), "PopReceiptMismatch");
    assert_eq!(unmet(stage.port.remove(queue, id, old).await), "PopReceiptMismatch");
    stage.port.remove(queue, id, &receipt).await.unwrap();
}

pub(crate) async fn a_removed_message_is_gone(stage: &Stage) {
    stage.port.send(&stage.queue, "one").await.unwrap();
    let message = receive(stage, 1, LONG).await.remove(0);
    let (queue, id, receipt) = (&stage.queue, &message.id, &message.receipt);
    stage.port.remove(queue, id, receipt).await.unwrap();
    assert_eq!(failure(stage.port.remove(queue, id, receipt).await), "not found");
    assert_eq!(failure(stage.port.extend(queue, id, receipt, LONG).await), "not found");
}

pub(crate) async fn what_stands_in_base64_is_kept(stage: &Stage) {
    // As many characters as a message has room for, all that base64 has.
    let characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = characters.repeat(1_000) + "AA==";
    stage.port.send(&stage.queue, &text).await.unwrap();
    assert_eq!(texts(&receive(stage, 1, LONG).await), [text]);
}

pub(crate) async fn queues_are_apart(stage: &Stage) {
    let other = unique("other");
    stage.port.create_queue(&other).await.unwrap();
    stage.port.send(&other, "one").await.unwrap();
    assert_eq!(receive(stage, 32, LONG).await, []);
    assert_eq!(stage.port.receive(&other, 32, LONG).await.unwrap().len(), 1);
}

async fn receive(stage: &Stage, limit: u32, visibility: Duration) -> Vec<QueueMessage> {
    stage.port.receive(&stage.queue, limit, visibility).await.unwrap()
}

/// The message that becomes visible next.
async fn visible(stage: &Stage) -> QueueMessage {
    loop {
        if let Some(message) = receive(stage, 1, LONG).await.pop() {
            return message;
        }
        tokio::time::sleep(ASKED_EVERY).await;
    }
}

async fn extend(
    stage: &Stage,
    message: &QueueMessage,
    receipt: &str,
    visibility: Duration,
) -> String {
    stage.port.extend(&stage.queue, &message.id, receipt, visibility).await.unwrap()
}

fn texts(messages: &[QueueMessage]) -> Vec<String> {
    messages.iter().map(|message| message.text.clone()).collect()
}
