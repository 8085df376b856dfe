//! What a log says of the time that an instance may take.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::CorrelationId;
use crate::options::{TimeLimit, TimeLimits};
use crate::time::Timestamp;

/// About the time that an instance may take. Kinds are added at the end, and never removed or reordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TimeLimitEvent {
    /// The instance has limits. In the first turn, after the start with its origin, version and trace. (output)
    Set {
        /// Which.
        limits: TimeLimits,
        /// When it ends with all of its executions, whatever they do. A rewind puts it off.
        total_ends_at: Option<Timestamp>,
    },
    /// A limit has passed. The end follows. (input)
    Passed {
        /// Which.
        limit: TimeLimit,
    },
    /// The child that is called next, or the detached orchestration that is started next, has limits. Directly
    /// before its [`ChildScheduled`](super::Event::ChildScheduled) or
    /// [`StartRequested`](super::Event::StartRequested). (output)
    OfChild {
        /// Of the call.
        id: CorrelationId,
        /// Which.
        limits: TimeLimits,
    },
}

impl TimeLimitEvent {
    pub(super) const fn is_input(&self) -> bool {
        matches!(self, Self::Passed { .. })
    }
}

impl fmt::Display for TimeLimitEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { limits, total_ends_at: None } => write!(f, " set: {limits}"),
            Self::Set { limits, total_ends_at: Some(at) } => {
                write!(f, " set: {limits}, until {at}")
            }
            Self::Passed { limit } => write!(f, " {limit} passed"),
            Self::OfChild { id, limits } => write!(f, " of call {id}: {limits}"),
        }
    }
}
