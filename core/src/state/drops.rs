//! Futures that the code drops: recorded when the code goes on, called off when it does not.

use alloc::vec::Vec;

use super::State;
use super::mode::Mode;
use super::pending_drop::PendingDrop;
use crate::action::Action;
use crate::correlation_buffer::{Scheduled, call_off};
use crate::event::Event;
use crate::ids::CorrelationId;
use crate::update_answer::UpdateAnswer;

/// A drop is a step of the code only if the code goes on after it. What is dropped in the poll in which
/// the execution ends (by a return, by `?`, by a panic, for a limit) is dropped because it ends: that
/// is no step, and what was open follows the policy for the end. This is not known beforehand, so a drop
/// waits for what comes next: another step, or the end of the poll.
impl State {
    /// The code dropped the future of something that was open.
    pub(crate) fn drop_open(&mut self, id: CorrelationId, scheduled: Scheduled) {
        let dropped = PendingDrop::Future { id, scheduled };
        if dropped.event().is_none() {
            return;
        }
        match self.mode {
            Mode::Between => self.refuse_foreign_call(),
            Mode::Closed => {}
            Mode::Live | Mode::Replay(_) => self.turn.drops.push_back(dropped),
        }
    }

    /// The code goes on: what it has dropped so far are steps.
    pub(crate) fn record_drops(&mut self) {
        while self.record_next_drop() {}
    }

    /// Records the drop that comes next; whether there was one, and the code may still go on.
    pub(super) fn record_next_drop(&mut self) -> bool {
        let Some(event) = self.turn.drops.front().and_then(PendingDrop::event) else {
            return false;
        };
        if !self.record_alone(event, 0, 0).counts() {
            return false;
        }
        match self.turn.drops.pop_front() {
            Some(PendingDrop::Future { id, scheduled }) => {
                self.call_off(id, call_off(id, &scheduled));
            }
            Some(PendingDrop::Update { key }) => self.note_answer(key, UpdateAnswer::Dropped),
            Some(PendingDrop::Lock { .. }) | None => {}
        }
        true
    }

    /// The execution has ended: what is open is called off, and what was dropped in the poll that was
    /// the last.
    pub(crate) fn call_off_all(&mut self) {
        for dropped in core::mem::take(&mut self.turn.drops) {
            // An update stays open: its end is that of the execution, or it is taken again.
            if let PendingDrop::Future { id, scheduled } = dropped {
                self.call_off(id, call_off(id, &scheduled));
            }
        }
        for (id, actions) in self.buffer.calls_off() {
            self.call_off(id, actions);
        }
    }

    /// Calls off something that is open. What was scheduled in the turn under way is not started in the
    /// first place.
    fn call_off(&mut self, id: CorrelationId, actions: Vec<Action>) {
        if self.is_of_this_turn(id) {
            self.turn.never_started.insert(id);
        } else {
            actions.into_iter().for_each(|action| self.act(action));
        }
    }

    /// Another turn begins: what was scheduled before has been started.
    pub(crate) fn forget_never_started(&mut self) {
        self.turn.never_started.clear();
        self.turn.last_id_before = self.last_scheduled();
    }

    /// At replay, the event of the log that comes next, after what the code has just dropped.
    pub(super) fn next_recorded(&mut self) -> Option<&Event> {
        self.pass_over_markers();
        let Mode::Replay(expected) = &self.mode else { return None };
        let mut drops = self.turn.drops.iter().filter_map(PendingDrop::event).peekable();
        expected.iter().find(|event| {
            let is_drop = drops.next_if(|dropped| dropped == *event).is_some();
            !is_drop && !matches!(event, Event::PatchMarked { .. })
        })
    }

    /// The place in the log of what comes next.
    pub(crate) fn next_position(&self) -> u64 {
        self.written.position + self.turn.drops.len() as u64
    }

    /// In older logs, the drops of the poll in which an execution ended were recorded ahead of its end.
    pub(super) fn pass_over_last_drops(&mut self) {
        for dropped in core::mem::take(&mut self.turn.drops) {
            self.take_recorded(dropped.event());
            self.turn.drops.push_back(dropped);
        }
    }

    /// Takes an event out of the log if that comes next: older code recorded it in this place.
    pub(crate) fn take_recorded(&mut self, event: Option<Event>) {
        self.pass_over_markers();
        let Mode::Replay(expected) = &mut self.mode else { return };
        if event.is_some() && expected.front() == event.as_ref() {
            expected.pop_front().iter().for_each(|event| self.count(event));
        }
    }

    fn is_of_this_turn(&self, id: CorrelationId) -> bool {
        id > self.turn.last_id_before && id <= CorrelationId(self.last_id)
    }

    /// Whether a shell is to do that, now that the turn is over: not what was called off before it could
    /// begin.
    pub(crate) fn is_to_be_done(&self, action: &Action) -> bool {
        match action {
            Action::CallActivity { id, .. } | Action::CreateTimer { id, .. } => {
                !self.turn.never_started.contains(id)
            }
            Action::Send(message) => self.outbox.message(message.id).is_some(),
            Action::CancelActivity { .. }
            | Action::CancelTimer { .. }
            | Action::Trace { .. }
            | Action::AnnounceStatus
            | Action::AnswerUpdate { .. }
            | Action::Reply { .. } => true,
        }
    }
}
