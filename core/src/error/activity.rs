//! `ActivityError`: the failure of an activity.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::details;
use super::text::{bounded_message, show_sources};
use crate::ids::{CorrelationId, Name};
use crate::payload::Payload;
use crate::time::Timestamp;

/// What an activity failed with, as the orchestration sees it.
///
/// A message for people, whether another attempt can help, and, where wanted, a value of any serde
/// type for code.
///
/// ```
/// use reenact_core::ActivityError;
///
/// let declined = ActivityError::fatal("the card was declined").with_details(&51_u32);
/// assert!(!declined.is_retryable());
/// assert_eq!(declined.details::<u32>(), Some(51));
/// ```
///
/// Its [`sources`](Self::sources) are the texts of the errors that led to it, where it was made of one:
/// by `?`, [`of_error`](Self::of_error) or [`ResultExt`](crate::ResultExt). `{}` shows the message alone, `{:#}` the
/// sources as well, in one line.
#[derive(Clone)]
pub struct ActivityError {
    pub(super) kind: ActivityErrorKind,
    pub(super) message: String,
    pub(super) details: Option<Payload>,
    /// Known where the orchestration has it from its call. It follows from the log, so it is not stored.
    pub(super) call: Option<Box<FailedCall>>,
}

/// The call of an activity that failed.
#[derive(Clone, Debug)]
pub(super) struct FailedCall {
    activity: Name,
    /// Of a call that was recorded.
    id: Option<CorrelationId>,
    attempts: u32,
}

/// Equal in what is stored, whichever call it is of.
impl PartialEq for ActivityError {
    fn eq(&self, other: &Self) -> bool {
        let Self { kind, message, details, call: _ } = self;
        (kind, message, details) == (&other.kind, &other.message, &other.details)
    }
}

impl Eq for ActivityError {}

/// What sort of failure an [`ActivityError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ActivityErrorKind {
    /// The activity returned an error; another attempt can help.
    Retryable,
    /// The activity returned an error; another attempt cannot help.
    Fatal,
    /// The activity panicked; the message is the panic's.
    Panicked,
    /// The input does not decode into the activity's type; the activity did not run.
    InvalidInput,
    /// The output does not encode, is too large, does not decode again from what it encodes to, or
    /// does not decode into the type that the orchestration asked for.
    InvalidOutput,
    /// A cancel reached the orchestration while it waited for the activity, or before it called it;
    /// the message is the cancel's reason.
    Cancelled,
    /// It took longer than its [options](crate::ActivityOptions) allow, or its heartbeat was missed;
    /// the message says which. Another attempt can help.
    TimedOut,
    /// The [options](crate::ActivityOptions) of the call are invalid; nothing was recorded.
    InvalidOptions,
    /// The host died while the activity ran, at least once, and again when it was started anew: by the
    /// activity itself, or by something else. The message says how often.
    HostDied,
    /// No failure: the activity has returned, and is completed from outside. See
    /// [`ActivityError::later`]. No call ends with it.
    Later,
}

impl ActivityError {
    /// What an activity returns that is completed from outside: `Err(ActivityError::later())`. It ends the
    /// attempt without a result. Those who have the token of the attempt complete it, from any process,
    /// in seconds or in months. Until then the attempt is under way: its time limits hold, and it does
    /// not run again after a restart.
    pub fn later() -> Self {
        Self::of_kind(ActivityErrorKind::Later, "it is completed from outside")
    }

    /// For runtimes: [`later`](Self::later), with when the attempt began, and when its last heartbeat came.
    #[must_use]
    pub fn since(self, began: Timestamp, heard: Timestamp) -> Self {
        self.with_details(&(began.as_micros(), heard.as_micros()))
    }

    /// A failure that may pass: another attempt can help.
    pub fn retryable(message: impl fmt::Display) -> Self {
        Self::of_kind(ActivityErrorKind::Retryable, message)
    }

    /// A failure that stays: another attempt cannot help.
    pub fn fatal(message: impl fmt::Display) -> Self {
        Self::of_kind(ActivityErrorKind::Fatal, message)
    }

    /// For runtimes: a failure of any kind. The message is cut at [`MAX_MESSAGE_BYTES`](crate::limits::MAX_MESSAGE_BYTES).
    pub fn of_kind(kind: ActivityErrorKind, message: impl fmt::Display) -> Self {
        Self { kind, message: bounded_message(message), details: None, call: None }
    }

    /// As it was stored.
    pub(super) fn restored(
        kind: ActivityErrorKind,
        message: String,
        details: Option<Payload>,
    ) -> Self {
        Self { kind, message, details, call: None }
    }

    /// The same error, of that call.
    pub(crate) fn of_call(self, activity: Name, id: Option<CorrelationId>, attempts: u32) -> Self {
        Self { call: Some(Box::new(FailedCall { activity, id, attempts })), ..self }
    }

    /// The activity that failed, where the error comes from the call of one.
    pub fn activity(&self) -> Option<&Name> {
        self.call.as_ref().map(|call| &call.activity)
    }

    /// The number of attempts that were made, where the error comes from the call of an activity.
    pub fn attempts(&self) -> Option<u32> {
        self.call.as_ref().map(|call| call.attempts)
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

    /// What sort of failure it is.
    pub fn kind(&self) -> ActivityErrorKind {
        self.kind
    }

    /// Whether another attempt can help: errors returned as retryable, panics, time-outs,
    /// and hosts that died.
    pub fn is_retryable(&self) -> bool {
        use ActivityErrorKind::{HostDied, Panicked, Retryable, TimedOut};
        matches!(self.kind, Retryable | Panicked | TimedOut | HostDied)
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

impl ActivityError {
    /// Retryable, unless it is already.
    pub(super) fn into_retryable(self) -> Self {
        match self.is_retryable() {
            true => self,
            false => Self { kind: ActivityErrorKind::Retryable, ..self },
        }
    }

    pub(super) fn into_fatal(self) -> Self {
        Self { kind: ActivityErrorKind::Fatal, ..self }
    }

    /// The message, with what its kind adds to it.
    fn headline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ActivityErrorKind::Retryable | ActivityErrorKind::Fatal | ActivityErrorKind::Later => {
                f.write_str(&self.message)
            }
            ActivityErrorKind::Panicked => write!(f, "the activity panicked: {}", self.message),
            ActivityErrorKind::InvalidInput => {
                write!(f, "the activity's input is not valid: {}", self.message)
            }
            ActivityErrorKind::InvalidOutput => {
                write!(f, "the activity's output is not valid: {}", self.message)
            }
            ActivityErrorKind::Cancelled => write!(f, "cancelled: {}", self.message),
            ActivityErrorKind::TimedOut => write!(f, "the activity timed out: {}", self.message),
            ActivityErrorKind::HostDied => write!(f, "the host died: {}", self.message),
            ActivityErrorKind::InvalidOptions => {
                write!(f, "the activity's options are not valid: {}", self.message)
            }
        }
    }
}

impl fmt::Display for ActivityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.headline(f)?;
        show_sources(f, || self.sources())
    }
}

impl fmt::Debug for ActivityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = self.sources();
        let details = details::details(self.details.as_ref());
        let mut shown = f.debug_struct("ActivityError");
        shown.field("kind", &self.kind).field("message", &self.message);
        shown.field("sources", &sources).field("details", &details).finish()
    }
}

impl core::error::Error for ActivityError {}

/// Retryable, with the text as its message.
impl From<String> for ActivityError {
    fn from(message: String) -> Self {
        Self::retryable(message)
    }
}

/// Retryable, with the text as its message.
impl From<&str> for ActivityError {
    fn from(message: &str) -> Self {
        Self::retryable(message)
    }
}

/// The call of an activity, and that it failed.
impl fmt::Display for FailedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "activity `{}`", self.activity)?;
        if let Some(id) = self.id {
            write!(f, " {id}")?;
        }
        f.write_str(" failed")?;
        match self.attempts {
            0 | 1 => Ok(()),
            attempts => write!(f, " after {attempts} attempts"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_MESSAGE_BYTES;

    #[test]
    fn an_overlong_message_is_cut_at_a_character_and_says_so() {
        let error = ActivityError::fatal("é".repeat(MAX_MESSAGE_BYTES));
        assert!(error.message().len() <= MAX_MESSAGE_BYTES);
        assert!(error.message().ends_with("é… (cut)"));
    }
}
