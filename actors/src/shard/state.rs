//! What the supervisor of a shard holds.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use ractor::{ActorId, ActorRef};
use reenact_core::{InstanceId, ShardId, Timestamp};

use super::activation_queue::ActivationQueue;
use super::stashed::Stashed;
use super::waits::Waits;
use crate::admission::Place;
use crate::context::ShardContext;
use crate::message::{Asked, InstanceMessage};
use crate::queue_consumer::QueueConsumer;
use crate::task::Task;

pub(crate) struct ShardState {
    pub(super) shard: ShardId,
    pub(super) context: Arc<ShardContext>,
    /// Those that are in memory, by their actors: in the order in which these began.
    pub(super) instances: BTreeMap<ActorId, Member>,
    /// Those that wait to come into memory.
    pub(super) queue: ActivationQueue,
    pub(super) waits: Waits,
    /// What came for an instance whose actor is about to go.
    pub(super) stashed: HashMap<InstanceId, Vec<Stashed>>,
    pub(super) crashes: HashMap<InstanceId, Crashes>,
    /// Parked ones that crash without their code as well.
    pub(super) broken: HashSet<InstanceId>,
    pub(super) draining: bool,
    /// Takes what comes from other hosts, where the store is shared.
    pub(super) queue_consumer: Option<QueueConsumer>,
    /// Shared with the questions that are under way.
    pub(super) asked: Asked,
    pub(super) sweeping: Option<Sweep>,
    /// Renewal and sweeps.
    pub(super) _background: [Task; 2],
}

/// An instance in memory.
pub(super) struct Member {
    pub(super) instance: InstanceId,
    pub(super) actor: ActorRef<InstanceMessage>,
    /// Its place among those of the host, until its actor has gone.
    pub(super) place: Option<Place>,
}

pub(super) struct Crashes {
    pub(super) times: u32,
    pub(super) last: Timestamp,
}

/// Goes through the instances in the order in which their actors began. Nothing is copied at its begin: of very
/// many, that would hold up others.
pub(super) struct Sweep {
    /// Those up to here have been asked.
    pub(super) after: Bound<ActorId>,
    /// The newest at the begin. What comes into memory meanwhile is not asked.
    pub(super) last: ActorId,
    /// They go if they have been idle since then.
    pub(super) then: Timestamp,
    /// It is for those who want room, and ends when nobody does.
    pub(super) makes_room: bool,
}
