//! What an await gives where a value cannot come: a cancel, the end of a time limit, an event that does
//! not fit.

use alloc::string::String;
use core::time::Duration;

use super::activity::{ActivityError, ActivityErrorKind};
use super::orchestration::{OrchestrationError, OrchestrationErrorKind};
use crate::ids::{InstanceId, InvalidName, Name};
use crate::payload::PayloadError;

/// Somebody has asked the instance to end. Returned from the orchestration, by `?` for instance, it
/// ends the instance as cancelled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cancelled: {reason}")]
pub struct Cancelled {
    /// Why, in their words.
    pub reason: String,
}

impl Cancelled {
    /// What an activity ends with.
    pub(crate) fn of_activity(&self) -> ActivityError {
        ActivityError::of_kind(ActivityErrorKind::Cancelled, &self.reason)
    }
}

impl From<Cancelled> for OrchestrationError {
    fn from(error: Cancelled) -> Self {
        Self::of_kind(OrchestrationErrorKind::Cancelled, error)
    }
}

/// The time was over before the future was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("timed out after {after:?}")]
pub struct TimedOut {
    /// How long it was awaited.
    pub after: Duration,
}

impl From<TimedOut> for OrchestrationError {
    fn from(error: TimedOut) -> Self {
        Self::new(error)
    }
}

/// Why a wait for an external event has nothing to give.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// No event can have the name; nothing was recorded.
    #[error("the name of the external event is invalid: {0}")]
    InvalidName(#[from] InvalidName),
    /// The event came, with data that is not of the wanted type. It is taken.
    #[error("the data of the external event is not of the type that is awaited: {0}")]
    InvalidData(#[from] PayloadError),
    /// A cancel reached the orchestration while it waited, or before; no event is taken.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<EventError> for OrchestrationError {
    fn from(error: EventError) -> Self {
        match error {
            EventError::Cancelled(cancelled) => cancelled.into(),
            other @ (EventError::InvalidName(_) | EventError::InvalidData(_)) => {
                Self::of_kind(OrchestrationErrorKind::InvalidInput, other)
            }
        }
    }
}

/// The input with which something is to be started where it is absent is not what its orchestration takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the input of orchestration `{orchestration}` is not what it takes: {why}")]
pub struct InvalidStartInput {
    /// The orchestration.
    pub orchestration: String,
    /// What is wrong with the input.
    pub why: String,
}

/// Why an event that was raised on another instance was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no such instance.
    #[error(
        "external event `{event}` was not delivered: instance `{to}` does not exist; start it first"
    )]
    NotFound {
        /// Whom it was for.
        to: InstanceId,
        /// The event.
        event: Name,
    },
    /// The instance has finished.
    #[error("external event `{event}` was not delivered: instance `{to}` has finished")]
    Finished {
        /// Whom it was for.
        to: InstanceId,
        /// The event.
        event: Name,
    },
    /// The instance declares its events, and none of that name.
    #[error("external event `{event}` was not delivered: instance `{to}` does not declare it")]
    UnknownEvent {
        /// Whom it was for.
        to: InstanceId,
        /// The event.
        event: Name,
    },
    /// The data is not what the instance declares that the event carries.
    #[error(
        "external event `{event}` was not delivered: its data is not of the type that instance `{to}` declares"
    )]
    WrongData {
        /// Whom it was for.
        to: InstanceId,
        /// The event.
        event: Name,
    },
    /// No event can have the name, or no instance the id; nothing was recorded.
    #[error("the external event cannot be sent: {0}")]
    InvalidName(#[from] InvalidName),
    /// The data does not encode, is too large or nested too deep; nothing was recorded. Or what was awaited is no
    /// event that was sent.
    #[error("the external event's data is not valid: {0}")]
    InvalidData(#[from] PayloadError),
    /// What is to be started where the instance is absent does not take the input; nothing was sent.
    #[error("the external event was not sent: {0}")]
    InvalidInput(#[from] InvalidStartInput),
    /// This instance was cancelled. Before the call: nothing is sent. While it waited: the event goes
    /// on its way, and nobody learns what becomes of it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<SendError> for OrchestrationError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Cancelled(cancelled) => cancelled.into(),
            other @ (SendError::NotFound { .. }
            | SendError::Finished { .. }
            | SendError::UnknownEvent { .. }
            | SendError::WrongData { .. }
            | SendError::InvalidName(_)
            | SendError::InvalidData(_)
            | SendError::InvalidInput(_)) => Self::new(other),
        }
    }
}

/// Why another instance did not take a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no such instance.
    #[error("the {command} was not taken: instance `{to}` does not exist")]
    NotFound {
        /// Whom it was for.
        to: InstanceId,
        /// What it was: `cancel`, `terminate`, `suspend` or `resume`.
        command: &'static str,
    },
    /// The instance has finished: nothing is left to be done.
    #[error("the {command} was not taken: instance `{to}` has finished")]
    Finished {
        /// Whom it was for.
        to: InstanceId,
        /// What it was: `cancel`, `terminate`, `suspend` or `resume`.
        command: &'static str,
    },
    /// No instance can have the id; nothing was recorded.
    #[error("the command cannot be sent: {0}")]
    InvalidName(#[from] InvalidName),
    /// What was awaited is no command that was sent.
    #[error("it is not of a command that was sent: {0}")]
    OtherOutput(String),
    /// This instance was cancelled. Before the call: nothing is sent. While it waited: the command goes
    /// on its way, and nobody learns what becomes of it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<CommandError> for OrchestrationError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Cancelled(cancelled) => cancelled.into(),
            other @ (CommandError::NotFound { .. }
            | CommandError::Finished { .. }
            | CommandError::InvalidName(_)
            | CommandError::OtherOutput(_)) => Self::new(other),
        }
    }
}
