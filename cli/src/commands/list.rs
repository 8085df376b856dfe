//! `list` and `count`: which instances there are.

use reenact::console::dto::{Count as Counted, Counts, InstanceList, InstanceRow};
use serde_json::Value;

use crate::api::{Api, understood};
use crate::arguments::reading::{Count, List};
use crate::failure::Done;
use crate::limits::INSTANCES_PER_PAGE;
use crate::output::Format;
use crate::output::styles::{FAINT, of_state, paint};
use crate::output::table::{Cell, Column, Table};
use crate::output::times;
use crate::tool::Tool;

pub(crate) async fn list(arguments: List, tool: &mut Tool) -> Done {
    let opened = tool.reading().await?;
    let mut query = arguments.filter.query(tool.out.now());
    let mut left = if arguments.all { usize::MAX } else { arguments.limit };
    let mut after = arguments.after;
    let with_attributes = arguments.attributes || !arguments.filter.attr.is_empty();
    let mut table = if with_attributes { table().and(Column::long("ATTRIBUTES")) } else { table() };
    let mut shown = 0;
    tool.out.begin_list("instances")?;
    while left > 0 {
        let conditions = query.len();
        query.push(("limit", left.min(INSTANCES_PER_PAGE).to_string()));
        query.extend(after.take().map(|after| ("after", after)));
        let next =
            page(&opened.api, &query, (&mut table, with_attributes), tool, &mut shown).await?;
        query.truncate(conditions);
        left = left.saturating_sub(INSTANCES_PER_PAGE);
        after = next;
        if after.is_none() {
            break;
        }
    }
    tool.out.end_list("next", &after)?;
    tool.out.flush()?;
    if shown == 0 {
        tool.remark(if arguments.filter.is_empty() {
            "there are no instances"
        } else {
            "no instance meets the conditions"
        });
    }
    if let Some(after) = after {
        let after = crate::output::text::printable(&after);
        tool.remark(paint(
            FAINT,
            format_args!("there are more: `--all`, or `--after '{after}'` for the next"),
        ));
    }
    opened.close().await
}

/// Writes a page; the id after which the next one begins.
async fn page(
    api: &Api,
    query: &[(&str, String)],
    (table, with_attributes): (&mut Table, bool),
    tool: &mut Tool,
    shown: &mut usize,
) -> Done<Option<String>> {
    if tool.out.format() != Format::People {
        let page: Value = api.get("api/instances", query).await?;
        let rows = page["instances"].as_array().map(Vec::as_slice).unwrap_or_default();
        *shown += rows.len();
        rows.iter().try_for_each(|row| tool.out.item(row))?;
        return Ok(page["next"].as_str().map(str::to_owned));
    }
    let page: InstanceList = api.get("api/instances", query).await?;
    *shown += page.instances.len();
    let now = tool.out.now();
    for row in &page.instances {
        let mut cells = cells(row, now);
        if with_attributes {
            cells.push(attributes(row).into());
        }
        table.row(cells);
    }
    if !table.is_empty() {
        tool.out.rows(table)?;
    }
    tool.out.flush()?;
    Ok(page.next)
}

/// A table of instances.
pub(crate) fn table() -> Table {
    Table::new(vec![
        Column::long("ID"),
        Column::long("ORCHESTRATION"),
        Column::text("STATE"),
        Column::number("EVENTS"),
        Column::text("STARTED"),
        Column::text("LAST EVENT"),
    ])
}

/// An instance in a [`table`].
pub(crate) fn cells(row: &InstanceRow, now: std::time::SystemTime) -> Vec<Cell> {
    let state = row.state.name();
    vec![
        row.id.as_str().into(),
        row.orchestration.as_str().into(),
        Cell::new(of_state(&state), &state),
        row.events.to_string().into(),
        times::age(&row.created_at.to_string(), now).into(),
        times::age(&row.updated_at.to_string(), now).into(),
    ]
}

/// The attributes of an instance as `name=value`, a text in quotes.
/// The attributes of an instance, on one line.
pub(super) fn attributes(row: &InstanceRow) -> String {
    let attributes = row.attributes.iter().map(|(name, value)| format!("{name}={value}"));
    attributes.collect::<Vec<_>>().join(" ")
}

pub(crate) async fn count(arguments: Count, tool: &mut Tool) -> Done {
    let opened = tool.reading().await?;
    let query = arguments.filter.query(tool.out.now());
    if arguments.by_state || arguments.by_name {
        let counts: Value = opened.api.get("api/counts", &query).await?;
        if !tool.out.is_for_people() {
            tool.out.value(&counts)?;
        } else if arguments.by_state {
            by_state(&understood(counts)?, tool)?;
        } else {
            by_name(&understood(counts)?, tool)?;
        }
    } else {
        let counted: Counted = opened.api.get("api/count", &query).await?;
        if tool.out.is_for_people() {
            tool.out.line(counted.count)?;
        } else {
            tool.out.value(&counted)?;
        }
    }
    opened.close().await
}

fn by_state(counts: &Counts, tool: &mut Tool) -> Done {
    let mut table = Table::new(vec![Column::text("STATE"), Column::number("INSTANCES")]);
    for one in &counts.states {
        let state = one.state.name();
        // Only while an import is broken off.
        if state == "importing" && one.count == 0 {
            continue;
        }
        table.row(vec![Cell::new(of_state(&state), &state), one.count.to_string().into()]);
    }
    table.row(vec!["all".into(), counts.total.to_string().into()]);
    tool.out.rows(&mut table)
}

fn by_name(counts: &Counts, tool: &mut Tool) -> Done {
    let mut table = Table::new(vec![
        Column::long("ORCHESTRATION"),
        Column::number("INSTANCES"),
        Column::long("STATES"),
    ]);
    for of in &counts.orchestrations {
        let states = of.states.iter().map(|one| format!("{} {}", one.count, one.state.name()));
        let states: Vec<_> = states.collect();
        table.row(vec![
            of.orchestration.as_str().into(),
            of.total.to_string().into(),
            states.join(", ").as_str().into(),
        ]);
    }
    table.row(vec!["all".into(), counts.total.to_string().into(), "".into()]);
    tool.out.rows(&mut table)?;
    if counts.more_orchestrations > 0 {
        let more = counts.more_orchestrations;
        tool.remark(format_args!("{more} more orchestrations have fewer instances"));
    }
    Ok(())
}
