//! A parked instance: what its history has and what its code does, side by side, and what helps.

use maud::{Markup, html};
use reenact_actors::inspect::InstanceView;

use super::super::address::Address;
use super::super::page::Page;
use super::super::parts::{self, Card, time};

/// The card; nothing when it is not parked. `rewind_to` is the event to before which a rewind would help.
pub(super) fn card(page: &Page, view: &InstanceView, rewind_to: Option<u64>) -> Markup {
    let Some(parked) = &view.parked else { return html! {} };
    let id = view.summary.instance.as_str();
    let shown = page.shared.shown(id);
    let side = |side| shown.side(side).unwrap_or_default();
    let content = html! {
        p {
            "Reason: " b id="parked-kind" { (parts::words(parked.kind)) }
            @if let Some(since) = parked.since { ", since " (time::full(since, page.now)) }
        }
        @match &parked.mismatch {
            Some(mismatch) => {
                p { "The two differ at event " a href=(near(id, mismatch.position)) { (mismatch.position) } ":" }
                div.diff id="mismatch" {
                    div.expected { h3 { "Expected" span.quiet { ": what the history has" } } p.mono.break { (side(&mismatch.expected)) } }
                    div.found { h3 { "Found" span.quiet { ": what the code does" } } p.mono.break { (side(&mismatch.found)) } }
                }
            },
            None => p.break { (shown.reason(&parked.reason)) },
        }
        @if page.may_change() {
            h3 { "What helps" }
            dl.remedies id="remedies" {
                (remedy(&Address::act("resume", id), "Resume…", "Once a host runs with code that fits the history. It goes on from where it stopped."))
                @if let Some(position) = rewind_to {
                    (remedy(&Address::act("rewind", id).with("position", position), &format!("Rewind to before event {position}…"),
                        "When today's code is right and may do this part again. What activities have done outside stands."))
                }
                (remedy(&Address::act("terminate", id), "Terminate…", "When it is not worth mending. Nothing is cleaned up."))
            }
        }
    };
    Card { id: "parked", title: "Parked", live: true, aside: None }.around_text(content)
}

fn remedy(address: &Address, button: &str, when: &str) -> Markup {
    html! { div { dt { a.button href=(address) { (button) } } dd.quiet { (when) } } }
}

fn near(id: &str, position: u64) -> Address {
    Address::instance(id).with("near", position).at("events")
}
