//! Groups errors by what a program can do about them.

use std::fmt;

use reenact_providers::ProviderError;

use super::Error;

/// What a program can do about an [`Error`]: see [`Error::kind`]. Which error it is, and of which
/// instance, is in the error itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call cannot be as it is: an id, a name, a version, a value or a position is invalid or over a
    /// limit. Correct the call.
    InvalidArgument,
    /// The host does not have the orchestration, or not in that version. Register it, or ask a host that
    /// has it.
    NotRegistered,
    /// There is no such instance, and so nothing to do.
    NotFound,
    /// The id is taken. Where the start may have come twice, this says that it counted.
    AlreadyExists,
    /// The instance has finished, or the attempt of an activity: nothing more can happen to it.
    Finished,
    /// It cannot be done yet: the instance has not finished, or others have yet to hear from it. Try
    /// again later.
    NotYet,
    /// The code cannot go on as it is: the instance is parked, or was not started. A person has to look;
    /// then resume or rewind it.
    Parked,
    /// The orchestration failed. What it failed with is in the error.
    Failed,
    /// Somebody cancelled or terminated the instance.
    Stopped,
    /// There is no room for now. Nothing was done: try again later.
    Busy,
    /// The host has ended, or is about to. Nothing was done: ask another one, or the next.
    ShuttingDown,
    /// Whether it counted is not known, or not yet. Look at the instance, or do it again where that
    /// counts once: with the same id or the same key.
    Uncertain,
    /// The store failed, or cannot be opened. The error says what to do about it.
    Store,
    /// What is stored does not decode. A person has to look.
    Unreadable,
    /// Nothing can be changed here: the store was opened, or the access was made, to read only. Use a client of
    /// a host that has the store.
    ReadOnly,
    /// The program is not put together well: what it registers, gives or asks for does not fit. Change
    /// it.
    Setup,
    /// A host refused it for good later, and keeps it in quarantine, where people can look at it.
    Quarantined,
}

impl Error {
    /// Whether the store is away for now, and the same may succeed later.
    pub(crate) fn is_of_a_store_that_is_away(&self) -> bool {
        match self {
            Self::Store { source } => {
                source.is_transient() || matches!(**source, ProviderError::Unknown { .. })
            }
            _ => false,
        }
    }

    /// What a program can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidName(_)
            | Self::InvalidAttribute(_)
            | Self::InvalidToken(_)
            | Self::InvalidVersion(_)
            | Self::InvalidPayload { .. }
            | Self::NoSuchPosition { .. }
            | Self::NotForkable(_)
            | Self::PastTheEnd { .. }
            | Self::OtherExecution { .. }
            | Self::StreamTrimmed { .. }
            | Self::StreamReplaced { .. }
            | Self::NoId { .. }
            | Self::UnknownEvent { .. }
            | Self::UpdateRefused { .. }
            | Self::EntityFailed(_)
            | Self::Reserved { .. }
            | Self::OverLimit { .. }
            | Self::InvalidOptions(_) => ErrorKind::InvalidArgument,
            Self::UnknownOrchestration { .. } | Self::UnknownVersion { .. } => {
                ErrorKind::NotRegistered
            }
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::AlreadyExists { .. } => ErrorKind::AlreadyExists,
            Self::Finished { .. }
            | Self::NoAnswer { .. }
            | Self::AnswerForgotten { .. }
            | Self::TokenUsed { .. }
            | Self::TooLate { .. } => ErrorKind::Finished,
            Self::NotFinished { .. } | Self::NotTold { .. } => ErrorKind::NotYet,
            Self::Parked { .. } | Self::NotStarted { .. } => ErrorKind::Parked,
            Self::Failed { .. } => ErrorKind::Failed,
            Self::Terminated { .. } | Self::Cancelled { .. } => ErrorKind::Stopped,
            Self::Busy { .. } | Self::TooManyEvents { .. } => ErrorKind::Busy,
            Self::ShuttingDown => ErrorKind::ShuttingDown,
            Self::Interrupted { .. } | Self::Unanswered { .. } => ErrorKind::Uncertain,
            Self::Store { source } if matches!(**source, ProviderError::Unknown { .. }) => {
                ErrorKind::Uncertain
            }
            Self::ReadOnly { .. } => ErrorKind::ReadOnly,
            Self::Store { source } if matches!(**source, ProviderError::ReadOnly { .. }) => {
                ErrorKind::ReadOnly
            }
            Self::Store { source } if matches!(**source, ProviderError::NoAttributes) => {
                ErrorKind::Setup
            }
            Self::Store { .. } | Self::Open { .. } | Self::Startup { .. } => ErrorKind::Store,
            Self::Unreadable { .. } => ErrorKind::Unreadable,
            Self::InvalidTag { .. }
            | Self::RegisteredTwice { .. }
            | Self::DynamicTwice { .. }
            | Self::UnknownActivity { .. }
            | Self::MissingState(_)
            | Self::StateGivenTwice { .. }
            | Self::NotShared
            | Self::OnAnotherHost { .. }
            | Self::InvalidThreads { .. }
            | Self::ActivityRuntimeEnded
            | Self::NoRuntime { .. }
            | Self::NoProvider => ErrorKind::Setup,
            Self::Quarantined { .. } => ErrorKind::Quarantined,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidArgument => "the call is invalid",
            Self::NotRegistered => "the orchestration is not registered",
            Self::NotFound => "the instance does not exist",
            Self::AlreadyExists => "the instance exists already",
            Self::Finished => "the instance has finished",
            Self::NotYet => "it cannot be done yet",
            Self::Parked => "the code cannot go on as it is",
            Self::Failed => "the orchestration failed",
            Self::Stopped => "the instance was stopped",
            Self::Busy => "there is no room for now",
            Self::ShuttingDown => "the host is shutting down",
            Self::Uncertain => "whether it counted is not known",
            Self::Store => "the store failed",
            Self::Unreadable => "what is stored is not readable",
            Self::ReadOnly => "nothing can be changed here",
            Self::Setup => "the program is not put together well",
            Self::Quarantined => "it is in quarantine",
        })
    }
}
