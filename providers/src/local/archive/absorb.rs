//! Taking over a part of a journal.

use reenact_core::{ExecutionId, InstanceId, ShardId};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::row::{self, corrupt, number, stored};
use super::{Failure, chunk};
use crate::archive::{Change, Growth, Part, TurnRun};
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

impl Absorber<'_> {
    fn grow(&mut self, instance: &InstanceId, growth: &Growth) -> Result<(), Failure> {
        if growth.starts_anew {
            self.remove(instance)?;
        }
        let found = self.find(instance)?;
        let end = end_of(instance, found.map(|(_, end)| end), growth)?;
        let key = match found {
            Some((key, _)) => self.update(key, growth, end.length)?,
            None => self.insert(instance, growth, end.length)?,
        };
        growth.runs.iter().try_for_each(|run| self.add(instance, key, run))
    }

    fn find(&self, instance: &InstanceId) -> Result<Option<(i64, End)>, Failure> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT instance, execution, length FROM instances WHERE id = ?")?;
        let found = statement.query_row([instance.as_str()], |row| {
            let end = End { execution: ExecutionId(row.get(1)?), length: number(row.get(2)?) };
            Ok((row.get(0)?, end))
        });
        Ok(found.optional()?)
    }

    fn insert(&self, instance: &InstanceId, growth: &Growth, length: u64) -> Result<i64, Failure> {
        let summary = &growth.summary;
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO instances (id, shard, execution, name, state, created_at, updated_at,
                 turns, events, wake_at, length)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        Ok(statement.insert(params![
            instance.as_str(),
            self.shard.0,
            summary.execution.0,
            summary.name.as_str(),
            summary.state.number(),
            stored(summary.created_at.as_micros()),
            stored(summary.updated_at.as_micros()),
            stored(summary.turns),
            stored(summary.events),
            summary.wake_at.map(|at| stored(at.as_micros())),
            stored(length),
        ])?)
    }

    fn update(&self, key: i64, growth: &Growth, length: u64) -> Result<i64, Failure> {
        let summary = &growth.summary;
        let mut statement = self.connection.prepare_cached(
            "UPDATE instances SET shard = ?, execution = ?, name = ?, state = ?, created_at = ?,
                 updated_at = ?, turns = ?, events = ?, wake_at = ?, length = ?
             WHERE instance = ?",
        )?;
        statement.execute(params![
            self.shard.0,
            summary.execution.0,
            summary.name.as_str(),
            summary.state.number(),
            stored(summary.created_at.as_micros()),
            stored(summary.updated_at.as_micros()),
            stored(summary.turns),
            stored(summary.events),
            summary.wake_at.map(|at| stored(at.as_micros())),
            stored(length),
            key,
        ])?;
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
        let Some(key) = row::key_of(self.connection, instance)? else { return Ok(()) };
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
