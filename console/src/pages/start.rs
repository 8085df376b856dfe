//! A start: a form, a page that asks first and says what it will do, and the start itself.

mod fields;

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use reenact_actors::EntityId;
use reenact_core::Version;

use self::fields::{Checked, Fields, REUSES, UNITS, Wrong};
use super::address::Address;
use super::deeds::deed;
use super::form::{Form, FormBody};
use super::list::attributes;
use super::page::{Page, View};
use super::parts::{self, payload, time};
use super::shell::{Tab, token};
use crate::dto::{Action, Start};
use crate::problem::{Problem, ProblemKind};

/// `GET start`: the form. The orchestration, the version and the id may be in the address, and nothing else: an input
/// may be a secret.
pub(crate) async fn form(page: Page) -> Response {
    let view = empty(&page);
    page.answer(view)
}

fn empty(page: &Page) -> Result<View, Problem> {
    let mut params = page.params()?;
    let fields = Fields {
        orchestration: params.text("orchestration")?.unwrap_or_default(),
        version: params.text("version")?.unwrap_or_default(),
        id: params.text("id")?.unwrap_or_default(),
        ..Fields::default()
    };
    params.end()?;
    Ok(to_fill_in(page, &fields, &[]))
}

/// `POST start`: asks, goes back to the form, or starts.
pub(crate) async fn start(page: Page, FormBody(body): FormBody) -> Response {
    match answered(&page, &body).await {
        Ok(Answer::GoTo(address)) => page.go_to(address),
        Ok(Answer::Show(view, status)) => {
            let mut response = page.answer(Ok(*view));
            *response.status_mut() = status;
            response
        }
        Err(problem) => page.answer(Err(problem)),
    }
}

enum Answer {
    Show(Box<View>, StatusCode),
    GoTo(Address),
}

async fn answered(page: &Page, body: &[u8]) -> Result<Answer, Problem> {
    let form = Form::read(page, body)?;
    let fields = Fields::of(&form);
    let shown = |view, status| Ok(Answer::Show(Box::new(view), status));
    if form.text("step") == "edit" {
        return shown(to_fill_in(page, &fields, &[]), StatusCode::OK);
    }
    let checked = match fields.checked(page).await? {
        Ok(checked) => checked,
        Err(wrong) => return shown(to_fill_in(page, &fields, &wrong), StatusCode::BAD_REQUEST),
    };
    if form.text("step") != "start" {
        return shown(question(page, &fields, &checked), StatusCode::OK);
    }
    let id = checked.id.clone();
    let begun = page.shared.start(Start::from(checked)).await;
    match begun {
        Ok(id) => Ok(Answer::GoTo(Address::instance(id.as_str()).with("did", "start"))),
        // It may be there: the page leads to it.
        Err(problem) if problem.kind == ProblemKind::Uncertain => Err(problem.about(&id)),
        Err(problem) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            let wrong = [Wrong { field: fields::field_of(problem.kind), detail: problem.detail }];
            shown(to_fill_in(page, &fields, &wrong), status)
        }
    }
}

fn shell(title: &str, content: Markup) -> View {
    View::new(Tab::Instances, title, content)
}

fn to_fill_in(page: &Page, fields: &Fields, wrong: &[Wrong]) -> View {
    let mut registered = page.shared.access().registered();
    // An entity is made by its first operation.
    registered.retain(|(name, _)| EntityId::type_of(name.as_str()).is_none());
    let of = |field: &str| wrong.iter().find(|wrong| wrong.field == Some(field));
    let versions: Vec<&Version> =
        registered.iter().flat_map(|(_, versions)| versions).filter(|v| !v.is_none()).collect();
    let content = html! {
        p.crumb { a href="instances" { "Instances" } }
        div.head { h1 { "Start an instance" } }
        @if !page.may_change() {
            div.note.warn { p { "This console only reads: it starts nothing." } }
        } @else {
            @for wrong in wrong.iter().filter(|wrong| wrong.field.is_none()) {
                div.note.problem role="alert" id="form-problem" { p.break { (wrong.detail) } }
            }
            section.card aria-label="What to start" {
                form.in method="post" action="start" id="start-form" {
                    (token(&page.form_token()))
                    input type="hidden" name="step" value="ask";
                    (field("orchestration", "Orchestration", of("orchestration"), |described| html! {
                        input id="orchestration" name="orchestration" required value=(fields.orchestration) list="registered"
                            aria-invalid=[described.invalid()] aria-describedby=(described.by) autocomplete="off" spellcheck="false";
                        datalist id="registered" { @for (name, _) in &registered { option value=(name) {} } }
                        p.hint id="orchestration-hint" { (known(&registered)) }
                    }))
                    (field("version", "Version (optional)", of("version"), |described| html! {
                        input id="version" name="version" value=(fields.version) list="versions"
                            aria-invalid=[described.invalid()] aria-describedby=(described.by) autocomplete="off" spellcheck="false";
                        datalist id="versions" { @for version in versions { option value=(version) {} } }
                        p.hint id="version-hint" { "Empty: " (newest(page)) "." }
                    }))
                    (field("id", "Id (optional)", of("id"), |described| html! {
                        input id="id" name="id" value=(fields.id)
                            aria-invalid=[described.invalid()] aria-describedby=(described.by) autocomplete="off" spellcheck="false";
                        p.hint id="id-hint" { "Empty: one is drawn. An id is there once: a second start with it is refused, unless you choose otherwise below." }
                    }))
                    (field("input", "Input (JSON)", of("input"), |described| html! {
                        textarea id="input" name="input" spellcheck="false"
                            aria-invalid=[described.invalid()] aria-describedby=(described.by) { (fields.input) }
                        p.hint id="input-hint" { "Empty counts as " code { "null" } ". A text needs its quotation marks: " code { "\"yes\"" } "." }
                    }))
                    (time_field(("delay", "unit"), "Begin after (optional)", (&fields.delay, &fields.unit), of("delay"),
                        "It is there at once; its code begins to run after this time."))
                    details id="more" open[fields.has_more()] {
                        summary { "Time limits, attributes, and an id that is taken" }
                        (time_field(("timeout", "timeout_unit"), "Time limit of each execution (optional)",
                            (&fields.timeout, &fields.timeout_unit), of("timeout"),
                            "After this time it fails, whatever its code does. When the code continues as new, the time begins anew."))
                        (time_field(("total_timeout", "total_timeout_unit"), "Time limit of all executions (optional)",
                            (&fields.total_timeout, &fields.total_timeout_unit), of("total_timeout"),
                            "The same for all of its executions together."))
                        (field("attributes", "Attributes (optional)", of("attributes"), |described| html! {
                            textarea id="attributes" name="attributes" spellcheck="false" rows="3"
                                aria-invalid=[described.invalid()] aria-describedby=(described.by) { (fields.attributes) }
                            p.hint id="attributes-hint" { "One on each line: " code { "customer=ada" } ". The list can be filtered by them. " code { "\"5\"" } " in double quotes is a text." }
                        }))
                        (field("reuse", "Where there is an instance of the id", of("reuse"), |described| html! {
                            select id="reuse" name="reuse" aria-invalid=[described.invalid()] aria-describedby=(described.by) {
                                @for (value, words) in REUSES { option value=(value) selected[fields.reuse == value] { (words) } }
                            }
                            p.hint id="reuse-hint" { "One that is replaced is terminated, if it has not ended, and its history goes." }
                        }))
                    }
                    div.row {
                        button.primary type="submit" { "Check and ask" }
                        a.button href="instances" { "Back, change nothing" }
                    }
                    p.quiet.small { "Nothing is started before you have seen what will be, and confirmed it." }
                }
            }
        }
    };
    shell("Start an instance", content)
}

fn known(registered: &[(reenact_core::Name, Vec<Version>)]) -> Markup {
    html! {
        @if registered.is_empty() { "The console reaches no host that says which ones it has: write its name." }
        @else {
            "The host has "
            @for (nth, (name, versions)) in registered.iter().enumerate() {
                @if nth > 0 { ", " }
                code { (name) }
                @let versions: Vec<_> = versions.iter().filter(|version| !version.is_none()).map(ToString::to_string).collect();
                @if !versions.is_empty() { " (" (versions.join(", ")) ")" }
            }
            "."
        }
    }
}

/// Which version a start has that names none.
fn newest(page: &Page) -> &'static str {
    match page.shared.access().is_dormant() {
        true => "that of code that has none",
        false => "the newest that the host has",
    }
}

/// A field for a time: its name and that of its unit, its label, what stands in them, and what it means.
fn time_field(
    (name, unit_name): (&str, &str),
    label: &str,
    (written, unit): (&str, &str),
    wrong: Option<&Wrong>,
    hint: &str,
) -> Markup {
    field(name, label, wrong, |described| {
        html! {
            div.row {
                input id=(name) name=(name) inputmode="numeric" size="8" value=(written)
                    aria-invalid=[described.invalid()] aria-describedby=(described.by) autocomplete="off";
                label.hidden for=(unit_name) { "Unit of: " (label) }
                select id=(unit_name) name=(unit_name) {
                    @for (one, _) in UNITS { option value=(one) selected[unit == one] { (one) } }
                }
            }
            p.hint id={ (name) "-hint" } { (hint) }
        }
    })
}

/// By what a field is described to those who do not see it.
struct Described {
    is_wrong: bool,
    by: String,
}

impl Described {
    fn invalid(&self) -> Option<&'static str> {
        self.is_wrong.then_some("true")
    }
}

/// A field with what is wrong with it beside it.
fn field(
    name: &str,
    label: &str,
    wrong: Option<&Wrong>,
    content: impl FnOnce(Described) -> Markup,
) -> Markup {
    let by = match wrong {
        Some(_) => format!("{name}-wrong {name}-hint"),
        None => format!("{name}-hint"),
    };
    html! {
        div.field {
            label for=(name) { (label) }
            @if let Some(wrong) = wrong { p.wrong.break id={ (name) "-wrong" } role="alert" { (wrong.detail) } }
            (content(Described { is_wrong: wrong.is_some(), by }))
        }
    }
}

fn question(page: &Page, fields: &Fields, checked: &Checked) -> View {
    let deed = deed(Action::Start);
    let hidden = fields.hidden(&checked.id);
    let version = checked.version.as_ref();
    let content = html! {
        div id="ask" data-action="start" {
            p.crumb { a href="instances" { "Instances" } " / " span { "Start" } }
            div.head { h1.break { "Start " span.mono { (checked.name) } "?" } }
            section.card aria-labelledby="ask-title" {
                header { h2 id="ask-title" { "What it will do" } }
                div.in {
                    ul id="effects" { @for effect in deed.effects { li { (effect) } } }
                    (parts::facts(&[
                        ("Orchestration", Some(html! { (checked.name) })),
                        ("Version", Some(html! { @match version { Some(version) => (version), None => (newest(page)) } })),
                        ("Id", Some(html! { span.mono.break { (parts::middle_cut(checked.id.as_str())) } @if fields.id.is_empty() { span.quiet { " (drawn)" } } })),
                        ("Where the id is taken", (!fields.reuse.is_empty()).then(|| html! { (fields.reuse_in_words()) })),
                        ("Time limit of each execution", checked.limits.execution.map(|limit| html! { (time::span(limit)) })),
                        ("Time limit of all executions", checked.limits.total.map(|limit| html! { (time::span(limit)) })),
                        ("Attributes", (!checked.attributes.is_empty()).then(|| attributes(&checked.attributes))),
                        ("Begins", Some(html! {
                            @match checked.delay { Some(delay) => { "after " (time::span(delay)) }, None => "at once" }
                            @if page.shared.access().is_dormant() { ", once a host that has it starts; that one checks the input" }
                        })),
                    ]))
                    h3 { "Input" }
                    (payload::pretty(&checked.input))
                    form method="post" action="start" id="ask-form" {
                        (token(&page.form_token()))
                        @for (name, value) in &hidden { input type="hidden" name=(name) value=(value); }
                        div.row {
                            button.primary type="submit" name="step" value="start" { (deed.verb) }
                            button type="submit" name="step" value="edit" { "Back to the form" }
                        }
                    }
                }
            }
        }
    };
    shell(&format!("Start {}?", checked.name), content)
}
