//! The time that the instance may take: the timer of the limit that passes first.

use alloc::format;
use core::time::Duration;

use super::State;
use super::mode::Mode;
use crate::action::Action;
use crate::correlation_buffer::Scheduled;
use crate::error::{OrchestrationError, OrchestrationErrorKind};
use crate::event::{Event, TimeLimitEvent};
use crate::ids::CorrelationId;
use crate::options::{TimeLimit, TimeLimits};
use crate::running_limits::RunningLimits;
use crate::time::Timestamp;

impl State {
    /// The execution begins, with limits that are given, or with those that the log has. `total_ends_at` is known
    /// of an execution that goes on for an earlier one.
    pub(crate) fn begin_time_limits(
        &mut self,
        limits: TimeLimits,
        total_ends_at: Option<Timestamp>,
        delay: Option<Duration>,
    ) {
        let set = match &self.mode {
            Mode::Replay(expected) => match expected.front() {
                Some(set @ Event::TimeLimit(TimeLimitEvent::Set { .. })) => Some(set.clone()),
                _ => None,
            },
            Mode::Between | Mode::Live | Mode::Closed => (!limits.is_none()).then(|| {
                let total_end = || RunningLimits::total_end(limits, delay, self.now);
                let total_ends_at = total_ends_at.or_else(total_end);
                Event::TimeLimit(TimeLimitEvent::Set { limits, total_ends_at })
            }),
        };
        if let Some(set) = set {
            self.record(set);
            self.arm_time_limit();
        }
    }

    /// Sets the timer of the limit that passes first, in the place of an earlier one.
    pub(crate) fn arm_time_limit(&mut self) {
        let _ = self.buffer.drop_slot(CorrelationId::LIMIT);
        if let Some((fire_at, _)) = self.time_limits.first() {
            let id = CorrelationId::LIMIT;
            let action = Action::CreateTimer { id, fire_at };
            self.schedule(id, Scheduled::Timer { fire_at, is_limit: true }, true, action);
        }
    }

    /// The limit that has passed by a time, if one has.
    pub(crate) fn passed_time_limit(&self, at: Timestamp) -> Option<TimeLimit> {
        self.time_limits.first().filter(|(passes, _)| *passes <= at).map(|(_, limit)| limit)
    }

    /// What the execution fails with at a limit.
    pub(crate) fn time_out(&mut self, limit: TimeLimit) -> OrchestrationError {
        let _ = self.buffer.drop_slot(CorrelationId::LIMIT);
        let time = self.time_limits.limits.of(limit);
        let time = time.map(|time| format!(" ({time:?})")).unwrap_or_default();
        let kind = OrchestrationErrorKind::TimedOut;
        OrchestrationError::of_kind(kind, format!("the time limit {limit}{time} has passed"))
    }

    /// Records the limits of the call that comes next. At replay those that are recorded count, whatever the code
    /// gives now.
    pub(crate) fn limit_next_call(&mut self, id: CorrelationId, limits: TimeLimits) {
        let is_replaying = self.is_replaying();
        let limits = match self.next_recorded() {
            Some(Event::TimeLimit(TimeLimitEvent::OfChild { id: of, limits })) if *of == id => {
                *limits
            }
            _ if is_replaying => return,
            _ => limits,
        };
        if !limits.is_none() {
            self.record(Event::TimeLimit(TimeLimitEvent::OfChild { id, limits }));
        }
    }
}
