//! Instances as rows.

use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Params, Row, params_from_iter};

use crate::archive::Archived;
use crate::journal::body::{read_attributes, write_attributes};
use crate::local::sqlite::{self, Failure};
use crate::{InstanceCounts, InstanceState, InstanceSummary};

/// What a summary is read from, in this order. The last but one is the checksum of those before it, and of the
/// attributes where there are any.
pub(super) const COLUMNS: &str = "id, shard, execution, name, state, created_at, updated_at, \
     turns, events, wake_at, length, checksum, attributes";

/// How many columns the checksum is of.
const COVERED: usize = 11;

/// The column of the attributes.
const ATTRIBUTES: usize = COVERED + 1;

/// SQLite's numbers have a sign. What is less than 2^63 stays as it is, for people; the rest, of
/// which there should be nothing, is stored as that less 2^64.
pub(super) const fn stored(number: u64) -> i64 {
    number.cast_signed()
}

/// What [`stored`] was made of.
pub(super) const fn number(stored: i64) -> u64 {
    stored.cast_unsigned()
}

/// The error that something is wrong with an execution.
pub(super) fn corrupt(
    instance: &InstanceId,
    execution: ExecutionId,
    reason: impl Into<String>,
) -> Failure {
    Failure::corrupt(format!("instance {instance}, execution {}", execution.0), reason)
}

/// The stored form of attributes; `None` when there are none.
pub(super) fn attributes_of(summary: &InstanceSummary) -> Option<Vec<u8>> {
    (!summary.attributes.is_empty()).then(|| {
        let mut bytes = Vec::new();
        write_attributes(&mut bytes, &summary.attributes);
        bytes
    })
}

/// What is stored of an instance, in the order of [`COLUMNS`]; with its [attributes](attributes_of).
pub(super) fn values<'a>(
    instance: &'a InstanceId,
    shard: ShardId,
    summary: &'a InstanceSummary,
    length: u64,
    attributes: Option<&'a [u8]>,
) -> impl Iterator<Item = ToSqlOutput<'a>> {
    let integer = |number| ValueRef::Integer(stored(number));
    let values: [_; COVERED] = [
        ValueRef::Text(instance.as_str().as_bytes()),
        ValueRef::Integer(shard.0.into()),
        ValueRef::Integer(summary.execution.0.into()),
        ValueRef::Text(summary.name.as_str().as_bytes()),
        ValueRef::Integer(summary.state.number().into()),
        integer(summary.created_at.as_micros()),
        integer(summary.updated_at.as_micros()),
        integer(summary.turns),
        integer(summary.events),
        summary.wake_at.map_or(ValueRef::Null, |at| integer(at.as_micros())),
        integer(length),
    ];
    let attributes = attributes.map(ValueRef::Blob);
    let checksum = sqlite::checksum(values.into_iter().chain(attributes));
    let last = [ValueRef::Integer(checksum.into()), attributes.unwrap_or(ValueRef::Null)];
    values.into_iter().chain(last).map(ToSqlOutput::Borrowed)
}

/// What is stored of an instance, after what the other table knows it by.
pub(super) fn find(
    connection: &Connection,
    instance: &InstanceId,
) -> Result<Option<(i64, Archived)>, Failure> {
    let sql = format!("SELECT {COLUMNS}, instance FROM instances WHERE id = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([instance.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let archived = Archived { summary: summary(row)?, length: number(row.get(10)?) };
    // The index may have rotted, too.
    if archived.summary.instance != *instance {
        let reason = format!("its row is that of {}", archived.summary.instance);
        return Err(corrupt(instance, archived.summary.execution, reason));
    }
    Ok(Some((row.get(ATTRIBUTES + 1)?, archived)))
}

/// The first `limit` ids after `after`. Reads nothing but the index.
pub(super) fn ids(
    connection: &Connection,
    after: Option<&InstanceId>,
    limit: usize,
) -> Result<Vec<InstanceId>, Failure> {
    let sql = "SELECT id FROM instances INDEXED BY by_id WHERE id > ? ORDER BY id LIMIT ?";
    let mut statement = connection.prepare_cached(sql)?;
    let after = after.map_or("", InstanceId::as_str);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let ids = statement.query_and_then((after, limit), |row| {
        let id =
            String::from_utf8_lossy(row.get_ref(0)?.as_bytes().unwrap_or_default()).into_owned();
        let corrupt =
            || Failure::corrupt(format!("instance {}", id.escape_debug()), "its id is invalid");
        InstanceId::new(&*id).map_err(|_| corrupt())
    })?;
    ids.collect()
}

/// What a query for [`COLUMNS`] and nothing else finds.
pub(super) fn summaries<V: rusqlite::ToSql>(
    connection: &Connection,
    sql: &str,
    values: impl IntoIterator<Item = V>,
) -> Result<Vec<InstanceSummary>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    collect(&mut statement, params_from_iter(values))
}

/// How many rows are selected, by orchestration and state.
pub(super) fn counts<V: rusqlite::ToSql>(
    connection: &Connection,
    condition: &str,
    values: impl IntoIterator<Item = V>,
) -> Result<InstanceCounts, Failure> {
    let sql = format!(
        "SELECT name, state, count(*) FROM instances WHERE {condition} GROUP BY name, state"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut counts = InstanceCounts::default();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let corrupt =
            |reason| Failure::corrupt(format!("orchestration {}", name.escape_debug()), reason);
        let state = u8::try_from(row.get::<_, i64>(1)?).ok().and_then(InstanceState::from_number);
        let state = state.ok_or_else(|| corrupt("its instances are in an unknown state"))?;
        let valid = Name::new(&name).map_err(|_| corrupt("its name is invalid"))?;
        counts.add(&valid, state, number(row.get(2)?));
    }
    Ok(counts)
}

/// Shows what a query for [`COLUMNS`] and nothing else finds, until that is enough.
pub(super) fn each<V: rusqlite::ToSql>(
    connection: &Connection,
    sql: &str,
    values: impl IntoIterator<Item = V>,
    mut show: impl FnMut(InstanceSummary) -> bool,
) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query_and_then(params_from_iter(values), summary)?;
    while let Some(summary) = rows.next().transpose()? {
        if !show(summary) {
            break;
        }
    }
    Ok(())
}

fn collect(
    statement: &mut rusqlite::Statement<'_>,
    values: impl Params,
) -> Result<Vec<InstanceSummary>, Failure> {
    statement.query_and_then(values, summary)?.collect()
}

/// What a row with [`COLUMNS`] says.
pub(super) fn summary(row: &Row<'_>) -> Result<InstanceSummary, Failure> {
    let id = row.get_ref(0)?.as_bytes().unwrap_or_default();
    let id = String::from_utf8_lossy(id);
    let corrupt =
        |reason: &str| Failure::corrupt(format!("instance {}", id.escape_debug()), reason);
    // Before all else: what has rotted may not even be of the type that is expected.
    if !sqlite::is_whole_with(row, COVERED, ATTRIBUTES)? {
        return Err(corrupt("the checksum of its row does not fit"));
    }
    let time = |column| Ok::<_, rusqlite::Error>(Timestamp::from_micros(number(row.get(column)?)));
    let name: String = row.get(3)?;
    let state = u8::try_from(row.get::<_, i64>(4)?).ok().and_then(InstanceState::from_number);
    let wake_at: Option<i64> = row.get(9)?;
    let stored = row.get_ref(ATTRIBUTES)?.as_blob_or_null().unwrap_or_default();
    let attributes =
        stored.map(read_attributes).transpose().map_err(|_| corrupt("its attributes are none"))?;
    Ok(InstanceSummary {
        instance: InstanceId::new(&*id).map_err(|_| corrupt("its id is invalid"))?,
        execution: ExecutionId(row.get(2)?),
        name: Name::new(name).map_err(|_| corrupt("the name of its orchestration is invalid"))?,
        state: state.ok_or_else(|| corrupt("it is in an unknown state"))?,
        created_at: time(5)?,
        updated_at: time(6)?,
        turns: number(row.get(7)?),
        events: number(row.get(8)?),
        wake_at: wake_at.map(number).map(Timestamp::from_micros),
        attributes: attributes.unwrap_or_default(),
    })
}
