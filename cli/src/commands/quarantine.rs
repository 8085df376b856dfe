//! `quarantine`: messages that nobody could process.

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
        QuarantineAction::Discard { entries } => {
            let shown: Vec<_> = entries.iter().map(|entry| printable(entry)).collect();
            confirm(tool, &format!("Discard {} for ever?", shown.join(", "))).await?;
            each("discard", "discarded", &entries, tool).await
        }
    }
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
        let mut query = vec![("limit", INSTANCES_PER_PAGE.to_string())];
        query.extend(after.take().map(|after| ("after", after)));
        let page: Value = opened.api.get("api/quarantine", &query).await.map_err(of_no_hub)?;
        after = page["next"].as_str().map(str::to_owned);
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
