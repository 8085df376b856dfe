//! `history`: what happened to an instance, event by event.

pub(super) mod executions;
mod words;

use std::collections::HashMap;

use reenact::console::dto::{EventRow, HistoryPage};
use serde_json::Value;

use super::show;
use crate::api::{Api, of};
use crate::arguments::reading::History;
use crate::failure::Done;
use crate::limits::EVENTS_PER_PAGE;
use crate::output::table::{Cell, Column, Table};
use crate::output::{Format, times};
use crate::tool::Tool;

pub(crate) async fn history(given: History, tool: &mut Tool) -> Done {
    let opened = tool.reading().await?;
    let execution = given.execution;
    match given.state_after {
        Some(position) => {
            show::state_after(&opened.api, (&given.id, execution), position, tool).await?;
        }
        None if given.executions => executions::list(&opened.api, &given.id, tool).await?,
        None => pages(&opened.api, &given, tool).await?,
    }
    opened.close().await
}

/// Writes page after page, and holds one of them.
async fn pages(api: &Api, given: &History, tool: &mut Tool) -> Done {
    let mut left = given.limit.unwrap_or(usize::MAX);
    let mut from = given.from.clone();
    let mut seen = Seen::new(given.payloads);
    tool.out.begin_list("events")?;
    let mut next = None;
    while left > 0 {
        let mut query = of(&given.id).to_vec();
        query.extend(from.take().map(|from| ("from", from)));
        query.push(("limit", left.min(EVENTS_PER_PAGE).to_string()));
        query.extend(given.execution.map(|execution| ("execution", execution.to_string())));
        let page: Value = api.get("api/history", &query).await?;
        next = page["next"].as_str().map(str::to_owned);
        left = left.saturating_sub(page["events"].as_array().map_or(0, Vec::len));
        write(page, &mut seen, tool)?;
        from = next.clone();
        if from.is_none() {
            break;
        }
    }
    tool.out.end_list("next", &next)?;
    tool.out.flush()?;
    if let Some(next) = next {
        tool.remark(format_args!("there are more: `--from {next}`, or without `--limit`"));
    }
    Ok(())
}

fn write(page: Value, seen: &mut Seen, tool: &mut Tool) -> Done {
    if tool.out.format() != Format::People {
        let events = page["events"].as_array().map(Vec::as_slice).unwrap_or_default();
        events.iter().try_for_each(|event| tool.out.item(event))?;
        return tool.out.flush();
    }
    let page: HistoryPage = crate::api::understood(page)?;
    for event in &page.events {
        seen.row(event);
    }
    if !seen.table.is_empty() {
        tool.out.rows(&mut seen.table)?;
    }
    tool.out.flush()
}

/// What was shown so far, as later events refer to it.
struct Seen {
    table: Table,
    with_payloads: bool,
    /// What was scheduled, by correlation id.
    names: HashMap<u64, String>,
}

impl Seen {
    fn new(with_payloads: bool) -> Self {
        let mut columns = vec![
            Column::number("#"),
            Column::text("TIME (UTC)"),
            Column::text("EVENT"),
            Column::long("OF"),
        ];
        if with_payloads {
            columns.push(Column::long("PAYLOAD"));
        }
        Self { table: Table::new(columns), with_payloads, names: HashMap::new() }
    }

    fn row(&mut self, event: &EventRow) {
        let id = event.data["id"].as_u64();
        if let (Some(id), Some(name)) = (id, event.data["name"].as_str()) {
            self.names.insert(id, name.to_owned());
        }
        let name = id.and_then(|id| self.names.get(&id)).map(String::as_str);
        let mut cells = vec![
            event.position.to_string().into(),
            times::to_the_millisecond(&event.at.to_string()).into(),
            Cell::new(words::style(&event.kind), &event.kind),
            words::of(&event.data, name).into(),
        ];
        if self.with_payloads {
            cells.push(words::payload(&event.data).into());
        }
        self.table.row(cells);
    }
}
