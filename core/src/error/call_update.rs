//! `CallUpdateError`: why an update that was sent to another instance has no answer.

use alloc::string::String;
use core::fmt;

use serde::de::DeserializeOwned;

use super::awaited::{Cancelled, InvalidStartInput};
use super::orchestration::OrchestrationError;
use crate::ids::{InstanceId, InvalidName, Name};
use crate::payload::{Payload, PayloadError};
use crate::update_answer::UpdateAnswer;

/// Why an update that was sent to another instance has no answer, or not the wanted one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallUpdateError<E> {
    /// The other instance refused it, or the check that its code declares; the reason as it was given.
    #[error("the update was refused")]
    Refused(E),
    /// The request is not of the type that the other instance takes.
    #[error(
        "update `{update}` was not taken: its request is not what instance `{to}` takes: {why}"
    )]
    WrongRequest {
        /// Whom it was for.
        to: InstanceId,
        /// The update.
        update: Name,
        /// What is wrong with it.
        why: String,
    },
    /// The code of the other instance took it, and dropped it without an answer.
    #[error("instance `{to}` has dropped update `{update}` without an answer")]
    Dropped {
        /// Whom it was for.
        to: InstanceId,
        /// The update.
        update: Name,
    },
    /// The other instance took it, and has ended without an answer: it completed, failed, was cancelled or
    /// terminated, or another one has taken its place.
    #[error("instance `{to}` has ended without an answer to update `{update}`")]
    NoAnswer {
        /// Whom it was for.
        to: InstanceId,
        /// The update.
        update: Name,
    },
    /// There is no such instance.
    #[error(
        "update `{update}` was not taken: instance `{to}` does not exist; start it first, or send the update \
         with `or_start`"
    )]
    NotFound {
        /// Whom it was for.
        to: InstanceId,
        /// The update.
        update: Name,
    },
    /// The instance had finished.
    #[error("update `{update}` was not taken: instance `{to}` has finished")]
    Finished {
        /// Whom it was for.
        to: InstanceId,
        /// The update.
        update: Name,
    },
    /// The instance declares its updates, and none of that name.
    #[error("update `{update}` was not taken: instance `{to}` does not declare it")]
    UnknownUpdate {
        /// Whom it was for.
        to: InstanceId,
        /// The update.
        update: Name,
    },
    /// Too much waits for the code of the instance. Send the update again later.
    #[error("update `{update}` was not taken: too much waits for instance `{to}` already")]
    Full {
        /// Whom it was for.
        to: InstanceId,
        /// The update.
        update: Name,
    },
    /// The answer, or the reason of the refusal, is not of the wanted type. The update counts.
    #[error("the answer to the update is not of the wanted type: {0}")]
    WrongAnswer(PayloadError),
    /// No update can have the name, no instance the id, or no orchestration the name with which it is to be
    /// started; nothing was recorded.
    #[error("the update cannot be sent: {0}")]
    InvalidName(#[from] InvalidName),
    /// The request, or the input of what is to be started, does not encode, is too large or nested too deep;
    /// nothing was recorded. Or what was awaited is no update.
    #[error("the request is not valid: {0}")]
    InvalidRequest(#[from] PayloadError),
    /// What is to be started where the instance is absent does not take the input; nothing was sent.
    #[error("the update was not sent: {0}")]
    InvalidInput(#[from] InvalidStartInput),
    /// This instance was cancelled. Before the call: nothing is sent. While it waited: the update goes on its
    /// way, and nobody learns what becomes of it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl CallUpdateError<Payload> {
    /// Of an update that was answered; what it was replied with.
    pub(crate) fn of_answer(
        answer: UpdateAnswer,
        to: InstanceId,
        update: Name,
    ) -> Result<Payload, Self> {
        match answer {
            UpdateAnswer::Replied(reply) => Ok(reply),
            UpdateAnswer::Refused(reason) => Err(Self::Refused(reason)),
            UpdateAnswer::Invalid(why) => Err(Self::WrongRequest { to, update, why }),
            UpdateAnswer::Dropped => Err(Self::Dropped { to, update }),
        }
    }

    /// Bytes of user data in it.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Refused(reason) => reason.len(),
            Self::WrongRequest { why, .. } => why.len(),
            Self::Dropped { .. }
            | Self::NoAnswer { .. }
            | Self::NotFound { .. }
            | Self::Finished { .. }
            | Self::UnknownUpdate { .. }
            | Self::Full { .. }
            | Self::WrongAnswer(_)
            | Self::InvalidName(_)
            | Self::InvalidRequest(_)
            | Self::InvalidInput(_)
            | Self::Cancelled(_) => 0,
        }
    }

    /// With the reason of a refusal as its type.
    pub(crate) fn decoded<E: DeserializeOwned>(self) -> CallUpdateError<E> {
        match self.into_refusal() {
            Ok(reason) => {
                reason.decode().map_or_else(CallUpdateError::WrongAnswer, CallUpdateError::Refused)
            }
            Err(other) => other,
        }
    }
}

impl<E> CallUpdateError<E> {
    /// The reason of the refusal, if it is one.
    ///
    /// # Errors
    /// The same error otherwise. It has no such reason, so that can be of any type.
    pub fn into_refusal<F>(self) -> Result<E, CallUpdateError<F>> {
        Err(match self {
            Self::Refused(reason) => return Ok(reason),
            Self::WrongRequest { to, update, why } => {
                CallUpdateError::WrongRequest { to, update, why }
            }
            Self::Dropped { to, update } => CallUpdateError::Dropped { to, update },
            Self::NoAnswer { to, update } => CallUpdateError::NoAnswer { to, update },
            Self::NotFound { to, update } => CallUpdateError::NotFound { to, update },
            Self::Finished { to, update } => CallUpdateError::Finished { to, update },
            Self::UnknownUpdate { to, update } => CallUpdateError::UnknownUpdate { to, update },
            Self::Full { to, update } => CallUpdateError::Full { to, update },
            Self::WrongAnswer(why) => CallUpdateError::WrongAnswer(why),
            Self::InvalidName(why) => CallUpdateError::InvalidName(why),
            Self::InvalidRequest(why) => CallUpdateError::InvalidRequest(why),
            Self::InvalidInput(why) => CallUpdateError::InvalidInput(why),
            Self::Cancelled(cancelled) => CallUpdateError::Cancelled(cancelled),
        })
    }
}

impl<E: fmt::Display> From<CallUpdateError<E>> for OrchestrationError {
    fn from(error: CallUpdateError<E>) -> Self {
        if let CallUpdateError::Cancelled(cancelled) = error {
            return cancelled.into();
        }
        if let CallUpdateError::Refused(reason) = &error {
            return Self::new(format_args!("the update was refused: {reason}"));
        }
        Self::new(error)
    }
}
