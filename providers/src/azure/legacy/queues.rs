//! Queue operations by the unofficial crates.

use std::time::Duration;

use azure_storage_queues::operations::Message;
use azure_storage_queues::{PopReceipt, QueueClient};
use reenact_core::Timestamp;

use super::{Storage, meaning, unreadable};
use crate::azure::names;
use crate::azure::port::{PortErrorKind, QueueMessage};
use crate::azure::wire;

/// How long a message lives, in seconds: 68 years, for the crate cannot say "for ever".
const LIFE: Duration = Duration::from_secs(i32::MAX as u64);

fn queue(storage: &Storage, name: &str) -> Result<QueueClient, PortErrorKind> {
    if !names::is_queue(name) {
        return Err(wire::no_such_name());
    }
    Ok(storage.queues.queue_client(name))
}

pub(super) async fn create(storage: &Storage, name: &str) -> Result<(), PortErrorKind> {
    match queue(storage, name)?.create().into_future().await {
        Ok(_) => Ok(()),
        Err(error) => wire::existing_is_no_error(meaning(&error)),
    }
}

pub(super) async fn send(storage: &Storage, name: &str, text: &str) -> Result<(), PortErrorKind> {
    let put = queue(storage, name)?.put_message(text).ttl(LIFE);
    put.into_future().await.map(drop).map_err(|error| meaning(&error))
}

pub(super) async fn length(storage: &Storage, name: &str) -> Result<u64, PortErrorKind> {
    let metadata = queue(storage, name)?.get_metadata().into_future().await;
    let count = metadata.map_err(|error| meaning(&error))?.approximate_messages_count;
    u64::try_from(count).map_err(|_| unreadable("a number that is too large"))
}

pub(super) async fn oldest(
    storage: &Storage,
    name: &str,
) -> Result<Option<Timestamp>, PortErrorKind> {
    let peek = queue(storage, name)?.peek_messages().number_of_messages(wire::ALL_MESSAGES);
    let answer = peek.into_future().await.map_err(|error| meaning(&error))?;
    let times = answer.messages.into_iter().map(|message| message.insertion_time.unix_timestamp());
    Ok(times.map(wire::time).min())
}

pub(super) async fn receive(
    storage: &Storage,
    name: &str,
    limit: u32,
    visibility: Duration,
) -> Result<Vec<QueueMessage>, PortErrorKind> {
    let get = queue(storage, name)?
        .get_messages()
        .number_of_messages(wire::messages(limit))
        .visibility_timeout(whole_seconds(visibility));
    let answer = get.into_future().await.map_err(|error| meaning(&error))?;
    answer.messages.into_iter().map(message).collect()
}

fn message(message: Message) -> Result<QueueMessage, PortErrorKind> {
    let attempt = u32::try_from(message.dequeue_count);
    Ok(QueueMessage {
        id: message.message_id,
        receipt: message.pop_receipt,
        attempt: attempt.map_err(|_| unreadable("a number that is too large"))?,
        text: message.message_text,
    })
}

pub(super) async fn extend(
    storage: &Storage,
    name: &str,
    id: &str,
    receipt: &str,
    visibility: Duration,
) -> Result<String, PortErrorKind> {
    let client = queue(storage, name)?.pop_receipt_client(PopReceipt::new(id, receipt));
    // The transport leaves the text out.
    let update = client.update(String::new(), whole_seconds(visibility));
    let updated = update.into_future().await.map_err(|error| meaning(&error))?;
    Ok(updated.pop_receipt)
}

pub(super) async fn remove(
    storage: &Storage,
    name: &str,
    id: &str,
    receipt: &str,
) -> Result<(), PortErrorKind> {
    let client = queue(storage, name)?.pop_receipt_client(PopReceipt::new(id, receipt));
    client.delete().into_future().await.map(drop).map_err(|error| meaning(&error))
}

/// The crate drops the part of a second.
fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(wire::seconds(duration).unsigned_abs().into())
}
