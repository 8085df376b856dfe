//! What is done to all instances of a filter: counted and shown first, done when that is confirmed, with its progress
//! on the page while it goes on.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use maud::{Markup, html};

use super::deeds::{deed, named};
use super::form::{Form, FormBody};
use super::list::{filter_in_words, rows};
use super::page::{Page, View};
use super::parts;
use super::shell::{Tab, token};
use crate::bulk;
use crate::dto::{Action, BulkAction, BulkPrepare, BulkPrepared, BulkProgress};
use crate::problem::{Problem, ProblemKind};

/// Most refusals that are listed one by one.
const SHOWN_REFUSALS: u64 = 20;

/// Lines of progress that a page gets, apart from refusals.
const LINES: u64 = 20;

/// Where the progress stands in the page.
const HERE: &str = "<!--progress-->";

/// `POST bulk`: prepares, or runs what was prepared.
pub(crate) async fn bulk(page: Page, FormBody(body): FormBody) -> Response {
    let form = match Form::read(&page, &body) {
        Ok(form) => form,
        Err(problem) => return page.answer(Err(problem)),
    };
    let view = match form.text("step") {
        "run" => match run(&page, &form).await {
            Ok(response) => return response,
            Err(problem) => Err(problem),
        },
        "stop" => stop(&page, &form).await,
        _ => prepare(&page, &form).await,
    };
    page.answer(view)
}

/// `GET bulk`: somebody has loaded the page again; nothing is done twice.
pub(crate) async fn again(page: Page) -> Response {
    page.go_to("instances")
}

fn action(name: &str) -> Result<(Action, BulkAction), Problem> {
    let action = named(name);
    let of_many = match action {
        Some(Action::Cancel) => Some(BulkAction::Cancel),
        Some(Action::Suspend) => Some(BulkAction::Suspend),
        Some(Action::Resume) => Some(BulkAction::Resume),
        Some(Action::Terminate) => Some(BulkAction::Terminate),
        Some(Action::Purge) => Some(BulkAction::Purge),
        _ => None,
    };
    action
        .zip(of_many)
        .ok_or_else(|| Problem::invalid("choose what is to be done with the instances"))
}

async fn prepare(page: &Page, form: &Form) -> Result<View, Problem> {
    let (action, of_many) = action(form.text("do"))?;
    let reason = form.text("reason").trim().to_owned();
    let mut params = form.params(&["form_token", "do", "reason", "step"])?;
    let filter = params.filter()?;
    params.end()?;
    let in_words = filter_in_words(&filter.clone().checked()?);
    let prepare = BulkPrepare { action: of_many, filter, reason: reason.clone() };
    let prepared = bulk::prepare(&page.shared, prepare).await?;
    Ok(View::new(
        Tab::Instances,
        format!("{}?", deed(action).verb),
        question(page, action, &prepared, in_words.as_deref(), &reason),
    ))
}

fn question(
    page: &Page,
    action: Action,
    prepared: &BulkPrepared,
    filter: Option<&str>,
    reason: &str,
) -> Markup {
    let deed = deed(action);
    let count = parts::count(prepared.count, "instance", "instances");
    html! {
        div id="ask" data-action=(action.name()) data-count=(prepared.count) {
            p.crumb { a href="instances" { "Instances" } }
            div.head { h1 { (deed.verb) " " (count) "?" } }
            section.card aria-labelledby="ask-title" {
                header { h2 id="ask-title" { "What it will do to each of them" } }
                div.in {
                    ul id="effects" { @for effect in deed.effects { li { (effect) } } }
                    p { "Which ones: " b { (filter.unwrap_or("all instances there are")) } "." }
                    @if !reason.is_empty() { p { "Reason, which stands in each history: " span.break { (reason) } } }
                    p.quiet { "Instances that begin after this page are left alone. If there are more than shown when you confirm, nothing is done." }
                    @if prepared.count == 0 {
                        p { "There are none, so there is nothing to do." }
                        a.button href="instances" { "Back" }
                    } @else {
                        form method="post" action="bulk" id="ask-form" {
                            (token(&page.form_token()))
                            input type="hidden" name="step" value="run";
                            input type="hidden" name="do" value=(action.name());
                            input type="hidden" name="prepared" value=(prepared.token);
                            div.row {
                                button.primary.danger[deed.is_grave] type="submit" { (deed.verb) " " (count) }
                                a.button href="instances" { "Back, change nothing" }
                            }
                        }
                    }
                }
            }
            @if !prepared.sample.is_empty() {
                section.card aria-labelledby="sample-title" {
                    header {
                        h2 id="sample-title" { "The first of them" }
                        @if prepared.count > prepared.sample.len() as u64 { span.quiet.small { (prepared.sample.len()) " of " (count) } }
                    }
                    (rows(page, &prepared.sample))
                }
            }
        }
    }
}

async fn run(page: &Page, form: &Form) -> Result<Response, Problem> {
    let (action, _) = action(form.text("do"))?;
    let progress = bulk::run(&page.shared, form.text("prepared")).await?;
    let content = html! {
        div.head { h1 { (deed(action).verb) } }
        section.card aria-labelledby="progress-title" {
            header { h2 id="progress-title" { "Progress" } }
            form.in method="post" action="bulk" id="stop-form" {
                (token(&page.form_token()))
                input type="hidden" name="do" value=(action.name());
                input type="hidden" name="prepared" value=(form.text("prepared"));
                div.row {
                    button.danger name="step" value="stop" { "Stop" }
                    span.quiet { "What is done stays done; the rest is left as it is." }
                }
            }
            div.in { ol id="progress" role="log" aria-live="polite" { (maud::PreEscaped(HERE)) } }
        }
        p { a.button href="instances" { "To the instances" } }
    };
    let whole = page.html(&View::new(Tab::Instances, deed(action).verb, content));
    let (before, after) = whole.split_once(HERE).unwrap_or((&whole, ""));
    let state = Some((progress, after.to_owned(), 0));
    let rest = stream::unfold(state, |state| async move {
        let (mut progress, after, mut refusals) = state?;
        loop {
            let Some(bytes) = progress.recv().await else {
                return Some((Ok::<_, std::convert::Infallible>(after), None));
            };
            // The lines of the API.
            let Ok(line) = serde_json::from_slice::<BulkProgress>(&bytes) else { continue };
            let is_refusal = line.error.is_some() && !line.is_over;
            refusals += u64::from(is_refusal);
            let is_shown = line.is_over
                || (is_refusal && refusals <= SHOWN_REFUSALS)
                || (line.done + line.failed).is_multiple_of((line.of / LINES).max(1));
            if is_shown {
                return Some((
                    Ok(self::line(&line).into_string()),
                    Some((progress, after, refusals)),
                ));
            }
        }
    });
    let first = stream::iter([Ok(before.to_owned())]);
    let body = Body::from_stream(futures_util::StreamExt::chain(first, rest));
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, html)], body).into_response())
}

/// Stops what runs, and shows how far it came.
async fn stop(page: &Page, form: &Form) -> Result<View, Problem> {
    let (action, _) = action(form.text("do"))?;
    let run = bulk::stop(&page.shared, form.text("prepared")).await?;
    let progress = run.progress();
    let left = progress.of.saturating_sub(progress.done + progress.failed);
    let refusals = run.refusals();
    let verb = deed(action).verb;
    let content = html! {
        div.head { h1 { (verb) @if left > 0 { ": stopped" } @else { ": over" } } }
        section.card aria-labelledby="progress-title" id="stopped" data-left=(left) {
            header { h2 id="progress-title" { "How far it came" } }
            div.in {
                (parts::facts(&[
                    ("Done", Some(html! { (parts::grouped(progress.done)) " of " (parts::grouped(progress.of)) })),
                    ("Refused", Some(html! { (parts::grouped(progress.failed)) })),
                    ("Left as they were", Some(html! { (parts::grouped(left)) })),
                ]))
                @if let Some(error) = progress.error.filter(|error| error.kind != ProblemKind::Stopped) { p.quiet { "It ended early: " (error.detail) "." } }
                @if !refusals.is_empty() {
                    h3 { "Refused" @if progress.failed > refusals.len() as u64 { span.quiet { ", the first " (refusals.len()) } } }
                    ul.plain { @for (id, why) in &refusals { li { (parts::instance(id)) ": " span.bad.break { (why) } } } }
                }
            }
        }
        p { a.button href="instances" { "To the instances" } }
    };
    Ok(View::new(Tab::Instances, verb, content))
}

fn line(progress: &BulkProgress) -> Markup {
    let of = parts::grouped(progress.of);
    html! {
        li data-over[progress.is_over] {
            @if progress.is_over { b { "Over: " } }
            (parts::grouped(progress.done)) " of " (of) " done"
            @if progress.failed > 0 { ", " (parts::grouped(progress.failed)) " refused" }
            @if let Some(error) = &progress.error {
                ": " @if let Some(last) = &progress.last { (parts::instance(last)) " " } span.bad { (error.detail) }
            }
        }
    }
}
