//! Whether and how the code goes on as a new execution.

use alloc::format;
use alloc::string::{String, ToString};

use crate::code::OrchestrationCode;
use crate::error::{OrchestrationError, OrchestrationErrorKind};
use crate::event::Event;
use crate::machine::{ApplyError, Machine};
use crate::payload::Payload;

impl Machine {
    /// The code goes on as a new execution, if that can be.
    pub(super) fn continue_as_new(
        &mut self,
        orchestration: Option<&'static str>,
        pinned: bool,
        input: Payload,
    ) -> Result<(), ApplyError> {
        let next = if pinned { None } else { self.newest_version() };
        let is_renewed = self.is_renewed(&input, next.as_deref());
        match self.refusal_to_continue(orchestration, &input, next.as_deref(), is_renewed) {
            Some(error) => self.finish(Err(error)),
            None if is_renewed => self.renew(input),
            None => self.conclude(Event::ExecutionContinued { input }, next),
        }
    }

    /// Found out here, and not by the next execution: the history that led to it is still there.
    fn refusal_to_continue(
        &self,
        orchestration: Option<&'static str>,
        input: &Payload,
        next: Option<&OrchestrationCode>,
        is_renewed: bool,
    ) -> Option<OrchestrationError> {
        if let Some(error) = self.shared.lock().replayed_refusal_to_continue() {
            return Some(error);
        }
        let own = self.code.name().as_str();
        if let Some(other) = orchestration.filter(|name| *name != own) {
            let why = format!("`{own}` cannot go on as another orchestration, `{other}`");
            return Some(OrchestrationError::new(why));
        }
        let is_replaying = self.shared.lock().is_replaying();
        if is_replaying {
            // It is in the log that it went on.
            return None;
        }
        if let Err(why) = self.check_next_input(input, next.unwrap_or(&self.code)) {
            let why = match next {
                None => format!("the next execution's input is not valid: {why}"),
                Some(next) => {
                    let version = next.version();
                    format!("the next execution's input is not valid for version {version}: {why}")
                }
            };
            return Some(OrchestrationError::of_kind(OrchestrationErrorKind::InvalidInput, why));
        }
        if is_renewed { None } else { self.shared.lock().limit_of_continuation(input) }
    }

    /// Whether the next execution takes its input. That is decoded by code of the user's, which may
    /// panic.
    fn check_next_input(&self, input: &Payload, next: &OrchestrationCode) -> Result<(), String> {
        let mut checked = Ok(());
        let caught = (self.config.catch_panic)(&mut || checked = next.check_input(input));
        caught.map_err(|message| format!("decoding it panicked: {message}"))?;
        checked.map_err(|why| why.to_string())
    }
}
