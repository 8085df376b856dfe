//! The events of a history as a table, a page at a time, with their values on demand.

use std::collections::BTreeMap;

use maud::{Markup, html};
use reenact_actors::inspect::{HistoryCursor, HistoryPage, PlacedEvent};
use serde_json::{Map, Value};

use super::super::address::Address;
use super::super::page::Page;
use super::super::parts::{self, Card, payload, time};
use crate::dto::Time;
use crate::problem::Problem;

/// The fields of an event that are values of users, or may be long.
const LONG: [&str; 12] = [
    "input", "output", "data", "value", "status", "details", "error", "options", "origin",
    "messages", "children", "retry",
];

/// Those of them that nobody reads at first.
const FOLDED: [&str; 5] = ["options", "origin", "messages", "children", "retry"];

/// A page of the events of an instance.
pub(super) struct Events<'a> {
    /// The request.
    pub(super) page: &'a Page,
    /// The instance.
    pub(super) id: &'a str,
    /// The events.
    pub(super) history: &'a HistoryPage,
    /// Where this page began; `None` at the beginning.
    pub(super) from: Option<HistoryCursor>,
    /// How many there are.
    pub(super) all: u64,
    /// The event after which the state is shown.
    pub(super) after: Option<u64>,
    /// Whether they are of the newest execution: the page shows the states of that.
    pub(super) is_newest: bool,
}

impl Events<'_> {
    /// The card.
    pub(super) fn card(&self) -> Result<Markup, Problem> {
        let names = self.names();
        let rows: Result<Vec<_>, Problem> = self
            .history
            .events
            .iter()
            .enumerate()
            .map(|(nth, event)| {
                let before = nth.checked_sub(1).and_then(|nth| self.history.events.get(nth));
                self.row(&names, before, event)
            })
            .collect();
        let rows = rows?;
        let here = Address::instance(self.id);
        let range = match (self.history.events.first(), self.history.events.last()) {
            (Some(first), Some(last)) => {
                format!("{} to {} of {}", first.position, last.position, parts::grouped(self.all))
            }
            _ => format!("none of {}", parts::grouped(self.all)),
        };
        let aside = html! { span.quiet.small { "execution " (self.history.execution.0) ", events " (range) } };
        // Only the last page gets new events.
        let live = self.history.next.is_none() && self.is_newest;
        Ok(Card { id: "events", title: "Events", live, aside: Some(aside) }.around(html! {
            div.wide {
                table.events.stack {
                    caption.hidden { "Events" }
                    thead { tr { th.num scope="col" { "No." } th scope="col" { "Time" } th.num scope="col" { "After" } th scope="col" { "Event" } th scope="col" { "About" } th scope="col" { "Values" } } }
                    tbody { @for row in &rows { (row) } }
                }
            }
            @if self.history.events.is_empty() { p.empty { "There are no events here. " a href=(here.clone().at("events")) { "To the first page" } "." } }
            @if self.from.is_some() || self.history.next.is_some() {
                nav.pager aria-label="Pages of the events" {
                    @if self.from.is_some() { a id="events-first" href=(here.clone().at("events")) { (self.first()) } }
                    @if let Some(next) = self.history.next {
                        a.button id="events-next" rel="next" href=(here.clone().with("from", next).at("events")) { "Next events" }
                    }
                    @if self.all > 0 && self.is_newest {
                        a id="events-last" href=(here.with("near", self.all.saturating_sub(super::LAST_EVENTS)).at("events")) { "Last events" }
                    }
                }
            }
        }))
    }

    fn first(&self) -> &'static str {
        if self.is_newest { "First events" } else { "The newest execution" }
    }

    fn row(
        &self,
        names: &BTreeMap<u64, &str>,
        before: Option<&PlacedEvent>,
        placed: &PlacedEvent,
    ) -> Result<Markup, Problem> {
        let (kind, data) = self.page.shared.shown(self.id).variant(&placed.event)?;
        let empty = Map::new();
        let fields = data.as_object().unwrap_or(&empty);
        let begins_turn = before.is_none_or(|before| before.turn != placed.turn);
        let after =
            before.map(|before| placed.at.since(before.at)).filter(|after| !after.is_zero());
        let position = placed.position;
        let is_here = self.is_newest && self.after == Some(position);
        Ok(html! {
            tr.turn[begins_turn].here[is_here] id={ "e" (position) } data-row=(position) data-kind=(kind) {
                th.num scope="row" {
                    @if self.is_newest {
                        a href=(Address::instance(self.id).with("after", position).at("after")) title="Show what was open after this event" { (position) }
                    } @else { (position) }
                }
                td { (time::clock(placed.at, self.page.now)) }
                td.num.quiet { @if let Some(after) = after { "+" (time::span(after)) } }
                td.kind.nowrap { (parts::words(&kind)) }
                td { (about(names, fields)) }
                td { (self.values(position, fields)) }
            }
        })
    }

    /// The names of what was scheduled on this page, by its correlation id.
    fn names(&self) -> BTreeMap<u64, &str> {
        let named = self.history.events.iter().filter_map(|placed| {
            Some((placed.event.correlation()?.0, placed.event.subject()?.as_str()))
        });
        named.collect()
    }

    fn values(&self, position: u64, fields: &Map<String, Value>) -> Markup {
        html! {
            @for (name, value) in fields.iter().filter(|(name, value)| LONG.contains(&name.as_str()) && !value.is_null()) {
                @if FOLDED.contains(&name.as_str()) {
                    details id={ "v" (position) "-" (name) } { summary { (parts::words(name)) } (payload::pretty(value)) }
                } @else { div {
                    span.quiet { (parts::words(name)) " " }
                    @if let Some(message) = message_of(value) { span.bad { (parts::text(message)) } " " }
                    @else { (payload::value(&format!("v{position}-{name}"), value)) }
                } }
            }
        }
    }
}

/// A time of day, where it is a time.
fn moment(text: &str) -> Markup {
    match text.parse::<Time>() {
        Ok(Time(at)) => html! { span.nowrap title=(time::exact(at)) { (time::time_of_day(at)) } },
        Err(_) => html! { (text) },
    }
}

/// The message of an error that has nothing else to show.
fn message_of(value: &Value) -> Option<&str> {
    let fields =
        value.as_object().filter(|fields| fields.get("details").is_none_or(Value::is_null))?;
    fields.get("message").and_then(Value::as_str)
}

/// The name, the number and what else is short.
fn about(names: &BTreeMap<u64, &str>, fields: &Map<String, Value>) -> Markup {
    let name = fields.get("name").and_then(Value::as_str);
    let known = fields
        .get("id")
        .and_then(Value::as_u64)
        .and_then(|id| names.get(&id))
        .filter(|_| name.is_none());
    let short = fields.iter().filter(|(name, value)| {
        !LONG.contains(&name.as_str())
            && !matches!(name.as_str(), "name" | "id" | "instance" | "seed")
            && !value.is_null()
    });
    html! {
        @if let Some(name) = name { b { (name) } " " }
        @if let Some(name) = known { span.quiet { (name) " " } }
        @if let Some(id) = fields.get("id") { span.quiet { "#" (id) " " } }
        @if let Some(instance) = fields.get("instance").and_then(Value::as_str) { (parts::instance(instance)) " " }
        @for (name, value) in short {
            span.quiet { (parts::words(name)) ": " }
            @match value {
                Value::String(value) if name.ends_with("_at") => (moment(value)),
                Value::String(value) => (parts::text(value)),
                value => (parts::text(&value.to_string())),
            }
            " "
        }
    }
}
