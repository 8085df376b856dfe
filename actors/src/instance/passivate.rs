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
                // Otherwise it would be woken for them after a crash, again and again.
                self.apply(reenact_core::Command::ConfirmDelivery { messages }, None);
            }
            // What comes from now on brings it back, after what is handled before the end. An
            // actor that is draining already needs no second word.
            let _ = myself.drain();
        }
    }

    /// Whether it is to go as soon as it is idle. Where others wait for a place, says whether they can
    /// have that of this one.
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

    /// Says what it holds. Where all instances hold too much, asks the largest idle ones to go; whether
    /// that is not enough.
    pub(super) fn is_too_much_in_memory(&mut self) -> bool {
        let Phase::Live(live) = &mut self.phase else {
            // The machine is gone.
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
            // One that has gone in the meantime is not in memory.
            let _ = self.shard.host.routes.try_deliver(&instance, message.into());
        }
        all.is_over()
    }
}
