//! The overview: the last hour as plots, numbers by state, what is parked and why, what is stuck longest, the newest
//! failures.

mod hour;
mod trouble;

use axum::response::Response;
use maud::{Markup, html};
use reenact_providers::InstanceState;

use super::address::Address;
use super::list::{STATES, start_button};
use super::page::{Page, View};
use super::parts;
use super::shell::Tab;
use crate::api::list::counts_of;
use crate::dto::StateText;
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
    let counts = counts_of(&page.shared).await?;
    let of = |state| counts.states.iter().find(|of| of.state.0 == state).map_or(0, |of| of.count);
    let counts = STATES.map(|state| (state, of(state)));
    let (parked, failed) = (of(InstanceState::Parked), of(InstanceState::Failed));
    let content = html! {
        div.head { h1 { "Overview" } (start_button(page, None)) }
        (tiles(&counts))
        (hour::plots(page))
        div.grid2 {
            div { (trouble::parked(page, parked).await?) (trouble::failures(page, failed).await?) }
            div { (trouble::stuck(page).await?) }
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
