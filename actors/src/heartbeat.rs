//! What an attempt of an activity tells of itself while it runs, and how long it may.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use reenact_core::limits::{HEARTBEAT_RECORDED_EVERY, MAX_HEARTBEAT_BYTES};
use reenact_core::{
    ActivityError, ActivityErrorKind, AttemptTerms, Name, Payload, PayloadError, Timestamp,
};
use reenact_providers::TimerScheduler;
use serde::Serialize;

use crate::activity::ActivityContext;
use crate::message::Internal;
use crate::routes::Routes;
use crate::tags::News;

/// Why a heartbeat was not taken. What was taken before still counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeartbeatError {
    /// The details are larger than
    /// [`MAX_HEARTBEAT_BYTES`](reenact_core::limits::MAX_HEARTBEAT_BYTES).
    #[error(
        "the heartbeat of activity `{activity}` has {bytes} bytes of details; \
         at most {MAX_HEARTBEAT_BYTES} are allowed"
    )]
    TooLarge {
        /// The activity.
        activity: Name,
        /// Their size in bytes.
        bytes: usize,
    },
    /// The details do not encode.
    #[error("the details of the heartbeat of activity `{activity}` are not valid: {source}")]
    Invalid {
        /// The activity.
        activity: Name,
        /// Why.
        source: PayloadError,
    },
}

/// Fatal: another attempt would say the same.
impl From<HeartbeatError> for ActivityError {
    fn from(error: HeartbeatError) -> Self {
        Self::fatal(error)
    }
}

/// The way of heartbeats, shared by all activities of a host.
pub(crate) struct Line {
    pub(crate) routes: Routes,
    pub(crate) clock: Arc<dyn TimerScheduler>,
}

/// The heartbeats of one attempt.
pub(crate) struct Pulse {
    line: Weak<Line>,
    beats: Mutex<Beats>,
    /// Where all are kept, of a call in a unit test.
    record: OnceLock<Record>,
}

type Record = Arc<Mutex<Vec<Payload>>>;

#[derive(Default)]
struct Beats {
    last: Option<Timestamp>,
    /// When details were last handed on to be recorded.
    handed_on: Option<Timestamp>,
    /// The newest details, as long as they were not handed on.
    kept: Option<Payload>,
}

impl Pulse {
    pub(crate) fn new(line: Weak<Line>) -> Self {
        Self { line, beats: Mutex::default(), record: OnceLock::new() }
    }

    /// Keeps the details of all heartbeats from now on.
    pub(crate) fn record_into(&self, record: Record) {
        let _ = self.record.set(record);
    }

    /// Takes details; gives them back when it is time to record them.
    fn beat(&self, now: Timestamp, details: Payload) -> Option<Payload> {
        let mut beats = self.beats();
        beats.last = Some(now);
        let is_due = |last: Timestamp| last + HEARTBEAT_RECORDED_EVERY <= now;
        if beats.handed_on.is_none_or(is_due) {
            beats.handed_on = Some(now);
            beats.kept = None;
            return Some(details);
        }
        beats.kept = Some(details);
        None
    }

    /// When the last heartbeat came.
    fn last(&self) -> Option<Timestamp> {
        self.beats().last
    }

    /// The newest details, where they were not handed on.
    pub(crate) fn take_kept(&self) -> Option<Payload> {
        self.beats().kept.take()
    }

    /// Every change under the lock is whole, so a panic elsewhere does not spoil it.
    fn beats(&self) -> std::sync::MutexGuard<'_, Beats> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ActivityContext {
    /// Says that the activity is alive, and how far it is. Cheap, and never waits: call it as often as
    /// you like.
    ///
    /// An activity with a [heartbeat time-out](reenact_core::ActivityOptions::heartbeat) has to call
    /// it that often. The details go to the attempt that comes next
    /// ([`heartbeat_details`](Self::heartbeat_details)), and are seen in the status of the instance.
    /// They are recorded in the history, the newest in place of the one before: the first at once,
    /// then at most one in
    /// [`HEARTBEAT_RECORDED_EVERY`](reenact_core::limits::HEARTBEAT_RECORDED_EVERY), and the last
    /// ones with the failure of the attempt. A crash of the host loses those that were not recorded.
    ///
    /// # Errors
    /// [`HeartbeatError`] when the details do not encode or are over
    /// [`MAX_HEARTBEAT_BYTES`](reenact_core::limits::MAX_HEARTBEAT_BYTES). Then nothing happens; it is
    /// no heartbeat.
    pub fn heartbeat<T: Serialize + ?Sized>(&self, details: &T) -> Result<(), HeartbeatError> {
        let activity = || self.activity_name().clone();
        let details = Payload::encode(details)
            .map_err(|source| HeartbeatError::Invalid { activity: activity(), source })?;
        if details.len() > MAX_HEARTBEAT_BYTES {
            return Err(HeartbeatError::TooLarge { activity: activity(), bytes: details.len() });
        }
        if let Some(record) = self.pulse().record.get() {
            record.lock().unwrap_or_else(PoisonError::into_inner).push(details.clone());
        }
        // A host that has gone wants to know nothing.
        let Some(line) = self.pulse().line.upgrade() else { return Ok(()) };
        if let Some(details) = self.pulse().beat(line.clock.now(), details) {
            if self.is_from_elsewhere() {
                self.tell(News::Heartbeat(details));
                return Ok(());
            }
            let call = self.call();
            let (run, id, attempt) = (call.run, call.id, self.attempt());
            let message = Internal::RecordHeartbeat { run, id, attempt, details };
            line.routes.deliver(&call.instance, message.into());
        }
        Ok(())
    }

    /// Returns when the attempt has run for too long, or gone without a heartbeat for too long; why it
    /// fails then.
    pub(crate) async fn until_too_late(
        &self,
        terms: &AttemptTerms,
        start: Timestamp,
        clock: &dyn TimerScheduler,
    ) -> ActivityError {
        let end = terms.start_to_close.map(|limit| start + limit);
        loop {
            let last = self.pulse().last().unwrap_or(start);
            let silent = terms.heartbeat.map(|limit| last + limit);
            let Some(next) = end.into_iter().chain(silent).min() else {
                return std::future::pending().await;
            };
            clock.sleep_until(next).await;
            let (now, last) = (clock.now(), self.pulse().last().unwrap_or(start));
            if let Some(limit) = terms.start_to_close.filter(|_| end.is_some_and(|end| end <= now))
            {
                return timed_out(format_args!("start-to-close: it ran for {limit:?}"));
            }
            if let Some(limit) = terms.heartbeat.filter(|limit| last + *limit <= now) {
                return timed_out(format_args!("heartbeat: there was none for {limit:?}"));
            }
        }
    }
}

fn timed_out(why: std::fmt::Arguments<'_>) -> ActivityError {
    ActivityError::of_kind(ActivityErrorKind::TimedOut, why)
}
