//! What is to be done outside, as a script does it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::action::Action;
use crate::event::Event;
use crate::ids::{CorrelationId, Name, ShardId};
use crate::machine::Turn;
use crate::message::Message;
use crate::payload::Payload;
use crate::receipt::Receipt;
use crate::time::Timestamp;

/// What the orchestration has asked for and not been given.
#[derive(Default)]
pub(super) struct Todo {
    pub(super) tasks: VecDeque<Call>,
    pub(super) timers: Vec<(Timestamp, CorrelationId)>,
    pub(super) waits: Vec<(CorrelationId, Name)>,
    pub(super) messages: VecDeque<Message>,
}

/// An attempt of an activity.
pub(super) struct Call {
    pub(super) id: CorrelationId,
    pub(super) name: Name,
    pub(super) input: Payload,
    pub(super) attempt: u32,
}

/// When the recipient may begin with what a message says.
pub(super) fn not_before(message: &Message) -> Timestamp {
    message.body.not_before().unwrap_or(Timestamp::EPOCH)
}

impl Todo {
    /// The first message that needs no more time.
    pub(super) fn message_due(&mut self, now: Timestamp) -> Option<Message> {
        let due = self.messages.iter().position(|message| not_before(message) <= now)?;
        self.messages.remove(due)
    }

    /// The message that is due first, if that is before the first timer.
    pub(super) fn message_before(&mut self, timer: Option<Timestamp>) -> Option<Message> {
        let first = (0..self.messages.len()).min_by_key(|&at| not_before(&self.messages[at]))?;
        let is_before = |at| timer.is_none_or(|timer| at <= timer);
        let is_first = is_before(not_before(&self.messages[first]));
        if is_first { self.messages.remove(first) } else { None }
    }

    pub(super) fn waits_for(&self, name: &Name) -> bool {
        self.waits.iter().any(|(_, awaited)| awaited == name || *awaited == Name::any_event())
    }

    pub(super) fn names_waited_for(&self) -> Vec<Name> {
        self.waits.iter().map(|wait| wait.1.clone()).collect()
    }

    pub(super) fn add(&mut self, turn: Turn) {
        let events = turn.recorded.events;
        // A script is as durable as a test needs.
        let mut actions = turn.actions;
        actions.go_into(ShardId(0), turn.number);
        for action in actions.release(&Receipt::issue(ShardId(0), turn.number + 1)) {
            match action {
                Action::CallActivity { id, name, input, attempt, .. } => {
                    self.tasks.push_back(Call { id, name, input, attempt });
                }
                Action::CancelActivity { id } => self.tasks.retain(|task| task.id != id),
                Action::CreateTimer { id, fire_at } => self.timers.push((fire_at, id)),
                Action::CancelTimer { id, fire_at } => {
                    self.timers.retain(|timer| *timer != (fire_at, id));
                }
                Action::Send(message) => self.messages.push_back(message),
                Action::Trace { .. }
                | Action::AnnounceStatus
                | Action::AnswerUpdate { .. }
                | Action::Reply { .. } => {}
            }
        }
        for event in &*events {
            if let Event::ChildCancelRequested { id } = event {
                self.messages.retain(|message| message.id.id != *id);
            }
        }
    }
}
