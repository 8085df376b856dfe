//! The messages that the supervisor of a shard understands.

use std::sync::Arc;

use ractor::ActorRef;
use reenact_core::{InstanceId, Timestamp};
use reenact_providers::ProviderError;
use tokio::sync::oneshot;

use super::InstanceMessage;
use crate::admission::{Kind, Place};
use crate::error::{Error, Result};
use crate::pace::OnItsWay;

/// What a shard supervisor understands.
#[derive(Debug)]
pub(crate) enum ShardMessage {
    /// For an instance that had no actor when it was sent.
    Deliver { instance: InstanceId, message: InstanceMessage },
    /// Bring the instance into memory and give its actor.
    Locate { instance: InstanceId, reply: oneshot::Sender<Result<ActorRef<InstanceMessage>>> },
    /// Let go from memory what has been idle for this long.
    Sweep { idle: std::time::Duration },
    /// Let go from memory what is idle now.
    MakeRoom,
    /// Ask the next instances whether they can go.
    SweepOn,
    /// Bring into memory what is due, by the time at which it was. With what lets other timers fire once it is
    /// queued.
    Wake(Vec<Due>, Vec<OnItsWay>),
    /// There may be room for the next that wait to come into memory.
    Admit,
    /// Whether instances still hold too much in memory.
    LookAtMemory,
    /// The place that was waited for is there; `None` where the next one does without.
    PlaceFound(Kind, Option<Place>),
    /// Remove a finished instance.
    Purge { instance: InstanceId, reply: oneshot::Sender<Result<()>> },
    /// Handle what has come, let everything go, give up the lease.
    Drain { reply: oneshot::Sender<()> },
}

/// An instance that its log, or a timer, wants in memory.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) at: Timestamp,
    pub(crate) instance: InstanceId,
    /// The host has just started: an earlier one may have died of it.
    pub(crate) is_recovered: bool,
}

impl ShardMessage {
    /// Answers without having done anything: the shard is down.
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
