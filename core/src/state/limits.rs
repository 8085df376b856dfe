//! The limits of an execution, checked live and at replay.

use super::State;
use super::mode::Mode;
use crate::correlation_buffer::Buffered;
use crate::error::OrchestrationError;
use crate::event::Event;
use crate::history::{history_limit, limit_exceeded, limit_that_ended, turn_limit};
use crate::limits::{COPIED_EVENT_BYTES, COPIED_EVENTS, MAX_CARRIED_EVENTS, MAX_PAYLOAD_BYTES};
use crate::payload::{Payload, PayloadError};

impl State {
    /// The limit for which the execution fails now that this input has come. At replay the log knows.
    pub(crate) fn limit_of_input(&self, input: &Event) -> Option<OrchestrationError> {
        match &self.mode {
            Mode::Replay(expected) => limit_that_ended(expected.front()?),
            _ if input.is_terminal() => None,
            Mode::Between | Mode::Live | Mode::Closed => {
                history_limit(self.limits, self.written.events, self.written.bytes)
            }
        }
    }

    /// A payload that the code gives, if it may be recorded. At replay the log knows under which limit the turn was
    /// recorded.
    pub(crate) fn within_limit(&self, payload: Payload) -> Result<Payload, PayloadError> {
        if payload.len() <= MAX_PAYLOAD_BYTES {
            return Ok(payload);
        }
        let is_allowed = match &self.mode {
            Mode::Replay(expected) => expected.iter().any(|event| {
                event.has_large_payload()
                    || (event.is_refusal() && self.limits.payload > MAX_PAYLOAD_BYTES)
            }),
            Mode::Between | Mode::Live | Mode::Closed => false,
        };
        if is_allowed { Ok(payload) } else { payload.within(self.payload_limit()) }
    }

    fn payload_limit(&self) -> usize {
        if self.is_replaying() { MAX_PAYLOAD_BYTES } else { self.limits.payload }
    }

    /// The limit for which the execution fails although it was to continue: what is carried over
    /// must be appended together with the turn under way.
    pub(crate) fn limit_of_continuation(&self, input: &Payload) -> Option<OrchestrationError> {
        if self.execution.next().is_none() {
            return Some(limit_exceeded("an instance cannot have more executions"));
        }
        let Buffered { events, bytes } = self.buffer.untaken_size();
        if events + self.updates.len() > MAX_CARRIED_EVENTS {
            return Some(limit_exceeded(format_args!(
                "more than {MAX_CARRIED_EVENTS} events wait"
            )));
        }
        let status = self.newest_status().map_or(0, |status| status.len());
        let (_, streams) = self.streams.carried_size();
        let shown = status + self.published.bytes() + streams + self.attributes.bytes();
        let updates = self.updates.open_bytes() + self.updates.answers.bytes();
        let carried = bytes + self.outbox.bytes_at_the_end() + shown + updates;
        turn_limit(self.limits, self.turn.bytes + (2 * input.len() + carried) as u64)
    }
}

/// What an event takes in a log besides its data, about.
const EVENT_BYTES: u64 = 64;

impl State {
    /// Whether an execution that goes on as new stays in its log: the next log would begin with a copy of the
    /// events that nobody has taken and of the newest items of its streams, and that would be larger than what was
    /// written since this one began. So all the copies together are no larger than the rest, however many there
    /// are. A few of them are copied in any case.
    pub(crate) fn is_renewed(&self, input: &Payload) -> bool {
        let Buffered { events, bytes } = self.buffer.untaken_size();
        let too_many = events > MAX_CARRIED_EVENTS;
        let (items, item_bytes) = self.streams.carried_size();
        let bytes = bytes + item_bytes;
        let are_few = events + items <= COPIED_EVENTS && bytes <= COPIED_EVENT_BYTES;
        let (events_before, bytes_before) = self.written.at_beginning.unwrap_or_default();
        let cost = |events: u64, bytes: u64| events * EVENT_BYTES + bytes;
        let written = cost(
            self.written.events.saturating_sub(events_before),
            self.written.bytes.saturating_sub(bytes_before),
        );
        let copied = cost(events as u64, bytes as u64);
        !are_few
            && (copied > written || too_many)
            && history_limit(
                self.limits,
                self.written.events + 2,
                self.written.bytes + input.len() as u64,
            )
            .is_none()
            && turn_limit(self.limits, self.turn.bytes + input.len() as u64).is_none()
    }
}
