//! The state of a shard's supervisor.

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
    /// The instances in memory by their actors, in the order in which these began.
    pub(super) instances: BTreeMap<ActorId, Member>,
    /// The instances that wait to come into memory.
    pub(super) queue: ActivationQueue,
    pub(super) waits: Waits,
    /// Messages for instances whose actors are about to end.
    pub(super) stashed: HashMap<InstanceId, Vec<Stashed>>,
    pub(super) crashes: HashMap<InstanceId, Crashes>,
    /// Parked instances that crash even without their code.
    pub(super) broken: HashSet<InstanceId>,
    pub(super) draining: bool,
    /// Receives messages from other hosts, where the store is shared.
    pub(super) queue_consumer: Option<QueueConsumer>,
    /// Shared with the questions that are under way.
    pub(super) asked: Asked,
    pub(super) sweeping: Option<Sweep>,
    /// The tasks that renew the lease and begin sweeps.
    pub(super) _background: [Task; 2],
}

/// An instance in memory.
pub(super) struct Member {
    pub(super) instance: InstanceId,
    pub(super) actor: ActorRef<InstanceMessage>,
    /// Its place among the instances of the host, until its actor has ended.
    pub(super) place: Option<Place>,
}

pub(super) struct Crashes {
    pub(super) times: u32,
    pub(super) last: Timestamp,
}

/// A pass over the instances in the order in which their actors began. The list is not copied at the
/// start: with very many instances that would delay other tasks.
pub(super) struct Sweep {
    /// The last actor that was asked.
    pub(super) after: Bound<ActorId>,
    /// The newest actor when the sweep began. Instances that come into memory later are not asked.
    pub(super) last: ActorId,
    /// An instance leaves memory if it has been idle since then.
    pub(super) then: Timestamp,
    /// Whether the sweep makes room for waiting instances, and ends when none waits.
    pub(super) makes_room: bool,
}
