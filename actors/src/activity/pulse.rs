//! The heartbeats of one attempt.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use reenact_core::limits::{HEARTBEAT_RECORDED_EVERY, MAX_HEARTBEAT_BYTES};
use reenact_core::{ActivityError, Name, Payload, PayloadError, Timestamp};
use reenact_providers::TimerScheduler;

use super::call::ActivityCall;
use super::emissions::Batch;
use crate::error::Result;

/// Why a heartbeat was not accepted. Earlier heartbeats still count.
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

/// Fatal: another attempt would fail in the same way.
impl From<HeartbeatError> for ActivityError {
    fn from(error: HeartbeatError) -> Self {
        Self::fatal(error)
    }
}

/// Takes the answer to a batch of items. Dropped without one, the batch was lost.
pub(crate) type ItemsAnswered = Box<dyn FnOnce(Result<()>) + Send + Sync>;

/// Receives the heartbeats and items that are to be recorded in the log of an instance.
pub(crate) trait HeartbeatSink: Send + Sync {
    /// The time.
    fn now(&self) -> Timestamp;

    /// Records the details of an attempt.
    fn record(&self, call: &ActivityCall, attempt: u32, details: Payload);

    /// Records items that an attempt emits.
    fn emit(&self, call: &ActivityCall, attempt: u32, batch: Batch, answered: ItemsAnswered);

    /// The clock.
    fn clock(&self) -> Arc<dyn TimerScheduler>;
}

/// The heartbeats of one attempt.
pub(crate) struct Pulse {
    /// `None` for a call in a unit test.
    sink: Option<Weak<dyn HeartbeatSink>>,
    beats: Mutex<Beats>,
    /// Keeps all details, for a call in a unit test.
    pub(super) record: OnceLock<Record>,
}

type Record = Arc<Mutex<Vec<Payload>>>;

#[derive(Default)]
struct Beats {
    last: Option<Timestamp>,
    /// When details were last passed on to be recorded.
    passed_on: Option<Timestamp>,
    /// The newest details, until they are passed on.
    kept: Option<Payload>,
}

impl Pulse {
    pub(crate) fn new(sink: Option<Weak<dyn HeartbeatSink>>) -> Self {
        Self { sink, beats: Mutex::default(), record: OnceLock::new() }
    }

    /// The sink of heartbeats, while the host exists.
    pub(super) fn sink(&self) -> Option<Arc<dyn HeartbeatSink>> {
        self.sink.as_ref()?.upgrade()
    }

    /// Whether it is of a call in a unit test.
    pub(super) const fn is_of_test(&self) -> bool {
        self.sink.is_none()
    }

    /// Keeps the details of all later heartbeats.
    pub(crate) fn record_into(&self, record: Record) {
        let _ = self.record.set(record);
    }

    /// Accepts details; returns them when it is time to record them.
    pub(super) fn beat(&self, now: Timestamp, details: Payload) -> Option<Payload> {
        let mut beats = self.beats();
        beats.last = Some(now);
        let is_due = |last: Timestamp| last + HEARTBEAT_RECORDED_EVERY <= now;
        if beats.passed_on.is_none_or(is_due) {
            beats.passed_on = Some(now);
            beats.kept = None;
            return Some(details);
        }
        beats.kept = Some(details);
        None
    }

    /// When the last heartbeat came.
    pub(crate) fn last(&self) -> Option<Timestamp> {
        self.beats().last
    }

    /// The newest details, unless they were passed on.
    pub(crate) fn take_kept(&self) -> Option<Payload> {
        self.beats().kept.take()
    }

    /// Every change under the lock is complete, so a panic while it is held leaves it usable.
    fn beats(&self) -> std::sync::MutexGuard<'_, Beats> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
