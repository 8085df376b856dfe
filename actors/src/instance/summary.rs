//! Keeps the summary of an instance up with its turns.

use reenact_core::{Outbox, Outcome, RecordedTurn, Timestamp};
use reenact_providers::{InstanceState as State, InstanceSummary};

pub(super) fn follow(
    summary: &mut InstanceSummary,
    turn: &RecordedTurn,
    state: State,
    wake_at: Option<reenact_core::Timestamp>,
) {
    summary.turns += 1;
    summary.events += turn.events.len() as u64;
    summary.updated_at = turn.at;
    summary.wake_at = wake_at;
    summary.state = state;
    summary.attributes.follow(turn);
}

pub(super) fn state_of(outcome: Option<&Outcome>, suspended: bool) -> State {
    match outcome {
        None if suspended => State::Suspended,
        None | Some(Outcome::Continued { .. }) => State::Running,
        Some(Outcome::Completed(_)) => State::Completed,
        Some(Outcome::Failed(_)) => State::Failed,
        Some(Outcome::Cancelled { .. }) => State::Cancelled,
        Some(Outcome::Terminated { .. }) => State::Terminated,
    }
}

/// When an instance that has ended must be in memory.
pub(super) fn wake_at(outbox: &Outbox) -> Option<Timestamp> {
    (!outbox.is_empty()).then_some(Timestamp::EPOCH)
}
