//! What goes wrong with an operation of an entity.

use std::fmt;

use reenact_core::{CallUpdateError, InstanceId, OrchestrationError};
use serde::{Deserialize, Serialize};

use super::Error;

/// Why an operation of an entity has no answer of its type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntityError<E> {
    /// The operation returned this error. The state is as it was before.
    #[error("the operation was refused")]
    Refused(E),
    /// The operation could not be done, or did not come to its end. The state is as it was before.
    #[error(transparent)]
    Failed(#[from] EntityFailure),
    /// Whether it was done is not known here, or it was not sent: the error says what.
    #[error(transparent)]
    Call(#[from] Error),
}

/// Why a call of an orchestration to an entity has no answer of its type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntityCallError<E> {
    /// The operation returned this error. The state is as it was before.
    #[error("the operation was refused")]
    Refused(E),
    /// The operation could not be done, or did not come to its end. The state is as it was before.
    #[error(transparent)]
    Failed(#[from] EntityFailure),
    /// The lock of the entity is not held any more, as this orchestration was parked or rewound since. Nothing was
    /// sent: give the lock back, and take it again.
    #[error(
        "the lock of entity `{entity}` was lost, as this instance was parked or rewound; take it again"
    )]
    LockLost {
        /// The entity.
        entity: InstanceId,
    },
    /// There is no answer: the error says why.
    #[error(transparent)]
    Call(CallUpdateError<NoRefusal>),
}

impl<E: fmt::Display> From<EntityCallError<E>> for OrchestrationError {
    fn from(error: EntityCallError<E>) -> Self {
        match error {
            EntityCallError::Refused(why) => {
                Self::new(format_args!("the operation was refused: {why}"))
            }
            EntityCallError::Call(error) => error.into(),
            EntityCallError::Failed(failure) => Self::new(failure),
            EntityCallError::LockLost { entity } => {
                Self::new(format_args!("the lock of entity `{entity}` was lost"))
            }
        }
    }
}

/// What an operation is refused with that returns no `Result`: there is nothing of this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoRefusal {}

impl fmt::Display for NoRefusal {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

/// Why an operation of an entity was not done. The state is as it was before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the operation was not done: {message}")]
pub struct EntityFailure {
    kind: EntityFailureKind,
    message: String,
}

/// What went wrong with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntityFailureKind {
    /// The entity has no operation of that name.
    UnknownOperation,
    /// The arguments are not of the operation's types.
    InvalidInput,
    /// The operation panicked.
    Panicked,
    /// What the operation returned does not encode, or is too large.
    InvalidAnswer,
    /// The stored state is not of the entity's type.
    UnreadableState,
    /// The state that the operation left does not encode, or does not decode again.
    InvalidState,
    /// The state that the operation left is over the limit.
    StateTooLarge,
    /// The entity has as many signals for later as it may have, or this one is too far ahead.
    TooManySignals,
    /// The lock, under which it came, is not held.
    NotLocked,
}

impl EntityFailure {
    /// One of that kind.
    pub fn new(kind: EntityFailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What went wrong.
    pub const fn kind(&self) -> EntityFailureKind {
        self.kind
    }

    /// The same in words, for people.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<EntityError<NoRefusal>> for Error {
    fn from(error: EntityError<NoRefusal>) -> Self {
        match error {
            EntityError::Refused(none) => match none {},
            EntityError::Failed(failure) => Self::EntityFailed(failure),
            EntityError::Call(error) => error,
        }
    }
}
