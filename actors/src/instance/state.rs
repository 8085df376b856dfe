//! What the actor of an instance holds.

use std::sync::Arc;

use reenact_core::{InstanceId, Timestamp};

use super::in_place::InPlace;
use super::phase::Phase;
use crate::admission::Busy;
use crate::context::ShardContext;
use crate::footprint::Footprint;
use crate::message::Begin;
use crate::pace::OnItsWay;

pub(crate) struct InstanceState {
    pub(super) shard: Arc<ShardContext>,
    pub(super) instance: InstanceId,
    pub(super) begin: Begin,
    pub(super) phase: Phase,
    pub(super) last_used: Timestamp,
    /// The time of what is being handled. Read once for each message: nothing becomes due between what
    /// is overdue and the message.
    pub(super) now: Timestamp,
    /// It was parked, and goes on since it came into memory, or has come to its end so.
    pub(super) unparked: bool,
    /// Its local activities that run before their schedule is durable.
    pub(super) in_place: InPlace,
    /// Whether what is being handled may begin some.
    pub(super) may_run_in_place: bool,
    /// What it holds in memory.
    pub(super) footprint: Footprint,
    /// It has a place among the instances in memory.
    pub(super) has_place: bool,
    /// It keeps that while others wait for places.
    pub(super) busy: Option<Busy>,
    pub(super) coming: Option<OnItsWay>,
    pub(super) is_due: bool,
}
