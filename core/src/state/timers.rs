//! Creates timers, and waits for external events.

use super::State;
use super::record::Recorded;
use alloc::format;
use core::time::Duration;

use crate::action::Action;
use crate::correlation_buffer::Scheduled;
use crate::event::Event;
use crate::ids::{CorrelationId, Name};
use crate::limits::MAX_TIMER;
use crate::output::DurableOutput;
use crate::time::Timestamp;

impl State {
    pub(crate) fn schedule_timer(&mut self, fire_at: Timestamp, shielded: bool) -> CorrelationId {
        let id = self.next_id();
        self.create_timer(id, fire_at, shielded, false);
        id
    }

    /// When a timer fires that is set now. One that is too long fails the execution.
    pub(crate) fn time_of_timer(&mut self, after: Duration) -> Timestamp {
        if after > MAX_TIMER {
            self.exceed(format!("a timer of {after:?} is longer than {MAX_TIMER:?}"));
        }
        self.now + after
    }

    /// The timer of a time limit. A cancel does not touch it.
    pub(crate) fn schedule_limit(&mut self, fire_at: Timestamp) -> CorrelationId {
        let id = self.next_id();
        self.create_timer(id, fire_at, true, true);
        id
    }

    /// The timer that delays the start. What a cancel means before the code runs is not for it to say.
    pub(crate) fn delay_start(&mut self, fire_at: Timestamp) {
        self.create_timer(CorrelationId::START, fire_at, true, false);
    }

    fn create_timer(
        &mut self,
        id: CorrelationId,
        fire_at: Timestamp,
        shielded: bool,
        is_limit: bool,
    ) {
        let fire_at = match self.record(Event::TimerCreated { id, fire_at }) {
            Recorded::Halted => return,
            Recorded::Before(Event::TimerCreated { fire_at, .. }) => fire_at,
            Recorded::Before(_) | Recorded::Now => fire_at,
        };
        let action = Action::CreateTimer { id, fire_at };
        self.schedule(id, Scheduled::Timer { fire_at, is_limit }, shielded, action);
    }

    pub(crate) fn schedule_wait(&mut self, name: Name, shielded: bool) -> CorrelationId {
        let id = self.next_id();
        if self.record(Event::ExternalSubscribed { id, name: name.clone() }).counts() {
            self.buffer_slot(id, Scheduled::Wait { name }, shielded);
        }
        id
    }

    pub(crate) fn schedule_any_wait(&mut self, shielded: bool) -> CorrelationId {
        let id = self.next_id();
        if self.record(Event::AnySubscribed { id }).counts() {
            self.buffer_slot(id, Scheduled::AnyWait, shielded);
        }
        id
    }

    /// A future has given its output. Which event a wait for any has taken, the log cannot know otherwise.
    pub(crate) fn note_taken(&mut self, id: CorrelationId, output: &DurableOutput) {
        if let DurableOutput::AnyExternal(Ok((name, _))) = output
            && let Some(place) = self.buffer.last_taken()
        {
            self.record(Event::ExternalTaken { id, name: name.clone(), place });
        }
        // Another instance waits for its answer: there will be none, unless it is taken as an update.
        if let DurableOutput::External(Ok(_)) | DurableOutput::AnyExternal(Ok(_)) = output
            && let Some(key) = self.buffer.key_owed_of_last()
        {
            self.drop_update(key);
        }
    }
}
