//! What is asked of an entity: a page that says what it will do, and the form that does it.

use axum::response::Response;
use maud::{Markup, html};
use reenact_actors::entities::OPERATIONS;
use reenact_actors::{EntityId, ExternalEvent};
use reenact_core::{InstanceId, Payload};
use serde_json::Value;

use super::super::address::Address;
use super::super::form::{Form, FormBody};
use super::super::page::{Page, View};
use super::super::parts;
use super::super::shell::{Tab, token};
use super::view_of;
use crate::api::entities::deletion;
use crate::dto::{CallOperation, SignalOperation, UpdateAnswered};
use crate::problem::{Problem, ProblemKind};

/// What can be asked of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Call,
    Signal,
    Delete,
    Purge,
}

/// What stands in the fields.
#[derive(Debug, Default)]
struct Asked {
    of: String,
    key: String,
    operation: String,
    arguments: String,
    once: String,
    /// The key of the call where nobody has written one: a form that is sent twice counts once.
    drawn: String,
}

impl Deed {
    fn named(name: &str) -> Result<Self, Problem> {
        Ok(match name {
            "call" => Self::Call,
            "signal" => Self::Signal,
            "delete" => Self::Delete,
            "purge" => Self::Purge,
            other => {
                let detail = format!("there is no action `{other}` for an entity");
                return Err(Problem::invalid(detail));
            }
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Signal => "signal",
            Self::Delete => "delete",
            Self::Purge => "purge",
        }
    }

    const fn verb(self) -> &'static str {
        match self {
            Self::Call => "Call",
            Self::Signal => "Send",
            Self::Delete => "Delete the state",
            Self::Purge => "Purge",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Call => "Call an operation?",
            Self::Signal => "Send a signal?",
            Self::Delete => "Delete the state?",
            Self::Purge => "Purge?",
        }
    }

    const fn effects(self) -> &'static [&'static str] {
        match self {
            Self::Call => &[
                "The operation is done in its turn, and its answer is shown.",
                "The entity is made if it is not there.",
            ],
            Self::Signal => &[
                "The operation is done in its turn. What it answers nobody sees.",
                "The entity is made if it is not there.",
            ],
            Self::Delete => &[
                "The state is deleted, in its turn among the operations: the next one begins with the default.",
                "Its history stays.",
            ],
            Self::Purge => &[
                "The entity is removed at once with its state and its history, for good.",
                "An operation that runs is cut off, and those who wait get no answer.",
            ],
        }
    }

    const fn has_operation(self) -> bool {
        matches!(self, Self::Call | Self::Signal)
    }
}

/// `GET entity-act?do=..&type=..&key=..`: asks.
pub(crate) async fn ask(page: Page) -> Response {
    let view = asked(&page);
    page.answer(view)
}

fn asked(page: &Page) -> Result<View, Problem> {
    let mut params = page.params()?;
    let deed = Deed::named(&params.text("do")?.unwrap_or_default())?;
    let asked = Asked {
        of: params.text("type")?.unwrap_or_default(),
        key: params.text("key")?.unwrap_or_default(),
        drawn: drawn(page)?,
        ..Asked::default()
    };
    params.end()?;
    Ok(question(page, deed, &asked, None))
}

fn drawn(page: &Page) -> Result<String, Problem> {
    let event = ExternalEvent::of_payload(OPERATIONS, Payload::default())?;
    let (_, key) = page.shared.access().keyed(event)?;
    Ok(key.to_string())
}

/// `POST entity-act`: does it, and shows the entity.
pub(crate) async fn act(page: Page, FormBody(body): FormBody) -> Response {
    let form = match Form::read(&page, &body) {
        Ok(form) => form,
        Err(problem) => return page.answer(Err(problem)),
    };
    let asked = Asked {
        of: form.text("type").to_owned(),
        key: form.text("key").to_owned(),
        operation: form.text("operation").trim().to_owned(),
        arguments: form.text("arguments").to_owned(),
        once: form.text("once").to_owned(),
        drawn: form.text("drawn").to_owned(),
    };
    let deed = match Deed::named(form.text("do")) {
        Ok(deed) => deed,
        Err(problem) => return page.answer(Err(problem)),
    };
    match done(&page, deed, &asked).await {
        Ok(Did::GoTo(address)) => page.go_to(address),
        Ok(Did::Show(view)) => page.answer(Ok(*view)),
        // It may be on its way: the page says how to ask again.
        Err(problem) if problem.kind == ProblemKind::InvalidArgument => {
            let status = problem.status;
            let mut response = page.answer(Ok(question(&page, deed, &asked, Some(&problem))));
            if let Ok(status) = axum::http::StatusCode::from_u16(status) {
                *response.status_mut() = status;
            }
            response
        }
        Err(problem) => page.answer(Err(problem)),
    }
}

enum Did {
    Show(Box<View>),
    GoTo(Address),
}

async fn done(page: &Page, deed: Deed, asked: &Asked) -> Result<Did, Problem> {
    let instance = EntityId::instance_of(&asked.of, &asked.key)?;
    let shared = &page.shared;
    let key = [&asked.once, &asked.drawn].into_iter().find(|key| !key.is_empty()).cloned();
    match deed {
        Deed::Call => {
            let (operation, arguments) = (asked.operation.clone(), asked.arguments()?);
            let call = CallOperation { operation, arguments, key, wait_ms: None };
            let answered = shared.call_entity(&asked.of, &instance, &call).await?;
            shown(page, &instance, &call.operation, &answered).await
        }
        Deed::Delete => {
            let deletion = CallOperation { key, ..deletion() };
            let answered = shared.call_entity(&asked.of, &instance, &deletion).await?;
            shown(page, &instance, "delete", &answered).await
        }
        Deed::Signal => {
            let (operation, arguments) = (asked.operation.clone(), asked.arguments()?);
            let signal = SignalOperation { operation, arguments, key, delay_ms: None };
            shared.signal_entity(&asked.of, &instance, &signal).await?;
            Ok(Did::GoTo(asked.entity().with("did", "signal")))
        }
        Deed::Purge => {
            shared.access().purge_entity(&instance).await?;
            Ok(Did::GoTo(Address::page("entities").with("type", &asked.of)))
        }
    }
}

async fn shown(
    page: &Page,
    instance: &InstanceId,
    operation: &str,
    answered: &UpdateAnswered,
) -> Result<Did, Problem> {
    let view = view_of(page, instance, Some((operation, answered)), None).await?;
    Ok(Did::Show(Box::new(view)))
}

fn question(page: &Page, deed: Deed, asked: &Asked, problem: Option<&Problem>) -> View {
    let is_grave = matches!(deed, Deed::Delete | Deed::Purge);
    let back = match asked.key.is_empty() {
        true => Address::page("entities").with("type", &asked.of),
        false => asked.entity(),
    };
    let content = html! {
        div id="ask" data-action=(deed.name()) {
            p.crumb { a href="entities" { "Entities" } " / " a.mono href=(Address::page("entities").with("type", &asked.of)) { (asked.of) } }
            div.head { h1 { (deed.title()) } }
            @if let Some(problem) = problem {
                div.note.problem role="alert" id="form-problem" { p.break { (problem.detail) } }
            }
            @if !page.may_change() {
                div.note.warn { p { "This console only reads: it does not do this." } }
            } @else {
                section.card aria-labelledby="ask-title" {
                    header { h2 id="ask-title" { "What it will do" @if !asked.key.is_empty() { " to " span.mono.break { (parts::middle_cut(&asked.key)) } } } }
                    div.in {
                        ul id="effects" { @for effect in deed.effects() { li { (effect) } } }
                        form method="post" action="entity-act" id="ask-form" {
                            (token(&page.form_token()))
                            input type="hidden" name="do" value=(deed.name());
                            (fields(deed, asked, problem.is_some()))
                            div.row {
                                button.primary.danger[is_grave] type="submit" { (deed.verb()) }
                                a.button href=(back) { "Back, change nothing" }
                            }
                        }
                    }
                }
            }
        }
    };
    View::new(Tab::Entities, deed.title(), content)
}

fn fields(deed: Deed, asked: &Asked, again: bool) -> Markup {
    let wrong = again.then_some("form-problem");
    html! {
        input type="hidden" name="type" value=(asked.of);
        input type="hidden" name="drawn" value=(asked.drawn);
        @if deed.has_operation() {
            div.field {
                label for="key" { "Key of the entity" }
                input id="key" name="key" required value=(asked.key) aria-describedby=[wrong] autocomplete="off" spellcheck="false";
            }
            div.field {
                label for="operation" { "Operation" }
                input id="operation" name="operation" required value=(asked.operation) aria-describedby=[wrong] autocomplete="off" spellcheck="false";
            }
            div.field {
                label for="arguments" { "Arguments (JSON)" }
                textarea id="arguments" name="arguments" spellcheck="false" aria-describedby=[wrong] { (asked.arguments) }
                p.hint { "A list, such as " code { "[500, \"salary\"]" } ". Empty: none." }
            }
            div.field {
                label for="once" { "Key of the call (optional)" }
                input id="once" name="once" value=(asked.once) autocomplete="off" spellcheck="false";
                p.hint { "Sent again with the same key, it counts once and has the same answer." }
            }
        } @else {
            input type="hidden" name="key" value=(asked.key);
        }
    }
}

impl Asked {
    fn entity(&self) -> Address {
        Address::page("entity").with("type", &self.of).with("key", &self.key)
    }

    fn arguments(&self) -> Result<Vec<Value>, Problem> {
        match self.arguments.trim() {
            "" => Ok(Vec::new()),
            text => serde_json::from_str(text).map_err(|error| {
                Problem::invalid(format!("the arguments are no list in JSON: {error}"))
            }),
        }
    }
}
