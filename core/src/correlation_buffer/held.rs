//! The bytes that the correlation buffer holds, and those that the code may hold of what it has taken.

use core::mem;

use super::scheduled::{Scheduled, Slot};
use crate::attempts::Attempts;
use crate::output::DurableOutput;

/// What a slot takes besides what it carries, about: it is in a tree.
const SLOT_BYTES: usize = mem::size_of::<Slot>() + 32;

/// What the slots hold, in bytes, about.
#[derive(Debug, Default)]
pub(super) struct Held {
    slots: usize,
    /// The slots of activities and children.
    calls: usize,
    /// Outputs that the code has taken, of the calls that were made together.
    given: usize,
    /// A call was made while no other was open: what is taken next is the first of those.
    begins_anew: bool,
}

impl Held {
    pub(super) const fn bytes(&self) -> usize {
        self.slots + self.given
    }

    pub(super) fn add(&mut self, slot: &mut Slot) {
        match &slot.scheduled {
            Scheduled::Task { .. } | Scheduled::Child { .. } | Scheduled::Update { .. } => {
                self.begins_anew |= self.calls == 0;
                self.calls += 1;
            }
            Scheduled::Wait { .. } | Scheduled::AnyWait => self.begins_anew |= self.calls == 0,
            Scheduled::Timer { .. }
            | Scheduled::Start { .. }
            | Scheduled::Send { .. }
            | Scheduled::Command { .. }
            | Scheduled::Refused
            | Scheduled::Cancellation
            | Scheduled::Stopped => {}
        }
        slot.held = 0;
        self.changed(slot);
    }

    /// What a slot holds is another.
    pub(super) fn changed(&mut self, slot: &mut Slot) {
        let before = slot.held;
        slot.held = SLOT_BYTES + slot.scheduled.bytes() + slot.bytes();
        self.slots = self.slots.saturating_sub(before) + slot.held;
    }

    pub(super) fn remove(&mut self, slot: &Slot) {
        self.slots = self.slots.saturating_sub(slot.held);
        let is_call = matches!(
            slot.scheduled,
            Scheduled::Task { .. } | Scheduled::Child { .. } | Scheduled::Update { .. }
        );
        if is_call {
            self.calls = self.calls.saturating_sub(1);
        }
    }

    /// The code has taken an output.
    pub(super) fn give(&mut self, output: &DurableOutput) {
        if mem::take(&mut self.begins_anew) {
            self.given = 0;
        }
        self.given += output_bytes(output);
    }
}

impl Slot {
    /// Of the output.
    fn bytes(&self) -> usize {
        self.output.as_ref().map_or(0, |(_, output)| output_bytes(output))
    }
}

impl Scheduled {
    fn bytes(&self) -> usize {
        match self {
            Self::Task { input, attempts, .. } => {
                input.len() + attempts.as_deref().map_or(0, Attempts::held_bytes)
            }
            // What a child or another instance is sent is in the outbox.
            Self::Timer { .. }
            | Self::Wait { .. }
            | Self::AnyWait
            | Self::Child { .. }
            | Self::Start { .. }
            | Self::Send { .. }
            | Self::Command { .. }
            | Self::Update { .. }
            | Self::Refused
            | Self::Cancellation
            | Self::Stopped => 0,
        }
    }
}

fn output_bytes(output: &DurableOutput) -> usize {
    match output {
        DurableOutput::Task(Ok(payload))
        | DurableOutput::External(Ok(payload))
        | DurableOutput::AnyExternal(Ok((_, payload))) => payload.len(),
        DurableOutput::Task(Err(error)) => error.stored_bytes(),
        DurableOutput::Child(Ok((_, payload))) | DurableOutput::Updated(Ok(payload)) => {
            payload.len()
        }
        DurableOutput::Updated(Err(error)) => error.bytes(),
        DurableOutput::Child(Err(error)) => error.stored_bytes(),
        DurableOutput::External(Err(_))
        | DurableOutput::AnyExternal(Err(_))
        | DurableOutput::Timer
        | DurableOutput::Started(_)
        | DurableOutput::Sent(_)
        | DurableOutput::Commanded(_)
        | DurableOutput::Cancelled => 0,
    }
}
