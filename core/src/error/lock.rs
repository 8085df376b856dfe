//! `LockError`: why the locks of other instances were not taken.

use alloc::boxed::Box;
use alloc::string::String;

use super::awaited::Cancelled;
use super::call_update::CallUpdateError;
use super::orchestration::OrchestrationError;
use crate::ids::{InstanceId, InvalidName};
use crate::payload::PayloadError;

/// Why the locks of other instances were not taken. What was taken of them is given back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The code holds or asks for another lock. Release that first, or take all at once. Nothing was recorded.
    #[error("a lock inside a lock: release the first one before, or take all of them at once")]
    Nested,
    /// One of the instances does not give its lock.
    #[error("instance `{of}` was not locked: {why}")]
    NotLocked {
        /// Which one.
        of: InstanceId,
        /// Why.
        #[source]
        why: Box<CallUpdateError<String>>,
    },
    /// No instance can have the id, or no orchestration the name with which one is to be started; nothing was
    /// recorded.
    #[error("the lock cannot be asked for: {0}")]
    InvalidName(#[from] InvalidName),
    /// The input of what is to be started is not valid; nothing was recorded.
    #[error("the lock cannot be asked for: {0}")]
    InvalidInput(#[from] PayloadError),
    /// This instance was cancelled, before the call or while it waited.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<LockError> for OrchestrationError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Cancelled(cancelled) => cancelled.into(),
            other @ (LockError::Nested
            | LockError::NotLocked { .. }
            | LockError::InvalidName(_)
            | LockError::InvalidInput(_)) => Self::new(other),
        }
    }
}
