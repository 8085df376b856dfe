//! The messages that the supervisor of a shard understands.

use std::sync::Arc;

use ractor::ActorRef;
use reenact_core::{InstanceId, Timestamp};
use reenact_providers::ProviderError;
use tokio::sync::oneshot;

use super::InstanceMessage;
use crate::admission::{Kind, Place};
use crate::error::{Error, Result};
use crate::in_flight::InFlight;

/// A message to the supervisor of a shard.
#[derive(Debug)]
pub(crate) enum ShardMessage {
    /// A message for an instance that had no actor when it was sent.
    Deliver { instance: InstanceId, message: InstanceMessage },
    /// Bring the instance into memory and give its actor.
    Locate { instance: InstanceId, reply: oneshot::Sender<Result<ActorRef<InstanceMessage>>> },
    /// Remove from memory the instances that have been idle for this long.
    Sweep { idle: std::time::Duration },
    /// Remove from memory the instances that are idle now.
    MakeRoom,
    /// Ask the next instances whether they can leave.
    SweepOn,
    /// Load the instances that are due, in the order in which they were. The second list is kept until they
    /// are queued, and then lets other timers fire.
    Wake(Vec<Due>, Vec<InFlight>),
    /// There may be room for the next instances that wait to come into memory.
    Admit,
    /// Look whether instances still hold too much in memory.
    LookAtMemory,
    /// The place that was waited for is free; `None` when the next instance comes without one.
    PlaceFound(Kind, Option<Place>),
    /// Remove a finished instance.
    Purge { instance: InstanceId, reply: oneshot::Sender<Result<()>> },
    /// Handle what has come, end all actors, and give up the lease.
    Drain { reply: oneshot::Sender<()> },
}

/// An instance that its log, or a timer, wants in memory.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) at: Timestamp,
    pub(crate) instance: InstanceId,
    /// Whether the host has just started: an earlier host may have died of the instance.
    pub(crate) is_recovered: bool,
}

impl ShardMessage {
    /// Answers with an error, because the shard is down.
    pub(crate) fn refuse(self, why: Arc<ProviderError>) {
        let down = Error::from(why);
        // The caller may have given up.
        match self {
            Self::Deliver { message, .. } => message.refuse(|| down),
            Self::Locate { reply, .. } => drop(reply.send(Err(down))),
            Self::Purge { reply, .. } => drop(reply.send(Err(down))),
            Self::Sweep { .. }
            | Self::MakeRoom
            | Self::SweepOn
            | Self::Wake(..)
            | Self::Admit
            | Self::LookAtMemory
            | Self::PlaceFound(..)
            | Self::Drain { .. } => {}
        }
    }
}

#[cfg(feature = "cluster")]
impl ractor::Message for ShardMessage {}
