//! The attempts of one activity that is open: which one it is, why the last one failed, and when
//! the next begins.

mod actions;
mod child;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use core::time::Duration;

use crate::action::{AttemptTerms, Tagged};
use crate::error::{ActivityError, ActivityErrorKind};
use crate::ids::{CorrelationId, Name};
use crate::options::{RecordedOptions, RetryIf};
use crate::payload::Payload;
use crate::random::SplitMix64;
use crate::time::Timestamp;

pub(crate) use actions::{call, task_timers};
pub(crate) use child::ChildRetry;

/// What there is to know of an open activity beyond its name and input. All of it follows from the
/// log, except for the condition, which the code gives again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempts {
    options: Option<Box<RecordedOptions>>,
    /// Which hosts may run it, where not all of them may.
    pub(crate) tag: Option<Name>,
    retry_if: Option<RetryIf>,
    /// When all of it must be over.
    deadline: Option<Timestamp>,
    /// Those that failed.
    pub(crate) failed: u32,
    pub(crate) last_error: Option<ActivityError>,
    /// What the newest failure takes in the log. Stays when it is forgotten for a rewind.
    pub(crate) failure_bytes: Option<usize>,
    /// When the attempt begins that is the next one, or under way.
    pub(crate) retry_at: Option<Timestamp>,
    /// Whether the start of the attempt under way is recorded.
    pub(crate) started: bool,
    /// How many hosts are known to have died while an attempt ran.
    pub(crate) died: u32,
    /// How many of them the newest recorded start knows of.
    pub(crate) died_before_start: u32,
    /// Of the newest heartbeat.
    pub(crate) details: Option<Payload>,
    /// Of an attempt that is completed from outside.
    pub(crate) deferred: Option<Deferred>,
}

/// An attempt that has returned, and is completed from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deferred {
    /// When it began.
    pub(crate) began: Timestamp,
    /// When its last heartbeat came, or when it began.
    pub(crate) heard: Timestamp,
}

/// What a timer of an open activity is to bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// It has taken too long.
    End,
    /// The next attempt begins, if it has not begun.
    Attempt,
    /// It is too early.
    Nothing {
        /// When there is something to do.
        until: Timestamp,
    },
}

impl Attempts {
    /// Of an activity that was scheduled at a time, with options.
    pub(crate) fn new(
        options: Box<RecordedOptions>,
        retry_if: Option<RetryIf>,
        scheduled_at: Timestamp,
    ) -> Self {
        let limit = time_in_all(&options);
        Self {
            deadline: limit.map(|limit| scheduled_at + limit),
            options: Some(options),
            retry_if,
            ..Self::default()
        }
    }

    /// None has failed, and none was late.
    pub(crate) fn begin_anew(&mut self, now: Timestamp) {
        let limit = self.options.as_deref().and_then(time_in_all);
        self.deadline = limit.map(|limit| now + limit);
        self.failed = 0;
        self.last_error = None;
        self.retry_at = None;
        self.started = false;
        self.died = 0;
        self.died_before_start = 0;
        // It runs again, with another token.
        self.deferred = None;
    }

    /// What all of this takes in memory, in bytes, about.
    pub(crate) fn held_bytes(&self) -> usize {
        let error = self.last_error.as_ref().map_or(0, ActivityError::stored_bytes);
        let details = self.details.as_ref().map_or(0, Payload::len);
        core::mem::size_of::<Self>() + error + details
    }

    /// The number of the attempt that is under way, or comes next; the first is 1.
    pub(crate) const fn attempt(&self) -> u32 {
        self.failed.saturating_add(1)
    }

    pub(crate) const fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    pub(crate) const fn condition(&self) -> Option<RetryIf> {
        self.retry_if
    }

    /// What the attempt has to keep to, and what it is given; `None` when that is nothing.
    pub(crate) fn terms(&self) -> Option<Box<AttemptTerms>> {
        let options = self.options.as_ref();
        let terms = AttemptTerms {
            start_to_close: options.and_then(|options| options.start_to_close),
            heartbeat: options.and_then(|options| options.heartbeat),
            details: self.details.clone(),
        };
        (terms != AttemptTerms::default()).then(|| Box::new(terms))
    }

    /// Where the attempt is to run, if not on any host.
    pub(crate) fn tagged(&self) -> Option<Box<Tagged>> {
        let tag = self.tag.clone()?;
        Some(Box::new(Tagged { tag, deadline: self.deadline }))
    }

    /// What an attempt has failed with that has gone with its host.
    pub(crate) fn lost(&self) -> ActivityError {
        let times = match self.died.saturating_add(1) {
            1 => "once".to_string(),
            times => format!("{times} times"),
        };
        let error = format!("{times}, each time while an attempt of the activity ran");
        ActivityError::of_kind(ActivityErrorKind::HostDied, error)
    }

    /// When the next attempt begins after one that has gone with its host. Without a policy at once: it
    /// is no error of the activity's own.
    pub(crate) fn retry_of_lost(
        &self,
        id: CorrelationId,
        seed: u64,
        now: Timestamp,
    ) -> Option<Timestamp> {
        match self.options.as_ref().and_then(|options| options.retry.as_ref()) {
            Some(_) => self.retry_at(id, seed, now),
            None => Some(now),
        }
    }

    /// When the next attempt begins, now that this one has failed with something that may pass;
    /// `None` when there is no next one. `seed` is the execution's.
    pub(crate) fn retry_at(
        &self,
        id: CorrelationId,
        seed: u64,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let policy = self.options.as_ref()?.retry.as_ref()?;
        let attempt = self.attempt();
        if attempt >= policy.max_attempts {
            return None;
        }
        let at = now + policy.delay(attempt, chance(seed, id, attempt));
        self.deadline.is_none_or(|deadline| at < deadline).then_some(at)
    }

    pub(crate) fn due(&self, now: Timestamp) -> Option<Due> {
        let ends = self.deadline.filter(|deadline| *deadline <= now).map(|_| Due::End);
        let times = self.retry_at.into_iter().chain(self.deadline).chain(self.limit());
        let until = times.filter(|at| *at > now).min();
        let begins = self.retry_at.filter(|at| *at <= now).map(|_| Due::Attempt);
        ends.or(begins).or(until.map(|until| Due::Nothing { until }))
    }

    /// When the attempt has failed that is completed from outside, if it has a limit.
    pub(crate) fn limit(&self) -> Option<Timestamp> {
        let (options, deferred) = (self.options.as_ref()?, self.deferred?);
        let end = options.start_to_close.map(|limit| deferred.began + limit);
        let silent = options.heartbeat.map(|limit| deferred.heard + limit);
        end.into_iter().chain(silent).min()
    }

    /// When there is something to do about an attempt that is completed from outside.
    pub(crate) fn deferred_until(&self) -> Option<Timestamp> {
        self.deferred?;
        self.limit().into_iter().chain(self.deadline).min()
    }

    /// What an attempt has failed with that was not completed in time from outside.
    pub(crate) fn missed(&self, now: Timestamp) -> Option<ActivityError> {
        self.limit().filter(|limit| *limit <= now)?;
        let (options, deferred) = (self.options.as_ref()?, self.deferred?);
        let is_over = |limit: &Duration| deferred.began + *limit <= now;
        let error = match (options.start_to_close.filter(is_over), options.heartbeat) {
            (Some(limit), _) => {
                format!("start-to-close: it was not completed from outside within {limit:?}")
            }
            (None, limit) => {
                format!("heartbeat: there was none for {:?}", limit.unwrap_or_default())
            }
        };
        Some(ActivityError::of_kind(ActivityErrorKind::TimedOut, error))
    }

    /// Why it ends when it has taken too long.
    pub(crate) fn too_late(&self) -> ActivityError {
        let limit = self.options.as_ref().and_then(|options| time_in_all(options));
        let limit = limit.unwrap_or_default();
        let attempt = self.attempt();
        let error = match &self.last_error {
            None => {
                format!("schedule-to-close: not complete after {limit:?}, in attempt {attempt}")
            }
            Some(last) => format!(
                "schedule-to-close: not complete after {limit:?}, in attempt {attempt}; \
                 the attempt before it failed: {last}"
            ),
        };
        ActivityError::of_kind(ActivityErrorKind::TimedOut, error)
    }
}

fn time_in_all(options: &RecordedOptions) -> Option<Duration> {
    let by_policy = options.retry.as_ref().and_then(|policy| policy.deadline);
    by_policy.into_iter().chain(options.schedule_to_close).min()
}

/// A number that nobody else draws.
pub(crate) const fn chance(seed: u64, id: CorrelationId, attempt: u32) -> u64 {
    let of_task = SplitMix64::new(seed ^ id.0.rotate_left(32)).next();
    SplitMix64::new(of_task ^ attempt as u64).next()
}
