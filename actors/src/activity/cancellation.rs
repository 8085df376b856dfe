//! The cancellation of an activity: it can be awaited, and in the end the activity is cut off.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::task::AtomicWaker;
use reenact_core::Timestamp;
use tokio::sync::Notify;

/// The cancellation of an activity, which can be awaited, and the end of its grace.
#[derive(Default)]
pub(super) struct Cancellation {
    pub(super) requested: AtomicBool,
    pub(super) changed: Notify,
    /// When the grace of a cancelled activity ends, in microseconds; 0 when that is not known.
    pub(super) grace_ends: AtomicU64,
    pub(super) cut_off: AtomicBool,
    /// Wakes the task that runs the activity.
    pub(super) task: AtomicWaker,
}

impl Cancellation {
    pub(super) fn grace_ends(&self) -> Option<Timestamp> {
        let end = self.grace_ends.load(Ordering::Acquire);
        (end > 0).then(|| Timestamp::from_micros(end))
    }
}
