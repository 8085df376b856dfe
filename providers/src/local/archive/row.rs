//! Instances as rows.

use reenact_core::{ExecutionId, InstanceId, Name, Timestamp};
use rusqlite::{Connection, OptionalExtension, Params, Row, params_from_iter};

use super::Failure;
use crate::archive::Archived;
use crate::{InstanceState, InstanceSummary};

/// What a summary is read from, in this order.
pub(super) const COLUMNS: &str =
    "id, execution, name, state, created_at, updated_at, turns, events, wake_at, length";

/// SQLite's numbers have a sign. What is less than 2^63 stays as it is, for people; the rest, of
/// which there should be nothing, is stored as that less 2^64.
pub(super) const fn stored(number: u64) -> i64 {
    number.cast_signed()
}

/// What [`stored`] was made of.
pub(super) const fn number(stored: i64) -> u64 {
    stored.cast_unsigned()
}

/// That something is wrong with an execution.
pub(super) fn corrupt(
    instance: &InstanceId,
    execution: ExecutionId,
    reason: impl Into<String>,
) -> Failure {
    Failure::corrupt(format!("instance {instance}, execution {}", execution.0), reason)
}

pub(super) fn look_up(
    connection: &Connection,
    instance: &InstanceId,
) -> Result<Option<Archived>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM instances WHERE id = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([instance.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Archived { summary: summary(row)?, length: number(row.get(9)?) }))
}

/// By what the other table knows an instance.
pub(super) fn key_of(
    connection: &Connection,
    instance: &InstanceId,
) -> Result<Option<i64>, Failure> {
    let mut statement = connection.prepare_cached("SELECT instance FROM instances WHERE id = ?")?;
    Ok(statement.query_row([instance.as_str()], |row| row.get(0)).optional()?)
}

/// What a query for [`COLUMNS`] finds.
pub(super) fn summaries<V: rusqlite::ToSql>(
    connection: &Connection,
    sql: &str,
    values: impl IntoIterator<Item = V>,
) -> Result<Vec<InstanceSummary>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    collect(&mut statement, params_from_iter(values))
}

fn collect(
    statement: &mut rusqlite::Statement<'_>,
    values: impl Params,
) -> Result<Vec<InstanceSummary>, Failure> {
    statement.query_and_then(values, summary)?.collect()
}

fn summary(row: &Row<'_>) -> Result<InstanceSummary, Failure> {
    let id: String = row.get(0)?;
    let corrupt =
        |reason: &str| Failure::corrupt(format!("instance {}", id.escape_debug()), reason);
    let time = |column| Ok::<_, rusqlite::Error>(Timestamp::from_micros(number(row.get(column)?)));
    let name: String = row.get(2)?;
    let state = u8::try_from(row.get::<_, i64>(3)?).ok().and_then(InstanceState::from_number);
    let wake_at: Option<i64> = row.get(8)?;
    Ok(InstanceSummary {
        instance: InstanceId::new(&id).map_err(|_| corrupt("its id is none"))?,
        execution: ExecutionId(row.get(1)?),
        name: Name::new(name).map_err(|_| corrupt("the name of its orchestration is none"))?,
        state: state.ok_or_else(|| corrupt("it is in an unknown state"))?,
        created_at: time(4)?,
        updated_at: time(5)?,
        turns: number(row.get(6)?),
        events: number(row.get(7)?),
        wake_at: wake_at.map(number).map(Timestamp::from_micros),
    })
}
