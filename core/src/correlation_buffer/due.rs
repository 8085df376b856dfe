//! The time at which something open is due.

use alloc::collections::BTreeSet;

use crate::attempts::Attempts;
use crate::ids::CorrelationId;
use crate::time::Timestamp;

/// The open activities and timers, by their times.
#[derive(Debug, Default)]
pub(super) struct Due {
    open_tasks: usize,
    timers: BTreeSet<(Timestamp, CorrelationId)>,
    /// Activities of which an attempt failed, and when the next begins, or began. They count as open
    /// tasks as well.
    retries: BTreeSet<(Timestamp, CorrelationId)>,
    /// When the open activities end that have a time for all of their attempts.
    deadlines: BTreeSet<(Timestamp, CorrelationId)>,
    /// Number of activities that are completed from outside. They count as open tasks as well.
    deferred: usize,
    /// When there is something to do about those of them that have a limit.
    limits: BTreeSet<(Timestamp, CorrelationId)>,
}

impl Due {
    pub(super) fn add_timer(&mut self, id: CorrelationId, fire_at: Timestamp) {
        self.timers.insert((fire_at, id));
    }

    pub(super) fn remove_timer(&mut self, id: CorrelationId, fire_at: Timestamp) {
        self.timers.remove(&(fire_at, id));
    }

    pub(super) fn add_task(&mut self, id: CorrelationId, attempts: Option<&Attempts>) {
        self.open_tasks += 1;
        self.deadlines.extend(deadline_of(id, attempts));
    }

    pub(super) fn remove_task(&mut self, id: CorrelationId, attempts: Option<&Attempts>) {
        self.open_tasks -= 1;
        self.forget_times(id, attempts);
    }

    /// The next attempt of a task begins at that time.
    pub(super) fn add_retry(&mut self, id: CorrelationId, at: Timestamp) {
        self.retries.insert((at, id));
    }

    /// No next attempt of a task is waited for.
    pub(super) fn remove_retry(&mut self, id: CorrelationId, attempts: &Attempts) {
        if let Some(at) = attempts.retry_at {
            self.retries.remove(&(at, id));
        }
    }

    /// A task begins anew at that time: with its first attempt, and all of its time.
    pub(super) fn begin_task_anew(
        &mut self,
        id: CorrelationId,
        attempts: &mut Attempts,
        now: Timestamp,
    ) {
        self.forget_times(id, Some(attempts));
        attempts.begin_anew(now);
        self.deadlines.extend(deadline_of(id, Some(attempts)));
    }

    /// A task is completed from outside.
    pub(super) fn defer(&mut self, id: CorrelationId, attempts: &Attempts) {
        self.deferred += usize::from(attempts.deferred.is_some());
        self.limits.extend(attempts.deferred_until().map(|until| (until, id)));
    }

    /// A task is not completed from outside any more, or has other limits.
    pub(super) fn end_deferral(&mut self, id: CorrelationId, attempts: &Attempts) {
        self.deferred -= usize::from(attempts.deferred.is_some());
        if let Some(until) = attempts.deferred_until() {
            self.limits.remove(&(until, id));
        }
    }

    fn forget_times(&mut self, id: CorrelationId, attempts: Option<&Attempts>) {
        let Some(attempts) = attempts else { return };
        self.remove_retry(id, attempts);
        self.end_deferral(id, attempts);
        if let Some(deadline) = deadline_of(id, Some(attempts)) {
            self.deadlines.remove(&deadline);
        }
    }

    /// Whether a task is under way at that time, and neither between two attempts nor completed from outside.
    pub(super) fn has_running_tasks(&self, now: Timestamp) -> bool {
        self.open_tasks > self.retries.len() + self.deferred
            || self.retries.first().is_some_and(|(at, _)| *at <= now)
    }

    /// When there is something to do although nothing comes from outside: now, while a first attempt
    /// is under way.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        if self.open_tasks > self.retries.len() + self.deferred {
            return Some(Timestamp::EPOCH);
        }
        let times = self.timers.first().into_iter().chain(self.retries.first());
        times.chain(self.limits.first()).map(|(at, _)| *at).min()
    }

    /// What was due first of all that is due at that time and open: a timer, or an activity that has
    /// used up its time. Of two that were due together, the one that was scheduled first.
    pub(super) fn first(&self, now: Timestamp) -> Option<CorrelationId> {
        let times = self.timers.first().into_iter().chain(self.deadlines.first());
        let first = times.chain(self.limits.first()).min()?;
        (first.0 <= now).then_some(first.1)
    }
}

/// When an open task has used up its time, if it has a limit.
fn deadline_of(
    id: CorrelationId,
    attempts: Option<&Attempts>,
) -> Option<(Timestamp, CorrelationId)> {
    attempts.and_then(Attempts::deadline).map(|deadline| (deadline, id))
}
