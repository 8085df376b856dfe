//! When an execution has used up its time, as its log says.

use core::time::Duration;

use crate::event::{Event, TimeLimitEvent};
use crate::options::{TimeLimit, TimeLimits};
use crate::time::Timestamp;

/// The limits of time of an execution, and when they pass. It follows the events of the log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RunningLimits {
    pub(crate) limits: TimeLimits,
    /// Of the start: time counts from when the code may run.
    delay: Duration,
    pub(crate) execution_ends_at: Option<Timestamp>,
    pub(crate) total_ends_at: Option<Timestamp>,
}

impl RunningLimits {
    /// Goes on with an event of that time.
    pub(crate) fn follow(&mut self, event: &Event, at: Timestamp) {
        if let Event::ExecutionStarted { delay, .. } = event {
            self.delay = delay.unwrap_or_default();
        } else if let Event::TimeLimit(TimeLimitEvent::Set { limits, total_ends_at }) = event {
            self.limits = *limits;
            self.execution_ends_at = limits.execution.map(|limit| at + self.delay + limit);
            self.total_ends_at = *total_ends_at;
        } else if let Event::ExecutionRenewed { .. } = event {
            self.begin_anew(at);
        } else if let Event::ExecutionRewound { .. } = event {
            // The instance may have ended for it.
            self.total_ends_at = self.limits.total.map(|limit| at + limit);
            self.begin_anew(at);
        }
    }

    fn begin_anew(&mut self, at: Timestamp) {
        self.execution_ends_at = self.limits.execution.map(|limit| at + limit);
    }

    /// When all executions of the instance end whose code may run after a delay, if it is the first.
    pub(crate) fn total_end(
        limits: TimeLimits,
        delay: Option<Duration>,
        at: Timestamp,
    ) -> Option<Timestamp> {
        limits.total.map(|limit| at + delay.unwrap_or_default() + limit)
    }

    /// Which limit passes first, and when. Of two at the same time, that of the instance.
    pub(crate) fn first(&self) -> Option<(Timestamp, TimeLimit)> {
        let execution = self.execution_ends_at.map(|at| (at, TimeLimit::Execution));
        let total = self.total_ends_at.map(|at| (at, TimeLimit::Total));
        total.into_iter().chain(execution).min_by_key(|(at, _)| *at)
    }
}
