//! How an execution ends, and lets its code go.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;
use core::task::Waker;

use crate::action::Action;
use crate::code::OrchestrationCode;
use crate::error::{OrchestrationError, OrchestrationErrorKind};
use crate::event::Event;
use crate::machine::phase::{Ended, Phase};
use crate::machine::{ApplyError, Machine};
use crate::outcome::Outcome;
use crate::payload::Payload;
use crate::state::Mode;

impl Machine {
    /// The code has come to its end.
    pub(super) fn finish(
        &mut self,
        result: Result<Payload, OrchestrationError>,
    ) -> Result<(), ApplyError> {
        let within_limit = |output| {
            let checked = self.shared.lock().within_limit(output);
            checked.map_err(|why| {
                OrchestrationError::of_kind(OrchestrationErrorKind::InvalidOutput, why)
            })
        };
        let event = match result.and_then(within_limit) {
            Ok(output) => Event::ExecutionCompleted { output },
            Err(error) => self.ended_by(error),
        };
        self.conclude(event, None)
    }

    /// Ending for a cancel is no failure, where one was requested.
    fn ended_by(&self, error: OrchestrationError) -> Event {
        let is_cancelled = error.kind() == OrchestrationErrorKind::Cancelled;
        match self.cancel_requested().filter(|_| is_cancelled) {
            Some(reason) => Event::ExecutionCancelled { reason },
            None => Event::ExecutionFailed { error },
        }
    }

    /// Records the last event. `next` is the code that it continues as, where that is another version.
    pub(super) fn conclude(
        &mut self,
        event: Event,
        next: Option<Box<OrchestrationCode>>,
    ) -> Result<(), ApplyError> {
        let recorded = self.shared.lock().record_end(event);
        if let Some(outcome) = recorded.outcome() {
            self.end(Ended { outcome, next });
        }
        self.halted()
    }

    /// Nothing more happens: what is open is called off, and the code is let go.
    pub(super) fn end(&mut self, ended: Ended) {
        let outcome = &ended.outcome;
        let mut state = self.shared.lock();
        state.call_off_all();
        // A caller that waits for the end waits for the instance's.
        match outcome {
            Outcome::Continued { .. } if state.status.turn.is_none() => {}
            // It comes along, and the execution is another one.
            Outcome::Continued { .. } => state.act(Action::AnnounceStatus),
            Outcome::Completed(_)
            | Outcome::Failed(_)
            | Outcome::Terminated { .. }
            | Outcome::Cancelled { .. } => state.act(Action::Reply { outcome: outcome.clone() }),
        }
        // At replay the rest of the turn is still to be compared.
        if let Mode::Live = state.mode {
            state.mode = Mode::Closed;
        }
        drop(state);
        self.let_go(Phase::Ended(ended));
    }

    /// Drops the code's future as another phase begins; what the code drops is no step of it.
    pub(super) fn let_go(&mut self, next: Phase) {
        let mode = mem::replace(&mut self.shared.lock().mode, Mode::Closed);
        let mut future = mem::replace(&mut self.phase, next).into_future();
        // The code has no more say: what panics while it is dropped changes nothing.
        let _ = (self.config.catch_panic)(&mut || drop(future.take()));
        self.shared.lock().mode = mode;
    }

    /// Drops the wakers that the code has left. They may be its own, and own more of it: a context, and
    /// so this execution, in a circle. Each is dropped for itself: two that panic in one go would be the
    /// end of the process.
    pub(super) fn let_go_of_wakers(&mut self) {
        let mut buffer = mem::take(&mut self.shared.lock().buffer);
        self.drop_each(buffer.take_wakers());
    }

    pub(super) fn drop_each(&self, wakers: Vec<Waker>) {
        for waker in wakers {
            let mut waker = Some(waker);
            let _ = (self.config.catch_panic)(&mut || drop(waker.take()));
        }
    }
}
