//! How an activity is called: how often it is tried, and how long it may take.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::definition::ActivityDefinition;
use crate::error::ActivityError;
use crate::ids::{InvalidName, Name};
use crate::limits::{MAX_RETRY_FACTOR, MAX_TIMER};

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
    /// told that it is cancelled, and dropped at its next await.
    #[must_use]
    pub const fn start_to_close(mut self, limit: Duration) -> Self {
        self.start_to_close = Some(limit);
        self
    }

    /// Fails the call for good, with [`TimedOut`](crate::ActivityErrorKind::TimedOut), when it is
    /// not complete so long after its scheduling, whatever is under way then.
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

/// How often, and when, something that failed is tried again.
///
/// Attempt *n* + 1 begins `first_delay * factor^(n - 1)` after attempt *n* failed, at most
/// `max_delay`. Retried is what [may pass](ActivityError::is_retryable): errors that were returned as
/// retryable, panics and time-outs; never what was returned as fatal, nor input or output that is
/// not valid.
///
/// The attempt that is under way and the delay are durable: after a crash the same attempt begins at
/// the same time. An attempt that a crash or a shutdown cut off runs again under its own number.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    max_attempts: u32,
    first_delay: Duration,
    factor: f64,
    max_delay: Duration,
    jitter: f64,
    deadline: Option<Duration>,
    retry_if: Option<RetryIf>,
}

/// Which errors are retried.
pub(crate) type RetryIf = fn(&ActivityError) -> bool;

impl RetryPolicy {
    /// At most so many attempts, the first included. The delays are 1 s, 2 s, 4 s and so on, up to
    /// 100 s, without jitter.
    pub const fn new(max_attempts: u32) -> Self {
        Self {
            max_attempts,
            first_delay: Duration::from_secs(1),
            factor: 2.0,
            max_delay: Duration::from_secs(100),
            jitter: 0.0,
            deadline: None,
            retry_if: None,
        }
    }

    /// The delay behind the first attempt. Zero is allowed, and then all delays are zero.
    #[must_use]
    pub const fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// How many times longer each delay is than the one before: 1 to
    /// [`MAX_RETRY_FACTOR`], in thousandths.
    #[must_use]
    pub const fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// The longest delay.
    #[must_use]
    pub const fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// The part of each delay that is left to chance, from 0 to 1, in thousandths: a delay of 10 s
    /// with a jitter of 0.2 is between 8 s and 10 s. The chance is the execution's own, so it is the
    /// same whenever the history is re-enacted; it draws none of the code's
    /// [random numbers](crate::OrchestrationContext::random).
    #[must_use]
    pub const fn jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// The time for all attempts together, from the scheduling on. A retry that would begin after it
    /// does not: the call fails at once, with the last error. An attempt of an activity that runs then
    /// is ended, with [`TimedOut`](crate::ActivityErrorKind::TimedOut); one of a child goes on.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Retries only those errors, of what may pass, for which this is true. It is code and therefore
    /// not recorded: at replay the code gives it again. It is asked once for each failure, when that
    /// comes; when it panics, the error is not retried. For activities; children have
    /// [one of their own](crate::ChildOptions::retry_if).
    #[must_use]
    pub const fn retry_if(mut self, retry_if: fn(&ActivityError) -> bool) -> Self {
        self.retry_if = Some(retry_if);
        self
    }

    pub(crate) const fn condition(&self) -> Option<RetryIf> {
        self.retry_if
    }

    pub(crate) fn check(&self) -> Result<(), InvalidOptions> {
        if self.max_attempts == 0 {
            return Err(InvalidOptions::NoAttempts);
        }
        if !(1.0..=MAX_RETRY_FACTOR).contains(&self.factor) {
            return Err(InvalidOptions::Factor { factor: self.factor });
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(InvalidOptions::Jitter { jitter: self.jitter });
        }
        bounded("the first delay", self.first_delay)?;
        bounded("the longest delay", self.max_delay)?;
        limit("deadline", self.deadline)
    }

    pub(crate) fn recorded(&self) -> RecordedRetry {
        RecordedRetry {
            max_attempts: self.max_attempts,
            first_delay: self.first_delay,
            factor: thousandths(self.factor),
            max_delay: self.max_delay,
            jitter: thousandths(self.jitter),
            deadline: self.deadline,
        }
    }
}

/// Of a number that was checked.
const fn thousandths(number: f64) -> u32 {
    (number * 1_000.0 + 0.5) as u32
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

/// A [`RetryPolicy`] as it stands in the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRetry {
    /// Most attempts, the first included.
    pub max_attempts: u32,
    /// The delay behind the first attempt.
    pub first_delay: Duration,
    /// How many times longer each delay is than the one before, in thousandths.
    pub factor: u32,
    /// The longest delay.
    pub max_delay: Duration,
    /// The part of a delay that is left to chance, in thousandths.
    pub jitter: u32,
    /// The time for all attempts together, from the scheduling on.
    pub deadline: Option<Duration>,
}

impl RecordedRetry {
    /// The delay behind a failed attempt; the first is 1. `chance` is any number: the same one gives
    /// the same delay.
    pub(crate) fn delay(&self, attempt: u32, chance: u64) -> Duration {
        let micros = self.full_delay(attempt);
        // 32 bits of the chance are as fine as anybody needs.
        let part = u128::from(self.jitter) * u128::from(chance >> 32);
        let less = u128::from(micros).saturating_mul(part) / (1_000 << 32);
        Duration::from_micros(micros.saturating_sub(u64::try_from(less).unwrap_or(micros)))
    }

    /// In microseconds. Whole numbers, so that it is the same on every machine.
    fn full_delay(&self, attempt: u32) -> u64 {
        /// Bits behind the point, so that a short delay grows too.
        const FRACTION: u32 = 32;
        let cap = self.max_delay.as_micros() << FRACTION;
        let mut delay = self.first_delay.as_micros() << FRACTION;
        let mut left = attempt.saturating_sub(1);
        // The shortest delay with the smallest factor gets to the longest in some ten thousand steps;
        // one that does not grow needs none.
        while left > 0 && delay < cap && delay > 0 && self.factor > 1_000 {
            delay = delay.saturating_mul(u128::from(self.factor)) / 1_000;
            left -= 1;
        }
        u64::try_from(delay.min(cap) >> FRACTION).unwrap_or(u64::MAX)
    }
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

    fn policy() -> RetryPolicy {
        RetryPolicy::new(9)
    }

    fn seconds(
        policy: &RetryPolicy,
        attempts: impl IntoIterator<Item = u32>,
    ) -> std::vec::Vec<u64> {
        let recorded = policy.recorded();
        attempts.into_iter().map(|attempt| recorded.delay(attempt, 0).as_secs()).collect()
    }

    #[test]
    fn delays_grow_by_the_factor_up_to_the_cap() {
        assert_eq!(seconds(&policy(), 1..=9), [1, 2, 4, 8, 16, 32, 64, 100, 100]);
        let slow = policy().first_delay(Duration::from_secs(8)).factor(1.5);
        assert_eq!(seconds(&slow, 1..=4), [8, 12, 18, 27]);
        assert_eq!(seconds(&policy().factor(1.0), [1, 2, u32::MAX]), [1, 1, 1]);
        assert_eq!(seconds(&policy().first_delay(Duration::ZERO), [1, 9]), [0, 0]);
        assert_eq!(seconds(&policy().max_delay(Duration::ZERO), [1, 9]), [0, 0]);
    }

    #[test]
    fn the_longest_way_to_the_longest_delay_comes_to_an_end() {
        let slow = policy()
            .first_delay(Duration::from_micros(1))
            .factor(1.001)
            .max_delay(MAX_TIMER)
            .recorded();
        assert_eq!(slow.delay(u32::MAX, 0), MAX_TIMER);
        let steep = policy().factor(MAX_RETRY_FACTOR).max_delay(MAX_TIMER).recorded();
        assert_eq!(steep.delay(u32::MAX, 0), MAX_TIMER);
    }

    #[test]
    fn jitter_takes_away_its_part_and_no_more() {
        let ten = policy().first_delay(Duration::from_secs(10)).jitter(0.2).recorded();
        assert_eq!(ten.delay(1, 0), Duration::from_secs(10));
        assert_eq!(ten.delay(1, 1 << 63), Duration::from_secs(9));
        let least = ten.delay(1, u64::MAX);
        assert!(least >= Duration::from_secs(8) && least < Duration::from_millis(8_001));
        let all = policy().jitter(1.0).recorded();
        assert!(all.delay(1, u64::MAX) < Duration::from_micros(2));
    }

    #[test]
    fn no_numbers_that_are_read_make_it_panic() {
        for (factor, jitter) in [(u32::MAX, u32::MAX), (0, u32::MAX), (1_001, 0)] {
            let max = Duration::MAX;
            let (first_delay, max_delay, deadline) = (max, max, Some(max));
            let max_attempts = u32::MAX;
            let rotten =
                RecordedRetry { max_attempts, first_delay, factor, max_delay, jitter, deadline };
            let short = RecordedRetry { first_delay: Duration::from_micros(1), ..rotten.clone() };
            for chance in [0, u64::MAX] {
                let _ = (rotten.delay(u32::MAX, chance), short.delay(u32::MAX, chance));
            }
        }
    }

    #[test]
    fn what_cannot_be_is_named() {
        let why = |policy: RetryPolicy| ActivityOptions::new().retry(policy).check().unwrap_err();
        assert_eq!(why(RetryPolicy::new(0)), InvalidOptions::NoAttempts);
        for factor in [0.999, -1.0, f64::NAN, f64::INFINITY, MAX_RETRY_FACTOR + 1.0] {
            assert!(matches!(why(policy().factor(factor)), InvalidOptions::Factor { .. }));
        }
        for jitter in [-0.001, 1.001, f64::NAN] {
            assert!(matches!(why(policy().jitter(jitter)), InvalidOptions::Jitter { .. }));
        }
        let long = MAX_TIMER + Duration::from_micros(1);
        for policy in
            [policy().first_delay(long), policy().max_delay(long), policy().deadline(long)]
        {
            assert!(matches!(why(policy), InvalidOptions::TooLong { .. }));
        }
        assert_eq!(
            why(policy().deadline(Duration::ZERO)),
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
