//! Entities: the types, what there is of a type, and one entity with its state.

mod act;

use axum::response::Response;
use maud::{Markup, html};
use reenact_core::InstanceId;

pub(crate) use self::act::{act, ask};
use super::address::Address;
use super::page::{Page, View};
use super::parts::{self, Card, payload, time};
use super::shell::Tab;
use crate::api::entities::{list_of, named, of_instance, types_of};
use crate::dto::{Entity, EntityList, EntityType, LockHeld, UpdateAnswered, WaitingOperation};
use crate::limits::{DEFAULT_ENTITIES_PAGE, MAX_WAITING_OPERATIONS};
use crate::problem::Problem;

/// How often a page looks for changes, in milliseconds.
const LOOKS_EVERY_MS: u64 = 5_000;

/// `GET entities?type=..`: the types, or the entities of one.
pub(crate) async fn list(page: Page) -> Response {
    let view = list_view(&page).await;
    page.answer(view)
}

async fn list_view(page: &Page) -> Result<View, Problem> {
    let mut params = page.params()?;
    let (of, after) = (params.text("type")?, params.text("after")?);
    params.end()?;
    let Some(of) = of else {
        let types = types_of(&page.shared).await?;
        let content = html! {
            div.head { h1 { "Entities" } }
            (types_card(&types))
        };
        return Ok(View::new(Tab::Entities, "Entities", content).live(None, LOOKS_EVERY_MS));
    };
    let after = after.map(InstanceId::new).transpose()?;
    let entities = list_of(&page.shared, &of, after, DEFAULT_ENTITIES_PAGE).await?;
    let content = html! {
        p.crumb { a href="entities" { "Entities" } }
        div.head {
            h1.break { "Entities of type " span.mono { (of) } }
            @if page.may_change() { a.button href=(Address::page("entity-act").with("do", "call").with("type", &of)) { "Call one…" } }
        }
        (entities_card(page, &of, &entities))
    };
    let view = View::new(Tab::Entities, format!("Entities of type {of}"), content);
    Ok(view.live(None, LOOKS_EVERY_MS))
}

fn types_card(types: &[EntityType]) -> Markup {
    Card { id: "types", title: "Types", live: true, aside: None }.around(html! {
        @if types.is_empty() {
            p.empty { "There are no entities. One is made by its first operation." }
        } @else {
            div.wide {
                table.stack {
                    caption.hidden { "Types of entities" }
                    thead { tr { th scope="col" { "Type" } th.num scope="col" { "Entities" } } }
                    tbody {
                        @for one in types {
                            tr data-row=(one.name) {
                                th scope="row" { a.mono href=(of_type(&one.name)) { (one.name) } }
                                td.num data-label="Entities" { (parts::grouped(one.entities)) }
                            }
                        }
                    }
                }
            }
        }
    })
}

fn entities_card(page: &Page, of: &str, list: &EntityList) -> Markup {
    let next = list.next.as_ref().map(|next| of_type(of).with("after", next));
    Card { id: "entities", title: "Entities", live: true, aside: None }.around(html! {
        @if list.entities.is_empty() {
            p.empty { "There are none of this type." }
        } @else {
            div.wide {
                table.stack {
                    caption.hidden { "Entities" }
                    thead {
                        tr {
                            th scope="col" { "Key" } th scope="col" { "State" } th scope="col" { "Lock" }
                            th.num scope="col" { "Waiting" } th scope="col" { "Last event" }
                        }
                    }
                    tbody {
                        @for (nth, one) in list.entities.iter().enumerate() {
                            tr data-row=(one.id) {
                                th.id scope="row" { a.mono href=(entity_address(one)) title=(one.key) { (parts::middle_cut(&one.key)) } (condition(one)) }
                                td data-label="State" { (state_in_a_row(nth, one)) }
                                td data-label="Lock" { (lock(page, one.lock.as_ref())) }
                                td.num data-label="Waiting" { (parts::grouped(one.waiting.total)) }
                                td.nowrap data-label="Last event" { (time::ago(one.updated_at.0, page.now)) }
                            }
                        }
                    }
                }
            }
        }
        @if let Some(next) = next { p.in { a.button href=(next) rel="next" { "Next" } } }
    })
}

fn of_type(of: &str) -> Address {
    Address::page("entities").with("type", of)
}

pub(super) fn entity_address(one: &Entity) -> Address {
    Address::page("entity").with("type", &one.of).with("key", &one.key)
}

/// What is unusual about the instance that an entity is.
fn condition(one: &Entity) -> Markup {
    let name = one.instance_state.name();
    html! { @if name != "running" { " " (parts::state(&name)) } }
}

fn state_in_a_row(nth: usize, one: &Entity) -> Markup {
    match &one.value {
        Some(value) => payload::value(&format!("state-{nth}"), value),
        None => html! { span.quiet { "none" } },
    }
}

fn lock(page: &Page, lock: Option<&LockHeld>) -> Markup {
    let Some(lock) = lock else { return html! { span.quiet { "free" } } };
    let since = time::ago(lock.since.0, page.now);
    match &lock.owner {
        Some(owner) => html! { "held by " (parts::instance(owner)) ", which got it " (since) },
        None => html! { "held; it was given " (since) },
    }
}

/// `GET entity?type=..&key=..`
pub(crate) async fn entity(page: Page) -> Response {
    let view = entity_view(&page).await;
    page.answer(view)
}

async fn entity_view(page: &Page) -> Result<View, Problem> {
    let mut params = page.params()?;
    let (_, instance) = named(&mut params)?;
    let did = params.text("did")?;
    params.end()?;
    view_of(page, &instance, None, did.as_deref()).await
}

/// The page of an entity; with what an operation has answered, where one was called.
async fn view_of(
    page: &Page,
    instance: &InstanceId,
    answered: Option<(&str, &UpdateAnswered)>,
    did: Option<&str>,
) -> Result<View, Problem> {
    let one = of_instance(&page.shared, instance, MAX_WAITING_OPERATIONS).await?;
    let content = html! {
        p.crumb { a href="entities" { "Entities" } " / " a.mono href=(of_type(&one.of)) { (one.of) } }
        div.head id="entity-head" data-live {
            h1.mono.break { (one.key) }
            (condition(&one))
        }
        (said(did))
        @if let Some((operation, answered)) = answered { (answer(operation, answered)) }
        (buttons(page, &one))
        (state_card(&one))
        (facts(page, &one))
        (waiting_card(page, &one))
    };
    let title = format!("{} {}", one.of, parts::middle_cut(&one.key));
    let view = View::new(Tab::Entities, title, content);
    if answered.is_some() {
        // What a form has led to is not fetched again.
        return Ok(view);
    }
    let watch = Address::page("api/watch/instance").with("id", &one.id);
    Ok(view.live(Some(watch), LOOKS_EVERY_MS))
}

fn said(did: Option<&str>) -> Markup {
    let done = match did.unwrap_or_default() {
        "signal" => "The operation is on its way to the entity, and is durable.",
        _ => return html! {},
    };
    html! { div.note.done id="did" role="status" { (done) } }
}

/// What an operation has answered.
fn answer(operation: &str, answered: &UpdateAnswered) -> Markup {
    use crate::dto::AnswerKind::{Failed, Invalid, Refused, Replied};
    let (class, what) = match answered.answer {
        Replied => ("done", "was done, and returned"),
        Refused => ("problem", "was refused, and the state is as it was:"),
        Failed => ("problem", "was not done, and the state is as it was:"),
        Invalid => ("problem", "is not as the entity takes it:"),
        _ => ("problem", "has no answer."),
    };
    html! {
        div.note.(class) id="answer" role="status" {
            p.break { "The operation " b { (operation) } " " (what) }
            @match (&answered.why, answered.answer) {
                (Some(why), _) => p.break { (why) },
                (None, Replied | Refused) => (payload::pretty(&answered.value)),
                (None, _) => {},
            }
        }
    }
}

fn buttons(page: &Page, one: &Entity) -> Markup {
    let act = |what: &str| {
        Address::page("entity-act").with("do", what).with("type", &one.of).with("key", &one.key)
    };
    html! {
        ul.doing id="actions" aria-label="What can be done" {
            @if page.may_change() {
                li { a.button href=(act("call")) data-do="call" { "Call an operation…" } }
                li { a.button href=(act("signal")) data-do="signal" { "Send a signal…" } }
                li { a.button.danger href=(act("delete")) data-do="delete" { "Delete the state…" } }
                li { a.button.danger href=(act("purge")) data-do="purge" { "Purge…" } }
            }
            li { a.button.plain href=(Address::instance(&one.id)) { "Its instance" } }
        }
    }
}

fn state_card(one: &Entity) -> Markup {
    Card { id: "state", title: "State", live: true, aside: None }.around_text(html! {
        @if let Some(why) = &one.unreadable {
            p.bad.break { "Its history cannot be read to its end: " (why) }
        }
        @match &one.value {
            Some(value) => (payload::pretty(value)),
            None => p.empty { "It has none: no operation has changed it yet, or it was deleted." },
        }
    })
}

fn facts(page: &Page, one: &Entity) -> Markup {
    let content = parts::facts(&[
        ("Type", Some(html! { span.mono { (one.of) } })),
        ("Lock", Some(lock(page, one.lock.as_ref()))),
        ("First operation", Some(time::full(one.created_at.0, page.now))),
        ("Last event", Some(time::full(one.updated_at.0, page.now))),
    ]);
    Card { id: "facts", title: "About it", live: true, aside: None }.around_text(content)
}

fn waiting_card(page: &Page, one: &Entity) -> Markup {
    let waiting = &one.waiting;
    Card { id: "waiting", title: "Waiting for their turn", live: true, aside: None }.around(html! {
        @if waiting.total == 0 {
            p.empty { "No operation waits." }
        } @else {
            div.wide {
                table.stack {
                    caption.hidden { "Operations that wait" }
                    thead { tr { th scope="col" { "Operation" } th scope="col" { "Came" } th scope="col" { "Carries" } } }
                    tbody { @for one in &waiting.items { (operation(page, one)) } }
                }
            }
            @if waiting.total > waiting.items.len() as u64 {
                p.empty { "The first " (waiting.items.len()) " of " (parts::grouped(waiting.total)) "." }
            }
        }
    })
}

fn operation(page: &Page, one: &WaitingOperation) -> Markup {
    html! {
        tr data-waiting=(one.position) {
            th scope="row" {
                @match (&one.operation, one.wants_lock.as_deref()) {
                    (Some(operation), _) => b { (operation) },
                    (None, Some("")) => "the lock",
                    (None, Some(owner)) => { "the lock, for " (parts::instance(owner)) },
                    (None, None) => span.quiet { "see event " (one.position) },
                }
            }
            td.nowrap data-label="Came" { (time::ago(one.at.0, page.now)) }
            td data-label="Carries" {
                @match &one.data {
                    Some(data) => (payload::value(&format!("waiting-{}", one.position), data)),
                    None => span.quiet { "see event " (one.position) " of its instance" },
                }
            }
        }
    }
}
