//! What changes an instance: a page that asks first and says what it will do, and the form that does it.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use reenact_actors::{ExternalEvent, ForkRequest};
use reenact_core::InstanceId;
use reenact_providers::InstanceSummary;

use super::address::Address;
use super::deeds::{deed, named};
use super::form::{Form, FormBody};
use super::page::{Page, View};
use super::parts;
use super::shell::{Tab, token};
use crate::dto::{Action, StateText};
use crate::problem::{Problem, ProblemKind};

/// What is asked, with what stands in its fields.
#[derive(Debug, Default)]
struct Asked {
    name: String,
    data: String,
    key: String,
    reason: String,
    position: String,
    /// The id of a fork.
    to: String,
}

/// `GET act?do=..&id=..`: asks.
pub(crate) async fn ask(page: Page) -> Response {
    let view = view(&page).await;
    page.answer(view)
}

async fn view(page: &Page) -> Result<View, Problem> {
    let mut params = page.params()?;
    let action = action(params.text("do")?.as_deref())?;
    let id = params.id()?;
    let asked = Asked {
        name: params.text("name")?.unwrap_or_default(),
        position: params.text("position")?.unwrap_or_default(),
        to: params.text("to")?.unwrap_or_default(),
        ..Asked::default()
    };
    params.end()?;
    let summary = page.shared.access().summary(&id).await?;
    question(page, action, &summary, &asked, None).await
}

fn action(name: Option<&str>) -> Result<Action, Problem> {
    let name = name.unwrap_or_default();
    named(name).ok_or_else(|| Problem::invalid(format!("there is no action `{name}`")))
}

/// `POST act`: does it, and leads back to the instance.
pub(crate) async fn act(page: Page, FormBody(body): FormBody) -> Response {
    match done(&page, &body).await {
        Ok(address) => page.go_to(address),
        Err(Refused::Plainly(problem)) => page.answer(Err(problem)),
        Err(Refused::AskAgain(view, status)) => {
            let mut response = page.answer(Ok(*view));
            *response.status_mut() = status;
            response
        }
    }
}

enum Refused {
    /// With a page that says why.
    Plainly(Problem),
    /// With the form as it was filled in, and what is wrong with it.
    AskAgain(Box<View>, StatusCode),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Plainly(problem)
    }
}

async fn done(page: &Page, body: &[u8]) -> Result<Address, Refused> {
    let form = Form::read(page, body)?;
    let action = action(Some(form.text("do")))?;
    let id = InstanceId::new(form.text("id")).map_err(Problem::from)?;
    let asked = Asked {
        name: form.text("name").trim().to_owned(),
        data: form.text("data").to_owned(),
        key: form.text("key").trim().to_owned(),
        reason: form.text("reason").trim().to_owned(),
        position: form.text("position").trim().to_owned(),
        to: form.text("to").trim().to_owned(),
    };
    let Err(problem) = carry_out(page, action, &id, &asked).await else {
        return Ok(match action {
            Action::Purge => Address::page("instances").with("did", "purge"),
            Action::Fork => Address::instance(&asked.to).with("did", "fork"),
            action => Address::instance(id.as_str()).with("did", action.name()),
        });
    };
    let summary = page.shared.access().summary(&id).await.map_err(Problem::from)?;
    if problem.kind != ProblemKind::InvalidArgument {
        return Err(problem.into());
    }
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
    let view = question(page, action, &summary, &asked, Some(&problem)).await?;
    Err(Refused::AskAgain(Box::new(view), status))
}

async fn carry_out(
    page: &Page,
    action: Action,
    id: &InstanceId,
    asked: &Asked,
) -> Result<(), Problem> {
    let access = page.shared.access();
    match action {
        Action::Start => {
            return Err(Problem::invalid("a start is not for an instance that exists"));
        }
        Action::Raise => access.raise_event(id, asked.event()?).await?,
        Action::Cancel => access.cancel(id, &asked.reason).await?,
        Action::Suspend => access.suspend(id, &asked.reason).await?,
        Action::Resume => access.resume(id).await?,
        Action::Terminate => access.terminate(id, &asked.reason).await?,
        Action::Rewind => access.rewind(id, asked.position()?, &asked.reason).await?,
        Action::Fork => access.fork(asked.fork(id)?).await?,
        Action::Purge => access.purge(id).await?,
    }
    Ok(())
}

async fn question(
    page: &Page,
    action: Action,
    summary: &InstanceSummary,
    asked: &Asked,
    problem: Option<&Problem>,
) -> Result<View, Problem> {
    let id = summary.instance.as_str();
    let deed = deed(action);
    let back = Address::instance(id);
    let content = html! {
        div id="ask" data-action=(action.name()) {
            p.crumb { a href="instances" { "Instances" } " / " (parts::instance(id)) }
            div.head {
                h1.break { (deed.verb) "?" }
                (parts::state(&StateText(summary.state).name()))
                span.quiet { (summary.name) }
            }
            @if let Some(problem) = problem {
                div.note.problem role="alert" id="form-problem" { p.break { (problem.detail) } }
            }
            @if !page.may_change() {
                div.note.warn { p { "This console only reads: it does not do this." } }
            } @else {
                section.card aria-labelledby="ask-title" {
                    header { h2 id="ask-title" { "What it will do to " span.mono.break { (parts::middle_cut(id)) } } }
                    div.in {
                        ul id="effects" { @for effect in deed.effects { li { (effect) } } }
                        form method="post" action="act" id="ask-form" {
                            (token(&page.form_token()))
                            input type="hidden" name="do" value=(action.name());
                            input type="hidden" name="id" value=(id);
                            (fields(action, deed.has_reason, summary, asked, problem.is_some()))
                            div.row {
                                button.primary.danger[deed.is_grave] type="submit" { (deed.verb) }
                                a.button href=(back) { "Back, change nothing" }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(View::new(Tab::Instances, format!("{}? {}", deed.verb, parts::middle_cut(id)), content))
}

fn fields(
    action: Action,
    has_reason: bool,
    summary: &InstanceSummary,
    asked: &Asked,
    again: bool,
) -> Markup {
    let wrong = again.then_some("form-problem");
    html! {
        @if action == Action::Raise {
            div.field {
                label for="name" { "Name of the event" }
                input id="name" name="name" required value=(asked.name) aria-describedby=[wrong] autocomplete="off" spellcheck="false";
            }
            div.field {
                label for="data" { "What it carries (JSON)" }
                textarea id="data" name="data" spellcheck="false" aria-describedby=[wrong] { (asked.data) }
                p.hint { "Empty counts as " code { "null" } ". A text needs its quotation marks: " code { "\"yes\"" } "." }
            }
            div.field {
                label for="key" { "Key (optional)" }
                input id="key" name="key" value=(asked.key) autocomplete="off" spellcheck="false";
                p.hint { "Of the events with one key the first counts; the others are dropped." }
            }
        }
        @if action == Action::Fork {
            div.field {
                label for="to" { "Id of the new instance" }
                input id="to" name="to" value=(asked.to) required autocomplete="off" spellcheck="false" aria-describedby=[wrong];
            }
        }
        @if matches!(action, Action::Rewind | Action::Fork) {
            div.field {
                label for="position" { "To before the turn of event number" }
                input id="position" name="position" type="number" required[action == Action::Rewind] min="1" max=(summary.events.saturating_sub(1))
                    value=(asked.position) aria-describedby=[wrong];
                p.hint {
                    @if action == Action::Fork { "Without a number, all is copied but the end. " }
                    "The history has the events 0 to " (summary.events.saturating_sub(1)) ". "
                    a href=(Address::instance(summary.instance.as_str()).at("events")) { "Look at them" } " to find the place."
                }
            }
        }
        @if has_reason {
            div.field {
                label for="reason" { "Reason" }
                input id="reason" name="reason" value=(asked.reason) maxlength="1000" autocomplete="off";
                p.hint { "It stands in the history, for those who look later." }
            }
        }
    }
}

impl Asked {
    fn event(&self) -> Result<ExternalEvent, Problem> {
        let data = match self.data.trim() {
            "" => serde_json::Value::Null,
            text => serde_json::from_str(text).map_err(|error| {
                Problem::invalid(format!("what the event carries is not JSON: {error}"))
            })?,
        };
        let event = ExternalEvent::new(self.name.as_str(), &data)?;
        Ok(if self.key.is_empty() { event } else { event.with_key(&self.key)? })
    }

    fn fork(&self, id: &InstanceId) -> Result<ForkRequest, Problem> {
        let before = if self.position.is_empty() { None } else { Some(self.position()?) };
        let (from, instance) = (id.clone(), InstanceId::new(&*self.to)?);
        Ok(ForkRequest { from, instance, before, reason: self.reason.clone(), or_attach: false })
    }

    fn position(&self) -> Result<u64, Problem> {
        self.position
            .parse()
            .map_err(|_| Problem::invalid("the number of the event must be a number"))
    }
}
