//! `quarantine`: messages that nobody could process.

use std::collections::BTreeSet;
use std::time::SystemTime;

use reenact::console::dto::{QuarantineList, QuarantinedMessage};
use serde_json::{Value, json};

use crate::api::{Api, of, understood};
use crate::arguments::stores::{Quarantine, QuarantineAction};
use crate::confirm::confirm;
use crate::failure::{Code, Done, Failure};
use crate::limits::INSTANCES_PER_PAGE;
use crate::output::table::{Cell, Column, Table};
use crate::output::text::printable;
use crate::output::times;
use crate::tool::Tool;

pub(crate) async fn quarantine(given: Quarantine, tool: &mut Tool) -> Done {
    match given.action.unwrap_or(QuarantineAction::List) {
        QuarantineAction::List => list(tool).await,
        QuarantineAction::Requeue { entries } => each("requeue", "requeued", &entries, tool).await,
        QuarantineAction::Discard { entries } => discard(&entries, tool).await,
    }
}

/// Nothing is discarded before all of it was found and shown.
async fn discard(entries: &[String], tool: &mut Tool) -> Done {
    let opened = tool.reading().await?;
    let mut left: BTreeSet<&str> = entries.iter().map(String::as_str).collect();
    let (mut after, mut said) = (None, Vec::new());
    loop {
        let page = page(&opened.api, &mut after).await?;
        let page: QuarantineList = understood(page)?;
        for message in page.messages.iter().filter(|message| left.remove(&*message.id)) {
            let instance = message.instance.as_deref().unwrap_or("?");
            said.push(format!("{} for {}", printable(&message.id), printable(instance)));
        }
        if left.is_empty() || after.is_none() {
            break;
        }
    }
    opened.close().await?;
    if let Some(absent) = left.first() {
        return Err(Failure::new(Code::NotFound, format_args!("{absent} is not in quarantine"))
            .remedy("`reenact quarantine` lists what is; nothing was discarded"));
    }
    confirm(tool, &format!("Discard {} for ever?", said.join(", "))).await?;
    each("discard", "discarded", entries, tool).await
}

/// The next page, and where the one after it begins.
async fn page(api: &Api, after: &mut Option<String>) -> Done<Value> {
    let mut query = vec![("limit", INSTANCES_PER_PAGE.to_string())];
    query.extend(after.take().map(|after| ("after", after)));
    let page: Value = api.get("api/quarantine", &query).await.map_err(of_no_hub)?;
    *after = page["next"].as_str().map(str::to_owned);
    Ok(page)
}

async fn list(tool: &mut Tool) -> Done {
    let opened = tool.reading().await?;
    let mut after = None;
    let mut shown = 0;
    let mut table = Table::new(vec![
        Column::text("ENTRY"),
        Column::text("QUEUE"),
        Column::long("INSTANCE"),
        Column::text("SINCE"),
        Column::number("TRIES"),
        Column::long("WHY"),
    ]);
    tool.out.begin_list("messages")?;
    loop {
        let page = page(&opened.api, &mut after).await?;
        if tool.out.is_for_people() {
            let page: QuarantineList = understood(page)?;
            shown += page.messages.len();
            for message in &page.messages {
                table.row(cells(message, tool.out.now()));
            }
        } else {
            let messages = page["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
            shown += messages.len();
            messages.iter().try_for_each(|message| tool.out.item(message))?;
        }
        if !table.is_empty() {
            tool.out.rows(&mut table)?;
        }
        if after.is_none() {
            break;
        }
    }
    tool.out.end_list("next", &Value::Null)?;
    if shown == 0 {
        tool.remark("nothing is in quarantine");
    }
    opened.close().await
}

fn cells(message: &QuarantinedMessage, now: SystemTime) -> Vec<Cell> {
    vec![
        message.id.as_str().into(),
        message.queue.as_str().into(),
        message.instance.as_deref().unwrap_or("?").into(),
        times::age(&message.at.to_string(), now).into(),
        message.attempts.to_string().into(),
        message.reason.as_str().into(),
    ]
}

async fn each(action: &str, past: &str, entries: &[String], tool: &mut Tool) -> Done {
    let opened = tool.changing().await?;
    for entry in entries {
        one(&opened.api, action, entry).await?;
        if tool.out.is_for_people() {
            tool.out.line(format_args!("{past} {}", printable(entry)))?;
        } else {
            tool.out.value(&json!({"id": entry, "action": action, "done": true}))?;
        }
        tool.out.flush()?;
    }
    opened.close().await
}

async fn one(api: &Api, action: &str, entry: &str) -> Done {
    let path = format!("api/quarantine/{action}");
    api.post::<Value>(&path, &of(entry), &json!({})).await.map(drop).map_err(of_no_hub)
}

/// A store that one host has for itself has no queues.
fn of_no_hub(failure: Failure) -> Failure {
    if failure.code() == Code::Refused as u8 {
        failure.remedy("only a hub, which several hosts share, has queues and a quarantine")
    } else {
        failure
    }
}
