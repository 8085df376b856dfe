//! The head of an instance's page: what it is, and what can be done to it.

use maud::{Markup, html};
use reenact_actors::inspect::InstanceView;
use reenact_providers::{InstanceState, InstanceSummary};

use super::super::address::Address;
use super::super::deeds::{OF_AN_INSTANCE, deed};
use super::super::page::Page;
use super::super::parts::{self, Card, payload, time};
use super::json;
use crate::dto::{Action, StateText, as_json};

/// Id and state.
pub(super) fn title(view: &InstanceView) -> Markup {
    let summary = &view.summary;
    let id = summary.instance.as_str();
    html! {
        p.crumb { a href="instances" { "Instances" } " / " a href=(of_the_same_orchestration(summary)) { (summary.name) } }
        div.head id="instance-head" data-live {
            h1.mono.break id="instance-id" { (id) }
            (parts::state(&StateText(summary.state).name()))
            button.plain type="button" hidden data-copy=(id) title="Copy the id" { "Copy" }
        }
    }
}

fn of_the_same_orchestration(summary: &InstanceSummary) -> Address {
    Address::page("instances").with("name", &summary.name)
}

/// What it is, in names and values.
pub(super) fn facts(page: &Page, view: &InstanceView) -> Markup {
    let (summary, execution) = (&view.summary, &view.execution);
    let is_finished = summary.state.is_finished();
    let took = summary.updated_at.since(summary.created_at);
    let parent = execution.parent.as_ref().map(|origin| parts::instance(origin.instance.as_str()));
    let place = if view.in_memory {
        "in memory on this host"
    } else if view.is_here {
        "on this host, not in memory"
    } else {
        "not on this host"
    };
    let version = (!execution.version.is_none()).then(|| html! { (execution.version) });
    let rewound = execution.rewound.as_ref().map(|rewound| {
        html! { (parts::count(rewound.dropped, "event was", "events were")) " undone " (time::ago(rewound.since.at, page.now)) ": " (parts::text(&rewound.since.reason)) }
    });
    let forked_from = execution.forked_from.as_ref().map(|from| parts::instance(from.as_str()));
    let attributes = as_json(&execution.attributes);
    let patches: Vec<_> = execution.patches.iter().map(|patch| patch.as_str()).collect();
    let content = parts::facts(&[
        ("Orchestration", Some(html! { (summary.name) })),
        ("Version", version),
        ("Execution", Some(html! { (summary.execution.0) })),
        ("Started", Some(time::full(summary.created_at, page.now))),
        (
            if is_finished { "Ended" } else { "Last event" },
            Some(time::full(summary.updated_at, page.now)),
        ),
        ("Took", is_finished.then(|| html! { (time::span(took)) })),
        (
            "History",
            Some(
                html! { (parts::count(summary.events, "event", "events")) " in " (parts::count(summary.turns, "turn", "turns")) },
            ),
        ),
        ("Started by", parent),
        ("Shard", Some(html! { (view.shard.0) ", " (place) })),
        (
            "Attributes",
            (!attributes.is_empty()).then(|| super::super::list::attributes(&attributes)),
        ),
        ("Ends at", limits(page, view)),
        ("Patches", (!patches.is_empty()).then(|| html! { (patches.join(", ")) })),
        ("Fork of", forked_from),
        ("Rewound", rewound),
    ]);
    Card { id: "facts", title: "About it", live: true, aside: None }.around_text(content)
}

/// When its time limits end it, where it has any.
fn limits(page: &Page, view: &InstanceView) -> Option<Markup> {
    let (execution, total) = (view.execution.execution_ends_at, view.execution.total_ends_at);
    let limit = |what: &str, at| html! { (time::full(at, page.now)) " (" (what) ") " };
    (execution.is_some() || total.is_some()).then(|| {
        html! {
            @if let Some(at) = execution { (limit("time limit of this execution", at)) }
            @if let Some(at) = total { (limit("time limit of all executions", at)) }
        }
    })
}

/// Input, custom status, published values, streams and output.
pub(super) fn values(page: &Page, view: &InstanceView) -> Markup {
    let (summary, execution) = (&view.summary, &view.execution);
    let shown = page.shared.shown(summary.instance.as_str());
    let name = Some(summary.name.as_str());
    let show = |field: &str, value: &reenact_core::Payload| shown.payload(field, name, json(value));
    let output = match &execution.outcome {
        Some(reenact_core::Outcome::Completed(output)) => Some(show("output", output)),
        _ => None,
    };
    let content = html! {
        @if let Some(status) = &execution.status {
            h3 { "Custom status" @if let Some(at) = execution.status_since { " " span.quiet.small { "since " (time::ago(at, page.now)) } } }
            div id="custom-status" { (payload::pretty(&show("status", status))) }
        }
        @if !execution.published.is_empty() {
            h3 { "Published values" }
            dl id="published" {
                @for (name, value) in execution.published.iter() {
                    dt.mono.break { (name) }
                    dd { (payload::pretty(&shown.payload("value", Some(name.as_str()), json(value)))) }
                }
            }
        }
        @if let Some(input) = &execution.input {
            h3 { "Input" }
            div id="input" { (payload::pretty(&show("input", input))) }
        }
        @if !execution.streams.is_empty() {
            h3 { "Streams" }
            ul id="streams" {
                @for stream in &execution.streams {
                    li { code { (stream.name.as_str()) } ": " (parts::count(stream.next - stream.first, "item", "items")) ", from offset " (stream.first) }
                }
            }
        }
        @if let Some(output) = output {
            h3 { "Output" }
            div id="output" { (payload::pretty(&output)) }
        }
    };
    Card { id: "values", title: "Values", live: true, aside: None }.around_text(content)
}

/// What can be done to an instance in its state.
pub(crate) fn possible(summary: &InstanceSummary) -> Vec<Action> {
    let state = summary.state;
    let is_possible = |action: &Action| match action {
        Action::Start => false,
        Action::Rewind | Action::Fork => summary.events > 1 && state != InstanceState::Importing,
        Action::Purge => summary.is_over(),
        Action::Resume => matches!(state, InstanceState::Suspended | InstanceState::Parked),
        Action::Suspend => state == InstanceState::Running,
        Action::Raise | Action::Cancel | Action::Terminate => {
            !state.is_finished() && state != InstanceState::Importing
        }
    };
    OF_AN_INSTANCE.into_iter().filter(is_possible).collect()
}

/// The buttons: each leads to a page that asks.
pub(super) fn buttons(page: &Page, view: &InstanceView) -> Markup {
    let id = view.summary.instance.as_str();
    let actions = if page.may_change() { possible(&view.summary) } else { Vec::new() };
    html! {
        ul.doing id="actions" data-live aria-label="What can be done" {
            @for action in actions {
                @let deed = deed(action);
                li { a.button.danger[deed.is_grave] href=(Address::act(action.name(), id)) data-action=(action.name()) { (deed.verb) "…" } }
            }
            li { a.button.plain href=(Address::page("api/history.jsonl").with("id", id)) download { "Download the history" } }
        }
    }
}
