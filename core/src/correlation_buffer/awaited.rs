//! Whether what the code awaits lets it go on.

use super::scheduled::Scheduled;

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
    pub(super) const fn is_empty(&self) -> bool {
        self.all == 0
    }

    /// Whether all of it are timers that a cancel has stopped, or limits beside those.
    pub(super) const fn is_stopped(&self) -> bool {
        let Self { all, limits, stopped } = *self;
        stopped > 0 && all == limits + stopped
    }

    pub(super) fn add(&mut self, scheduled: &Scheduled) {
        self.all += 1;
        self.limits += usize::from(scheduled.is_limit());
        self.stopped += usize::from(scheduled.is_stopped());
    }

    pub(super) fn remove(&mut self, scheduled: &Scheduled) {
        self.all -= 1;
        self.limits -= usize::from(scheduled.is_limit());
        self.stopped -= usize::from(scheduled.is_stopped());
    }
}
