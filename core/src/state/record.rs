//! Records an event that the code causes, or compares it with the log at replay.

use super::State;
use super::compare::mismatch;
use super::mode::{Halt, Mode};
use crate::action::Action;
use crate::divergence::Step;
use crate::event::Event;
use crate::history::{history_limit, limit_that_ended, turn_limit};

impl State {
    /// Records what the code did: live, it is new; at replay, it must be the next event of the
    /// turn.
    pub(crate) fn record(&mut self, event: Event) -> Recorded {
        self.record_with(event, 0, 0)
    }

    /// As [`record`](Self::record), of an event that is followed by a number of others, with their bytes: there
    /// is to be room for all of them in the history.
    pub(super) fn record_with(&mut self, event: Event, events: u64, bytes: usize) -> Recorded {
        self.record_drops();
        self.record_alone(event, events, bytes)
    }

    /// As [`record_with`](Self::record_with), ahead of what was dropped.
    pub(super) fn record_alone(&mut self, event: Event, events: u64, bytes: usize) -> Recorded {
        if self.halt.is_some() {
            return Recorded::Halted;
        }
        match self.mode {
            Mode::Closed => Recorded::Halted,
            Mode::Between => {
                self.refuse_foreign_call();
                Recorded::Halted
            }
            Mode::Live => self.record_new(event, events, bytes),
            Mode::Replay(_) => self.compare(&event),
        }
    }

    fn record_new(&mut self, event: Event, events: u64, bytes: usize) -> Recorded {
        let more = (event.payload_bytes() + bytes) as u64;
        let limit =
            history_limit(self.limits, self.written.events + 1 + events, self.written.bytes + more);
        if let Some(error) = limit.or_else(|| turn_limit(self.limits, self.turn.bytes + more)) {
            self.halt(Halt::Failed(error));
            return Recorded::Halted;
        }
        self.count(&event);
        self.turn.events.push(event);
        Recorded::Now
    }

    fn compare(&mut self, event: &Event) -> Recorded {
        if let Some(missing) = self.missing_items() {
            self.diverge(missing, Step::of(event));
            return Recorded::Halted;
        }
        self.turn.replayed_items = None;
        self.pass_over_markers();
        let Mode::Replay(expected) = &mut self.mode else {
            return Recorded::Halted;
        };
        let Some(recorded) = expected.pop_front() else {
            self.diverge(Step::Nothing, Step::of(event));
            return Recorded::Halted;
        };
        if let Some(error) = limit_that_ended(&recorded).filter(|_| !event.is_terminal()) {
            // What stopped the live run stops the replay in the same place.
            expected.push_front(recorded);
            self.halt = Some(Halt::Failed(error));
            return Recorded::Halted;
        }
        if let Some((expected, found)) = mismatch(&recorded, event, self.strict) {
            self.diverge(expected, found);
            return Recorded::Halted;
        }
        self.count(&recorded);
        Recorded::Before(recorded)
    }

    /// The last event that the code causes, as it is recorded; limits do not hold it up.
    pub(crate) fn record_end(&mut self, event: Event) -> Event {
        if self.is_replaying() {
            self.pass_over_last_drops();
            return match self.compare(&event) {
                Recorded::Before(recorded) => recorded,
                Recorded::Halted | Recorded::Now => event,
            };
        }
        self.count(&event);
        self.turn.events.push(event.clone());
        event
    }

    pub(crate) fn count(&mut self, event: &Event) {
        self.written.position += 1;
        self.written.events += 1;
        let bytes = event.payload_bytes() as u64;
        self.written.bytes += bytes;
        self.turn.bytes += bytes;
        if let (0, Event::TraceContextReceived { received }) = (self.turn.number, event) {
            self.trace = Some(received.clone());
        }
        self.streams.follow(event);
        self.time_limits.follow(event, self.now);
        let released = self.outbox.follow(event);
        self.follow_children(event);
        released.into_iter().for_each(|message| self.act(Action::Send(message)));
    }
}

/// What became of something that the code did.
pub(crate) enum Recorded {
    /// Nothing: the code must not go on.
    Halted,
    /// It is a new event.
    Now,
    /// It was this event of the log.
    Before(Event),
}

impl Recorded {
    pub(crate) const fn counts(&self) -> bool {
        !matches!(self, Self::Halted)
    }
}
