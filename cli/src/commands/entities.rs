//! `entities`: durable objects, their states, and calls of their operations.

use std::time::Duration;

use reenact::console::dto::{
    CallOperation, Entity, EntityList, EntityTypes, LockHeld, SignalOperation, UpdateAnswered,
    WaitingOperation,
};
use serde_json::{Value, json};

use super::converse::answered;
use super::start::{typed, value};
use crate::api::understood;
use crate::arguments::entities::{
    CallEntity, Entities, EntitiesAction, ListEntities, OneEntity, SignalEntity,
};
use crate::confirm::confirm;
use crate::failure::{Done, Failure};
use crate::limits::ENTITIES_PER_PAGE;
use crate::open::Opened;
use crate::output::Format;
use crate::output::styles::{BAD, FAINT, STRONG, of_state, paint};
use crate::output::table::{Column, Table, Value as Shown, fields};
use crate::output::text::{printable, printable_lines};
use crate::output::times;
use crate::tool::Tool;

pub(crate) async fn entities(given: Entities, tool: &mut Tool) -> Done {
    match given.action.unwrap_or(EntitiesAction::Types) {
        EntitiesAction::Types => types(tool).await,
        EntitiesAction::List(given) => list(given, tool).await,
        EntitiesAction::Show(given) => show(&given, tool).await,
        EntitiesAction::Call(given) => call(given, tool).await,
        EntitiesAction::Signal(given) => signal(given, tool).await,
        EntitiesAction::Delete(given) => delete(&given, tool).await,
        EntitiesAction::Purge(given) => purge(&given, tool).await,
    }
}

async fn types(tool: &mut Tool) -> Done {
    let opened = tool.reading().await?;
    let types: EntityTypes = opened.api.get("api/entity-types", &[]).await?;
    let mut table = Table::new(vec![Column::long("TYPE"), Column::number("ENTITIES")]);
    tool.out.begin_list("types")?;
    for one in &types.types {
        match tool.out.is_for_people() {
            true => table.row(vec![one.name.as_str().into(), one.entities.to_string().into()]),
            false => tool.out.item(one)?,
        }
    }
    if !table.is_empty() {
        tool.out.rows(&mut table)?;
    }
    tool.out.end_list("next", &Value::Null)?;
    if types.types.is_empty() {
        tool.remark("there are no entities");
    }
    opened.close().await
}

async fn list(given: ListEntities, tool: &mut Tool) -> Done {
    let opened = tool.reading().await?;
    let (mut left, mut after, mut shown) = (given.limit, given.after, 0);
    let mut table = Table::new(vec![
        Column::text("KEY"),
        Column::long("STATE"),
        Column::long("LOCK"),
        Column::number("WAITING"),
        Column::text("LAST EVENT"),
    ]);
    tool.out.begin_list("entities")?;
    while left > 0 {
        let mut query = vec![("type", given.of.clone())];
        query.push(("limit", left.min(ENTITIES_PER_PAGE).to_string()));
        query.extend(after.take().map(|after| ("after", after)));
        let page: EntityList = opened.api.get("api/entities", &query).await?;
        let count = page.entities.len();
        for one in &page.entities {
            match tool.out.is_for_people() {
                true => table.row(cells(one, tool)),
                false => tool.out.item(one)?,
            }
        }
        if !table.is_empty() {
            tool.out.rows(&mut table)?;
        }
        (shown, left, after) = (shown + count, left.saturating_sub(count), page.next);
        if after.is_none() {
            break;
        }
    }
    tool.out.end_list("next", &after)?;
    tool.out.flush()?;
    if shown == 0 {
        tool.remark("there are none of this type");
    }
    if let Some(after) = after {
        let after = printable(&after);
        tool.remark(paint(FAINT, format_args!("there are more: `--after '{after}'` for the next")));
    }
    opened.close().await
}

fn cells(one: &Entity, tool: &Tool) -> Vec<crate::output::table::Cell> {
    let state = one.value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let lock = one.lock.as_ref().map_or_else(|| "-".to_owned(), owner);
    let last = times::age(&one.updated_at.to_string(), tool.out.now());
    vec![
        one.key.as_str().into(),
        state.into(),
        lock.into(),
        one.waiting.total.to_string().into(),
        last.into(),
    ]
}

fn owner(lock: &LockHeld) -> String {
    lock.owner.clone().unwrap_or_else(|| "?".to_owned())
}

async fn show(given: &OneEntity, tool: &mut Tool) -> Done {
    let opened = tool.reading().await?;
    let entity: Value = opened.api.get("api/entity", &of(given)).await?;
    if tool.out.is_for_people() {
        let lines = lines(&understood(entity)?, tool);
        tool.out.lines(lines)?;
    } else {
        tool.out.value(&entity)?;
    }
    opened.close().await
}

fn lines(entity: &Entity, tool: &Tool) -> Vec<String> {
    let now = tool.out.now();
    let at = |at: reenact::console::dto::Time| {
        let at = at.to_string();
        format!("{} ({})", times::second(&at), times::age(&at, now))
    };
    let mut pairs: Vec<(&'static str, Shown)> = vec![("type", printable(&entity.of).into())];
    let instance_state = entity.instance_state.name();
    if instance_state != "running" {
        pairs.push(("instance", Shown::new(of_state(&instance_state), instance_state.clone())));
    }
    let lock = match &entity.lock {
        Some(lock) => format!("held by {}, {}", printable(&owner(lock)), at(lock.since)),
        None => "free".to_owned(),
    };
    pairs.push(("lock", lock.into()));
    pairs.push(("last event", at(entity.updated_at).into()));
    if let Some(why) = &entity.unreadable {
        pairs.push(("unreadable", Shown::new(BAD, printable_lines(why))));
    }
    let state = match &entity.value {
        Some(value) => serde_json::to_string_pretty(value).unwrap_or_default(),
        None => "none".to_owned(),
    };
    pairs.push(("state", printable_lines(&state).into()));
    let mut lines = vec![paint(STRONG, printable(&entity.key))];
    lines.extend(fields(&pairs, tool.out.width()));
    let waiting = &entity.waiting;
    lines.extend(waiting.items.iter().map(|one| {
        let since = times::age(&one.at.to_string(), now);
        format!("• {} came {since}, and waits.", waits(one))
    }));
    let left = waiting.total.saturating_sub(waiting.items.len() as u64);
    if left > 0 {
        lines.push(format!("• And {left} more."));
    }
    lines
}

fn waits(one: &WaitingOperation) -> String {
    match (&one.operation, &one.wants_lock) {
        (Some(operation), _) => format!("The operation {}", printable(operation)),
        (None, Some(owner)) => format!("A request for the lock, of {},", printable(owner)),
        (None, None) => format!("Event {}", one.position),
    }
}

async fn call(given: CallEntity, tool: &mut Tool) -> Done {
    let wait_ms = given.wait.map(millis).transpose()?;
    let arguments = arguments(given.arguments).await?;
    let operation = given.operation;
    let body = CallOperation { operation, arguments, key: given.once, wait_ms };
    let opened = live(tool).await?;
    let path = "api/entity/call";
    let answer: Value = opened.api.post(path, &of(&given.entity), &value(&body)?).await?;
    finish(opened, answer, &body.operation, tool).await
}

async fn delete(given: &OneEntity, tool: &mut Tool) -> Done {
    confirm(tool, &format!("Delete the state of {} {}?", given.of, given.key)).await?;
    let opened = live(tool).await?;
    let answer: Value = opened.api.post("api/entity/delete", &of(given), &json!({})).await?;
    finish(opened, answer, "delete", tool).await
}

/// Says what an operation has answered.
async fn finish(opened: Opened, answer: Value, operation: &str, tool: &mut Tool) -> Done {
    let answer_of: UpdateAnswered = understood(answer.clone())?;
    let said = answered(&answer, &answer_of, "operation", operation, tool);
    tool.out.flush()?;
    opened.close().await?;
    said
}

async fn signal(given: SignalEntity, tool: &mut Tool) -> Done {
    let delay_ms = given.delay.map(millis).transpose()?;
    let arguments = arguments(given.arguments).await?;
    let operation = given.operation;
    let body = SignalOperation { operation, arguments, key: given.once, delay_ms };
    let opened = tool.changing().await?;
    let path = "api/entity/signal";
    let answer: Value = opened.api.post(path, &of(&given.entity), &value(&body)?).await?;
    match tool.out.format() {
        Format::People => {
            let (operation, key) = (printable(&body.operation), printable(&given.entity.key));
            tool.out.line(format_args!("sent {operation} to {key}"))?;
        }
        _ => tool.out.value(&answer)?,
    }
    opened.close().await
}

async fn purge(given: &OneEntity, tool: &mut Tool) -> Done {
    let question = format!("Remove {} {} with its history for ever?", given.of, given.key);
    confirm(tool, &question).await?;
    let opened = tool.changing().await?;
    let answer: Value = opened.api.post("api/entity/purge", &of(given), &json!({})).await?;
    match tool.out.is_for_people() {
        true => tool.out.line(format_args!("purged {}", printable(&given.key)))?,
        false => tool.out.value(&answer)?,
    }
    opened.close().await
}

/// A console with a host: the code of the entity answers.
async fn live(tool: &Tool) -> Done<Opened> {
    let opened = tool.changing().await?;
    if opened.is_live() {
        return Ok(opened);
    }
    Err(Failure::refused("no host runs on this store, and the code of the entity answers a call")
        .remedy("start the host with its console on, then run this again; nothing was changed"))
}

async fn arguments(given: Vec<String>) -> Done<Vec<Value>> {
    let mut arguments = Vec::with_capacity(given.len());
    for one in given {
        arguments.push(typed(Some(one)).await?);
    }
    Ok(arguments)
}

fn millis(given: Duration) -> Done<u64> {
    u64::try_from(given.as_millis()).map_err(|_| Failure::misused("the time is too long"))
}

/// The query that names an entity.
fn of(entity: &OneEntity) -> [(&'static str, String); 2] {
    [("type", entity.of.clone()), ("key", entity.key.clone())]
}
