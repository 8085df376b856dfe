//! What is open in an execution, as a table: activities, waits, children, requests to other instances, timers, and events
//! that nobody has taken.

use maud::{Markup, html};
use reenact_actors::entities::operation_of;
use reenact_actors::inspect::{
    ExecutionView, ViewedActivity, ViewedChild, ViewedEvent, ViewedLock, ViewedTimer, ViewedUpdate,
    ViewedWait,
};
use reenact_core::{CorrelationId, Timestamp};

use super::super::address::Address;
use super::super::page::Page;
use super::super::parts::{self, payload, time};
use super::json;
use super::why::attempt;
use crate::shown::Shown;

/// Where the table stands: some things are offered for what is open now only.
pub(super) struct Place<'a> {
    /// The request.
    pub(super) page: &'a Page,
    /// The instance.
    pub(super) id: &'a str,
    /// In front of the ids of folded values, so that they are unique on the page.
    pub(super) prefix: &'a str,
    /// The event after which it shows the execution; `None` shows it as it is now.
    pub(super) after: Option<Timestamp>,
}

impl Place<'_> {
    fn now(&self) -> Timestamp {
        self.after.unwrap_or(self.page.now)
    }

    /// How long ago, or when on the clock where it is about an earlier time.
    fn when(&self, at: Timestamp) -> Markup {
        match self.after {
            Some(_) => time::clock(at, self.page.now),
            None => time::ago(at, self.page.now),
        }
    }

    fn shown(&self) -> Shown<'_> {
        self.page.shared.shown(self.id)
    }

    /// The tables.
    pub(super) fn tables(&self, execution: &ExecutionView) -> Markup {
        let total = total(execution);
        let listed = execution.activities.items.len()
            + execution.waits.items.len()
            + execution.children.items.len()
            + execution.updates.items.len()
            + execution.locks.items.len()
            + execution.timers.items.len();
        html! {
            @if total == 0 {
                p.empty { "Nothing is open." }
            } @else {
                div.wide {
                    table.stack {
                        caption.hidden { "What is open" }
                        thead { tr { th scope="col" { "What" } th scope="col" { "Name" } th scope="col" { "Since" } th scope="col" { "How far" } } }
                        tbody {
                            @for one in &execution.activities.items { (self.activity(one)) }
                            @for one in &execution.waits.items { (self.wait(one)) }
                            @for one in &execution.children.items { (self.child(one)) }
                            @for one in &execution.updates.items { (self.update(one)) }
                            @for one in &execution.locks.items { (self.lock(one)) }
                            @for one in &execution.timers.items { (self.timer(one)) }
                        }
                    }
                }
                @if total > listed as u64 { p.empty { "The first " (listed) " of " (parts::grouped(total)) "." } }
            }
            @if execution.buffered.total > 0 { (self.buffered(execution)) }
        }
    }

    fn row(
        &self,
        kind: &str,
        name: &Markup,
        since: Timestamp,
        how_far: &Markup,
        in_doubt: bool,
    ) -> Markup {
        html! {
            tr data-open=(kind) {
                td.quiet data-label="What" { (kind) }
                th scope="row" { (name) }
                td.nowrap data-label="Since" { (self.when(since)) }
                td data-label="How far" {
                    (how_far)
                    @if in_doubt { " " span.quiet { "A cancel has come since: it has ended unless it is shielded." } }
                }
            }
        }
    }

    fn activity(&self, one: &ViewedActivity) -> Markup {
        let now = self.now();
        let name = html! { b { (one.name) } " " span.quiet { "#" (one.id.0) } };
        let heartbeat = one
            .heartbeat
            .as_ref()
            .map(|value| self.shown().payload("heartbeat", Some(one.name.as_str()), json(value)));
        let how_far = html! {
            (attempt(one.attempt, one.max_attempts))
            @if let Some(at) = one.begins_at {
                @if at > now { ", next try " (self.when(at)) } @else { ", begun " (self.when(at)) }
            }
            @if one.local { ", local" }
            @if one.deferred { ", has returned and is completed from outside" }
            @if let Some(tag) = &one.tag { ", on hosts with tag " b { (tag) } }
            @if let Some(deadline) = one.deadline { ", must be over " (self.when(deadline)) }
            @if one.hosts_died > 0 { ", " (parts::count(one.hosts_died.into(), "host has", "hosts have")) " died while it ran" }
            @if let Some(error) = &one.last_error { div.bad { "Last error: " (parts::text(&error.to_string())) } }
            @if let Some(heartbeat) = heartbeat {
                div { span.quiet { "Heartbeat" @if let Some(at) = one.heartbeat_at { " " (self.when(at)) } ": " }
                    (payload::value(&format!("{}-heartbeat-{}", self.prefix, one.id.0), &heartbeat)) }
            }
        };
        self.row("activity", &name, one.since, &how_far, one.in_doubt)
    }

    fn wait(&self, one: &ViewedWait) -> Markup {
        let name = html! { b { (one.name) } " " span.quiet { "#" (one.id.0) } };
        let how_far = html! {
            @if self.after.is_none() && self.page.may_change() {
                a.button data-raise=(one.name) href=(Address::act("raise", self.id).with("name", &one.name)) { "Raise it…" }
            } @else { "none has come" }
        };
        self.row("event", &name, one.since, &how_far, one.in_doubt)
    }

    fn child(&self, one: &ViewedChild) -> Markup {
        let now = self.now();
        let name = html! { b { (one.name) } " " span.quiet { "#" (one.id.0) } " " (parts::instance(one.instance.as_str())) };
        let how_far = html! {
            (attempt(one.attempt, None))
            @if let Some(at) = one.begins_at {
                @if at > now { ", begins " (self.when(at)) } @else { ", begun " (self.when(at)) }
            }
            @if let Some(error) = &one.last_error { div.bad { "Last error: " (parts::text(&error.to_string())) } }
        };
        self.row("child", &name, one.since, &how_far, one.in_doubt)
    }

    fn update(&self, one: &ViewedUpdate) -> Markup {
        let asked = operation_of(&one.to, &one.data);
        let name = html! {
            b { (asked.as_deref().unwrap_or(one.name.as_str())) } " " span.quiet { "#" (one.id.0) " to " }
            (parts::instance(one.to.as_str()))
        };
        let data = self.shown().payload("data", Some(one.name.as_str()), json(&one.data));
        let how_far = html! {
            "no answer yet to "
            (payload::value(&format!("{}-update-{}", self.prefix, one.id.0), &data))
        };
        let kind = if asked.is_some() { "operation" } else { "update" };
        self.row(kind, &name, one.since, &how_far, one.in_doubt)
    }

    fn lock(&self, one: &ViewedLock) -> Markup {
        let name = html! { (parts::instance(one.of.as_str())) " " span.quiet { "#" (one.id.0) } };
        let how_far = html! {
            @match (one.lost, one.given_at) {
                (true, _) => "lost: it was given back when this instance was parked or rewound",
                (false, Some(at)) => { "held, got it " (self.when(at)) },
                (false, None) => "waits for it",
            }
        };
        self.row("lock", &name, one.since, &how_far, false)
    }

    fn timer(&self, one: &ViewedTimer) -> Markup {
        let is_start = one.id == CorrelationId::START;
        let name = html! { @if is_start { "lets the code begin" } @else { span.quiet { "#" (one.id.0) } } };
        let how_far = html! { "fires " (self.when(one.fire_at)) span.quiet { ", at " (time::exact(one.fire_at)) } };
        self.row("timer", &name, one.since, &how_far, one.in_doubt)
    }

    fn buffered(&self, execution: &ExecutionView) -> Markup {
        html! {
            div.wide {
                table.stack {
                    caption.hidden { "Events that came and were not taken" }
                    thead { tr { th scope="col" { "Buffered event" } th scope="col" { "Came" } th scope="col" { "Carries" } th scope="col" { "For" } } }
                    tbody { @for one in &execution.buffered.items { (self.event(one)) } }
                }
            }
            @if execution.buffered.total > execution.buffered.items.len() as u64 {
                p.empty { "The first " (execution.buffered.items.len()) " of " (parts::grouped(execution.buffered.total)) "." }
            }
        }
    }

    fn event(&self, one: &ViewedEvent) -> Markup {
        let data = one
            .data
            .as_ref()
            .map(|data| self.shown().payload("data", Some(one.name.as_str()), json(data)));
        html! {
            tr data-open="buffered" {
                th scope="row" { b { (one.name) } " " span.quiet { "event " (one.position) } }
                td.nowrap data-label="Came" { (self.when(one.at)) }
                td data-label="Carries" {
                    @match &data {
                        Some(data) => (payload::value(&format!("{}-buffered-{}", self.prefix, one.position), data)),
                        None => span.quiet { (payload::size(one.bytes as usize)) ", see event " (one.position) },
                    }
                }
                td data-label="For" {
                    @match one.awaited_by {
                        Some(id) => { "wait #" (id.0) ", which takes it when the code runs" },
                        None => span.quiet { "nobody waits for it yet" },
                    }
                }
            }
        }
    }
}

/// How many things are open, held locks included.
pub(super) const fn total(execution: &ExecutionView) -> u64 {
    execution.activities.total
        + execution.waits.total
        + execution.children.total
        + execution.updates.total
        + execution.locks.total
        + execution.timers.total
}
