//! Children that are tried again when they fail.

use super::chance;
use crate::ids::CorrelationId;
use crate::options::{RecordedRetry, RetryChildIf};
use crate::time::Timestamp;

/// Whether, and when, a child that is open is tried again. All of it follows from the log, except for
/// the condition, which the code gives again.
#[derive(Clone, Debug)]
pub(crate) struct ChildRetry {
    policy: RecordedRetry,
    condition: Option<RetryChildIf>,
    /// No attempt begins from then on.
    deadline: Option<Timestamp>,
}

impl ChildRetry {
    /// Of a child that was called at a time.
    pub(crate) fn new(
        policy: RecordedRetry,
        condition: Option<RetryChildIf>,
        called_at: Timestamp,
    ) -> Self {
        let deadline = policy.deadline.map(|limit| called_at + limit);
        Self { policy, condition, deadline }
    }

    /// It has all of its time again.
    pub(crate) fn begin_anew(&mut self, now: Timestamp) {
        self.deadline = self.policy.deadline.map(|limit| now + limit);
    }

    pub(crate) const fn condition(&self) -> Option<RetryChildIf> {
        self.condition
    }

    /// When the next attempt begins, now that this one has failed with something that may pass;
    /// `None` when there is no next one. `seed` is the execution's.
    pub(crate) fn next_at(
        &self,
        id: CorrelationId,
        attempt: u32,
        seed: u64,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if attempt >= self.policy.max_attempts {
            return None;
        }
        let at = now + self.policy.delay(attempt, chance(seed, id, attempt));
        self.deadline.is_none_or(|deadline| at < deadline).then_some(at)
    }
}
