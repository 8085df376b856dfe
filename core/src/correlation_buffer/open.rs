//! The entries of the correlation buffer that are open: their actions, waits and children.

use alloc::vec::Vec;

use crate::action::Action;
use crate::attempts::{Attempts, ChildRetry, call, task_timers};
use crate::ids::{CorrelationId, InstanceId, Name};

use super::CorrelationBuffer;
use super::scheduled::{Scheduled, Slot};

impl CorrelationBuffer {
    /// What a shell must have under way for what is open, in the order of scheduling.
    pub(crate) fn open_actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for (&id, slot) in self.all_open() {
            match slot.scheduled.clone() {
                Scheduled::Task { name, input, attempts, local } => {
                    actions.extend(task_timers(id, attempts.as_deref()));
                    let waits = |attempts: &Attempts| {
                        attempts.retry_at.is_some() || attempts.deferred.is_some()
                    };
                    if !attempts.as_deref().is_some_and(waits) {
                        actions.push(call(id, name, input, attempts.as_deref(), local));
                    }
                }
                Scheduled::Timer { fire_at, .. } => {
                    actions.push(Action::CreateTimer { id, fire_at })
                }
                Scheduled::Wait { .. }
                | Scheduled::AnyWait
                | Scheduled::Child { .. }
                | Scheduled::Start { .. }
                | Scheduled::Send { .. }
                | Scheduled::Command { .. }
                | Scheduled::Update { .. }
                | Scheduled::Refused
                | Scheduled::Cancellation
                | Scheduled::Stopped => {}
            }
        }
        actions
    }

    /// The waits for which no event has come, in the order of scheduling. One for events of any name has the name
    /// `*`.
    pub(crate) fn open_waits(&self) -> Vec<(CorrelationId, Name)> {
        let waits = self.all_open().filter_map(|(id, slot)| {
            if let Scheduled::Wait { name } = &slot.scheduled {
                Some((*id, name.clone()))
            } else {
                matches!(slot.scheduled, Scheduled::AnyWait).then(|| (*id, Name::any_event()))
            }
        });
        waits.filter(|(id, _)| self.completed_at(*id).is_none()).collect()
    }

    /// What is open under that id, if it is.
    pub(crate) fn open(&self, id: CorrelationId) -> Option<&Scheduled> {
        let open = self.slots.get(&id).filter(|slot| slot.output.is_none())?;
        (!open.scheduled.is_stopped()).then_some(&open.scheduled)
    }

    /// The child that is open under that id, if one is.
    pub(crate) fn open_child(&self, id: CorrelationId) -> Option<&InstanceId> {
        let Scheduled::Child { instance, .. } = self.open(id)? else { return None };
        Some(instance)
    }

    /// When, and whether, the child that is open under that id is tried again.
    pub(crate) fn child_retry(&self, id: CorrelationId) -> Option<&ChildRetry> {
        let Scheduled::Child { retry, .. } = self.open(id)? else { return None };
        retry.as_deref()
    }

    /// The next attempt of a child is under way; whether the child is open.
    pub(crate) fn next_attempt_of_child(&mut self, id: CorrelationId, next: InstanceId) -> bool {
        let slot = self.slots.get_mut(&id).filter(|slot| slot.output.is_none());
        let Some(Scheduled::Child { instance, .. }) = slot.map(|slot| &mut slot.scheduled) else {
            return false;
        };
        *instance = next;
        true
    }

    pub(super) fn all_open(&self) -> impl Iterator<Item = (&CorrelationId, &Slot)> {
        let open = self.slots.iter().filter(|(_, slot)| slot.output.is_none());
        open.map(|(id, slot)| (id, &**slot))
    }
}
