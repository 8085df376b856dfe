//! The reasons for which the code must not go on in the current turn.

use super::State;
use super::mode::{Halt, Mode};
use core::fmt;

use crate::divergence::{Nondeterminism, Step};
use crate::error::{OrchestrationError, OrchestrationErrorKind};
use crate::event::{Event, EventKind};
use crate::history::limit_exceeded;
use crate::ids::CorrelationId;
use crate::payload::{Payload, PayloadError};

impl State {
    /// What an execution failed for that was to continue, as the log knows it.
    pub(crate) fn replayed_refusal_to_continue(&mut self) -> Option<OrchestrationError> {
        use OrchestrationErrorKind::{InvalidInput, InvalidValue, LimitExceeded};
        if let Event::ExecutionFailed { error } = self.next_recorded()?
            && matches!(error.kind(), InvalidInput | InvalidValue | LimitExceeded)
        {
            Some(error.clone())
        } else {
            None
        }
    }

    /// The code goes on as a new execution. Nothing that it does from now on counts.
    pub(crate) fn continue_as_new(
        &mut self,
        orchestration: Option<&'static str>,
        pinned: bool,
        input: Payload,
    ) {
        self.halt(Halt::Continued { orchestration, pinned, input });
    }

    /// Fails the execution for a limit.
    pub(crate) fn exceed(&mut self, message: impl fmt::Display) {
        self.halt(Halt::Failed(limit_exceeded(message)));
    }

    /// Fails the execution for a value that cannot be recorded.
    pub(crate) fn refuse_value(&mut self, what: &str, why: &PayloadError) {
        self.halt(Halt::Failed(OrchestrationError::of_value(what, why)));
    }

    pub(crate) fn diverge(&mut self, expected: Step, found: Step) {
        let position = self.written.position;
        self.halt(Halt::Diverged(Nondeterminism::new(position, expected, found)));
    }

    /// The log completes what is not open by now: code that was shielded is so no longer.
    pub(crate) fn complete_in_vain(&mut self, id: CorrelationId, kind: EventKind) {
        let expected = Step::Event { kind, id: Some(id), name: None, detail: None };
        let position = self.written.position - 1;
        self.halt(Halt::Diverged(Nondeterminism::new(position, expected, Step::NotOpen)));
    }

    /// The code used its context outside a turn.
    pub(crate) fn refuse_foreign_call(&mut self) {
        self.diverge(Step::Nothing, Step::ForeignCall);
    }

    /// The first reason to halt counts. Between turns there is one reason only: it is no turn.
    pub(crate) fn halt(&mut self, halt: Halt) {
        let halt = match self.mode {
            Mode::Between => {
                let expected = Step::Nothing;
                let found = Step::ForeignCall;
                Halt::Diverged(Nondeterminism::new(self.written.position, expected, found))
            }
            Mode::Live | Mode::Replay(_) | Mode::Closed => halt,
        };
        self.halt.get_or_insert(halt);
    }
}
