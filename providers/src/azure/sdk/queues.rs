//! Queue operations by Microsoft's crates.

use std::time::Duration;

use azure_core::http::headers::HeaderName;
use azure_storage_queue::QueueClient;
use azure_storage_queue::models::{
    QueueClientGetPropertiesResultHeaders, QueueClientPeekMessagesOptions,
    QueueClientReceiveMessagesOptions, QueueClientSendMessageOptions, QueueMessage as Text,
    ReceivedMessage,
};
use reenact_core::Timestamp;

use super::{NEVER_ENDING, Storage, meaning, unreadable};
use crate::azure::names;
use crate::azure::port::{PortErrorKind, QueueMessage};
use crate::azure::wire;

/// The header with the new receipt of a message that was hidden for another while.
const POP_RECEIPT: HeaderName = HeaderName::from_static("x-ms-popreceipt");

fn queue(storage: &Storage, name: &str) -> Result<QueueClient, PortErrorKind> {
    if !names::is_queue(name) {
        return Err(wire::no_such_name());
    }
    storage.queues.queue_client(name).map_err(|error| meaning(&error))
}

pub(super) async fn create(storage: &Storage, name: &str) -> Result<(), PortErrorKind> {
    match queue(storage, name)?.create(None).await {
        Ok(_) => Ok(()),
        Err(error) => wire::existing_is_no_error(meaning(&error)),
    }
}

pub(super) async fn send(storage: &Storage, name: &str, text: &str) -> Result<(), PortErrorKind> {
    let options = QueueClientSendMessageOptions {
        message_time_to_live: Some(NEVER_ENDING),
        ..Default::default()
    };
    let message = Text { message_text: Some(text.to_owned()) };
    let message = message.try_into().map_err(|error| meaning(&error))?;
    let sent = queue(storage, name)?.send_message(message, Some(options)).await;
    sent.map(drop).map_err(|error| meaning(&error))
}

pub(super) async fn length(storage: &Storage, name: &str) -> Result<u64, PortErrorKind> {
    let properties = queue(storage, name)?.get_properties(None).await;
    let count = properties.map_err(|error| meaning(&error))?.approximate_messages_count();
    let count = count.ok().flatten().and_then(|count| u64::try_from(count).ok());
    count.ok_or_else(|| unreadable("no number of messages"))
}

pub(super) async fn oldest(
    storage: &Storage,
    name: &str,
) -> Result<Option<Timestamp>, PortErrorKind> {
    let options = QueueClientPeekMessagesOptions {
        number_of_messages: Some(wire::ALL_MESSAGES.into()),
        ..Default::default()
    };
    let answer = queue(storage, name)?.peek_messages(Some(options)).await;
    let answer = answer.map_err(|error| meaning(&error))?;
    let messages = answer.into_model().map_err(|error| meaning(&error))?;
    let times = messages
        .items
        .unwrap_or_default()
        .into_iter()
        .map(|message| message.insertion_time.map(|time| wire::time(time.unix_timestamp())));
    let times: Option<Vec<_>> = times.collect();
    times.map(|times| times.into_iter().min()).ok_or_else(|| unreadable("a message without a time"))
}

pub(super) async fn receive(
    storage: &Storage,
    name: &str,
    limit: u32,
    visibility: Duration,
) -> Result<Vec<QueueMessage>, PortErrorKind> {
    let options = QueueClientReceiveMessagesOptions {
        number_of_messages: Some(wire::messages(limit).into()),
        visibility_timeout: Some(wire::seconds(visibility)),
        ..Default::default()
    };
    let answer = queue(storage, name)?.receive_messages(Some(options)).await;
    let answer = answer.map_err(|error| meaning(&error))?;
    let messages = answer.into_model().map_err(|error| meaning(&error))?;
    let messages = messages.items.unwrap_or_default().into_iter().map(message);
    messages.collect::<Option<_>>().ok_or_else(|| unreadable("a message without id or receipt"))
}

fn message(message: ReceivedMessage) -> Option<QueueMessage> {
    Some(QueueMessage {
        id: message.message_id?,
        receipt: message.pop_receipt?,
        attempt: u32::try_from(message.dequeue_count?).ok()?,
        text: message.message_text.unwrap_or_default(),
    })
}

pub(super) async fn extend(
    storage: &Storage,
    name: &str,
    id: &str,
    receipt: &str,
    visibility: Duration,
) -> Result<String, PortErrorKind> {
    let queue = queue(storage, name)?;
    let visibility = wire::seconds(visibility);
    let updated = queue.update_message(id, receipt, visibility, None).await;
    let updated = updated.map_err(|error| meaning(&error))?;
    let receipt = updated.headers().get_optional_str(&POP_RECEIPT);
    receipt.map(str::to_owned).ok_or_else(|| unreadable("no new receipt"))
}

pub(super) async fn remove(
    storage: &Storage,
    name: &str,
    id: &str,
    receipt: &str,
) -> Result<(), PortErrorKind> {
    let removed = queue(storage, name)?.delete_message(id, receipt, None).await;
    removed.map(drop).map_err(|error| meaning(&error))
}
