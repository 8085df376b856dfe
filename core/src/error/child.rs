//! `ChildError`: why a child has no result.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::orchestration::{OrchestrationError, OrchestrationErrorKind};
use crate::ids::InstanceId;

/// Why a child, or a detached orchestration, has no result to give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// It returned an error, panicked, or passed a limit.
    #[error("child `{child}` failed: {error}")]
    Failed {
        /// Its id.
        child: InstanceId,
        /// How, with its details.
        #[source]
        error: OrchestrationError,
    },
    /// Somebody terminated it.
    #[error("child `{child}` was terminated: {reason}")]
    Terminated {
        /// Its id.
        child: InstanceId,
        /// Why, in their words.
        reason: String,
    },
    /// It was cancelled, or this instance was while it waited.
    #[error("child `{child}` was cancelled: {reason}")]
    Cancelled {
        /// Its id.
        child: InstanceId,
        /// Why, in the words of the caller.
        reason: String,
    },
    /// This instance had been cancelled before the call. Nothing was recorded.
    #[error("`{orchestration}` was not called: cancelled: {reason}")]
    NotCalled {
        /// The orchestration.
        orchestration: String,
        /// Why, in the words of the caller.
        reason: String,
    },
    /// Another instance has the id; nothing was started. Choose another id.
    #[error(
        "instance `{child}` exists already, and is not a child of this call; choose another id"
    )]
    AlreadyExists {
        /// The id.
        child: InstanceId,
    },
    /// The input does not encode, is too large, or is not of the orchestration's type; or no
    /// orchestration can have the name. Nothing was started.
    #[error("`{orchestration}` was not called: its input is not valid: {why}")]
    InvalidInput {
        /// The orchestration.
        orchestration: String,
        /// What is wrong.
        why: String,
    },
    /// No instance can have the id. Nothing was recorded.
    #[error("`{orchestration}` was not called: {why}")]
    InvalidId {
        /// The orchestration.
        orchestration: String,
        /// What is wrong.
        why: String,
    },
    /// The output is not of the type that was asked for.
    #[error("child `{child}` gave an output that is not valid: {why}")]
    InvalidOutput {
        /// Its id.
        child: InstanceId,
        /// What is wrong.
        why: String,
    },
    /// This instance is a child of a child, and so on, [`MAX_CHILD_DEPTH`](crate::limits::MAX_CHILD_DEPTH) times. Nothing was
    /// recorded.
    #[error("`{orchestration}` was not called: children may be nested {limit} deep")]
    TooDeep {
        /// The orchestration.
        orchestration: String,
        /// [`MAX_CHILD_DEPTH`](crate::limits::MAX_CHILD_DEPTH).
        limit: u32,
    },
    /// The options of the call are invalid. Nothing was recorded.
    #[error("`{orchestration}` was not called: its options are not valid: {why}")]
    InvalidOptions {
        /// The orchestration.
        orchestration: String,
        /// What is wrong.
        why: String,
    },
}

impl ChildError {
    /// Whether a [policy](crate::ChildOptions::retry) starts it again: when it returned an error, panicked, or took more
    /// time than [it may](crate::ChildOptions::timeout).
    pub fn is_retryable(&self) -> bool {
        use OrchestrationErrorKind::{Failed, Panicked, TimedOut};
        match self {
            Self::Failed { error, .. } => matches!(error.kind(), Failed | Panicked | TimedOut),
            Self::Terminated { .. }
            | Self::Cancelled { .. }
            | Self::NotCalled { .. }
            | Self::AlreadyExists { .. }
            | Self::InvalidInput { .. }
            | Self::InvalidId { .. }
            | Self::InvalidOutput { .. }
            | Self::TooDeep { .. }
            | Self::InvalidOptions { .. } => false,
        }
    }

    pub(crate) fn stored_bytes(&self) -> usize {
        match self {
            Self::Failed { error, .. } => error.stored_bytes(),
            Self::Terminated { reason: text, .. }
            | Self::Cancelled { reason: text, .. }
            | Self::NotCalled { reason: text, .. }
            | Self::InvalidInput { why: text, .. }
            | Self::InvalidId { why: text, .. }
            | Self::InvalidOptions { why: text, .. }
            | Self::InvalidOutput { why: text, .. } => text.len(),
            Self::AlreadyExists { .. } | Self::TooDeep { .. } => 0,
        }
    }
}

/// Keeps the details of a failure, and that it was a cancel, so that `?` loses nothing.
impl From<ChildError> for OrchestrationError {
    fn from(error: ChildError) -> Self {
        let kind = match &error {
            ChildError::Cancelled { .. } | ChildError::NotCalled { .. } => {
                OrchestrationErrorKind::Cancelled
            }
            ChildError::Failed { .. }
            | ChildError::Terminated { .. }
            | ChildError::AlreadyExists { .. }
            | ChildError::InvalidInput { .. }
            | ChildError::InvalidId { .. }
            | ChildError::InvalidOutput { .. }
            | ChildError::TooDeep { .. }
            | ChildError::InvalidOptions { .. } => OrchestrationErrorKind::Failed,
        };
        let wrapped = Self::of_kind(kind, &error);
        match error {
            ChildError::Failed { error, .. } => wrapped.with_details_of(error),
            ChildError::Terminated { .. }
            | ChildError::Cancelled { .. }
            | ChildError::NotCalled { .. }
            | ChildError::AlreadyExists { .. }
            | ChildError::InvalidInput { .. }
            | ChildError::InvalidId { .. }
            | ChildError::InvalidOutput { .. }
            | ChildError::TooDeep { .. }
            | ChildError::InvalidOptions { .. } => wrapped,
        }
    }
}
