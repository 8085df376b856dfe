//! Finding an instance, and reading the turns of its executions.

use reenact_core::{ExecutionId, InstanceId};
use rusqlite::{Connection, params};

use super::earlier;
use super::known::KnownPacks;
use super::packs::{self, Place};
use super::row::{self, number, stored};
use crate::archive::{Archived, Found, Question, Span, Stretch, chunk};
use crate::local::sqlite::Failure;
use crate::{InstanceSummary, StoredTurn};

/// The place in which an instance is stored.
pub(super) enum StoredIn {
    /// As a row, which its turns know by this.
    Row(i64),
    Pack(Place),
}

/// Looks up where an instance is, and what is stored of it.
pub(super) fn find(
    connection: &Connection,
    known: &KnownPacks,
    instance: &InstanceId,
) -> Result<Option<(StoredIn, Archived)>, Failure> {
    if let Some((key, archived)) = row::find(connection, instance)? {
        return Ok(Some((StoredIn::Row(key), archived)));
    }
    let place = packs::find(connection, known, instance)?;
    Ok(place.map(|place| (StoredIn::Pack(place.clone()), place.member().archived.clone())))
}

/// Answers a question.
pub(super) fn ask(
    connection: &Connection,
    known: &KnownPacks,
    question: &Question,
) -> Result<Option<Found>, Failure> {
    let Some((stored_in, archived)) = find(connection, known, &question.instance)? else {
        return Ok(None);
    };
    let read = question.turns.map(|span| read(connection, stored_in, &archived, span));
    let stretch = read.transpose()?.flatten();
    Ok(Some(Found { archived, stretch }))
}

/// The chunks of an execution.
pub(super) const FROM_THE_FIRST: &str = "
    SELECT first, count, bytes FROM turns WHERE instance = ? AND execution = ? ORDER BY first";

/// The chunks from the one that has some turn.
pub(super) const FROM: &str = "
    SELECT first, count, bytes FROM turns
    WHERE instance = ?1 AND execution = ?2 AND first >= (
        SELECT max(first) FROM turns WHERE instance = ?1 AND execution = ?2 AND first <= ?3)
    ORDER BY first";

/// The execution that is asked for, and how many turns it has; `None` when nothing of it is there.
fn span_of(
    connection: &Connection,
    stored_in: &StoredIn,
    newest: &Archived,
    span: Span,
) -> Result<Option<(ExecutionId, u64)>, Failure> {
    // Not what the rows of turns say: the last of them may be gone.
    let Archived { summary: InstanceSummary { execution, .. }, length } = newest;
    let asked = span.execution.unwrap_or(*execution);
    let length = match stored_in {
        _ if asked == *execution => Some(*length),
        StoredIn::Row(key) => earlier::length(connection, *key, asked)?,
        StoredIn::Pack(_) => None,
    };
    Ok(length.filter(|length| *length > 0).map(|length| (asked, length)))
}

/// Turns of an execution of an instance, of which `newest` is the newest.
pub(super) fn read(
    connection: &Connection,
    stored_in: StoredIn,
    newest: &Archived,
    span: Span,
) -> Result<Option<Stretch>, Failure> {
    let (from, limit) = (span.from, span.limit.max(1));
    let instance = &newest.summary.instance;
    let Some((execution, length)) = span_of(connection, &stored_in, newest, span)? else {
        return Ok(None);
    };
    let mut turns = Vec::new();
    if from >= length {
        return Ok(Some(Stretch { turns, length }));
    }
    let key = match stored_in {
        StoredIn::Row(key) => key,
        StoredIn::Pack(place) => {
            let run = packs::run_of(connection, &place)?;
            let numbered = (0..).zip(run.turns).map(|(number, bytes)| StoredTurn { number, bytes });
            let turns = numbered.skip_while(|turn| turn.number < from).take(limit).collect();
            return Ok(Some(Stretch { turns, length }));
        }
    };
    let mut chunks = connection.prepare_cached(if from == 0 { FROM_THE_FIRST } else { FROM })?;
    let mut chunks = match from {
        0 => chunks.query(params![key, execution.0])?,
        from => chunks.query(params![key, execution.0, stored(from)])?,
    };
    let corrupt = |reason: &str| row::corrupt(instance, execution, reason);
    let mut next = from;
    while turns.len() < limit
        && let Some(row) = chunks.next()?
    {
        let (first, count) = (number(row.get(0)?), number(row.get(1)?));
        if first > next {
            return Err(corrupt("turns are missing"));
        }
        let blob = row.get_ref(2)?.as_blob().map_err(|_| corrupt("turns are no blob"))?;
        let chunk = chunk::decode(instance, execution, first, count, blob).map_err(corrupt)?;
        let wanted = (first..).zip(chunk).filter(|(number, _)| *number >= next);
        let wanted = wanted.take(limit - turns.len());
        turns.extend(wanted.map(|(number, bytes)| StoredTurn { number, bytes: bytes.into() }));
        next = next.max(first.saturating_add(count));
    }
    if turns.len() < limit && next < length {
        return Err(corrupt("turns are missing"));
    }
    if next > length {
        return Err(corrupt("there are more turns than its row says"));
    }
    Ok(Some(Stretch { turns, length }))
}
