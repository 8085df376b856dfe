//! The actions for an attempt of an activity: the call, and the timers of its time limits.

use super::Attempts;
use crate::action::Action;
use crate::ids::{CorrelationId, Name};
use crate::payload::Payload;

/// The call of the attempt that is under way, or comes next.
#[inline]
pub(crate) fn call(
    id: CorrelationId,
    name: Name,
    input: Payload,
    attempts: Option<&Attempts>,
    local: bool,
) -> Action {
    let (attempt, terms, tagged) = match attempts {
        None => (1, None, None),
        Some(attempts) => (attempts.attempt(), attempts.terms(), attempts.tagged()),
    };
    Action::CallActivity { id, name, input, attempt, terms, tagged, local }
}

/// The timers of an open task: for its next attempt, for the limit of one that is completed from outside,
/// and for its end.
pub(crate) fn task_timers(
    id: CorrelationId,
    attempts: Option<&Attempts>,
) -> impl Iterator<Item = Action> {
    let retry_at = attempts.and_then(|attempts| attempts.retry_at);
    let limit = attempts.and_then(Attempts::limit);
    let times = retry_at.into_iter().chain(limit).chain(attempts.and_then(Attempts::deadline));
    times.map(move |fire_at| Action::CreateTimer { id, fire_at })
}
