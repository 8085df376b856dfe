//! The list of instances: filters in the address, pages by "next", and the way to what is done to all of a filter.

use axum::response::Response;
use maud::{Markup, html};
use reenact_core::{InstanceId, Name};
use reenact_providers::{AttributeFilter, InstanceFilter, InstanceState, PageRequest, TimeOrder};
use serde_json::{Map, Value};

use super::address::Address;
use super::deeds::{IN_BULK, deed};
use super::limits::LIST_PAGE;
use super::page::{Page, View};
use super::parts::{self, Card, time};
use super::shell::{Tab, token};
use crate::dto::{InstanceRow, StateText, Time};
use crate::problem::Problem;

/// How often the list looks for changes besides the stream, in milliseconds.
const LOOKS_EVERY_MS: u64 = 10_000;

/// All states, in the order of the filter.
pub(crate) const STATES: [InstanceState; 7] = [
    InstanceState::Running,
    InstanceState::Suspended,
    InstanceState::Parked,
    InstanceState::Completed,
    InstanceState::Failed,
    InstanceState::Cancelled,
    InstanceState::Terminated,
];

/// `GET instances`
pub(crate) async fn list(page: Page) -> Response {
    let view = view(&page).await;
    page.answer(view)
}

struct Listed {
    filter: InstanceFilter,
    order: Option<TimeOrder>,
    after: Option<InstanceId>,
    rows: Vec<InstanceRow>,
    next: Option<InstanceId>,
    count: u64,
}

async fn view(page: &Page) -> Result<View, Problem> {
    let mut params = page.params()?;
    let filter = params.filter()?.checked()?;
    let after = params.text("after")?.map(InstanceId::new).transpose()?;
    let limit = params.limit(LIST_PAGE, crate::limits::MAX_PAGE)?;
    let order = params.order(after.as_ref())?;
    let did = params.text("did")?;
    params.end()?;
    let access = page.shared.access();
    let mut request = PageRequest::new().limit(limit);
    if let Some(after) = after.clone() {
        request = request.after(after);
    }
    let (found, next) = match order {
        Some(order) => (access.list_by_time(&filter, order, limit).await?, None),
        None => {
            let found = access.list(&filter, &request).await?;
            (found.instances, found.next)
        }
    };
    let rows = found.iter().map(InstanceRow::from).collect();
    let count = access.count(&filter).await?;
    let listed = Listed { filter, order, after, rows, next, count };
    // The stream is of a list by id.
    let watch = order.is_none().then(|| {
        let watched = with_filter(Address::page("api/watch"), &listed.filter);
        watched.with_some("after", listed.after.as_ref()).with("limit", limit)
    });
    let content = html! {
        div.head {
            h1 { "Instances" }
            p.quiet id="matches" data-live data-say { (listed.how_many()) }
            (start_button(page, listed.filter.name.as_ref()))
        }
        @if did.as_deref() == Some("purge") { div.note.done role="status" { "The instance is purged." } }
        (listed.filters())
        (listed.table(page))
        (listed.bulk(page))
    };
    Ok(View::new(Tab::Instances, "Instances", content).live(watch, LOOKS_EVERY_MS))
}

/// The way to a start, of this orchestration if one is given.
pub(crate) fn start_button(page: &Page, orchestration: Option<&Name>) -> Markup {
    let address = Address::page("start").with_some("orchestration", orchestration);
    html! {
        @if page.may_change() { a.button.aside data-action="start" href=(address) { "Start an instance…" } }
    }
}

const fn order_name(order: TimeOrder) -> &'static str {
    match order {
        TimeOrder::OldestFirst => "oldest",
        TimeOrder::NewestFirst => "newest",
    }
}

/// A filter as parts of an address.
pub(crate) fn with_filter(mut address: Address, filter: &InstanceFilter) -> Address {
    for state in &filter.states {
        address = address.with("state", StateText(*state).name());
    }
    for condition in filter.attributes.iter().filter_map(AttributeFilter::written) {
        address = address.with("attr", condition);
    }
    address
        .with_some("name", filter.name.as_ref().map(|name| name.as_str()))
        .with_some("prefix", filter.id_prefix.as_deref())
        .with_some("created_from", filter.created.from.map(Time))
        .with_some("created_until", filter.created.until.map(Time))
        .with_some("finished_from", filter.finished.from.map(Time))
        .with_some("finished_until", filter.finished.until.map(Time))
}

/// A filter as hidden fields of a form.
pub(crate) fn hidden_filter(filter: &InstanceFilter) -> Markup {
    let query = with_filter(Address::page(""), filter).to_string();
    let query = query.trim_start_matches('?').to_owned();
    html! {
        @for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            input type="hidden" name=(name) value=(value);
        }
    }
}

/// A filter in words; `None` when it lets all pass.
pub(crate) fn filter_in_words(filter: &InstanceFilter) -> Option<String> {
    let mut words = Vec::new();
    if !filter.states.is_empty() {
        let states: Vec<_> = filter.states.iter().map(|state| StateText(*state).name()).collect();
        words.push(format!("state is {}", states.join(" or ")));
    }
    if let Some(name) = &filter.name {
        words.push(format!("orchestration is `{name}`"));
    }
    if let Some(prefix) = &filter.id_prefix {
        words.push(format!("id begins with `{prefix}`"));
    }
    for condition in filter.attributes.iter().filter_map(AttributeFilter::written) {
        words.push(format!("attribute `{condition}`"));
    }
    for (what, range) in [("created", &filter.created), ("finished", &filter.finished)] {
        if let Some(from) = range.from {
            words.push(format!("{what} at {} or later", time::exact(from)));
        }
        if let Some(until) = range.until {
            words.push(format!("{what} before {}", time::exact(until)));
        }
    }
    (!words.is_empty()).then(|| words.join(", "))
}

impl Listed {
    fn query(&self, address: Address) -> Address {
        with_filter(address, &self.filter)
    }

    fn is_filtered(&self) -> bool {
        filter_in_words(&self.filter).is_some()
    }

    fn how_many(&self) -> String {
        match self.is_filtered() {
            true => {
                parts::count(self.count, "instance passes the filter", "instances pass the filter")
            }
            false => parts::count(self.count, "instance", "instances"),
        }
    }

    /// The ways to the other orders.
    fn orders(&self) -> Markup {
        let orders = [
            (None, "by id"),
            (Some(TimeOrder::OldestFirst), "longest without an event"),
            (Some(TimeOrder::NewestFirst), "newest event"),
        ];
        html! {
            ul.orders aria-label="Order of the list" {
                @for (order, words) in orders {
                    li {
                        a href=(self.query(Address::page("instances")).with_some("order", order.map(order_name)))
                            aria-current=[(order == self.order).then_some("true")] { (words) }
                    }
                }
            }
        }
    }

    fn filters(&self) -> Markup {
        let filter = &self.filter;
        let has_times = [
            filter.created.from,
            filter.created.until,
            filter.finished.from,
            filter.finished.until,
        ]
        .iter()
        .any(Option::is_some);
        html! {
            section.card id="filter" aria-label="Filter" {
                form.in method="get" action="instances" {
                    @if let Some(order) = self.order { input type="hidden" name="order" value=(order_name(order)); }
                    fieldset.checks {
                        legend.hidden { "States" }
                        // One that is being imported is rare: it is offered where it was asked for.
                        @let importing = Some(InstanceState::Importing).filter(|state| filter.states.contains(state));
                        @for state in STATES.into_iter().chain(importing) {
                            @let name = StateText(state).name();
                            label {
                                input type="checkbox" name="state" value=(name) checked[filter.states.contains(&state)];
                                (parts::state(&name))
                            }
                        }
                    }
                    div.filters {
                        (field("prefix", "Id begins with", "text", filter.id_prefix.as_deref()))
                        (field("name", "Orchestration", "text", filter.name.as_ref().map(|name| name.as_str())))
                        @for (index, condition) in filter.attributes.iter().filter_map(AttributeFilter::written).map(Some).chain([None]).enumerate() {
                            (attribute(index, condition))
                        }
                        div.row {
                            button.primary { "Filter" }
                            @if self.is_filtered() { a.button.plain href="instances" { "Show all" } }
                        }
                    }
                    details id="times" open[has_times] {
                        summary { "By time (UTC, such as 2026-11-29T23:00:00Z)" }
                        div.filters {
                            (field("created_from", "Created from", "text", shown(filter.created.from)))
                            (field("created_until", "Created before", "text", shown(filter.created.until)))
                            (field("finished_from", "Finished from", "text", shown(filter.finished.from)))
                            (field("finished_until", "Finished before", "text", shown(filter.finished.until)))
                        }
                    }
                }
            }
        }
    }

    fn table(&self, page: &Page) -> Markup {
        let card = Card { id: "list", title: "List", live: true, aside: Some(self.orders()) };
        card.around(html! {
            @if self.rows.is_empty() {
                p.empty {
                    @if self.after.is_some() { "This page is after the last instance that passes the filter. " a href=(self.query(Address::page("instances"))) { "To the first page" } "." }
                    @else if self.is_filtered() { "No instance passes this filter. " a href="instances" { "Show all" } "." }
                    @else if page.may_change() { "There are no instances yet. " a href="start" { "Start one" } " here, or with the client, the command line or the API." }
                    @else { "There are no instances yet." }
                }
            } @else {
                (rows(page, &self.rows))
            }
            @if self.order.is_some() && self.count > self.rows.len() as u64 {
                p.empty { "The first " (parts::grouped(self.rows.len() as u64)) " of " (parts::grouped(self.count)) ". For others, narrow the filter, or go by id." }
            }
            @if self.next.is_some() || self.after.is_some() {
                nav.pager aria-label="Pages of the list" {
                    @if self.after.is_some() {
                        a id="first" rel="first" href=(self.query(Address::page("instances"))) { "First page" }
                    }
                    @if let Some(next) = &self.next {
                        a.button id="next" rel="next" href=(self.query(Address::page("instances")).with("after", next)) { "Next page" }
                    }
                }
            }
        })
    }

    fn bulk(&self, page: &Page) -> Markup {
        if !page.may_change() || self.count == 0 {
            return html! {};
        }
        html! {
            section.card id="bulk" aria-labelledby="bulk-title" {
                header { h2 id="bulk-title" { "Do it to all of them" } }
                form.in method="post" action="bulk" {
                    (token(&page.form_token()))
                    (hidden_filter(&self.filter))
                    div.row {
                        label for="bulk-action" { "With all " (parts::grouped(self.count)) @if self.is_filtered() { " that pass the filter" } ":" }
                        select id="bulk-action" name="do" required {
                            option value="" { "choose" }
                            @for action in IN_BULK { option value=(action.name()) { (deed(action).verb) } }
                        }
                        label for="bulk-reason" { "Reason" }
                        input id="bulk-reason" name="reason" placeholder="stands in each history" size="28";
                        button name="step" value="prepare" { "Count and ask" }
                    }
                    p.quiet.small { "Nothing is done before you have seen how many there are and confirmed it." }
                }
            }
        }
    }
}

fn shown(at: Option<reenact_core::Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// A condition on an attribute; the last field is for one more.
fn attribute(index: usize, condition: Option<&str>) -> Markup {
    let id = format!("attr-{index}");
    html! {
        div.field {
            label for=(id) { "Attribute" }
            input id=(id) name="attr" type="text" value=[condition] placeholder="customer=ada" title="A name, = < <= > >= or ^= (begins with), and a value" autocomplete="off" spellcheck="false";
        }
    }
}

fn field(name: &str, label: &str, kind: &str, value: Option<impl AsRef<str>>) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            input id=(name) name=(name) type=(kind) value=[value.as_ref().map(AsRef::as_ref)] autocomplete="off" spellcheck="false";
        }
    }
}

/// A table of instances.
pub(crate) fn rows(page: &Page, rows: &[InstanceRow]) -> Markup {
    let has_attributes = rows.iter().any(|row| !row.attributes.is_empty());
    html! {
        div.wide {
            table.stack {
                caption.hidden { "Instances" }
                thead {
                    tr {
                        th scope="col" { "State" } th scope="col" { "Id" } th scope="col" { "Orchestration" }
                        th scope="col" { "Created" } th scope="col" { "Last event" } th.num scope="col" { "Events" }
                        @if has_attributes { th scope="col" { "Attributes" } }
                    }
                }
                tbody {
                    @for row in rows {
                        tr data-row=(row.id) data-mark={ (row.state.name()) (row.events) "." (row.execution) } {
                            td { (parts::state(&row.state.name())) }
                            th.id scope="row" { (parts::instance(&row.id)) }
                            td data-label="Orchestration" { (row.orchestration) }
                            td.nowrap data-label="Created" { (time::ago(row.created_at.0, page.now)) }
                            td.nowrap data-label="Last event" { (time::ago(row.updated_at.0, page.now)) }
                            td.num data-label="Events" { (parts::grouped(row.events)) }
                            @if has_attributes { td data-label="Attributes" { (attributes(&row.attributes)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Attributes, each by itself.
pub(crate) fn attributes(values: &Map<String, Value>) -> Markup {
    html! {
        @for (name, value) in values {
            span.nowrap { (name) "=" code { (value) } } " "
        }
    }
}
