//! Durable timers.

use core::time::Duration;

use crate::context::OrchestrationContext;
use crate::correlation_buffer::Scheduled;
use crate::future::DurableFuture;

impl OrchestrationContext {
    /// Sets a durable timer now; the future is complete when it has fired.
    ///
    /// It fires at [`now`](Self::now) plus `after`, or, when no host is up then, as soon as one is.
    /// Resolution: microseconds in the log, about a millisecond in practice. A timer longer than
    /// [`MAX_TIMER`](crate::limits::MAX_TIMER) fails the instance.
    ///
    /// A timer of another length is another step: to change a length while instances run, ask whether
    /// the code is [`patched`](Self::patched), or make a new version.
    ///
    /// **A cancel is never time**: after a [cancel](Self::shielded) a timer that has not fired, or is set
    /// then, never completes. Where the code awaits nothing else, it cannot go on, and the instance ends
    /// as cancelled right there. [`until_cancelled`](Self::until_cancelled) gives code that waits for
    /// time only a place to clean up: `ctx.until_cancelled(ctx.timer(day)).await?`.
    pub fn schedule_timer(&self, after: Duration) -> DurableFuture<()> {
        let mut state = self.shared().lock();
        let id = if state.refuses(self.is_shielded()).is_some() {
            state.schedule_unrecorded(Scheduled::Stopped)
        } else {
            let fire_at = state.time_of_timer(after);
            state.schedule_timer(fire_at, self.is_shielded())
        };
        drop(state);
        DurableFuture::scheduled(self.shared().clone(), id, |_| ())
    }

    /// As [`schedule_timer`](Self::schedule_timer); reads naturally for a single await.
    pub fn timer(&self, after: Duration) -> DurableFuture<()> {
        self.schedule_timer(after)
    }
}
