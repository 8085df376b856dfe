//! The limits of a history, and the error of an execution that passes one.

use core::fmt;

use crate::error::{OrchestrationError, OrchestrationErrorKind};
use crate::event::Event;
use crate::limits::{MAX_HISTORY_EVENTS, PayloadLimits};

/// The failure for a limit.
pub(crate) fn limit_exceeded(message: impl fmt::Display) -> OrchestrationError {
    OrchestrationError::of_kind(OrchestrationErrorKind::LimitExceeded, message)
}

/// The limit that a turn with this number of bytes passes.
pub(crate) fn turn_limit(limits: PayloadLimits, bytes: u64) -> Option<OrchestrationError> {
    let limit = limits.turn;
    (bytes > limit).then(|| limit_exceeded(format_args!("one turn would pass {limit} bytes")))
}

/// The limit that a history with this number of events and bytes passes. Two places are kept: for an input
/// and for the end.
pub(crate) fn history_limit(
    limits: PayloadLimits,
    events: u64,
    bytes: u64,
) -> Option<OrchestrationError> {
    if events + 2 > MAX_HISTORY_EVENTS {
        Some(limit_exceeded(format_args!("the history would pass {MAX_HISTORY_EVENTS} events")))
    } else if bytes > limits.history {
        let limit = limits.history;
        Some(limit_exceeded(format_args!("the history would pass {limit} bytes")))
    } else {
        None
    }
}

/// The limit that ended an execution in the middle of a turn, or the value that could not be recorded.
pub(crate) fn limit_that_ended(recorded: &Event) -> Option<OrchestrationError> {
    use OrchestrationErrorKind::{InvalidValue, LimitExceeded};
    if let Event::ExecutionFailed { error } = recorded
        && matches!(error.kind(), LimitExceeded | InvalidValue)
    {
        Some(error.clone())
    } else {
        None
    }
}
