//! The state of an instance's actor.

use std::sync::Arc;

use reenact_core::{InstanceId, Timestamp};

use super::in_place::InPlace;
use super::phase::Phase;
use crate::admission::Busy;
use crate::context::ShardContext;
use crate::footprint::Footprint;
use crate::in_flight::InFlight;
use crate::message::Begin;

pub(crate) struct InstanceState {
    pub(super) shard: Arc<ShardContext>,
    pub(super) instance: InstanceId,
    pub(super) begin: Begin,
    pub(super) phase: Phase,
    pub(super) last_used: Timestamp,
    /// The time at which the current message is handled. It is read once for each message, so that nothing
    /// becomes due between what is overdue and the message.
    pub(super) now: Timestamp,
    /// Whether it was parked, and has gone on or ended since it came into memory.
    pub(super) unparked: bool,
    /// Its local activities that run before their schedule is durable.
    pub(super) in_place: InPlace,
    /// Whether the current message may begin local activities in place.
    pub(super) may_run_in_place: bool,
    /// The memory that it holds.
    pub(super) footprint: Footprint,
    /// Whether it has a place among the instances in memory.
    pub(super) has_place: bool,
    /// It keeps its place while others wait for one.
    pub(super) busy: Option<Busy>,
    pub(super) coming: Option<InFlight>,
    pub(super) is_due: bool,
}
