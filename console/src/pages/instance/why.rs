//! Why an instance waits: one sentence, and what is open as a table.

use maud::{Markup, html};
use reenact_actors::entities::operation_of;
use reenact_actors::inspect::{
    ExecutionView, InstanceView, ViewedActivity, ViewedChild, ViewedLock, ViewedTimer, ViewedUpdate,
};
use reenact_core::{Outcome, Timestamp};
use reenact_providers::InstanceState;

use super::super::parts::{self, time};

/// Most things that the sentence names; the others are in the table.
const NAMED: usize = 3;

/// The sentence, in a box.
pub(super) fn sentence(view: &InstanceView, now: Timestamp) -> Markup {
    let state = view.summary.state;
    let class = match state {
        InstanceState::Failed | InstanceState::Terminated => "problem",
        InstanceState::Parked => "warn",
        InstanceState::Completed => "done",
        InstanceState::Suspended | InstanceState::Cancelled => "still",
        _ => "why",
    };
    html! {
        div.note.why.(class) id="why" data-live data-say { p { (in_words(view, now)) } }
    }
}

fn in_words(view: &InstanceView, now: Timestamp) -> Markup {
    let (summary, execution) = (&view.summary, &view.execution);
    let ended = time::ago(summary.updated_at, now);
    match summary.state {
        InstanceState::Completed => html! { "It returned a value " (ended) "." },
        InstanceState::Failed => html! { "It failed " (ended) "." },
        InstanceState::Terminated => match &execution.outcome {
            Some(Outcome::Terminated { reason }) => {
                html! { "It was terminated " (ended) (because(reason)) }
            }
            _ => html! { "It was terminated " (ended) "." },
        },
        InstanceState::Cancelled => match &execution.outcome {
            Some(Outcome::Cancelled { reason }) => {
                html! { "It ended " (ended) " because it was cancelled" (because(reason)) }
            }
            _ => html! { "It ended " (ended) " because it was cancelled." },
        },
        InstanceState::Parked => html! {
            @match view.parked.as_ref().and_then(|parked| parked.since) {
                Some(at) => { "It was parked " (time::ago(at, now)) },
                None => "It is parked",
            }
            ": its code does not fit its history, or is not there. What comes is recorded, and nothing is lost."
        },
        InstanceState::Importing => html! {
            "An import of it was broken off. It goes on once the same file is imported to its end."
        },
        InstanceState::Suspended => match &execution.suspended {
            Some(since) => {
                html! { "It was suspended " (time::ago(since.at, now)) (because(&since.reason)) " It goes on when it is resumed." }
            }
            None => html! { "It is suspended, and goes on when it is resumed." },
        },
        _ => html! {
            @if let Some(cancel) = &execution.cancel_requested {
                "It was asked to end " (time::ago(cancel.at, now)) (because(&cancel.reason)) " "
            }
            @if let Some(stalled) = &view.stalled {
                strong { "Its code has not given its thread back for " (time::span(now.since(stalled.since))) ". " }
            }
            (waits(execution, now))
        },
    }
}

/// `: reason.`, or a full stop.
fn because(reason: &str) -> Markup {
    let reason = reason.trim();
    html! { @if reason.is_empty() { "." } @else { ": “" span.break { (parts::start_of(reason, 200).unwrap_or(reason)) } "”." } }
}

fn waits(execution: &ExecutionView, now: Timestamp) -> Markup {
    let mut things: Vec<Markup> = Vec::new();
    things.extend(execution.activities.items.iter().map(|one| activity(one, now)));
    things.extend(execution.waits.items.iter().map(|wait| {
        html! { "the event " b { (wait.name) } " (the wait began " (time::ago(wait.since, now)) ")" }
    }));
    things.extend(execution.children.items.iter().map(child));
    things.extend(execution.updates.items.iter().map(update));
    let locks = &execution.locks.items;
    let asked = locks.iter().filter(|lock| lock.given_at.is_none() && !lock.lost);
    things.extend(asked.map(|lock| html! { "the lock of " (parts::instance(lock.of.as_str())) }));
    things.extend(execution.timers.items.iter().map(|one| timer(one, now)));
    let held: Vec<_> = locks.iter().filter(|lock| is_held(lock)).collect();
    let not_awaited = locks.iter().filter(|lock| lock.lost || is_held(lock)).count() as u64;
    let all = super::open::total(execution).saturating_sub(not_awaited);
    if things.is_empty() {
        return html! { "Nothing is open: its code runs now, or is about to." (holds(&held)) };
    }
    let more = all.saturating_sub(things.len().min(NAMED) as u64);
    let last = things.len().min(NAMED) - 1;
    html! {
        "It waits for "
        @for (nth, thing) in things.iter().take(NAMED).enumerate() {
            @if nth > 0 { @if nth == last && more == 0 { " and " } @else { ", " } }
            (thing)
        }
        @if more > 0 { " and " (parts::grouped(more)) " more" }
        "." (holds(&held))
    }
}

const fn is_held(lock: &ViewedLock) -> bool {
    lock.given_at.is_some() && !lock.lost
}

/// Which locks it holds: others wait for them.
fn holds(held: &[&ViewedLock]) -> Markup {
    let more = held.len().saturating_sub(NAMED);
    html! {
        @for (nth, lock) in held.iter().take(NAMED).enumerate() {
            @if nth == 0 { " It holds the lock of " } @else if nth + 1 == held.len() { " and " } @else { ", " }
            (parts::instance(lock.of.as_str()))
        }
        @if more > 0 { " and " (more) " more" }
        @if !held.is_empty() { "." }
    }
}

fn update(one: &ViewedUpdate) -> Markup {
    let to = parts::instance(one.to.as_str());
    match operation_of(&one.to, &one.data) {
        Some(operation) => html! { "the answer of " (to) " to the operation " b { (operation) } },
        None => html! { "the answer of " (to) " to the update " b { (one.name) } },
    }
}

fn activity(one: &ViewedActivity, now: Timestamp) -> Markup {
    let attempt = attempt(one.attempt, one.max_attempts);
    match one.begins_at {
        Some(at) if at > now => {
            html! { "the next try of activity " b { (one.name) } " (" (attempt) ", " (time::ago(at, now)) ")" }
        }
        Some(at) => {
            html! { "activity " b { (one.name) } " (" (attempt) ", begun " (time::ago(at, now)) ")" }
        }
        None => {
            html! { "activity " b { (one.name) } " (scheduled " (time::ago(one.since, now)) ")" }
        }
    }
}

fn child(one: &ViewedChild) -> Markup {
    html! { "the child " b { (one.name) } " (" (parts::instance(one.instance.as_str())) ")" }
}

fn timer(one: &ViewedTimer, now: Timestamp) -> Markup {
    let what = if one.id == reenact_core::CorrelationId::START { "its start" } else { "a timer" };
    html! { (what) " (" (time::ago(one.fire_at, now)) ")" }
}

/// `attempt 3 of 5`.
pub(super) fn attempt(attempt: u32, most: Option<u32>) -> String {
    match most {
        Some(most) => format!("attempt {attempt} of {most}"),
        None => format!("attempt {attempt}"),
    }
}
