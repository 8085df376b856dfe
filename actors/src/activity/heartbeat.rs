//! Heartbeats: what an attempt reports of itself while it runs, and how long it may run.

use std::sync::PoisonError;

use reenact_core::limits::MAX_HEARTBEAT_BYTES;
use reenact_core::{ActivityError, ActivityErrorKind, AttemptTerms, Payload, Timestamp};
use reenact_providers::TimerScheduler;
use serde::Serialize;

use super::context::ActivityContext;
use super::pulse::HeartbeatError;
use super::report::Report;

impl ActivityContext {
    /// Reports that the activity is alive, and how far it is. It is cheap and never waits: call it as often
    /// as you like.
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
        // A host that has ended needs no report.
        let Some(sink) = self.pulse().sink() else { return Ok(()) };
        if let Some(details) = self.pulse().beat(sink.now(), details) {
            if self.is_remote() {
                self.report(Report::Heartbeat(details));
                return Ok(());
            }
            sink.record(self.call(), self.attempt(), details);
        }
        Ok(())
    }

    /// Returns when the attempt has run for too long, or gone without a heartbeat for too long, with the
    /// error of the attempt.
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
