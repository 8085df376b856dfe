//! Messages to a shard from outside its owner.

use std::sync::Arc;

use async_trait::async_trait;
use reenact_core::{InstanceId, ShardId};

use crate::ProviderError;

/// Carries messages to the owner of a shard from other hosts, other shards and clients without a
/// host: at least once, in order of arrival as long as nothing is redelivered. The log removes
/// duplicates by the message's key.
#[async_trait]
pub trait ExternalEventRouter: Send + Sync + 'static {
    /// Puts a message into a shard's queue. Durable when it returns.
    ///
    /// Sending a message whose key is still in the queue is no error. A router that can look into its
    /// queue takes it once; with one that cannot, it may then be delivered once more.
    ///
    /// # Errors
    /// - `TooLarge`: nothing was written.
    /// - `Throttled`: too many messages wait; nothing was written.
    /// - `Conflict`: there is no such shard.
    /// - `Unknown`: send it again under the same key.
    async fn send(&self, shard: ShardId, message: Message) -> Result<(), ProviderError>;

    /// Waits until the shard's queue has messages that are not being handled, and takes up to
    /// `limit` of them (0 counts as 1), oldest first. One that is not acknowledged within the
    /// router's visibility time is delivered again. Cancelling the call loses nothing.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn receive(&self, shard: ShardId, limit: usize) -> Result<Vec<Delivery>, ProviderError>;

    /// Removes a delivered message for good. Doing it again, or for a delivery that has run out,
    /// is no error.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn acknowledge(&self, shard: ShardId, delivery: DeliveryId) -> Result<(), ProviderError>;
}

/// A message on its way to an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Chosen by the sender; the same for the same message, however often it is sent.
    pub key: String,
    /// The instance that it is for.
    pub to: InstanceId,
    /// The encoded command: for the core to read.
    pub bytes: Arc<[u8]>,
}

/// Names one delivery of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliveryId(pub u64);

/// A message in the hands of the shard's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The receipt that acknowledges it.
    pub id: DeliveryId,
    /// How often it has been delivered, this time included.
    pub attempt: u32,
    /// The message.
    pub message: Message,
}
