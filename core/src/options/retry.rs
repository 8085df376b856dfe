//! `RetryPolicy`: how often, and after which delays, something that failed is tried again.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::invalid::{InvalidOptions, bounded, checked_limit};
use crate::error::ActivityError;
use crate::limits::MAX_RETRY_FACTOR;

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
#[must_use = "a policy does nothing until options get it"]
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
    /// At most this many attempts, the first included. The delays are 1 s, 2 s, 4 s and so on, up to
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

    /// The delay after the first attempt. Zero is allowed, and then all delays are zero.
    pub const fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// How many times longer each delay is than the one before: 1 to
    /// [`MAX_RETRY_FACTOR`], in thousandths.
    pub const fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// The longest delay.
    pub const fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// The part of each delay that is left to chance, from 0 to 1, in thousandths: a delay of 10 s
    /// with a jitter of 0.2 is between 8 s and 10 s. The chance is the execution's own, so it is the
    /// same whenever the history is re-enacted; it draws none of the code's
    /// [random numbers](crate::OrchestrationContext::random).
    pub const fn jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// The time for all attempts together, from the scheduling on. A retry that would begin after it
    /// does not: the call fails at once, with the last error. An attempt of an activity that runs then
    /// is ended, with [`TimedOut`](crate::ActivityErrorKind::TimedOut); one of a child goes on.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Retries only those errors, of what may pass, for which this is true. It is code and therefore
    /// not recorded: at replay the code gives it again. It is asked once for each failure, when that
    /// comes; when it panics, the error is not retried. For activities; children have
    /// [one of their own](crate::ChildOptions::retry_if).
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
        checked_limit("deadline", self.deadline)
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

/// A [`RetryPolicy`] as it stands in the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRetry {
    /// Most attempts, the first included.
    pub max_attempts: u32,
    /// The delay after the first attempt.
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

/// In words, as a part of what is said of a call.
impl fmt::Display for RecordedRetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { max_attempts, first_delay, factor, max_delay, jitter, deadline } = self;
        write!(
            f,
            "with {max_attempts} attempts, delays from {first_delay:?} to {max_delay:?} by {} \
             (jitter {})",
            Thousandths(*factor),
            Thousandths(*jitter)
        )?;
        match deadline {
            Some(deadline) => write!(f, " within {deadline:?}"),
            None => Ok(()),
        }
    }
}

struct Thousandths(u32);

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

impl RecordedRetry {
    /// The delay after a failed attempt; the first is 1. `chance` is any number: the same one gives
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
        /// Bits after the point, so that a short delay grows too.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_TIMER;

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
            let first_delay = max;
            let max_delay = max;
            let deadline = Some(max);
            let max_attempts = u32::MAX;
            let rotten =
                RecordedRetry { max_attempts, first_delay, factor, max_delay, jitter, deadline };
            let short = RecordedRetry { first_delay: Duration::from_micros(1), ..rotten.clone() };
            for chance in [0, u64::MAX] {
                let _ = (rotten.delay(u32::MAX, chance), short.delay(u32::MAX, chance));
            }
        }
    }
}
