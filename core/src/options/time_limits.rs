//! `TimeLimits`: how long an instance may take.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::invalid::{InvalidOptions, checked_limit};

/// How long an instance may take, whatever its code does. At the limit it fails with
/// [`OrchestrationErrorKind::TimedOut`](crate::OrchestrationErrorKind::TimedOut), and its code is not asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeLimits {
    /// Each execution: it begins anew when the code continues as new.
    pub execution: Option<Duration>,
    /// All executions together.
    pub total: Option<Duration>,
}

/// Which limit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeLimit {
    /// That of each execution.
    Execution,
    /// That of all executions together.
    Total,
}

impl TimeLimits {
    /// None.
    pub const NONE: Self = Self { execution: None, total: None };

    /// Whether there is none.
    pub const fn is_none(&self) -> bool {
        self.execution.is_none() && self.total.is_none()
    }

    /// Whether they can be.
    ///
    /// # Errors
    /// [`InvalidOptions::NoTime`] of less than a microsecond, [`InvalidOptions::TooLong`] over
    /// [`MAX_TIMER`](crate::limits::MAX_TIMER).
    pub fn check(&self) -> Result<(), InvalidOptions> {
        checked_limit("the time limit of an execution", self.execution)?;
        checked_limit("the time limit of an instance", self.total)
    }

    pub(crate) const fn of(&self, limit: TimeLimit) -> Option<Duration> {
        match limit {
            TimeLimit::Execution => self.execution,
            TimeLimit::Total => self.total,
        }
    }
}

/// As it is said of an execution.
impl fmt::Display for TimeLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.execution, self.total) {
            (None, None) => f.write_str("none"),
            (Some(execution), None) => write!(f, "{execution:?} for an execution"),
            (None, Some(total)) => write!(f, "{total:?} in all"),
            (Some(execution), Some(total)) => {
                write!(f, "{execution:?} for an execution, {total:?} in all")
            }
        }
    }
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Execution => "of an execution",
            Self::Total => "of the instance",
        })
    }
}
