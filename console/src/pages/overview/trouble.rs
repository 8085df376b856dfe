//! What needs somebody's attention: parked instances with their reasons, those without an event for longest, the
//! newest failures.

use std::collections::BTreeSet;

use maud::{Markup, html};
use reenact_core::Outcome;
use reenact_providers::{InstanceFilter, InstanceState, InstanceSummary, PageRequest, TimeOrder};

use super::super::address::Address;
use super::super::limits::{FAILURES_LOOKED_AT, OVERVIEW_ROWS};
use super::super::page::Page;
use super::super::parts::{self, Card, time};
use crate::dto::StateText;
use crate::problem::Problem;

fn all_of(state: InstanceState) -> Address {
    Address::page("instances").with("state", StateText(state).name())
}

fn aside(state: InstanceState, total: u64) -> Markup {
    html! { span.more { a href=(all_of(state)) { "All " (parts::grouped(total)) } } }
}

/// Parked instances with their reasons; `total` is how many there are.
pub(super) async fn parked(page: &Page, total: u64) -> Result<Markup, Problem> {
    let access = page.shared.access();
    let filter = InstanceFilter::new().states([InstanceState::Parked]);
    let found = access.list(&filter, &PageRequest::new().limit(OVERVIEW_ROWS)).await?;
    let mut rows = Vec::new();
    for summary in &found.instances {
        let reason = match access.parked(&summary.instance) {
            Some(reason) => Some(reason),
            None => {
                access.snapshot(&summary.instance).await.ok().and_then(|snapshot| snapshot.parked)
            }
        };
        rows.push((
            summary,
            reason.map(|reason| {
                page.shared.shown(summary.instance.as_str()).reason(&reason.to_string())
            }),
        ));
    }
    let card = Card {
        id: "parked",
        title: "Parked, and why",
        live: true,
        aside: (total > 0).then(|| aside(InstanceState::Parked, total)),
    };
    Ok(card.around(html! {
        @if rows.is_empty() {
            p.empty { "Nothing is parked: all code fits its history." }
        } @else {
            div.wide {
                table.stack {
                    caption.hidden { "Parked instances" }
                    thead { tr { th scope="col" { "Id" } th scope="col" { "Why" } } }
                    tbody {
                        @for (summary, reason) in &rows {
                            tr data-row=(summary.instance) data-mark="parked" {
                                th.id scope="row" { (parts::instance(summary.instance.as_str())) div.quiet.small { (summary.name) ", " (time::ago(summary.updated_at, page.now)) } }
                                td { @match reason { Some(reason) => (parts::text(reason)), None => span.quiet { "it goes on now" } } }
                            }
                        }
                    }
                }
            }
        }
    }))
}

/// The running instances to which nothing has happened for longest; `total` is how many run.
pub(super) async fn stuck(page: &Page, total: u64) -> Result<Markup, Problem> {
    let filter = InstanceFilter::new().states([InstanceState::Running]);
    let access = page.shared.access();
    let oldest = access.list_by_time(&filter, TimeOrder::OldestFirst, OVERVIEW_ROWS).await?;
    let aside = (total > 0).then(|| {
        let all = all_of(InstanceState::Running).with("order", "oldest");
        html! { span.more { a href=(all) { "All " (parts::grouped(total)) } } }
    });
    Ok(Card { id: "stuck", title: "Running, without an event for longest", live: true, aside }.around(html! {
        @if oldest.is_empty() {
            p.empty { "Nothing is running." }
        } @else {
            div.wide {
                table.stack {
                    caption.hidden { "Running instances without an event for longest" }
                    thead { tr { th scope="col" { "Id" } th scope="col" { "Orchestration" } th scope="col" { "Last event" } } }
                    tbody { @for summary in &oldest { (stuck_row(page, summary)) } }
                }
            }
        }
    }))
}

fn stuck_row(page: &Page, summary: &InstanceSummary) -> Markup {
    html! {
        tr data-row=(summary.instance) data-mark=(summary.events) {
            th.id scope="row" { (parts::instance(summary.instance.as_str())) }
            td data-label="Orchestration" { (summary.name) }
            td.nowrap data-label="Last event" { (time::ago(summary.updated_at, page.now)) }
        }
    }
}

/// Leaves out children whose parents are there as well: these name them in their errors. The id of a child begins with
/// that of its parent, unless the code has chosen another.
fn without_children(found: &mut Vec<InstanceSummary>) {
    let all: BTreeSet<_> = found.iter().map(|summary| summary.instance.to_string()).collect();
    let parent = |id: &str| id.rsplit_once('/').is_some_and(|(parent, _)| all.contains(parent));
    found.retain(|summary| !parent(summary.instance.as_str()));
}

/// The newest failures with their errors; `total` is how many there are in all.
pub(super) async fn failures(page: &Page, total: u64) -> Result<Markup, Problem> {
    let access = page.shared.access();
    let failed = InstanceFilter::new().states([InstanceState::Failed]);
    let newest = TimeOrder::NewestFirst;
    let mut found = access.list_by_time(&failed, newest, FAILURES_LOOKED_AT).await?;
    without_children(&mut found);
    found.truncate(OVERVIEW_ROWS);
    let mut rows = Vec::new();
    for summary in &found {
        let outcome =
            access.snapshot(&summary.instance).await.ok().and_then(|snapshot| snapshot.outcome);
        let error = match outcome {
            Some(Outcome::Failed(error)) => error.to_string(),
            _ => String::new(),
        };
        rows.push((summary, error));
    }
    let card = Card {
        id: "failures",
        title: "Newest failures",
        live: true,
        aside: (total > 0).then(|| {
            let all = all_of(InstanceState::Failed).with("order", "newest");
            html! { span.more { a href=(all) { "All " (parts::grouped(total)) } } }
        }),
    };
    Ok(card.around(html! {
        @if rows.is_empty() {
            p.empty { "Nothing has failed." }
        } @else {
            div.wide {
                table.stack {
                    caption.hidden { "Newest failures" }
                    thead { tr { th scope="col" { "Id" } th scope="col" { "Error" } } }
                    tbody {
                        @for (summary, error) in &rows {
                            tr data-row=(summary.instance) data-mark="failed" {
                                th.id scope="row" { (parts::instance(summary.instance.as_str())) div.quiet.small { (summary.name) ", " (time::ago(summary.updated_at, page.now)) } }
                                td { (parts::text(error)) }
                            }
                        }
                    }
                }
            }
        }
    }))
}
