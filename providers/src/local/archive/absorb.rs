//! Taking over a part of a journal.

use reenact_core::{AttributeValue, Attributes, ExecutionId, InstanceId, Name, ShardId};
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, TransactionBehavior, params, params_from_iter};

use super::earlier;
use super::known::KnownPacks;
use super::packs::{self, Finder};
use super::row::{self, corrupt, stored};
use crate::archive::{Archived, Change, EarlierRun, Growth, Part, TurnRun, chunk};
use crate::journal::Position;
use crate::local::sqlite::Failure;
use crate::store::attribute_key;

/// All of it or nothing; durable when it returns. From `packed_from` finished instances on they are
/// stored together.
pub(super) fn absorb(
    connection: &mut Connection,
    known: &KnownPacks,
    part: &Part<'_>,
    packed_from: usize,
) -> Result<(), Failure> {
    // Rolled back when it is dropped, and so also when the commit itself fails.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut absorber = Absorber {
        connection: &transaction,
        shard: part.shard,
        blob: Vec::new(),
        packed: Finder::new(known),
    };
    // Otherwise an earlier try has come so far. The position is written all the same, so that the
    // commit makes durable what was not.
    if super::position(&transaction, part.shard)? != part.end {
        let may_pack =
            |change: &Change| matches!(change, Change::Grown(growth) if packs::takes(growth));
        let may_pack_any =
            part.changes.iter().filter(|(_, change)| may_pack(change)).count() >= packed_from;
        let mut together = Vec::new();
        for (instance, change) in &part.changes {
            match change {
                Change::Purged => absorber.remove(instance)?,
                // Where something is under its id, it is refused below.
                Change::Grown(growth)
                    if may_pack_any && packs::takes(growth) && absorber.is_new(instance)? =>
                {
                    together.push(growth);
                }
                Change::Grown(growth) => absorber.grow(instance, growth)?,
            }
        }
        packs::add(&transaction, known, part.shard.0, &together)?;
    }
    absorber.set_position(part.end)?;
    Ok(transaction.commit()?)
}

struct Absorber<'a> {
    connection: &'a Connection,
    shard: ShardId,
    /// Kept from one chunk to the next.
    blob: Vec<u8>,
    packed: Finder<'a>,
}

/// The place at which an instance that is stored ends.
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
        } else if growth.run.first > 0 || growth.run.execution > ExecutionId::FIRST {
            self.unpack(instance)?;
        }
        let found = row::find(self.connection, instance)?;
        let stored = found.as_ref().map(|(_, archived)| End::of(archived));
        for earlier in &growth.earlier.runs {
            follows(instance, stored, &earlier.run)?;
        }
        let end = end_of(instance, stored, growth)?;
        let attributes = row::attributes_of(&growth.summary);
        let summary = &growth.summary;
        let values = row::values(instance, self.shard, summary, end.length, attributes.as_deref());
        let (key, before) = match &found {
            Some((key, before)) => (self.update(*key, values)?, before.summary.attributes.clone()),
            None => (self.insert(values)?, Attributes::default()),
        };
        self.index(key, &before, &summary.attributes)?;
        if let Some((_, before)) = &found
            && before.summary.execution < end.execution
        {
            self.keep(key, before, growth)?;
        }
        for EarlierRun { summary, run } in &growth.earlier.runs {
            earlier::keep(self.connection, key, self.shard, summary, run.end())?;
            self.add(instance, key, run)?;
        }
        self.add(instance, key, &growth.run)
    }

    /// The next execution has begun: what has been the newest one is kept, or goes, and those before it.
    fn keep(&self, key: i64, before: &Archived, growth: &Growth) -> Result<(), Failure> {
        let (oldest, Archived { summary, length }) = (growth.oldest(), before);
        if summary.execution >= oldest {
            earlier::keep(self.connection, key, self.shard, summary, *length)?;
        }
        earlier::remove_before(self.connection, key, oldest)
    }

    /// Whether no row has its id. That no pack has it was looked at when it began.
    fn is_new(&self, instance: &InstanceId) -> Result<bool, Failure> {
        Ok(row::find(self.connection, instance)?.is_none())
    }

    /// Makes an instance a row again that is in a pack: it goes on.
    fn unpack(&mut self, instance: &InstanceId) -> Result<(), Failure> {
        if row::find(self.connection, instance)?.is_some() {
            return Ok(());
        }
        let Some(place) = self.packed.find(self.connection, instance)? else { return Ok(()) };
        let run = packs::run_of(self.connection, &place)?;
        let Archived { summary, length } = &place.member().archived;
        // One with attributes is in no pack.
        let key = self.insert(row::values(instance, self.shard, summary, *length, None))?;
        self.add(instance, key, &run)?;
        self.packed.remove(self.connection, &place)
    }

    fn insert<'v>(&self, values: impl Iterator<Item = ToSqlOutput<'v>>) -> Result<i64, Failure> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO instances (id, shard, execution, name, state, created_at, updated_at,
                 turns, events, wake_at, length, checksum, attributes)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                 updated_at = ?, turns = ?, events = ?, wake_at = ?, length = ?, checksum = ?,
                 attributes = ?
             WHERE instance = ?",
        )?;
        // The id comes first. It stays, and with it its index.
        let values = values.skip(1).chain([ToSqlOutput::from(key)]);
        statement.execute(params_from_iter(values))?;
        Ok(key)
    }

    /// Makes the index of attributes that of the newest ones.
    fn index(&self, key: i64, before: &Attributes, now: &Attributes) -> Result<(), Failure> {
        if before == now {
            return Ok(());
        }
        let has = |attributes: &Attributes, name: &Name, value: &AttributeValue| {
            attributes.get(name.as_str()) == Some(value)
        };
        for (name, value) in before.iter().filter(|(name, value)| !has(now, name, value)) {
            self.connection
                .prepare_cached(
                    "DELETE FROM attributes WHERE name = ? AND key = ? AND instance = ?",
                )?
                .execute(params![name.as_str(), attribute_key(value), key])?;
        }
        for (name, value) in now.iter().filter(|(name, value)| !has(before, name, value)) {
            self.connection
                .prepare_cached("INSERT INTO attributes (name, key, instance) VALUES (?, ?, ?)")?
                .execute(params![name.as_str(), attribute_key(value), key])?;
        }
        Ok(())
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

    fn remove(&mut self, instance: &InstanceId) -> Result<(), Failure> {
        // What has rotted is not removed either: the turns may be those of another instance.
        let Some((key, Archived { summary, .. })) = row::find(self.connection, instance)? else {
            if let Some(place) = self.packed.find(self.connection, instance)? {
                self.packed.remove(self.connection, &place)?;
            }
            return Ok(());
        };
        self.index(key, &summary.attributes, &Attributes::default())?;
        for sql in [
            "DELETE FROM turns WHERE instance = ?",
            "DELETE FROM executions WHERE instance = ?",
            "DELETE FROM instances WHERE instance = ?",
        ] {
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

/// Computes where an instance ends once it has grown; an error unless that follows on what is stored.
fn end_of(instance: &InstanceId, stored: Option<End>, growth: &Growth) -> Result<End, Failure> {
    let (execution, newest) = (growth.run.execution, growth.summary.execution);
    if execution != newest {
        return Err(corrupt(instance, execution, format!("the newest one is to be {}", newest.0)));
    }
    follows(instance, stored, &growth.run)?;
    Ok(End { execution, length: growth.run.end() })
}

/// An error unless turns follow on what is stored, or are the first ones of an execution after that.
fn follows(instance: &InstanceId, stored: Option<End>, run: &TurnRun) -> Result<(), Failure> {
    let TurnRun { execution, first, .. } = *run;
    let expected = match stored {
        Some(stored) if stored.execution == execution => stored.length,
        Some(stored) if stored.execution > execution => {
            let reason = format!("the execution {} has taken its place", stored.execution.0);
            return Err(corrupt(instance, execution, reason));
        }
        _ => 0,
    };
    if first != expected {
        let reason = format!("the turn {expected} was to come, not {first}");
        return Err(corrupt(instance, execution, reason));
    }
    Ok(())
}
