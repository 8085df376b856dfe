//! What the code awaits, as far as that says whether it can go on.

use super::{CorrelationBuffer, Scheduled};
use crate::ids::CorrelationId;
use crate::time::Timestamp;

/// Numbers of slots with a waker.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    all: usize,
    /// Of these, time limits of something else.
    limits: usize,
    /// Of these, timers that a cancel has stopped.
    stopped: usize,
}

impl Awaited {
    pub(super) fn add(&mut self, scheduled: &Scheduled) {
        self.all += 1;
        self.limits += usize::from(is_limit(scheduled));
        self.stopped += usize::from(is_stopped(scheduled));
    }

    pub(super) fn remove(&mut self, scheduled: &Scheduled) {
        self.all -= 1;
        self.limits -= usize::from(is_limit(scheduled));
        self.stopped -= usize::from(is_stopped(scheduled));
    }
}

const fn is_limit(scheduled: &Scheduled) -> bool {
    matches!(scheduled, Scheduled::Timer { is_limit: true, .. })
}

pub(super) const fn is_stopped(scheduled: &Scheduled) -> bool {
    matches!(scheduled, Scheduled::Stopped)
}

impl CorrelationBuffer {
    pub(crate) fn awaits_nothing(&self) -> bool {
        self.awaited.all == 0
    }

    /// Whether the code awaits timers that a cancel has stopped, and nothing else that could let it go
    /// on. A time limit of something is no such thing: it would only say that time has passed.
    pub(crate) fn awaits_stopped_only(&self) -> bool {
        let Awaited { all, limits, stopped } = self.awaited;
        stopped > 0 && all == limits + stopped
    }

    /// A cancel has come: the timer never fires.
    pub(super) fn stop_timer(&mut self, id: CorrelationId, fire_at: Timestamp) {
        self.open_timers.remove(&(fire_at, id));
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let before = core::mem::replace(&mut slot.scheduled, Scheduled::Stopped);
        if slot.waker.is_some() {
            self.awaited.remove(&before);
            self.awaited.add(&slot.scheduled);
        }
    }
}
