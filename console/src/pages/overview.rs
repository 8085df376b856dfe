//! The overview: the last hour as plots, numbers by state, what is parked and why, what is stuck longest, the newest
//! failures.

mod hour;
mod trouble;

use axum::response::Response;
use maud::{Markup, html};
use reenact_providers::{InstanceFilter, InstanceState};

use super::address::Address;
use super::limits::OVERVIEW_ROWS;
use super::list::{STATES, start_button};
use super::page::{Page, View};
use super::parts::{self, Card};
use super::shell::Tab;
use crate::dto::{Counts, StateText};
use crate::problem::Problem;

/// How often it looks for changes, in milliseconds.
const LOOKS_EVERY_MS: u64 = 5_000;

/// `GET /`: the overview, or the way to it where links would lead nowhere, because the address has no slash at its
/// end.
pub(crate) async fn root(page: Page) -> Response {
    if page.base.is_empty() { overview(page).await } else { page.go_to("overview") }
}

/// `GET overview`
pub(crate) async fn overview(page: Page) -> Response {
    let view = view(&page).await;
    page.answer(view)
}

async fn view(page: &Page) -> Result<View, Problem> {
    page.params()?.end()?;
    let counts = page.shared.access().counts(&InstanceFilter::new()).await?;
    let all = counts.all();
    let (parked, failed) = (all.of(InstanceState::Parked), all.of(InstanceState::Failed));
    let running = all.of(InstanceState::Running);
    let content = html! {
        div.head { h1 { "Overview" } (start_button(page, None)) }
        (tiles(&STATES.map(|state| (state, all.of(state)))))
        (hour::plots(page))
        div.grid2 {
            div { (trouble::parked(page, parked).await?) (trouble::failures(page, failed).await?) }
            div { (trouble::stuck(page, running).await?) (orchestrations(&Counts::from(&counts))) }
        }
    };
    Ok(View::new(Tab::Overview, "Overview", content).live(None, LOOKS_EVERY_MS))
}

/// The numbers by state, each as a link to the list.
fn tiles(counts: &[(InstanceState, u64)]) -> Markup {
    html! {
        h2.hidden { "Instances by state" }
        ul.tiles id="states" data-live {
            @for (state, count) in counts {
                @let name = StateText(*state).name();
                li.tile.zero[*count == 0] data-state=(name) {
                    a href=(Address::page("instances").with("state", &name)) {
                        b { (parts::grouped(*count)) }
                        (parts::state(&name))
                    }
                }
            }
        }
    }
}

/// How many instances there are of each orchestration, and in which states.
fn orchestrations(counts: &Counts) -> Markup {
    let shown = counts.orchestrations.iter().take(OVERVIEW_ROWS);
    let all = counts.orchestrations.len() as u64 + counts.more_orchestrations;
    let left_out = all.saturating_sub(OVERVIEW_ROWS as u64);
    let card = Card { id: "orchestrations", title: "By orchestration", live: true, aside: None };
    card.around(html! {
        @if counts.orchestrations.is_empty() {
            p.empty { "There are no instances yet." }
        } @else {
            div.wide {
                table.stack {
                    caption.hidden { "Instances by orchestration" }
                    thead { tr { th scope="col" { "Orchestration" } th.num scope="col" { "Instances" } th scope="col" { "States" } } }
                    tbody {
                        @for of in shown {
                            @let list = Address::page("instances").with("name", &of.orchestration);
                            tr data-row=(of.orchestration) data-mark=(of.total) {
                                th.id scope="row" { a href=(list) { (of.orchestration) } }
                                td.num data-label="Instances" { (parts::grouped(of.total)) }
                                td data-label="States" {
                                    div.row {
                                        @for state in &of.states {
                                            @let name = state.state.name();
                                            a href=(list.clone().with("state", &name)) { (parts::state(&name)) " " (parts::grouped(state.count)) }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            @if left_out > 0 { p.empty { (parts::count(left_out, "more orchestration has fewer", "more orchestrations have fewer")) " instances." } }
        }
    })
}
