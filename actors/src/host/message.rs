//! The messages that the supervisor of a host understands.

use std::collections::BTreeSet;
use std::time::Duration;

use ractor::{ActorId, ActorRef};
use reenact_core::ShardId;

use crate::message::ShardMessage;

#[derive(Debug)]
pub(crate) enum HostMessage {
    /// Start a shard that is down. When that fails, try again after this delay, or a longer one.
    Restart(ShardId, Duration),
    /// A shard is up.
    Up(ShardId, ActorRef<ShardMessage>),
    /// A shard could not be started; to be tried again after this delay.
    Failed(ShardId, Duration),
    /// The thread of these shards was given up, and their supervisors with it.
    Lost(Vec<LostShard>),
    /// The thread of these shards is blocked by code, and cannot be replaced.
    Blocked(Vec<ShardId>),
    /// The shards that are to be up here are others now.
    Share(BTreeSet<ShardId>),
    /// Shards that end now have been asked to.
    Closing,
}

#[cfg(feature = "cluster")]
impl ractor::Message for HostMessage {}

/// A shard whose thread was given up, and its supervisor there. That may be unknown of one that is about to
/// go.
pub(crate) type LostShard = (ShardId, Option<ActorId>);
