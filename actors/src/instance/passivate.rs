//! Lets an idle instance leave memory.

use std::sync::atomic::Ordering;

use ractor::ActorRef;
use reenact_core::Timestamp;

use super::phase::Phase;
use super::state::InstanceState;
use crate::message::{Asked, InstanceMessage, Internal};

impl InstanceState {
    pub(super) fn passivate_if_idle(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
        then: Timestamp,
    ) {
        let now = self.shard.now();
        if matches!(&self.phase, Phase::Parked(_)) && self.last_used <= then {
            // As below.
            let _ = myself.drain();
        }
        let Phase::Live(live) = &mut self.phase else { return };
        if self.last_used <= then && !self.in_place.is_holding() && live.is_idle(now) {
            let messages = std::mem::take(&mut live.arrived);
            if !messages.is_empty() {
                // Otherwise it would be loaded for these messages after each crash.
                self.apply(reenact_core::Command::ConfirmDelivery { messages }, None);
            }
            // Later messages bring it back, after those that are handled before the end. An actor that is
            // draining already may be asked again.
            let _ = myself.drain();
        }
    }

    /// Whether it is to leave memory as soon as it is idle. When others wait for a place, it reports
    /// whether they can have the place of this one.
    pub(super) fn is_to_make_room(&mut self) -> bool {
        let wants_room = self.shard.host.admission.wants_room();
        if wants_room || self.busy.is_some() {
            let is_busy = self.has_place && self.has_something_under_way();
            if !is_busy {
                self.busy = None;
            } else if self.busy.is_none() {
                self.busy = Some(self.shard.host.admission.busy());
            }
        }
        wants_room
            || !self.has_place
            || self.is_due && self.shard.is_due_waiting.load(Ordering::Relaxed)
    }

    pub(super) fn has_something_under_way(&mut self) -> bool {
        match &mut self.phase {
            Phase::Live(live) => !live.is_idle(self.now),
            Phase::Closing(_) => true,
            Phase::Fresh | Phase::Absent | Phase::Finished | Phase::Parked(_) => false,
        }
    }

    /// Reports the memory that it holds. When all instances hold too much, asks the largest idle ones to
    /// leave; returns whether that is not enough.
    pub(super) fn is_too_much_in_memory(&mut self) -> bool {
        let Phase::Live(live) = &mut self.phase else {
            // The machine is dropped.
            self.footprint.report(0);
            return false;
        };
        self.footprint.report(live.machine.held_bytes() + self.in_place.held_bytes());
        if self.footprint.is_to_be_listed() && live.is_idle(self.now) {
            self.footprint.list();
        }
        let all = self.footprint.all();
        if !all.is_over() {
            return false;
        }
        for instance in all.take_largest() {
            let message = Internal::PassivateIfIdleSince(self.now, Asked::default());
            // An instance whose actor has gone is not in memory.
            let _ = self.shard.host.routes.try_deliver(&instance, message.into());
        }
        all.is_over()
    }
}
