//! Why the options of a call are invalid.

use core::time::Duration;

use crate::ids::InvalidName;
use crate::limits::{MAX_RETRY_FACTOR, MAX_TIMER};

/// Why an activity, or a child, cannot be called with some options.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOptions {
    /// A policy of no attempts.
    #[error("a retry policy needs at least one attempt")]
    NoAttempts,
    /// Delays that would become shorter, or too much longer.
    #[error("the factor {factor} of a retry policy is not between 1 and {MAX_RETRY_FACTOR}")]
    Factor {
        /// What was given.
        factor: f64,
    },
    /// No part of a delay.
    #[error("the jitter {jitter} of a retry policy is not between 0 and 1")]
    Jitter {
        /// What was given.
        jitter: f64,
    },
    /// A time limit of less than a microsecond.
    #[error("{what} is less than a microsecond; give it more time, or leave it out")]
    NoTime {
        /// Which.
        what: &'static str,
    },
    /// The tag is not a valid name.
    #[error("the tag of an activity is invalid: {why}")]
    Tag {
        /// What is wrong with it.
        why: InvalidName,
    },
    /// The policy of a child has a condition that is for the errors of activities.
    #[error("the condition of a retry policy is for activities; a child has its own")]
    ConditionOfActivities,
    /// An option that a [local](crate::OrchestrationContext::call_local) activity cannot have.
    #[error("a local activity cannot have {what}; call it with `call_activity` instead")]
    NotLocal {
        /// Which.
        what: &'static str,
    },
    /// A duration over [`MAX_TIMER`].
    #[error("{what} of {duration:?} is longer than {MAX_TIMER:?}")]
    TooLong {
        /// Which.
        what: &'static str,
        /// What was given.
        duration: Duration,
    },
}

/// A limit, where there is one: of some time, and not too long.
pub(super) fn checked_limit(
    what: &'static str,
    limit: Option<Duration>,
) -> Result<(), InvalidOptions> {
    match limit {
        Some(limit) if limit.as_micros() == 0 => Err(InvalidOptions::NoTime { what }),
        Some(limit) => bounded(what, limit),
        None => Ok(()),
    }
}

/// A duration that is not too long.
pub(super) fn bounded(what: &'static str, duration: Duration) -> Result<(), InvalidOptions> {
    if duration > MAX_TIMER { Err(InvalidOptions::TooLong { what, duration }) } else { Ok(()) }
}
