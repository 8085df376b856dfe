//! `ActivityOptions`: the time limits, retries and tag of an activity.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::invalid::{InvalidOptions, checked_limit};
use super::retry::{RecordedRetry, RetryPolicy};
use crate::ids::Name;

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
/// [`MAX_TIMER`](crate::limits::MAX_TIMER).
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "options do nothing until an activity is called with them"]
pub struct ActivityOptions {
    pub(crate) retry: Option<RetryPolicy>,
    pub(crate) start_to_close: Option<Duration>,
    pub(crate) schedule_to_close: Option<Duration>,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) tag: Option<&'static str>,
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
    pub const fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Fails an attempt that runs for longer, with
    /// [`TimedOut`](crate::ActivityErrorKind::TimedOut), which the policy retries. The activity is
    /// informed that it is cancelled, and dropped at its next await. An attempt that is run again, because
    /// its host has died, has all of its time again.
    pub const fn start_to_close(mut self, limit: Duration) -> Self {
        self.start_to_close = Some(limit);
        self
    }

    /// Fails the call for good, with [`TimedOut`](crate::ActivityErrorKind::TimedOut), when it is
    /// not complete so long after its scheduling, whatever is under way then. A result that comes
    /// later is late, also when no host was there at the end of the time, and the activity is not run
    /// again then.
    pub const fn schedule_to_close(mut self, limit: Duration) -> Self {
        self.schedule_to_close = Some(limit);
        self
    }

    /// Fails an attempt that goes for longer without a heartbeat, as
    /// [`start_to_close`](Self::start_to_close) does.
    pub const fn heartbeat(mut self, limit: Duration) -> Self {
        self.heartbeat = Some(limit);
        self
    }

    /// Runs it on a host that declares this tag, whichever host its orchestration runs on: a name
    /// like `gpu` or `eu`. It waits until there is one. Only those hosts need to have the activity.
    ///
    /// A tag means something only where several hosts share a store. On a store that one host has
    /// alone, that host runs everything.
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
        checked_limit("start-to-close", self.start_to_close)?;
        checked_limit("schedule-to-close", self.schedule_to_close)?;
        checked_limit("heartbeat", self.heartbeat)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::InvalidName;
    use crate::limits::{MAX_RETRY_FACTOR, MAX_TIMER};

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
