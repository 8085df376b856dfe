//! Packs in the file: which there are, and what is in which.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use reenact_core::{ExecutionId, InstanceId};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::known::KnownPacks;
use super::pack::{self, Member};
use super::row::{number, stored};
use crate::archive::{Growth, TurnRun};
use crate::local::sqlite::{self, Failure};
use crate::{InstanceState, InstanceSummary};

/// Fewer finished instances of one flush are stored as rows: a pack of few saves nothing.
pub(super) const MIN_INSTANCES: usize = 32;

/// Packs whose instances are kept in memory while a part is absorbed.
const MAX_KEPT: usize = 256;

/// What a pack is read from, in this order. The last one is the checksum of the others.
pub(super) const COLUMNS: &str = "pack, shard, first, last, instances, live, name, created_first, created_last, \
     finished_first, finished_last, gone, checksum";

/// How many columns the checksum is of.
const COVERED: usize = 12;

/// What is known of a pack without its blobs.
#[derive(Clone, Debug)]
pub(super) struct Pack {
    pack: i64,
    shard: u32,
    pub(super) first: String,
    pub(super) last: String,
    instances: u32,
    pub(super) live: u32,
    /// The name of the orchestration, if it is one for all.
    pub(super) name: Option<String>,
    pub(super) created: (u64, u64),
    pub(super) finished: (u64, u64),
    /// A bit for each instance that was purged, or has gone on.
    gone: Vec<u8>,
}

/// An instance in a pack.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pack: i64,
    slot: usize,
    member: Member,
}

impl Place {
    pub(super) const fn member(&self) -> &Member {
        &self.member
    }
}

/// Whether an instance may go into a pack: it began and ended since the last flush, nothing is under
/// its id, and it has nothing left to do.
pub(super) fn takes(growth: &Growth) -> bool {
    /// Times from here on are no times; they would have another order as stored numbers.
    const END_OF_TIME: u64 = 1 << 63;
    let Growth { summary, starts_anew, run, .. } = growth;
    let times = [summary.created_at, summary.updated_at].map(|time| time.as_micros());
    !starts_anew
        && summary.state == InstanceState::Completed
        && summary.wake_at.is_none()
        // Those have an index by their attributes.
        && summary.attributes.is_empty()
        && summary.execution == ExecutionId::FIRST
        && run.execution == ExecutionId::FIRST
        && run.first == 0
        && times.iter().all(|time| *time < END_OF_TIME)
        && run.turns.iter().map(|turn| turn.len()).sum::<usize>() <= pack::MAX_INSTANCE_BYTES
}

/// Stores finished instances of a shard, ordered by id, in as many packs as it takes.
pub(super) fn add(
    connection: &Connection,
    known: &KnownPacks,
    shard: u32,
    growths: &[&Growth],
) -> Result<(), Failure> {
    let mut rest = growths;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(count_of_one(rest));
        add_one(connection, known, shard, now)?;
        rest = later;
    }
    Ok(())
}

fn count_of_one(growths: &[&Growth]) -> usize {
    let mut bytes = 0;
    let fits = |growth: &&&Growth| {
        let has_room = bytes < pack::FULL_FROM_BYTES;
        bytes += growth.run.turns.iter().map(|turn| turn.len()).sum::<usize>();
        has_room
    };
    growths.iter().take(pack::MAX_INSTANCES).take_while(fits).count()
}

fn add_one(
    connection: &Connection,
    known: &KnownPacks,
    shard: u32,
    growths: &[&Growth],
) -> Result<(), Failure> {
    let (Some(first), Some(last)) = (growths.first(), growths.last()) else { return Ok(()) };
    let newest: Option<i64> = connection
        .prepare_cached("SELECT max(pack) FROM packs")?
        .query_row([], |row| row.get(0))?;
    let number = known.next_number(newest.unwrap_or(0));
    let name = first.summary.name.as_str();
    let is_one = growths.iter().all(|growth| growth.summary.name.as_str() == name);
    let span = |time: fn(&InstanceSummary) -> u64| {
        let times = growths.iter().map(|growth| time(&growth.summary));
        (times.clone().min().unwrap_or(0), times.max().unwrap_or(0))
    };
    let pack = Pack {
        pack: number,
        shard,
        first: first.summary.instance.as_str().to_owned(),
        last: last.summary.instance.as_str().to_owned(),
        instances: growths.len() as u32,
        live: growths.len() as u32,
        name: is_one.then(|| name.to_owned()),
        created: span(|summary| summary.created_at.as_micros()),
        finished: span(|summary| summary.updated_at.as_micros()),
        gone: Vec::new(),
    };
    pack.write(connection)?;
    let (heads, turns) = pack::encode(number, growths);
    let sql = "INSERT INTO packed (pack, heads, turns) VALUES (?, ?, ?)";
    connection.prepare_cached(sql)?.execute(params![number, heads, turns])?;
    Ok(())
}

/// Finds the place of an instance; `None` when it is in no pack.
pub(super) fn find(
    connection: &Connection,
    known: &KnownPacks,
    instance: &InstanceId,
) -> Result<Option<Place>, Failure> {
    Finder::new(known).find(connection, instance)
}

/// Looks for instances, and keeps what it has read of packs for the next one.
#[derive(Debug)]
pub(super) struct Finder<'a> {
    kept: HashMap<i64, (Pack, Vec<Member>)>,
    known: &'a KnownPacks,
}

impl<'a> Finder<'a> {
    pub(super) fn new(known: &'a KnownPacks) -> Self {
        Self { kept: HashMap::new(), known }
    }

    /// Finds the place of an instance; `None` when it is in no pack.
    pub(super) fn find(
        &mut self,
        connection: &Connection,
        instance: &InstanceId,
    ) -> Result<Option<Place>, Failure> {
        let sql =
            "SELECT pack FROM packs INDEXED BY packs_by_last WHERE last >= ?1 AND first <= ?1";
        let mut statement = connection.prepare_cached(sql)?;
        let packs = statement.query_map([instance.as_str()], |row| row.get(0))?;
        let mut packs = packs.collect::<Result<Vec<i64>, _>>()?;
        self.known.keep_possible(&mut packs, instance);
        for number in packs {
            let (pack, members) = self.open(connection, number)?;
            let slot = members.binary_search_by(|member| member.id().cmp(instance));
            if let Ok(slot) = slot
                && !pack.is_gone(slot)
            {
                let member = members[slot].clone();
                return Ok(Some(Place { pack: number, slot, member }));
            }
        }
        Ok(None)
    }

    /// Takes an instance out of its pack. A pack that has none left is removed.
    pub(super) fn remove(&mut self, connection: &Connection, place: &Place) -> Result<(), Failure> {
        let (pack, _) = self.open(connection, place.pack)?;
        pack.lose(place.slot);
        if pack.live > 0 {
            return pack.write(connection);
        }
        for sql in ["DELETE FROM packed WHERE pack = ?", "DELETE FROM packs WHERE pack = ?"] {
            connection.prepare_cached(sql)?.execute([place.pack])?;
        }
        self.kept.remove(&place.pack);
        self.known.forget(place.pack);
        Ok(())
    }

    fn open(
        &mut self,
        connection: &Connection,
        number: i64,
    ) -> Result<&mut (Pack, Vec<Member>), Failure> {
        if self.kept.len() >= MAX_KEPT && !self.kept.contains_key(&number) {
            self.kept.clear();
        }
        Ok(match self.kept.entry(number) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(new) => {
                let sql = format!("SELECT {COLUMNS} FROM packs WHERE pack = ?");
                let mut statement = connection.prepare_cached(&sql)?;
                let pack = statement.query_and_then([number], Pack::read)?.next().transpose()?;
                let pack = pack.ok_or_else(|| corrupt(number, "it is in an index only"))?;
                let members = pack.members(connection)?;
                self.known.learn(number, members.iter());
                new.insert((pack, members))
            }
        })
    }
}

/// The ids of the pack with the lowest number above `after`, and that number; `None` when there is
/// none.
pub(super) fn ids_of_next(
    connection: &Connection,
    known: &KnownPacks,
    after: i64,
) -> Result<Option<(i64, Vec<InstanceId>)>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM packs WHERE pack > ? ORDER BY pack LIMIT 1");
    let mut statement = connection.prepare_cached(&sql)?;
    let pack = statement.query_and_then([after], Pack::read)?.next().transpose()?;
    let Some(pack) = pack else { return Ok(None) };
    let members = pack.members(connection)?;
    known.learn(pack.pack, members.iter());
    let there = members.into_iter().enumerate().filter(|(slot, _)| !pack.is_gone(*slot));
    let ids = there.map(|(_, member)| member.archived.summary.instance).collect();
    Ok(Some((pack.pack, ids)))
}

/// The turns of an instance in a pack.
pub(super) fn run_of(connection: &Connection, place: &Place) -> Result<TurnRun, Failure> {
    let Place { pack, member, .. } = place;
    let sql = "SELECT turns FROM packed WHERE pack = ?";
    let blob: Option<Vec<u8>> =
        connection.prepare_cached(sql)?.query_row([pack], |row| row.get(0)).optional()?;
    let blob = blob.ok_or_else(|| corrupt(*pack, "its turns are missing"))?;
    let turns = pack::turns(*pack, &blob, member).map_err(|reason| {
        let InstanceSummary { instance, execution, .. } = member.summary();
        super::row::corrupt(instance, *execution, format!("in pack {pack}, {reason}"))
    })?;
    let turns = turns.into_iter().map(Into::into).collect();
    Ok(TurnRun { execution: member.summary().execution, first: 0, turns })
}

impl Pack {
    pub(super) fn is_gone(&self, slot: usize) -> bool {
        self.gone.get(slot / 8).is_some_and(|byte| byte & (1 << (slot % 8)) != 0)
    }

    fn lose(&mut self, slot: usize) {
        if self.is_gone(slot) {
            return;
        }
        self.gone.resize((self.instances as usize).div_ceil(8), 0);
        self.gone[slot / 8] |= 1 << (slot % 8);
        self.live = self.live.saturating_sub(1);
    }

    pub(super) fn members(&self, connection: &Connection) -> Result<Vec<Member>, Failure> {
        let sql = "SELECT heads FROM packed WHERE pack = ?";
        let heads: Option<Vec<u8>> =
            connection.prepare_cached(sql)?.query_row([self.pack], |row| row.get(0)).optional()?;
        let heads = heads.ok_or_else(|| corrupt(self.pack, "its instances are missing"))?;
        let members =
            pack::members(self.pack, &heads).map_err(|reason| corrupt(self.pack, reason))?;
        if members.len() != self.instances as usize {
            return Err(corrupt(self.pack, "there are more or fewer instances than it says"));
        }
        Ok(members)
    }

    fn write(&self, connection: &Connection) -> Result<(), Failure> {
        let sql = format!(
            "INSERT OR REPLACE INTO packs ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        );
        let integer = |number| ValueRef::Integer(stored(number));
        let values: [_; COVERED] = [
            ValueRef::Integer(self.pack),
            integer(self.shard.into()),
            ValueRef::Text(self.first.as_bytes()),
            ValueRef::Text(self.last.as_bytes()),
            integer(self.instances.into()),
            integer(self.live.into()),
            self.name.as_ref().map_or(ValueRef::Null, |name| ValueRef::Text(name.as_bytes())),
            integer(self.created.0),
            integer(self.created.1),
            integer(self.finished.0),
            integer(self.finished.1),
            ValueRef::Blob(&self.gone),
        ];
        let checksum = ValueRef::Integer(sqlite::checksum(values).into());
        let values = values.into_iter().chain([checksum]);
        let values = values.map(rusqlite::types::ToSqlOutput::Borrowed);
        connection.prepare_cached(&sql)?.execute(rusqlite::params_from_iter(values))?;
        Ok(())
    }

    pub(super) fn read(row: &Row<'_>) -> Result<Self, Failure> {
        // Before all else: what has rotted may not even be of the type that is expected.
        if !sqlite::is_whole(row, COVERED)? {
            let pack = row.get_ref(0)?.as_i64().unwrap_or_default();
            return Err(corrupt(pack, "the checksum of its row does not fit"));
        }
        let span = |first, last| {
            Ok::<_, rusqlite::Error>((number(row.get(first)?), number(row.get(last)?)))
        };
        Ok(Self {
            pack: row.get(0)?,
            shard: row.get(1)?,
            first: row.get(2)?,
            last: row.get(3)?,
            instances: row.get(4)?,
            live: row.get(5)?,
            name: row.get(6)?,
            created: span(7, 8)?,
            finished: span(9, 10)?,
            gone: row.get(11)?,
        })
    }
}

fn corrupt(pack: i64, reason: &str) -> Failure {
    Failure::corrupt(format!("pack {pack}"), reason)
}
