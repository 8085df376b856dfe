//! Whether what a store says of an instance agrees with its history.

use reenact_core::{
    Attributes, Event, ExecutionView, History, RecordedTurn, Timestamp, Viewer, check_history,
};
use reenact_providers::{InstanceState, InstanceSummary};

use super::wrong::Wrong;

/// What of a history no execution can have written, or does not agree with what the store says of it.
pub(super) fn disagreement(summary: &InstanceSummary, turns: &[RecordedTurn]) -> Option<Wrong> {
    unlike(summary, turns).map(Wrong::rot).or_else(|| sleeps_too_long(summary, turns))
}

fn unlike(summary: &InstanceSummary, turns: &[RecordedTurn]) -> Option<String> {
    if let Err(malformed) = check_history(turns) {
        return Some(malformed.to_string());
    }
    let count = turns.len() as u64;
    if count != summary.turns {
        return Some(format!("it has {count} turns, and the store says {}", summary.turns));
    }
    // A store counts without what later attempts have superseded.
    let mut history = History::default();
    turns.iter().for_each(|turn| history.push(turn.clone()));
    let events = history.len();
    if events != summary.events {
        return Some(format!("it has {events} events, and the store says {}", summary.events));
    }
    let first = turns.first().and_then(|turn| turn.events.first());
    match first {
        Some(Event::ExecutionStarted { name, .. }) if *name != summary.name => {
            return Some(format!("it is of `{name}`, and the store says `{}`", summary.name));
        }
        _ => {}
    }
    // A store need not show them.
    let attributes = Attributes::of_turns(turns);
    if !summary.attributes.is_empty() && summary.attributes != attributes {
        let shown = &summary.attributes;
        return Some(format!(
            "its attributes are {{{attributes}}}, and the store says {{{shown}}}"
        ));
    }
    let state = state_of(turns);
    (state != summary.state)
        .then(|| format!("it is {state} by its history, and the store says {}", summary.state))
}

/// The state of an instance by its history.
fn state_of(turns: &[RecordedTurn]) -> InstanceState {
    let (mut ended, mut parked, mut suspended) = (None, false, false);
    for event in turns.iter().flat_map(|turn| turn.events.iter()) {
        match event {
            Event::ExecutionCompleted { .. } => ended = Some(InstanceState::Completed),
            Event::ExecutionFailed { .. } => ended = Some(InstanceState::Failed),
            Event::ExecutionTerminated { .. } => ended = Some(InstanceState::Terminated),
            Event::ExecutionCancelled { .. } => ended = Some(InstanceState::Cancelled),
            Event::ExecutionParked { .. } => parked = true,
            Event::ExecutionUnparked => parked = false,
            Event::ExecutionSuspended { .. } => suspended = true,
            Event::ExecutionResumed => suspended = false,
            _ => {}
        }
    }
    match (ended, parked, suspended) {
        (Some(ended), ..) => ended,
        (None, true, _) => InstanceState::Parked,
        (None, false, true) => InstanceState::Suspended,
        (None, false, false) => InstanceState::Running,
    }
}

/// An instance that the store would wake later than its history has something to do. That it is woken too early is
/// harmless: it looks, and leaves again.
fn sleeps_too_long(summary: &InstanceSummary, turns: &[RecordedTurn]) -> Option<Wrong> {
    if summary.state == InstanceState::Parked {
        // It is tried when a host starts.
        return None;
    }
    let mut viewer = Viewer::new(summary.instance.clone());
    turns.iter().for_each(|turn| viewer.apply(turn));
    let due = due(&viewer.view(usize::MAX))?;
    if summary.wake_at.is_some_and(|at| at <= due) {
        return None;
    }
    let work = if due == Timestamp::EPOCH { "at once".to_owned() } else { format!("at {due}") };
    let woken = match summary.wake_at {
        Some(at) => format!("at {at}"),
        None => "never by itself".to_owned(),
    };
    let what =
        format!("by its history it has something to do {work}, and the store wakes it {woken}");
    let advice = if summary.state.is_finished() {
        "put back a good copy of the store; those that wait for its end can be terminated"
    } else {
        "raise an event that it does not wait for, which brings it into memory; its next turn mends this"
    };
    Some(Wrong { what, advice })
}

/// When an execution has something to do that nobody sends it, as far as its history says without its code.
fn due(view: &ExecutionView) -> Option<Timestamp> {
    if view.messages.total > 0 {
        return Some(Timestamp::EPOCH);
    }
    if view.outcome.is_some() {
        return None;
    }
    let activities = view.activities.items.iter().filter(|activity| !activity.in_doubt);
    let attempts = activities.map(|activity| activity.begins_at.unwrap_or(Timestamp::EPOCH));
    let timers = view.timers.items.iter().filter(|timer| !timer.in_doubt);
    attempts.chain(timers.map(|timer| timer.fire_at)).min()
}
