//! How an activity is called: how often it is tried, and how long it may take.

mod retry;

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::definition::ActivityDefinition;
use crate::ids::{InvalidName, Name};
use crate::limits::{MAX_RETRY_FACTOR, MAX_TIMER};

pub(crate) use retry::RetryIf;
pub use retry::{RecordedRetry, RetryPolicy};

/// How an activity is to be called. Without options it is tried once, and may take as long as it
/// likes.
///
/// ```
/// use std::time::Duration;
/// use reenact_core::{ActivityOptions, RetryPolicy};
///
/// let options = ActivityOptions::new()
///     .retry(RetryPolicy::new(5).first_delay(Duration::from_secs(2)))
///     .start_to_close(Duration::from_secs(30));
/// assert!(options.check().is_ok());
/// ```
///
/// They are recorded with the call, and the recorded ones count: code that gives other options at
/// replay, or none, is the same code as far as the history is concerned, and its options are for the
/// calls to come.
///
/// Every duration is by the provider's clock, rounded down to microseconds, and at most
/// [`MAX_TIMER`].
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ActivityOptions {
    /// What happens when it fails.
    pub retry: Option<RetryPolicy>,
    /// How long one attempt may run, from its start on a worker; waiting for a place there does not
    /// count.
    pub start_to_close: Option<Duration>,
    /// How long it may take from its scheduling on, with all attempts and delays between them.
    pub schedule_to_close: Option<Duration>,
    /// How long an attempt may go without a heartbeat, from its start or the last one.
    pub heartbeat: Option<Duration>,
    /// Which hosts may run it: those that declare this tag.
    pub tag: Option<&'static str>,
}

impl ActivityOptions {
    /// No options: one attempt, as long as it takes.
    pub const fn new() -> Self {
        Self {
            retry: None,
            start_to_close: None,
            schedule_to_close: None,
            heartbeat: None,
            tag: None,
        }
    }

    /// Tries it again when it fails.
    #[must_use]
    pub const fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Fails an attempt that runs for longer, with
    /// [`TimedOut`](crate::ActivityErrorKind::TimedOut), which the policy retries. The activity is
    /// told that it is cancelled, and dropped at its next await. An attempt that is run again, because
    /// its host has died, has all of its time again.
    #[must_use]
    pub const fn start_to_close(mut self, limit: Duration) -> Self {
        self.start_to_close = Some(limit);
        self
    }

    /// Fails the call for good, with [`TimedOut`](crate::ActivityErrorKind::TimedOut), when it is
    /// not complete so long after its scheduling, whatever is under way then. A result that comes
    /// later is late, also when no host was there at the end of the time, and the activity is not run
    /// again then.
    #[must_use]
    pub const fn schedule_to_close(mut self, limit: Duration) -> Self {
        self.schedule_to_close = Some(limit);
        self
    }

    /// Fails an attempt that goes for longer without a heartbeat, as
    /// [`start_to_close`](Self::start_to_close) does.
    #[must_use]
    pub const fn heartbeat(mut self, limit: Duration) -> Self {
        self.heartbeat = Some(limit);
        self
    }

    /// Runs it on a host that declares this tag, whichever host its orchestration runs on: a name
    /// like `gpu` or `eu`. It waits until there is one. Only those hosts need to have the activity.
    ///
    /// A tag means something only where several hosts share a store. On a store that one host has
    /// alone, that host runs everything.
    #[must_use]
    pub const fn tag(mut self, tag: &'static str) -> Self {
        self.tag = Some(tag);
        self
    }

    /// Whether an activity can be called so. A call with options that cannot be gives
    /// [`ActivityErrorKind::InvalidOptions`](crate::ActivityErrorKind::InvalidOptions), and nothing
    /// is recorded.
    ///
    /// # Errors
    /// [`InvalidOptions`], which says what is wrong.
    pub fn check(&self) -> Result<(), InvalidOptions> {
        limit("start-to-close", self.start_to_close)?;
        limit("schedule-to-close", self.schedule_to_close)?;
        limit("heartbeat", self.heartbeat)?;
        self.checked_tag()?;
        self.retry.as_ref().map_or(Ok(()), RetryPolicy::check)
    }

    /// Whether a [local](crate::OrchestrationContext::call_local) activity can be called so: it runs at
    /// its instance, so a tag makes no sense, and it is quick, so a heartbeat time-out makes none.
    ///
    /// # Errors
    /// [`InvalidOptions::NotLocal`] names the option; otherwise as [`check`](Self::check).
    pub fn check_local(&self) -> Result<(), InvalidOptions> {
        if self.tag.is_some() {
            return Err(InvalidOptions::NotLocal { what: "a tag" });
        }
        if self.heartbeat.is_some() {
            return Err(InvalidOptions::NotLocal { what: "a heartbeat time-out" });
        }
        self.check()
    }

    pub(crate) const fn is_none(&self) -> bool {
        self.tag.is_none() && self.has_no_terms()
    }

    /// Whether there is nothing besides a tag.
    pub(crate) const fn has_no_terms(&self) -> bool {
        self.retry.is_none()
            && self.start_to_close.is_none()
            && self.schedule_to_close.is_none()
            && self.heartbeat.is_none()
    }

    /// The tag as it is recorded, if there is one.
    pub(crate) fn checked_tag(&self) -> Result<Option<Name>, InvalidOptions> {
        let tag = self.tag.map(Name::new).transpose();
        tag.map_err(|why| InvalidOptions::Tag { why })
    }

    /// As they are recorded, without the tag: that is an event of its own.
    pub(crate) fn recorded(&self) -> RecordedOptions {
        RecordedOptions {
            retry: self.retry.as_ref().map(RetryPolicy::recorded),
            start_to_close: self.start_to_close,
            schedule_to_close: self.schedule_to_close,
            heartbeat: self.heartbeat,
        }
    }
}

fn limit(what: &'static str, limit: Option<Duration>) -> Result<(), InvalidOptions> {
    match limit {
        Some(limit) if limit.as_micros() == 0 => Err(InvalidOptions::NoTime { what }),
        Some(limit) => bounded(what, limit),
        None => Ok(()),
    }
}

fn bounded(what: &'static str, duration: Duration) -> Result<(), InvalidOptions> {
    if duration > MAX_TIMER { Err(InvalidOptions::TooLong { what, duration }) } else { Ok(()) }
}

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
    #[error("{what} is zero: nothing could be done within it")]
    NoTime {
        /// Which.
        what: &'static str,
    },
    /// The tag is no name.
    #[error("an activity cannot have such a tag: {why}")]
    Tag {
        /// What is wrong with it.
        why: InvalidName,
    },
    /// The policy of a child has a condition that is for the errors of activities.
    #[error("the condition of a retry policy is for activities; a child has its own")]
    ConditionOfActivities,
    /// An option that a [local](crate::OrchestrationContext::call_local) activity cannot have.
    #[error("a local activity cannot have {what}; call it as an activity that is scheduled")]
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

/// [`ActivityOptions`] as they stand in the history, without the tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedOptions {
    /// What happens when it fails.
    pub retry: Option<RecordedRetry>,
    /// How long one attempt may run.
    pub start_to_close: Option<Duration>,
    /// How long it may take from its scheduling on.
    pub schedule_to_close: Option<Duration>,
    /// How long an attempt may go without a heartbeat.
    pub heartbeat: Option<Duration>,
}

/// An activity with options. See [`ActivityDefinition::with`].
#[derive(Clone, Copy, Debug)]
pub struct WithOptions<A> {
    options: ActivityOptions,
    _activity: A,
}

impl<A> WithOptions<A> {
    pub(crate) const fn new(activity: A, options: ActivityOptions) -> Self {
        Self { options, _activity: activity }
    }
}

impl<A: ActivityDefinition> ActivityDefinition for WithOptions<A> {
    type Input = A::Input;
    type Output = A::Output;
    const NAME: &'static str = A::NAME;

    fn options(&self) -> ActivityOptions {
        self.options
    }
}

/// The name of an activity, with options where wanted. A text is one without.
///
/// ```
/// use reenact_core::{ActivityOptions, NamedActivity, RetryPolicy};
///
/// let charge = NamedActivity::new("charge").with(ActivityOptions::new().retry(RetryPolicy::new(3)));
/// assert_eq!(charge.name(), "charge");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct NamedActivity<'a> {
    name: &'a str,
    options: ActivityOptions,
}

impl<'a> NamedActivity<'a> {
    /// An activity of that name, without options.
    pub const fn new(name: &'a str) -> Self {
        Self { name, options: ActivityOptions::new() }
    }

    /// Calls it with these options, and no others.
    #[must_use]
    pub const fn with(mut self, options: ActivityOptions) -> Self {
        self.options = options;
        self
    }

    /// The name.
    pub const fn name(&self) -> &'a str {
        self.name
    }

    pub(crate) const fn options(&self) -> &ActivityOptions {
        &self.options
    }
}

impl<'a> From<&'a str> for NamedActivity<'a> {
    fn from(name: &'a str) -> Self {
        Self::new(name)
    }
}

impl<'a> From<&'a alloc::string::String> for NamedActivity<'a> {
    fn from(name: &'a alloc::string::String) -> Self {
        Self::new(name)
    }
}

impl<'a> From<&'a crate::Name> for NamedActivity<'a> {
    fn from(name: &'a crate::Name) -> Self {
        Self::new(name.as_str())
    }
}

impl fmt::Display for NamedActivity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_RETRY_FACTOR;

    #[test]
    fn what_cannot_be_is_named() {
        let why = |policy: RetryPolicy| ActivityOptions::new().retry(policy).check().unwrap_err();
        assert_eq!(why(RetryPolicy::new(0)), InvalidOptions::NoAttempts);
        for factor in [0.999, -1.0, f64::NAN, f64::INFINITY, MAX_RETRY_FACTOR + 1.0] {
            assert!(matches!(
                why(RetryPolicy::new(9).factor(factor)),
                InvalidOptions::Factor { .. }
            ));
        }
        for jitter in [-0.001, 1.001, f64::NAN] {
            assert!(matches!(
                why(RetryPolicy::new(9).jitter(jitter)),
                InvalidOptions::Jitter { .. }
            ));
        }
        let long = MAX_TIMER + Duration::from_micros(1);
        for policy in [
            RetryPolicy::new(9).first_delay(long),
            RetryPolicy::new(9).max_delay(long),
            RetryPolicy::new(9).deadline(long),
        ] {
            assert!(matches!(why(policy), InvalidOptions::TooLong { .. }));
        }
        assert_eq!(
            why(RetryPolicy::new(9).deadline(Duration::ZERO)),
            InvalidOptions::NoTime { what: "deadline" }
        );
        let options = ActivityOptions::new();
        for (tag, why) in [
            ("", InvalidName::Empty { what: "the name" }),
            ("g\npu", InvalidName::ControlCharacter { what: "the name", character: '\n', at: 1 }),
        ] {
            assert_eq!(options.tag(tag).check(), Err(InvalidOptions::Tag { why }));
        }
        for (options, what) in [
            (options.start_to_close(Duration::ZERO), "start-to-close"),
            (options.schedule_to_close(Duration::from_nanos(999)), "schedule-to-close"),
            (options.heartbeat(Duration::ZERO), "heartbeat"),
        ] {
            assert_eq!(options.check(), Err(InvalidOptions::NoTime { what }));
        }
    }
}
