//! Sets the custom status, and records values that the code computes.

use super::State;
use super::mode::{Halt, Mode};
use super::record::Recorded;
use alloc::format;
use alloc::string::String;

use crate::action::Action;
use crate::divergence::{Nondeterminism, Step};
use crate::event::Event;
use crate::ids::CorrelationId;
use crate::limits::MAX_STATUS_BYTES;
use crate::payload::Payload;

impl State {
    /// The code sets the status. What it has set already is no step.
    pub(crate) fn set_status(&mut self, status: Payload) {
        if !matches!(self.mode, Mode::Between) && !self.is_step(&status) {
            return;
        }
        if matches!(self.mode, Mode::Live) {
            let bytes = status.len();
            if bytes > MAX_STATUS_BYTES {
                return self
                    .exceed(format!("a status of {bytes} bytes is over {MAX_STATUS_BYTES}"));
            }
            if let Err(why) = status.check_depth() {
                return self.refuse_value("a status cannot be recorded", &why);
            }
        }
        let status = match self.record(Event::StatusSet { status: status.clone() }) {
            Recorded::Halted => return,
            Recorded::Before(Event::StatusSet { status }) => status,
            Recorded::Before(_) | Recorded::Now => status,
        };
        self.note_status(status);
        self.act(Action::AnnounceStatus);
    }

    /// Whether setting this status is a step. Live, setting the same value again is not a step. At replay the log
    /// knows, as far as the order goes in which a map or a set was written.
    fn is_step(&mut self, status: &Payload) -> bool {
        let newest = self.status.newest.clone();
        self.is_new(newest.as_ref(), status, |event| {
            if let Event::StatusSet { status } = event { Some(status) } else { None }
        })
    }

    /// Whether setting this value is a step, after the one before. `recorded` is the value that an event sets,
    /// if it sets this one.
    pub(super) fn is_new(
        &mut self,
        before: Option<&Payload>,
        value: &Payload,
        recorded: impl Fn(&Event) -> Option<&Payload>,
    ) -> bool {
        if !self.is_replaying() {
            return !before.is_some_and(|before| before.is_same_value(value));
        }
        let is_set = before.is_some_and(|before| before.is_same_value_or_set(value));
        match self.next_recorded().and_then(recorded) {
            // It may be that of a later call, and this one have set nothing new.
            Some(recorded) => !is_set || recorded.is_same_value_or_set(value),
            None => !is_set,
        }
    }

    /// The status of the execution before this one, with which it begins. It stands after the timer that
    /// delays the start, where the code has not run yet: so it cannot be one that the code has set.
    pub(crate) fn carry_status(&mut self, given: Option<Payload>) {
        let carried = match &self.mode {
            Mode::Replay(expected) => {
                let Some(Event::StatusSet { status }) = expected.front() else { return };
                Some(status.clone())
            }
            Mode::Between | Mode::Live | Mode::Closed => given,
        };
        let Some(status) = carried else { return };
        if self.record(Event::StatusSet { status: status.clone() }).counts() {
            self.note_status(status);
        }
    }

    /// This is the status from the turn under way on.
    pub(crate) fn note_status(&mut self, status: Payload) {
        self.status.newest = Some(status);
        self.status.turn = Some(self.turn.number);
    }

    /// The newest status, for the next execution.
    pub(crate) fn newest_status(&self) -> Option<Payload> {
        self.status.newest.clone()
    }

    /// Records a value that was just computed.
    pub(crate) fn record_value(&mut self, value: Payload) -> bool {
        let id = self.next_id();
        self.record(Event::SideEffectRecorded { id, value }).counts()
    }

    /// At replay, the value that was computed in this place.
    pub(crate) fn replayed_value(&mut self) -> Option<Payload> {
        let id = self.next_id();
        match self.record(Event::SideEffectRecorded { id, value: Payload::default() }) {
            Recorded::Before(Event::SideEffectRecorded { value, .. }) => Some(value),
            Recorded::Halted | Recorded::Now | Recorded::Before(_) => None,
        }
    }

    /// The value that was just replayed is not of the type that the code asks for.
    pub(crate) fn diverge_by_type(&mut self, value: Payload, why: String) {
        let event = Event::SideEffectRecorded { id: CorrelationId(self.last_id), value };
        let position = self.written.position - 1;
        let found = Step::OtherType(why);
        self.halt(Halt::Diverged(Nondeterminism::new(position, Step::of(&event), found)));
    }
}
