//! The slider through a history: what was open, awaited and buffered after an event.

use maud::{Markup, html};
use reenact_actors::inspect::{InstanceView, StateAfter};

use super::super::address::Address;
use super::super::page::Page;
use super::super::parts::{self, Card, time};
use super::open::Place;
use crate::problem::Problem;

/// The card: the slider, and the state if an event is chosen.
pub(super) fn card(
    page: &Page,
    view: &InstanceView,
    after: Option<&StateAfter>,
) -> Result<Markup, Problem> {
    let id = view.summary.instance.as_str();
    let last = view.execution.events.saturating_sub(1);
    let at = after.map_or(last, |after| after.position);
    let to = |position: u64| Address::instance(id).with("after", position).at("after");
    let content = html! {
        div.in {
            form method="get" action="instance" id="after-form" {
                input type="hidden" name="id" value=(id);
                label for="after-range" { "After event " b.num id="after-shown" { (at) } " of 0 to " (last) }
                div.slide {
                    input id="after-range" type="range" name="after" min="0" max=(last) value=(at);
                    div.row {
                        button { "Show" }
                        @if at > 0 { a.button id="after-before" href=(to(at - 1)) { "◀ One back" } }
                        @if at < last { a.button id="after-next" href=(to(at + 1)) { "One on ▶" } }
                    }
                }
            }
        }
        (state(page, id, after)?)
    };
    Ok(Card { id: "after", title: "Through the history", live: false, aside: None }.around(content))
}

/// What the slider shows: the part that is fetched while it is dragged.
pub(super) fn state(page: &Page, id: &str, after: Option<&StateAfter>) -> Result<Markup, Problem> {
    let Some(after) = after else {
        return Ok(html! {
            div.after id="after-state" {
                p.empty { "Choose an event to see what was open, awaited and buffered directly after it. Above is how it is now." }
            }
        });
    };
    let event = match &after.event {
        Some(event) => Some(page.shared.shown(id).variant(event)?),
        None => None,
    };
    let place = Place { page, id, prefix: "after", after: Some(after.at) };
    let status = after.execution.status.as_ref().map(|status| {
        page.shared.shown(id).payload(
            "status",
            after.execution.orchestration.as_ref().map(|name| name.as_str()),
            super::json(status),
        )
    });
    let published: Vec<_> = after
        .execution
        .published
        .iter()
        .map(|(name, value)| {
            let value =
                page.shared.shown(id).payload("value", Some(name.as_str()), super::json(value));
            (name, value)
        })
        .collect();
    Ok(html! {
        div.after id="after-state" data-after=(after.position) {
            div.in {
                p {
                    "After event " b { (after.position) } " "
                    @match &event {
                        Some((kind, data)) => {
                            "(" b { (parts::words(kind)) } @if let Some(name) = data.get("name").and_then(|name| name.as_str()) { " " (name) } ")"
                        },
                        None => "(which later ones have superseded)",
                    }
                    ", turn " (after.turn) ", " (time::full(after.at, page.now)) ":"
                }
                @if let Some(since) = &after.execution.suspended { p { "It was suspended: " (parts::text(&since.reason)) } }
                @if let Some(since) = &after.execution.parked { p { "It was parked: " (parts::text(&page.shared.shown(id).reason(&since.reason))) } }
                @if let Some(since) = &after.execution.cancel_requested { p { "It had been asked to end: " (parts::text(&since.reason)) } }
                @if let Some(status) = &status { p { span.quiet { "Custom status " } (parts::payload::value("after-status", status)) } }
                @for (at, (name, value)) in published.iter().enumerate() {
                    p { span.quiet { "Published " } b.break { (name) } " " (parts::payload::value(&format!("after-published-{at}"), value)) }
                }
            }
            (place.tables(&after.execution))
            nav.pager aria-label="What to do with this event" {
                a href=(Address::instance(id).with("near", after.position).with("after", after.position).at("events")) { "Show it among the events" }
                @if page.may_change() && after.position > 0 {
                    a data-action="rewind" href=(Address::act("rewind", id).with("position", after.position)) { "Rewind to before it…" }
                    a data-action="fork" href=(Address::act("fork", id).with("position", after.position)) { "Fork to before it…" }
                }
            }
        }
    })
}
