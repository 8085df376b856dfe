//! What a cancel does to what is open, and what a shell must call off.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::iter;
use core::task::Waker;

use super::CorrelationBuffer;
use super::scheduled::Scheduled;
use crate::action::Action;
use crate::attempts::task_timers;
use crate::error::{CallUpdateError, Cancelled, ChildError, CommandError, SendError};
use crate::ids::CorrelationId;
use crate::options::ParentClose;
use crate::output::DurableOutput;
use crate::time::Timestamp;

impl CorrelationBuffer {
    /// Ends what is open and not shielded, as a cancel does, at a place in the log. What a shell must
    /// call off, the children that are open and what becomes of them, and the wakers to wake.
    pub(crate) fn cancel(
        &mut self,
        position: u64,
        cancelled: &Cancelled,
    ) -> (Vec<Action>, Vec<(CorrelationId, ParentClose)>, Vec<Waker>) {
        let reached = self
            .slots
            .iter()
            .filter(|(id, slot)| !slot.shielded && self.completed_at(**id).is_none());
        let reached: Vec<_> = reached.map(|(id, slot)| (*id, slot.scheduled.clone())).collect();
        let mut actions = Vec::new();
        let mut children = Vec::new();
        let mut wakers = Vec::new();
        for (id, scheduled) in reached {
            actions.extend(call_off(id, &scheduled));
            let output = match scheduled {
                Scheduled::Task { .. } => DurableOutput::Task(Err(cancelled.of_activity())),
                // A cancel is never time: it does not fire, and it does not complete either.
                Scheduled::Timer { fire_at, .. } => {
                    self.stop_timer(id, fire_at);
                    continue;
                }
                Scheduled::Wait { name } => {
                    // It has no event that another could get.
                    let _ = self.unsubscribe(&name, id);
                    DurableOutput::External(Err(cancelled.clone().into()))
                }
                Scheduled::AnyWait => {
                    let _ = self.unsubscribe_any(id);
                    DurableOutput::AnyExternal(Err(cancelled.clone().into()))
                }
                Scheduled::Child { instance: child, parent_close, .. } => {
                    children.push((id, parent_close));
                    let reason = cancelled.reason.clone();
                    DurableOutput::Child(Err(Box::new(ChildError::Cancelled { child, reason })))
                }
                Scheduled::Start { instance: child } => {
                    let reason = cancelled.reason.clone();
                    DurableOutput::Started(Err(Box::new(ChildError::Cancelled { child, reason })))
                }
                Scheduled::Send { .. } => {
                    let cancelled = cancelled.clone();
                    DurableOutput::Sent(Err(Box::new(SendError::Cancelled(cancelled))))
                }
                Scheduled::Command { .. } => {
                    let cancelled = cancelled.clone();
                    DurableOutput::Commanded(Err(Box::new(CommandError::Cancelled(cancelled))))
                }
                Scheduled::Update { .. } => {
                    let cancelled = cancelled.clone();
                    DurableOutput::Updated(Err(Box::new(CallUpdateError::Cancelled(cancelled))))
                }
                Scheduled::Cancellation => DurableOutput::Cancelled,
                Scheduled::Refused | Scheduled::Stopped => continue,
            };
            wakers.extend(self.complete(id, position, output).and_then(|(waker, _)| waker));
        }
        (actions, children, wakers)
    }

    /// A cancel has come: the timer never fires.
    pub(super) fn stop_timer(&mut self, id: CorrelationId, fire_at: Timestamp) {
        self.due.remove_timer(id, fire_at);
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let before = core::mem::replace(&mut slot.scheduled, Scheduled::Stopped);
        if slot.waker.is_some() {
            self.awaited.remove(&before);
            self.awaited.add(&slot.scheduled);
        }
    }

    /// What a shell must call off, now that the execution has ended.
    pub(crate) fn calls_off(&self) -> Vec<(CorrelationId, Vec<Action>)> {
        self.all_open().map(|(&id, slot)| (id, call_off(id, &slot.scheduled))).collect()
    }
}

/// What a shell must call off of something that is open. Children hear of it by message.
pub(crate) fn call_off(id: CorrelationId, scheduled: &Scheduled) -> Vec<Action> {
    match scheduled {
        Scheduled::Task { attempts, .. } => {
            let timers = task_timers(id, attempts.as_deref()).filter_map(|timer| match timer {
                Action::CreateTimer { id, fire_at } => Some(Action::CancelTimer { id, fire_at }),
                Action::CallActivity { .. }
                | Action::CancelActivity { .. }
                | Action::CancelTimer { .. }
                | Action::Trace { .. }
                | Action::Send(_)
                | Action::AnnounceStatus
                | Action::AnswerUpdate { .. }
                | Action::Reply { .. } => None,
            });
            iter::once(Action::CancelActivity { id }).chain(timers).collect()
        }
        Scheduled::Timer { fire_at, .. } => {
            Vec::from([Action::CancelTimer { id, fire_at: *fire_at }])
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
        | Scheduled::Stopped => Vec::new(),
    }
}
