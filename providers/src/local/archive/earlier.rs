//! Executions before the newest one of an instance that is a row.

use reenact_core::{ExecutionId, InstanceId, ShardId};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::row::{self, COLUMNS, corrupt, number};
use crate::InstanceSummary;
use crate::archive::Archived;
use crate::local::sqlite::Failure;

/// Those that are kept, in their order. The instance is known by `key`.
pub(super) fn all(
    connection: &Connection,
    key: i64,
    instance: &InstanceId,
) -> Result<Vec<Archived>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM executions WHERE instance = ? ORDER BY execution");
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_and_then([key], |row| {
        let archived = Archived { summary: row::summary(row)?, length: number(row.get(10)?) };
        if archived.summary.instance != *instance {
            let reason = format!("its row is that of {}", archived.summary.instance);
            return Err(corrupt(instance, archived.summary.execution, reason));
        }
        Ok(archived)
    })?;
    found.collect()
}

/// How many turns one of them has; `None` when it is not kept.
pub(super) fn length(
    connection: &Connection,
    key: i64,
    execution: ExecutionId,
) -> Result<Option<u64>, Failure> {
    let sql = "SELECT length FROM executions WHERE instance = ? AND execution = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let length = statement.query_row(params![key, execution.0], |row| row.get(0).map(number));
    Ok(length.optional()?)
}

/// Keeps an execution, or what is newer of it.
pub(super) fn keep(
    connection: &Connection,
    key: i64,
    shard: ShardId,
    summary: &InstanceSummary,
    length: u64,
) -> Result<(), Failure> {
    let attributes = row::attributes_of(summary);
    let values = row::values(&summary.instance, shard, summary, length, attributes.as_deref());
    let sql = format!(
        "INSERT OR REPLACE INTO executions ({COLUMNS}, instance)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    );
    let values = values.chain([key.into()]);
    connection.prepare_cached(&sql)?.execute(params_from_iter(values))?;
    Ok(())
}

/// Removes what there is of executions before one.
pub(super) fn remove_before(
    connection: &Connection,
    key: i64,
    execution: ExecutionId,
) -> Result<(), Failure> {
    for sql in [
        "DELETE FROM turns WHERE instance = ? AND execution < ?",
        "DELETE FROM executions WHERE instance = ? AND execution < ?",
    ] {
        connection.prepare_cached(sql)?.execute(params![key, execution.0])?;
    }
    Ok(())
}
