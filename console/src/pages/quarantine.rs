//! The quarantine: messages that no host could accept, each with its reason, to be sent again or discarded.

use axum::response::Response;
use maud::{Markup, html};
use reenact_actors::Error;
use reenact_providers::{QuarantineId, Quarantined, QueueOf};

use super::address::Address;
use super::form::{Form, FormBody};
use super::page::{Page, View};
use super::parts::{self, Card, payload, time};
use super::shell::{Tab, token};
use crate::dto::Sender;
use crate::problem::{Problem, ProblemKind};
use crate::quarantined::content;

/// Messages on one page.
const ROWS: usize = 50;

/// `GET quarantine`
pub(crate) async fn list(page: Page) -> Response {
    let view = view(&page).await;
    page.answer(view)
}

async fn view(page: &Page) -> Result<View, Problem> {
    let mut params = page.params()?;
    let after = params.text("after")?.map(QuarantineId);
    let did = params.text("did")?;
    params.end()?;
    let found = match page.shared.access().quarantined(after.as_ref(), ROWS + 1).await {
        Ok(found) => Some(found),
        Err(Error::NotShared) => None,
        Err(error) => return Err(error.into()),
    };
    let done = match did.as_deref() {
        Some("requeue") => Some("The message is in its queue again."),
        Some("discard") => Some("The message is discarded."),
        _ => None,
    };
    let content = html! {
        div.head { h1 { "Quarantine" } }
        @if let Some(done) = done { div.note.done role="status" { (done) } }
        @match found {
            None => div.note {
                p { "This store is not shared by hosts, so there are no queues between hosts and nothing in quarantine." }
            },
            Some(found) => (table(page, after.as_ref(), &found)),
        }
    };
    Ok(View::new(Tab::Quarantine, "Quarantine", content).live(None, 10_000))
}

fn table(
    page: &Page,
    after: Option<&QuarantineId>,
    found: &[(QuarantineId, Quarantined)],
) -> Markup {
    let next = found.get(ROWS).and_then(|_| found.get(ROWS - 1)).map(|(id, _)| id);
    let aside = html! { span.quiet.small { "messages that no host could accept; their senders were not notified" } };
    Card { id: "quarantined", title: "Messages", live: true, aside: Some(aside) }.around(html! {
        @if found.is_empty() {
            p.empty {
                @if after.is_some() { "This page is after the last message. " a href="quarantine" { "To the first page" } "." }
                @else { "Nothing is in quarantine." }
            }
        } @else {
            div.wide {
                table.stack {
                    caption.hidden { "Messages in quarantine" }
                    thead { tr { th scope="col" { "Queue" } th scope="col" { "Why" } th scope="col" { "Since" } th scope="col" { "Message" } th scope="col" { "Do" } } }
                    tbody { @for (id, message) in found.iter().take(ROWS) { (row(page, id, message)) } }
                }
            }
        }
        @if let Some(next) = next {
            nav.pager aria-label="Pages" { a.button id="next" rel="next" href=(Address::page("quarantine").with("after", &next.0)) { "Next page" } }
        }
    })
}

fn row(page: &Page, id: &QuarantineId, message: &Quarantined) -> Markup {
    let queue = match &message.queue {
        QueueOf::Shard(shard) => format!("shard {}", shard.0),
        QueueOf::Tag(tag) => format!("tag {tag}"),
    };
    let act = |what: &str| Address::page("quarantine-act").with("do", what).with("id", &id.0);
    html! {
        tr data-row=(id.0) {
            td data-label="Queue" { (queue) }
            td data-label="Why" { (parts::text(&message.reason)) }
            td.nowrap data-label="Since" { (time::ago(message.at, page.now)) span.quiet { ", " (parts::count(message.attempts.into(), "delivery", "deliveries")) } }
            td data-label="Message" { (payload_of(page, id, message)) }
            td data-label="Do" {
                @if page.may_change() {
                    div.row {
                        @if message.message.is_some() { a.button data-action="requeue" href=(act("requeue")) { "Send again…" } }
                        a.button.danger data-action="discard" href=(act("discard")) { "Discard…" }
                    }
                }
            }
        }
    }
}

/// `GET quarantine-act?do=..&id=..`: asks.
pub(crate) async fn ask(page: Page) -> Response {
    let view = question(&page);
    page.answer(view)
}

fn question(page: &Page) -> Result<View, Problem> {
    let mut params = page.params()?;
    let what = params.text("do")?.unwrap_or_default();
    let id = params.text("id")?.ok_or_else(|| Problem::invalid("the parameter `id` is missing"))?;
    params.end()?;
    let (verb, effects): (_, &[&str]) = match what.as_str() {
        "requeue" => (
            "Send again",
            &[
                "The message goes to the end of the queue that it came from, and is tried again.",
                "It counts once, even if it was accepted meanwhile. If no host can accept it, it comes back here.",
            ],
        ),
        "discard" => (
            "Discard",
            &[
                "The message is removed for good. What it was to do does not happen.",
                "Its sender is not notified.",
            ],
        ),
        other => {
            return Err(Problem::invalid(format!(
                "there is no action `{other}` for a message in quarantine"
            )));
        }
    };
    let is_grave = what == "discard";
    let content = html! {
        div id="ask" data-action=(what) {
            p.crumb { a href="quarantine" { "Quarantine" } " / " span.mono { (parts::middle_cut(&id)) } }
            div.head { h1 { (verb) "?" } }
            section.card aria-labelledby="ask-title" {
                header { h2 id="ask-title" { "What it will do" } }
                div.in {
                    ul id="effects" { @for effect in effects { li { (effect) } } }
                    form method="post" action="quarantine-act" id="ask-form" {
                        (token(&page.form_token()))
                        input type="hidden" name="do" value=(what);
                        input type="hidden" name="id" value=(id);
                        div.row {
                            button.primary.danger[is_grave] { (verb) }
                            a.button href="quarantine" { "Back, change nothing" }
                        }
                    }
                }
            }
        }
    };
    Ok(View::new(Tab::Quarantine, format!("{verb}?"), content))
}

/// `POST quarantine-act`
pub(crate) async fn act(page: Page, FormBody(body): FormBody) -> Response {
    match done(&page, &body).await {
        Ok(did) => page.go_to(Address::page("quarantine").with("did", did)),
        Err(problem) => page.answer(Err(problem)),
    }
}

async fn done(page: &Page, body: &[u8]) -> Result<&'static str, Problem> {
    let form = Form::read(page, body)?;
    let id = QuarantineId(form.text("id").to_owned());
    let access = page.shared.access();
    match form.text("do") {
        "requeue" => {
            let was_there = access.requeue(&id).await?;
            let gone = || {
                Problem::new(ProblemKind::NotFound, "this message is not in quarantine any more")
            };
            was_there.then_some("requeue").ok_or_else(gone)
        }
        "discard" => {
            access.discard_quarantined(&id).await?;
            Ok("discard")
        }
        other => Err(Problem::invalid(format!(
            "there is no action `{other}` for a message in quarantine"
        ))),
    }
}

/// What kind of message it is, for whom and from whom, and what it carries.
fn payload_of(page: &Page, id: &QuarantineId, quarantined: &Quarantined) -> Markup {
    let Some(message) = &quarantined.message else {
        return html! { span.quiet { "no message: " } (parts::text(&String::from_utf8_lossy(&quarantined.raw))) };
    };
    let shown = page.shared.shown(message.to.as_str());
    let says = content(shown, &message.bytes);
    html! {
        @if let Some(says) = &says {
            b { (parts::words(&says.kind)) }
            @if let Some(name) = &says.name { " " b { (name) } }
            " "
        }
        span.quiet { "to " } (parts::instance(message.to.as_str()))
        @match &says {
            Some(says) => {
                span.quiet { " from " }
                @match (&says.from, says.sender) {
                    (Some(from), _) => (parts::instance(from)),
                    (None, Sender::Instance) => "another instance",
                    (None, Sender::Client) => "a client",
                    (None, Sender::Host) => "a host that ran an activity",
                }
                div { (payload::value(&format!("message-{}", id.0), &says.fields)) }
            },
            None => div.quiet { "It does not decode here: it may be of a later version (" (payload::size(message.bytes.len())) ")." },
        }
    }
}
