//! `OrchestrationError`: the failure of an orchestration.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::activity::{ActivityError, ActivityErrorKind};
use super::details;
use super::text::{bounded_message, show_sources};
use crate::payload::{Payload, PayloadError};

/// What an orchestration failed with, as its clients see it.
///
/// Its [`sources`](Self::sources) are the texts of the errors that led to it, where it was made of one.
/// `{}` shows the message alone, `{:#}` the sources as well, in one line.
#[derive(Clone, PartialEq, Eq)]
pub struct OrchestrationError {
    pub(super) kind: OrchestrationErrorKind,
    pub(super) message: String,
    pub(super) details: Option<Payload>,
}

/// What sort of failure an [`OrchestrationError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum OrchestrationErrorKind {
    /// The orchestration returned an error.
    Failed,
    /// The orchestration panicked; the message is the panic's.
    Panicked,
    /// A [limit](crate::limits) was passed.
    LimitExceeded,
    /// The input or an event's data is not of the type that the code asked for.
    InvalidInput,
    /// The output does not encode, is too large, or does not decode again from what it encodes to.
    InvalidOutput,
    /// The orchestration was cancelled, and ends for that. Without a cancel it is a failure like any
    /// other.
    Cancelled,
    /// A value that the code gave cannot be recorded: it does not encode, or what it encodes to does
    /// not decode again. A `f64` that is not a number is such a value.
    InvalidValue,
    /// The instance has taken as much time as it may: a [limit](crate::TimeLimits) of its start has passed.
    TimedOut,
}

impl OrchestrationError {
    /// A failure with a message for people.
    pub fn new(message: impl fmt::Display) -> Self {
        Self::of_kind(OrchestrationErrorKind::Failed, message)
    }

    /// For runtimes: a failure of any kind. The message is cut at [`MAX_MESSAGE_BYTES`](crate::limits::MAX_MESSAGE_BYTES).
    pub fn of_kind(kind: OrchestrationErrorKind, message: impl fmt::Display) -> Self {
        Self { kind, message: bounded_message(message), details: None }
    }

    /// Adds a value for code to look at. A value that does not encode, or is too large, is left
    /// out, and the message says so.
    #[must_use]
    pub fn with_details<T: Serialize + ?Sized>(mut self, details: &T) -> Self {
        match Payload::encode(details) {
            Ok(details) => self.details = details::join(&self.sources(), Some(details)),
            Err(why) => {
                self.message = bounded_message(format_args!("{} (details: {why})", self.message));
            }
        }
        self
    }

    /// As it was stored.
    pub(super) fn restored(
        kind: OrchestrationErrorKind,
        message: String,
        details: Option<Payload>,
    ) -> Self {
        Self { kind, message, details }
    }

    /// The details of another error, with this one's message.
    pub(crate) fn with_details_of(self, other: Self) -> Self {
        Self { details: other.details, ..self }
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> OrchestrationErrorKind {
        self.kind
    }

    /// The message for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The texts of the errors that led to it, outermost first; empty when none is known. At
    /// most [`MAX_ERROR_SOURCES`](crate::limits::MAX_ERROR_SOURCES), and all together at most [`MAX_MESSAGE_BYTES`](crate::limits::MAX_MESSAGE_BYTES).
    pub fn sources(&self) -> Vec<String> {
        details::sources(self.details.as_ref())
    }

    /// The details, when there are any and they are a `T`.
    pub fn details<T: DeserializeOwned>(&self) -> Option<T> {
        details::details(self.details.as_ref())?.decode().ok()
    }

    pub(crate) fn stored_bytes(&self) -> usize {
        self.message.len() + self.details.as_ref().map_or(0, Payload::len)
    }
}

impl fmt::Debug for OrchestrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = self.sources();
        let details = details::details(self.details.as_ref());
        let mut shown = f.debug_struct("OrchestrationError");
        shown.field("kind", &self.kind).field("message", &self.message);
        shown.field("sources", &sources).field("details", &details).finish()
    }
}

impl fmt::Display for OrchestrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            OrchestrationErrorKind::Panicked => {
                write!(f, "the orchestration panicked: {}", self.message)
            }
            OrchestrationErrorKind::Failed
            | OrchestrationErrorKind::LimitExceeded
            | OrchestrationErrorKind::InvalidInput
            | OrchestrationErrorKind::InvalidOutput
            | OrchestrationErrorKind::Cancelled
            | OrchestrationErrorKind::InvalidValue
            | OrchestrationErrorKind::TimedOut => f.write_str(&self.message),
        }?;
        show_sources(f, || self.sources())
    }
}

impl core::error::Error for OrchestrationError {}

impl From<String> for OrchestrationError {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<&str> for OrchestrationError {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

/// Says which activity failed, in which call, and after how many attempts. Keeps the message and the
/// details, and that it was a cancel, so that `?` loses nothing.
impl From<ActivityError> for OrchestrationError {
    fn from(error: ActivityError) -> Self {
        let is_cancel = error.kind == ActivityErrorKind::Cancelled;
        let message = match error.call.as_ref().filter(|_| !is_cancel) {
            Some(call) => bounded_message(format_args!("{call}: {error}")),
            None => bounded_message(&error),
        };
        let kind = match is_cancel {
            true => OrchestrationErrorKind::Cancelled,
            false => OrchestrationErrorKind::Failed,
        };
        Self { kind, message, details: error.details }
    }
}

impl From<PayloadError> for OrchestrationError {
    fn from(error: PayloadError) -> Self {
        Self::of_kind(OrchestrationErrorKind::InvalidInput, error)
    }
}

impl OrchestrationError {
    /// The failure of an execution whose code gave a value that cannot be recorded.
    pub(crate) fn of_value(what: &str, why: &PayloadError) -> Self {
        let kind = match why {
            PayloadError::TooLarge { .. } => OrchestrationErrorKind::LimitExceeded,
            PayloadError::Encode(_)
            | PayloadError::Decode(_)
            | PayloadError::NotReadable(_)
            | PayloadError::NotFinite
            | PayloadError::TooDeep => OrchestrationErrorKind::InvalidValue,
        };
        Self::of_kind(kind, format_args!("{what}: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_mark_keeps_message_and_details() {
        let error = OrchestrationError::from(ActivityError::fatal("no funds").with_details(&7));
        assert_eq!(error.message(), "no funds");
        assert_eq!(error.details::<i32>(), Some(7));
    }
}
