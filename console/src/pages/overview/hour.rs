//! The last hour as plots.

use maud::{Markup, html};

use super::super::page::Page;

/// The plots, or why there are none.
pub(super) fn plots(page: &Page) -> Markup {
    let _ = page;
    html! {
        div.note id="no-metrics" {
            p { "No plots here: this console reaches the store, and not a host. The console of a host has what that host has done in the last hour." }
        }
    }
}
