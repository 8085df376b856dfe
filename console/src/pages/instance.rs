//! The page of an instance: its head, why it waits, what helps, its timeline, its history, its values.

mod events;
mod executions;
mod family;
mod header;
mod open;
mod parked;
mod slider;
mod timeline;
mod why;

use axum::response::Response;
use maud::{Markup, html};
use reenact_actors::inspect::{HistoryCursor, InstanceView, StateAfter};
use reenact_core::{ExecutionId, InstanceId, Payload};

use self::events::Events;
use self::open::Place;
use self::timeline::{Chart, Window};
use super::address::Address;
use super::limits::{EVENTS_PAGE, TIMELINE_ROWS, TREE_DEPTH, TREE_NODES};
use super::page::{Page, View};
use super::parts::{self, Card};
use super::shell::Tab;
use crate::problem::{Problem, ProblemKind};

/// How often the page looks for changes besides the stream, in milliseconds.
const LOOKS_EVERY_MS: u64 = 10_000;

/// Events that "the last events" shows.
const LAST_EVENTS: u64 = 50;

/// `GET instance?id=..`
pub(crate) async fn instance(page: Page) -> Response {
    let view = view(&page).await;
    page.answer(view)
}

/// What the address asks for.
struct Asked {
    id: InstanceId,
    from: Option<HistoryCursor>,
    near: Option<u64>,
    after: Option<u64>,
    window: Window,
    /// Only this part, for the script.
    part: Option<String>,
    did: Option<String>,
}

fn asked(page: &Page) -> Result<Asked, Problem> {
    let mut params = page.params()?;
    let asked = Asked {
        id: params.id()?,
        from: params.parsed("from", "a place from a page of the history, such as 1.40.0.93")?,
        near: params.parsed("near", "the number of an event")?,
        after: params.parsed("after", "the number of an event")?,
        window: Window::read(&mut params)?,
        part: params.text("part")?,
        did: params.text("did")?,
    };
    params.end()?;
    Ok(asked)
}

async fn view(page: &Page) -> Result<View, Problem> {
    let asked = asked(page)?;
    let access = page.shared.access();
    let id = asked.id.as_str();
    let after = match asked.after {
        Some(position) => Some(access.view_after(&asked.id, position).await?),
        None => None,
    };
    if asked.part.as_deref() == Some("after") {
        // The script takes over this part only.
        let content = slider::state(page, id, after.as_ref())?;
        return Ok(View::new(Tab::Instances, id, content));
    }
    let chart = async || {
        let shown = access.timeline(&asked.id, asked.window.from, TIMELINE_ROWS).await?;
        Ok::<_, Problem>(Chart { page, id, shown: &shown, window: asked.window }.card())
    };
    if asked.part.as_deref() == Some("timeline") {
        return Ok(View::new(Tab::Instances, id, chart().await?));
    }
    let view = access.view(&asked.id).await?;
    let rewind_to = before_the_mismatch(page, &view).await;
    let failures = access.failure_chain(&asked.id).await.unwrap_or_default();
    let tree = access.tree(&asked.id, TREE_DEPTH, TREE_NODES).await.ok();
    let content = html! {
        (header::title(&view))
        (said(asked.did.as_deref()))
        (why::sentence(&view, page.now))
        (header::buttons(page, &view))
        (jump(&view))
        (unreadable(&view))
        (parked::card(page, &view, rewind_to))
        (family::failure(page, &failures))
        (open_card(page, &view))
        (or_why_not("timeline", "Timeline", chart().await)?)
        @if let Some(tree) = &tree { (family::card(tree)) }
        (earlier(page, &view).await)
        div.grid2 { (header::facts(page, &view)) (header::values(page, &view)) }
        (slider::card(page, &view, after.as_ref())?)
        (or_why_not("events", "Events", events(page, &asked, &view, after.as_ref()).await)?)
    };
    let watch = Address::page("api/watch/instance").with("id", id);
    let view = View::new(Tab::Instances, parts::middle_cut(id), content);
    Ok(view.live(Some(watch), LOOKS_EVERY_MS))
}

/// The event to before whose turn a rewind would take a parked instance. The first turn of a history must stay.
async fn before_the_mismatch(page: &Page, view: &InstanceView) -> Option<u64> {
    let position = view.parked.as_ref()?.mismatch.as_ref()?.position;
    let after = page.shared.access().view_after(&view.summary.instance, position).await.ok()?;
    (after.turn > 0).then_some(position)
}

/// The executions that are kept; where they cannot be read, the rest of the page is shown.
async fn earlier(page: &Page, view: &InstanceView) -> Markup {
    let instance = &view.summary.instance;
    if view.summary.execution == ExecutionId::FIRST {
        return html! {};
    }
    let there = page.shared.access().executions(instance).await.unwrap_or_default();
    executions::card(page, instance.as_str(), &there)
}

/// A part of the page; or, where what is stored cannot be read, why it is not there. The rest of the page is shown.
fn or_why_not(id: &str, title: &str, part: Result<Markup, Problem>) -> Result<Markup, Problem> {
    match part {
        Err(problem) if problem.kind == ProblemKind::Unreadable => {
            let why = html! { p.bad.break { (problem.detail) } };
            Ok(Card { id, title, live: false, aside: None }.around_text(why))
        }
        part => part,
    }
}

/// That what was asked for is done.
fn said(did: Option<&str>) -> Markup {
    let done = match did.unwrap_or_default() {
        "start" => "The instance is started.",
        "raise" => "The event is raised: it is in the history, or on its way there.",
        "cancel" => "The instance is asked to end.",
        "suspend" => "The instance is suspended.",
        "resume" => "The instance goes on.",
        "terminate" => "The instance is terminated.",
        "rewind" => "The instance is rewound.",
        "fork" => "The instance has begun, as a fork.",
        _ => return html! {},
    };
    html! { div.note.done id="did" role="status" { (done) } }
}

fn jump(view: &InstanceView) -> Markup {
    let waits = (!view.summary.state.is_finished()).then_some(("open", "Open now"));
    let places = [
        ("timeline", "Timeline"),
        ("after", "Through the history"),
        ("events", "Events"),
        ("values", "Values"),
    ];
    html! {
        nav aria-label="On this page" {
            ul.jump { @for (place, name) in waits.into_iter().chain(places) { li { a href={ "#" (place) } { (name) } } } }
        }
    }
}

fn unreadable(view: &InstanceView) -> Markup {
    html! {
        @if let Some(reason) = &view.unreadable {
            div.note.problem role="alert" {
                p { "Its history cannot be read to its end. Below is what the turns before that say." }
                p.break { (reason) }
            }
        }
    }
}

fn open_card(page: &Page, view: &InstanceView) -> Markup {
    if view.summary.state.is_finished() && view.execution.buffered.total == 0 {
        return html! {};
    }
    let id = view.summary.instance.as_str();
    let place = Place { page, id, prefix: "open", after: None };
    Card { id: "open", title: "Open now", live: true, aside: None }
        .around(place.tables(&view.execution))
}

async fn events(
    page: &Page,
    asked: &Asked,
    view: &InstanceView,
    after: Option<&StateAfter>,
) -> Result<Markup, Problem> {
    let access = page.shared.access();
    let from = match (asked.from, asked.near) {
        (Some(from), _) => Some(from),
        (None, Some(near)) => Some(access.history_cursor(&asked.id, near).await?),
        (None, None) => None,
    };
    let history = access.history_page(&asked.id, from, EVENTS_PAGE).await?;
    let all = match history.execution == view.summary.execution {
        true => view.execution.events,
        false => access
            .executions(&asked.id)
            .await?
            .iter()
            .find_map(|one| (one.execution == history.execution).then_some(one.events))
            .unwrap_or_default(),
    };
    let after = after.map(|after| after.position);
    let is_newest = history.execution == view.summary.execution;
    Events { page, id: asked.id.as_str(), history: &history, from, all, after, is_newest }.card()
}

/// A payload as the JSON value that it is.
fn json(payload: &Payload) -> serde_json::Value {
    payload.decode().unwrap_or_default()
}
