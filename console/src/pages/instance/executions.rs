//! The executions before the newest one that are kept, with the way to the history of each.

use maud::{Markup, html};
use reenact_actors::inspect::{ExecutionInfo, HistoryCursor};

use super::super::address::Address;
use super::super::page::Page;
use super::super::parts::{self, Card, time};

/// The card; nothing where only the newest one is there.
pub(super) fn card(page: &Page, id: &str, executions: &[ExecutionInfo]) -> Markup {
    let kept = executions.len().saturating_sub(1);
    if kept == 0 {
        return html! {};
    }
    let aside = html! { span.quiet.small { (kept) " before the newest one" } };
    Card { id: "executions", title: "Executions", live: true, aside: Some(aside) }.around(html! {
        div.wide {
            table.stack {
                caption.hidden { "Executions" }
                thead { tr { th.num scope="col" { "No." } th scope="col" { "Began" } th scope="col" { "Ended" } th scope="col" { "How" } th.num scope="col" { "Events" } } }
                tbody { @for one in executions.iter().rev() { (row(page, id, one)) } }
            }
        }
    })
}

fn row(page: &Page, id: &str, one: &ExecutionInfo) -> Markup {
    let beginning = HistoryCursor::beginning(one.execution);
    let history = Address::instance(id).with("from", beginning).at("events");
    html! {
        tr data-execution=(one.execution.0) {
            th.num scope="row" { a href=(history) title="Show its events" { (one.execution.0) } }
            td { (time::clock(one.started_at, page.now)) }
            td { @if let Some(ended) = one.ended_at { (time::clock(ended, page.now)) } @else { span.quiet { "goes on" } } }
            td { (parts::words(one.end.name())) }
            td.num { (parts::grouped(one.events)) }
        }
    }
}
