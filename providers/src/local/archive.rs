//! Histories in a file of SQLite. `ARCHIVE.md` beside this crate's sources describes it for people
//! who look into it with other tools.

mod absorb;
mod by_time;
mod earlier;
mod filter;
mod known;
mod pack;
mod pack_lists;
mod packs;
mod read;
mod row;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use reenact_core::{ExecutionId, InstanceId, ShardId};
use rusqlite::{Connection, OptionalExtension};

use self::filter::Selection;
use self::known::KnownPacks;
use self::read::{StoredIn, ask, find, read};
use self::row::number;
use super::sqlite::{self, ArchiveError, Failure, Kind, OpenedFile, Pool, Reading, lock};
use crate::archive::{Archive, Archived, Found, IDS_AT_ONCE, Part, Question, Span, Stretch};
use crate::journal::{JournalId, Position};
use crate::{
    FirstByTime, InstanceCounts, InstanceFilter, InstanceSummary, ProviderError, TimeOrder,
};

const KIND: Kind = Kind {
    what: "an archive of reenact",
    // "reAr"
    application_id: 0x7265_4172,
    version: 4,
    schema: concat!(
        include_str!("archive/schema.sql"),
        include_str!("archive/packs.sql"),
        include_str!("archive/attributes.sql"),
        include_str!("archive/executions.sql")
    ),
};

/// What makes an archive of a version one of the next: of version 1, of version 2, of version 3.
const UPGRADES: [&str; 3] = [
    include_str!("archive/packs.sql"),
    include_str!("archive/attributes.sql"),
    include_str!("archive/executions.sql"),
];

/// What archives that were made before have not. An index changes nothing of the format.
const ADDED: &str = "
    CREATE INDEX IF NOT EXISTS suspended ON instances (id) WHERE state = 5;
    CREATE INDEX IF NOT EXISTS parked ON instances (id) WHERE state = 6;
    CREATE INDEX IF NOT EXISTS telling ON instances (shard)
        WHERE state <> 0 AND wake_at IS NOT NULL;
    CREATE INDEX IF NOT EXISTS running_by_time ON instances (updated_at, name) WHERE state = 0;";

/// An [`Archive`] in one file, with SQLite.
///
/// Only one process at a time may have it open. What it takes of memory is bounded: 8 MiB for the
/// connection that writes and 2 MiB for each of eight that read, besides what a call itself returns
/// or takes.
pub struct SqliteArchive {
    file: Arc<OpenedFile>,
    /// Connections for what reads one instance: commits wait for it.
    lookups: Pool,
    /// Connections for what may take long.
    lists: Pool,
    /// How many finished instances of a part there must be for them to go into packs.
    packed_from: usize,
    known: KnownPacks,
    /// Closed last. `None` where it is only read.
    writer: Option<Mutex<Connection>>,
}

impl SqliteArchive {
    /// Makes an archive, readable for its owner only; the directory must be there. A crash leaves
    /// all of it or nothing.
    ///
    /// # Errors
    /// `Exists`, `Refused`.
    pub fn create(path: &Path, journal: JournalId) -> Result<Self, ArchiveError> {
        Self::on(path, sqlite::create(path, &KIND, journal)?)
    }

    /// Opens the archive of a store. Unless it is one, nothing on the disk is changed. One of an older version
    /// becomes one of the newest, which a reenact of before refuses.
    ///
    /// # Errors
    /// Any [`ArchiveError`] but `Exists`.
    pub fn open(path: &Path, journal: JournalId) -> Result<Self, ArchiveError> {
        let archive = Self::on(path, sqlite::open(path, &KIND, journal)?)?;
        if let Some(writer) = archive.writer.as_ref().map(lock) {
            let added = writer.execute_batch(ADDED);
            added.map_err(|error| ArchiveError::refused(path, error))?;
            sqlite::upgrade(&writer, path, &KIND, &UPGRADES)?;
        }
        Ok(archive)
    }

    /// Opens the archive of a store that nobody writes, to read it. Nothing on the disk is changed, and
    /// nothing is made beside it. [`absorb`](Archive::absorb) refuses.
    ///
    /// # Errors
    /// Any [`ArchiveError`] but `Exists`; `OlderFormat` for one of an older version.
    pub fn open_read_only(path: &Path, journal: JournalId) -> Result<Self, ArchiveError> {
        let reading = sqlite::open_to_read(path, &KIND, journal)?;
        Self::read_by(path, reading, None)
    }

    /// Stores instances that began and ended between two parts together when there are at least this number
    /// of them; fewer become rows.
    #[must_use]
    pub fn packed_from(mut self, instances: usize) -> Self {
        self.packed_from = instances;
        self
    }

    fn on(path: &Path, writer: Connection) -> Result<Self, ArchiveError> {
        Self::read_by(path, Reading::BesideAWriter, Some(Mutex::new(writer)))
    }

    fn read_by(
        path: &Path,
        reading: Reading,
        writer: Option<Mutex<Connection>>,
    ) -> Result<Self, ArchiveError> {
        let file = OpenedFile::at(path).map_err(|error| ArchiveError::refused(path, error))?;
        let file = Arc::new(file);
        Ok(Self {
            lookups: Pool::new(file.clone(), reading),
            lists: Pool::new(file.clone(), reading),
            packed_from: packs::MIN_INSTANCES,
            known: KnownPacks::default(),
            writer,
            file,
        })
    }

    /// Lets SQLite look through the whole file. Takes long for a large one.
    ///
    /// # Errors
    /// `Corrupt`: what SQLite has found. `Unavailable`.
    pub(super) fn check(&self) -> Result<(), ProviderError> {
        self.reading(&self.lists, |connection| {
            let found: String =
                connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            match &*found {
                "ok" => Ok(()),
                wrong => Err(Failure::corrupt("the file", wrong)),
            }
        })
    }

    fn path(&self) -> &Path {
        self.file.path()
    }

    /// Reads with several statements that all see the archive at the same instant.
    fn reading<T>(
        &self,
        pool: &Pool,
        read: impl Fn(&Connection) -> Result<T, Failure>,
    ) -> Result<T, ProviderError> {
        let read = || {
            let reader = pool.reader()?;
            let result = read_at_once(&reader, &read);
            if result.as_ref().is_err_and(Failure::may_be_of_one_read) {
                reader.discard();
            }
            result
        };
        let result = match read() {
            // One read that goes wrong is no damage: another connection looks at the file itself.
            Err(failure) if failure.may_be_of_one_read() => read(),
            result => result,
        };
        result.map_err(|failure| failure.of(self.path()))
    }
}

/// All statements see the archive at the same instant.
fn read_at_once<T>(
    reader: &Connection,
    read: impl Fn(&Connection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    // Kept statements: to parse them anew takes longer than to read an instance.
    reader.prepare_cached("BEGIN")?.execute([])?;
    let _snapshot = Snapshot(reader);
    read(reader)
}

/// Ends a transaction that has only read, also where that has panicked.
struct Snapshot<'a>(&'a Connection);

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        let ended = self.0.prepare_cached("COMMIT").and_then(|mut end| end.execute([]));
        if ended.is_err() {
            // What reads next would see what this one has seen. An error has ended it already.
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

impl Drop for SqliteArchive {
    fn drop(&mut self) {
        if let Some(writer) = &self.writer {
            sqlite::before_the_last_is_closed(&lock(writer), &self.file);
        }
    }
}

impl fmt::Debug for SqliteArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteArchive").field("path", &self.path()).finish_non_exhaustive()
    }
}

impl Archive for SqliteArchive {
    fn position(&self, shard: ShardId) -> Result<Position, ProviderError> {
        self.reading(&self.lookups, |connection| position(connection, shard))
    }

    fn absorb(&self, part: &Part<'_>) -> Result<(), ProviderError> {
        let writer = self.writer.as_ref().ok_or_else(|| ProviderError::ReadOnly {
            place: crate::Place(self.path().display().to_string()),
        })?;
        let mut writer = lock(writer);
        let absorbed = self.file.check();
        let absorbed = absorbed
            .and_then(|()| absorb::absorb(&mut writer, &self.known, part, self.packed_from));
        absorbed.map_err(|failure| failure.of(self.path()))?;
        sqlite::keep_log_small(&writer, self.path());
        Ok(())
    }

    fn look_up(&self, instance: &InstanceId) -> Result<Option<Archived>, ProviderError> {
        self.reading(&self.lookups, |connection| {
            Ok(find(connection, &self.known, instance)?.map(|(_, archived)| archived))
        })
    }

    fn executions(&self, instance: &InstanceId) -> Result<Vec<Archived>, ProviderError> {
        self.reading(&self.lookups, |connection| {
            let found = find(connection, &self.known, instance)?;
            let Some((stored_in, newest)) = found else { return Ok(Vec::new()) };
            let mut executions = match stored_in {
                StoredIn::Row(key) => earlier::all(connection, key, instance)?,
                StoredIn::Pack(_) => Vec::new(),
            };
            executions.push(newest);
            Ok(executions)
        })
    }

    fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<Option<Stretch>, ProviderError> {
        self.reading(&self.lookups, |connection| {
            let found = find(connection, &self.known, instance)?;
            let Some((stored_in, archived)) = found else { return Ok(None) };
            read(connection, stored_in, &archived, Span { execution: Some(execution), from, limit })
        })
    }

    fn ask(&self, questions: &[Question]) -> Vec<Result<Option<Found>, ProviderError>> {
        // What fails must not be that of all of them.
        let asked = self.reading(&self.lookups, |connection| {
            let asked =
                questions.iter().map(|question| ask(connection, &self.known, question).ok());
            Ok(asked.collect::<Vec<_>>())
        });
        let mut answers = asked.unwrap_or_default().into_iter();
        let alone = |question| {
            self.reading(&self.lookups, |connection| ask(connection, &self.known, question))
        };
        questions
            .iter()
            .map(|question| answers.next().flatten().map_or_else(|| alone(question), Ok))
            .collect()
    }

    /// Reads the index of the rows, and the heads of the packs. What goes from a pack to a row meanwhile
    /// is absorbed meanwhile.
    fn visit_ids(
        &self,
        visit: &mut dyn FnMut(&[InstanceId]) -> bool,
    ) -> Result<bool, ProviderError> {
        let mut after: Option<InstanceId> = None;
        loop {
            let ids = self.reading(&self.lookups, |connection| {
                row::ids(connection, after.as_ref(), IDS_AT_ONCE)
            })?;
            if !visit(&ids) {
                return Ok(false);
            }
            after = ids.last().filter(|_| ids.len() >= IDS_AT_ONCE).cloned();
            if after.is_none() {
                break;
            }
        }
        let mut number = 0;
        loop {
            let pack = self.reading(&self.lookups, |connection| {
                packs::ids_of_next(connection, &self.known, number)
            })?;
            let Some((pack, ids)) = pack else { return Ok(true) };
            if !visit(&ids) {
                return Ok(false);
            }
            number = pack;
        }
    }

    fn list(
        &self,
        filter: &InstanceFilter,
        after: Option<&InstanceId>,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        let Some(selection) = Selection::of(filter, after) else { return Ok(Vec::new()) };
        self.reading(&self.lists, |connection| {
            let mut found = selection.list(connection, filter, limit)?;
            pack_lists::list(connection, filter, after, limit, &mut found)?;
            Ok(found)
        })
    }

    fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        let Some(selection) = Selection::of_all(filter) else { return Ok(0) };
        self.reading(&self.lists, |connection| {
            let condition = selection.condition();
            let sql = format!("SELECT count(*) FROM instances WHERE {condition}");
            let mut statement = connection.prepare_cached(&sql)?;
            let values = rusqlite::params_from_iter(selection.values());
            let rows: u64 = statement.query_row(values, |row| row.get(0).map(number))?;
            Ok(rows + pack_lists::count(connection, filter)?)
        })
    }

    fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
        skip: &dyn Fn(&InstanceId) -> bool,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.reading(&self.lists, |connection| {
            let mut first = FirstByTime::new(order, limit);
            by_time::list(connection, filter, skip, &mut first)?;
            pack_lists::list_by_time(connection, filter, skip, &mut first)?;
            Ok(first.into_list())
        })
    }

    fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        let Some(selection) = Selection::of_all(filter) else {
            return Ok(InstanceCounts::default());
        };
        self.reading(&self.lists, |connection| {
            let mut counts = row::counts(connection, &selection.condition(), selection.values())?;
            pack_lists::counts(connection, filter, &mut counts)?;
            Ok(counts)
        })
    }

    fn to_wake(&self, shard: ShardId) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.reading(&self.lists, |connection| {
            let waking = |condition: &str| {
                let sql = format!(
                    "SELECT {} FROM instances INDEXED BY {condition}
                     AND shard = ? AND wake_at IS NOT NULL",
                    row::COLUMNS
                );
                row::summaries(connection, &sql, [i64::from(shard.0)])
            };
            // Few are suspended, or have yet to tell others that they have finished.
            let others = waking("telling WHERE state <> 0")?;
            Ok([waking("waking WHERE state = 0")?, others].concat())
        })
    }
}

fn position(connection: &Connection, shard: ShardId) -> Result<Position, Failure> {
    let position = connection
        .prepare_cached("SELECT segment, offset, sequence FROM shards WHERE shard = ?")?
        .query_row([shard.0], |row| {
            let [segment, offset, sequence] = [row.get(0)?, row.get(1)?, row.get(2)?].map(number);
            Ok(Position { segment, offset, sequence })
        })
        .optional()?;
    Ok(position.unwrap_or(Position::START))
}
