//! Taking over a part of a journal.

use reenact_core::{ExecutionId, InstanceId, ShardId};
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, TransactionBehavior, params, params_from_iter};

use super::row::{self, corrupt, stored};
use super::{Failure, chunk};
use crate::archive::{Archived, Change, Growth, Part, TurnRun};
use crate::journal::Position;

/// All of it or nothing; durable when it returns.
pub(super) fn absorb(connection: &mut Connection, part: &Part<'_>) -> Result<(), Failure> {
    // Rolled back when it is dropped, and so also when the commit itself fails.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut absorber = Absorber { connection: &transaction, shard: part.shard, blob: Vec::new() };
    // Otherwise an earlier try has come so far. The position is written all the same, so that the
    // commit makes durable what was not.
    if super::position(&transaction, part.shard)? != part.end {
        for (instance, change) in &part.changes {
            match change {
                Change::Purged => absorber.remove(instance)?,
                Change::Grown(growth) => absorber.grow(instance, growth)?,
            }
        }
    }
    absorber.set_position(part.end)?;
    Ok(transaction.commit()?)
}

struct Absorber<'a> {
    connection: &'a Connection,
    shard: ShardId,
    /// Kept from one chunk to the next.
    blob: Vec<u8>,
}

/// Where an instance that is stored ends.
#[derive(Clone, Copy)]
struct End {
    execution: ExecutionId,
    length: u64,
}

impl End {
    fn of(archived: &Archived) -> Self {
        Self { execution: archived.summary.execution, length: archived.length }
    }
}

impl Absorber<'_> {
    fn grow(&mut self, instance: &InstanceId, growth: &Growth) -> Result<(), Failure> {
        if growth.starts_anew {
            self.remove(instance)?;
        }
        let found = row::find(self.connection, instance)?;
        let stored = found.as_ref().map(|(_, archived)| End::of(archived));
        let end = end_of(instance, stored, growth)?;
        let values = row::values(instance, self.shard, &growth.summary, end.length);
        let key = match found {
            Some((key, _)) => self.update(key, values)?,
            None => self.insert(values)?,
        };
        growth.runs.iter().try_for_each(|run| self.add(instance, key, run))
    }

    fn insert<'v>(&self, values: impl Iterator<Item = ToSqlOutput<'v>>) -> Result<i64, Failure> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO instances (id, shard, execution, name, state, created_at, updated_at,
                 turns, events, wake_at, length, checksum)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        Ok(statement.insert(params_from_iter(values))?)
    }

    fn update<'v>(
        &self,
        key: i64,
        values: impl Iterator<Item = ToSqlOutput<'v>>,
    ) -> Result<i64, Failure> {
        let mut statement = self.connection.prepare_cached(
            "UPDATE instances SET shard = ?, execution = ?, name = ?, state = ?, created_at = ?,
                 updated_at = ?, turns = ?, events = ?, wake_at = ?, length = ?, checksum = ?
             WHERE instance = ?",
        )?;
        // The id comes first. It stays, and with it its index.
        let values = values.skip(1).chain([ToSqlOutput::from(key)]);
        statement.execute(params_from_iter(values))?;
        Ok(key)
    }

    fn add(&mut self, instance: &InstanceId, key: i64, run: &TurnRun) -> Result<(), Failure> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO turns (instance, execution, first, count, bytes) VALUES (?, ?, ?, ?, ?)",
        )?;
        for (first, turns) in chunk::chunks(run) {
            chunk::encode(&mut self.blob, instance, run.execution, first, turns);
            let count = stored(turns.len() as u64);
            statement.execute(params![key, run.execution.0, stored(first), count, self.blob])?;
        }
        Ok(())
    }

    fn remove(&self, instance: &InstanceId) -> Result<(), Failure> {
        // What has rotted is not removed either: the turns may be those of another instance.
        let Some((key, _)) = row::find(self.connection, instance)? else { return Ok(()) };
        for sql in
            ["DELETE FROM turns WHERE instance = ?", "DELETE FROM instances WHERE instance = ?"]
        {
            self.connection.prepare_cached(sql)?.execute([key])?;
        }
        Ok(())
    }

    fn set_position(&self, end: Position) -> Result<(), Failure> {
        let Position { segment, offset, sequence } = end;
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO shards VALUES (?, ?, ?, ?)")?
            .execute(params![self.shard.0, stored(segment), stored(offset), stored(sequence)])?;
        Ok(())
    }
}

/// Where an instance ends once it has grown; an error unless all of it follows on what is stored.
fn end_of(instance: &InstanceId, stored: Option<End>, growth: &Growth) -> Result<End, Failure> {
    let mut end = stored;
    for run in &growth.runs {
        end = Some(behind(instance, end, run)?);
    }
    let newest = growth.summary.execution;
    let end = end.unwrap_or(End { execution: newest, length: 0 });
    if end.execution != newest {
        let reason = format!("the newest execution is to be {}", newest.0);
        return Err(corrupt(instance, end.execution, reason));
    }
    Ok(end)
}

/// Where an instance that ended at `end` does with a further run.
fn behind(instance: &InstanceId, end: Option<End>, run: &TurnRun) -> Result<End, Failure> {
    let execution = run.execution;
    let expected = match end {
        Some(end) if end.execution == execution => end.length,
        Some(end) if end.execution.0.checked_add(1) != Some(execution.0) => {
            let reason = format!("it does not follow on the execution {}", end.execution.0);
            return Err(corrupt(instance, execution, reason));
        }
        _ => 0,
    };
    if run.first != expected {
        let reason = format!("the turn {} was to come, not {}", expected, run.first);
        return Err(corrupt(instance, execution, reason));
    }
    let length = run.first.saturating_add(run.turns.len() as u64);
    Ok(End { execution, length })
}
