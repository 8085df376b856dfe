//! Rows in the order of the time of their last event, by the indices that have it.

use reenact_core::InstanceId;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::filter::Selection;
use super::row;
use crate::local::sqlite::Failure;
use crate::{FirstByTime, InstanceFilter, InstanceState, TimeOrder};

/// Times from 2^63 on are stored below 0.
const EARLIER: &str = "updated_at >= 0";
const LATER: &str = "updated_at < 0";

/// Offers the rows that pass the filter and are not to be skipped, until no other could be among the first.
pub(super) fn list(
    connection: &Connection,
    filter: &InstanceFilter,
    skip: &dyn Fn(&InstanceId) -> bool,
    first: &mut FirstByTime,
) -> Result<(), Failure> {
    if !filter.attributes.is_empty() {
        let Some(mut selection) = Selection::of(filter, None) else { return Ok(()) };
        if selection.narrow(connection, &filter.attributes)? {
            return offer_all(connection, filter, &selection, skip, first);
        }
    }
    if filter.states.is_empty() || filter.states.contains(&InstanceState::Running) {
        let running = Selection::of(&filter.clone().states([InstanceState::Running]), None);
        let index = running_by_time(connection)?;
        offer(connection, filter, running, index, skip, first)?;
    }
    let others = Selection::of_others(filter);
    match others.as_ref().map(|(few, _)| few.index_of_few(connection)).transpose()?.flatten() {
        Some(index) => offer(connection, filter, others.map(|(few, _)| few), index, skip, first),
        None => offer(connection, filter, others.map(|(_, all)| all), "finished", skip, first),
    }
}

/// The index of those that run. A file that is only read may be of before it was made; then they are sorted.
fn running_by_time(connection: &Connection) -> Result<&'static str, Failure> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = 'running_by_time'";
    let found = connection.prepare_cached(sql)?.query_row([], |_| Ok(())).optional()?;
    Ok(if found.is_some() { "running_by_time" } else { "running" })
}

/// Offers the few that are selected by an attribute, in any order.
fn offer_all(
    connection: &Connection,
    filter: &InstanceFilter,
    selection: &Selection,
    skip: &dyn Fn(&InstanceId) -> bool,
    first: &mut FirstByTime,
) -> Result<(), Failure> {
    let sql = format!(
        "SELECT {} FROM instances NOT INDEXED WHERE {}",
        row::COLUMNS,
        selection.condition()
    );
    row::each(connection, &sql, selection.values(), |summary| {
        let is_offered = first.takes(summary.updated_at)
            && filter.matches_attributes(&summary)
            && !skip(&summary.instance);
        if is_offered {
            first.offer(&summary);
        }
        true
    })
}

fn offer(
    connection: &Connection,
    filter: &InstanceFilter,
    selection: Option<Selection>,
    index: &str,
    skip: &dyn Fn(&InstanceId) -> bool,
    first: &mut FirstByTime,
) -> Result<(), Failure> {
    let Some(selection) = selection else { return Ok(()) };
    let (halves, direction) = match first.order() {
        TimeOrder::OldestFirst => ([EARLIER, LATER], "ASC"),
        TimeOrder::NewestFirst => ([LATER, EARLIER], "DESC"),
    };
    for half in halves {
        let sql = format!(
            "SELECT {} FROM instances INDEXED BY {index} WHERE {} AND {half}
             ORDER BY updated_at {direction}",
            row::COLUMNS,
            selection.condition()
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows =
            statement.query_and_then(params_from_iter(selection.values()), row::summary)?;
        while let Some(summary) = rows.next().transpose()? {
            // Nor could any that follows.
            if !first.takes(summary.updated_at) {
                return Ok(());
            }
            if filter.matches_attributes(&summary) && !skip(&summary.instance) {
                first.offer(&summary);
            }
        }
    }
    Ok(())
}
