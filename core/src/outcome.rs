//! How an execution ended.

use alloc::string::String;

use serde::Serialize;

use crate::error::{ChildError, OrchestrationError};
use crate::ids::InstanceId;
use crate::payload::Payload;

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// It returned a value.
    Completed(Payload),
    /// It returned an error, panicked, or passed a limit.
    Failed(OrchestrationError),
    /// Somebody terminated it.
    Terminated {
        /// Why, in their words.
        reason: String,
    },
    /// Somebody cancelled it, and its code ended for that.
    Cancelled {
        /// Why, in their words.
        reason: String,
    },
    /// The instance goes on in its next execution:
    /// [`Machine::successor`](crate::Machine::successor).
    Continued {
        /// What that is given.
        input: Payload,
    },
}

impl ChildError {
    /// For runtimes: what the end of a child is to its parent. `None` when it goes on.
    pub fn of_outcome(child: &InstanceId, outcome: Outcome) -> Option<Result<Payload, Self>> {
        let child = child.clone();
        Some(match outcome {
            Outcome::Completed(output) => Ok(output),
            Outcome::Failed(error) => Err(Self::Failed { child, error }),
            Outcome::Terminated { reason } => Err(Self::Terminated { child, reason }),
            Outcome::Cancelled { reason } => Err(Self::Cancelled { child, reason }),
            Outcome::Continued { .. } => return None,
        })
    }
}
