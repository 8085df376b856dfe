//! Which completions the code can see, and which futures they wake.

use alloc::vec::Vec;
use core::mem;
use core::task::Waker;

use crate::ids::CorrelationId;

use super::CorrelationBuffer;
use super::awaited::Awaited;
use super::scheduled::{Scheduled, Slot};

impl CorrelationBuffer {
    /// The place in the log of a slot's completion, if it is there and to be seen.
    pub(crate) fn ready(&self, id: CorrelationId) -> Option<u64> {
        if self.is_hidden(id) { None } else { self.completed_at(id) }
    }

    pub(super) fn completed_at(&self, id: CorrelationId) -> Option<u64> {
        let slot = self.slots.get(&id)?;
        match (&slot.output, &slot.scheduled) {
            (Some((position, _)), _) => Some(*position),
            (None, Scheduled::Wait { name }) => self.event_of_wait(name, id),
            (None, Scheduled::AnyWait) => self.claim_of(id).map(|claim| claim.position),
            (None, _) => None,
        }
    }

    pub(super) fn is_hidden(&self, id: CorrelationId) -> bool {
        let Some(horizon) = self.horizon else {
            return false;
        };
        // What was refused needed nothing from outside.
        let refused = |slot: &Slot| matches!(slot.scheduled, Scheduled::Refused);
        self.completed_at(id).is_some_and(|at| at >= horizon)
            && !self.slots.get(&id).is_some_and(|slot| refused(slot))
    }

    /// Hides the completions from a place in the log on; gives from where on they were hidden.
    pub(crate) fn hide_from(&mut self, position: u64) -> Option<u64> {
        let nearest = self.horizon.map_or(position, |horizon| horizon.min(position));
        self.horizon.replace(nearest)
    }

    /// Hides what was hidden before. Gives the wakers of those who asked in vain: nothing else will
    /// wake them.
    pub(crate) fn hide_as_before(&mut self, horizon: Option<u64>) -> Vec<Waker> {
        self.horizon = horizon;
        let asked = mem::take(&mut self.asked_in_vain);
        asked.into_iter().filter_map(|id| self.take_waker(id)).collect()
    }

    /// A slot that is not complete is asked for: whether this waker is to be [kept](Self::await_slot).
    pub(crate) fn must_keep(&mut self, id: CorrelationId, waker: &Waker) -> bool {
        if self.is_hidden(id) {
            self.asked_in_vain.push(id);
        }
        let Some(slot) = self.slots.get(&id) else { return false };
        !slot.waker.as_ref().is_some_and(|known| known.will_wake(waker))
    }

    /// Keeps the waker of a slot that is not complete; gives back the one that it replaces, or this one
    /// where there is no such slot.
    pub(crate) fn await_slot(&mut self, id: CorrelationId, waker: Waker) -> Option<Waker> {
        let Some(slot) = self.slots.get_mut(&id) else { return Some(waker) };
        if slot.waker.is_none() {
            self.awaited.add(&slot.scheduled);
        }
        slot.waker.replace(waker)
    }

    /// Takes the wakers of all slots: nothing is to be woken any more.
    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        self.awaited = Awaited::default();
        self.slots.values_mut().filter_map(|slot| slot.waker.take()).collect()
    }

    pub(super) fn take_waker(&mut self, id: CorrelationId) -> Option<Waker> {
        let slot = self.slots.get_mut(&id)?;
        let waker = slot.waker.take()?;
        self.awaited.remove(&slot.scheduled);
        Some(waker)
    }

    pub(crate) fn awaits_nothing(&self) -> bool {
        self.awaited.is_empty()
    }

    /// Whether the code awaits timers that a cancel has stopped, and nothing else that could let it go
    /// on. A time limit of something is no such thing: it would only say that time has passed.
    pub(crate) fn awaits_stopped_only(&self) -> bool {
        self.awaited.is_stopped()
    }
}
