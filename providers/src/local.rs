//! Durable on one machine: a directory.
//!
//! | in it | what |
//! |---|---|
//! | `STORE` | what it is: format, name of the store, number of shards |
//! | `LOCK` | locked by the one process that has it open, and says which |
//! | `shard-0000`, ... | the journal of each shard: see `JOURNAL.md` |
//! | `large-0000`, ... | the turns of each shard that are too large for its journal, if there are any |
//! | `archive.db` | the histories that the journals have given to the archive: see `ARCHIVE.md` |
//!
//! A directory of an earlier version also has `messages.db`, a queue of messages that nothing ever sent or
//! received. It is left alone: it is neither read nor written, and may be removed.

mod archive;
mod large_turns;
mod machine;
mod read_only;
mod sqlite;
mod writable;

pub use archive::SqliteArchive;
pub use machine::check_machine;
pub use sqlite::ArchiveError;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use self::large_turns::LargeTurnFiles;
use self::sqlite::is_no_room;
use crate::identity::{self, StoreIdentity};
use crate::journal::JournalId;
use crate::journaled::{Journaled, Options};
use crate::limits::{DEFAULT_LOCAL_SHARDS, MAX_SHARDS};
use crate::medium::lock::LOCK;
use crate::medium::{Directory, Disk, DiskFile, Medium, MediumError, RealDisk, StoreLock};
use crate::{
    Finding, HistoryStore, OpenError, Place, Provider, ProviderError, ShardLease, Sharing,
    SystemClock, TimerScheduler,
};

/// What the store says about itself.
const STORE: &str = "STORE";

/// Says that a store is being made; becomes [`STORE`].
const BEGUN: &str = "STORE.new";

/// The histories.
const ARCHIVE: &str = "archive.db";

/// What an earlier version made beside the archive. Nothing was ever put into it.
const MESSAGES: &str = "messages.db";

/// How the directories of the journals begin.
const SHARD: &str = "shard-";

/// The default store of a program on one machine: a directory that no other process uses at the same
/// time. What is acknowledged survives a crash of the process and of the machine.
///
/// Clones are the same store. When the last one is dropped, it is closed; that waits for what is
/// being written.
///
/// ```
/// # fn main() -> Result<(), reenact_providers::OpenError> {
/// # let scratch = std::env::temp_dir().join(format!("reenact-doc-{}", std::process::id()));
/// # let path = &scratch;
/// use reenact_providers::{Local, Provider};
///
/// let store = Local::open(path)?; // it is made if it is not there
/// assert_eq!(store.shards(), 2);
/// # drop(store);
/// # std::fs::remove_dir_all(path).expect("it is there");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Local {
    histories: Journaled<Directory<RealDisk>, SqliteArchive>,
    large_turns: Option<LargeTurnFiles>,
    clock: Arc<dyn TimerScheduler>,
    path: PathBuf,
}

/// How a local store is opened.
#[derive(Clone)]
#[must_use = "options do nothing until a store is opened with them"]
pub struct LocalOptions {
    shards: u32,
    clock: Arc<dyn TimerScheduler>,
    large_payloads: bool,
    journaled: Options,
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self {
            shards: DEFAULT_LOCAL_SHARDS,
            clock: Arc::new(SystemClock),
            large_payloads: false,
            journaled: Options::default(),
        }
    }
}

impl Local {
    /// Opens a store, and makes it if there is nothing at `path`; the directory that it is to be in
    /// must be there. The same as [`LocalOptions::open`] with the default.
    ///
    /// # Errors
    /// [`OpenError`]; what is stored is as it was then.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        LocalOptions::default().open(path)
    }

    /// Opens a store to read it, while no other process writes to it; several may read it at the same time, and
    /// a process that is to write to it is refused meanwhile. The same as [`LocalOptions::open_read_only`]
    /// with the default.
    ///
    /// # Errors
    /// [`OpenError`], as there. Nothing is changed.
    ///
    /// ```
    /// # fn main() -> Result<(), reenact_providers::OpenError> {
    /// # let scratch = std::env::temp_dir().join(format!("reenact-read-{}", std::process::id()));
    /// # let path = &scratch;
    /// use reenact_providers::{Local, OpenError};
    ///
    /// let writer = Local::open(path)?;
    /// assert!(matches!(Local::open_read_only(path), Err(OpenError::InUse { .. })));
    /// drop(writer);
    /// let reader = Local::open_read_only(path)?;
    /// let beside = Local::open_read_only(path)?;
    /// assert!(matches!(Local::open(path), Err(OpenError::InUse { .. })));
    /// # drop((reader, beside));
    /// # std::fs::remove_dir_all(path).expect("it is there");
    /// # Ok(())
    /// # }
    /// ```
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        LocalOptions::default().open_read_only(path)
    }
}

impl LocalOptions {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of shards, if the store is made now: 0 counts as 1, and more than
    /// [`MAX_SHARDS`] as that. A store that exists keeps its own for ever. More shards use more
    /// processors; fewer put more into each sync of the disk.
    pub const fn shards(mut self, shards: u32) -> Self {
        self.shards = shards;
        self
    }

    /// The clock that durable timers run on: the system's by default.
    pub fn clock(mut self, clock: impl TimerScheduler) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Whether payloads may have up to [`MAX_LARGE_PAYLOAD_BYTES`](reenact_core::limits::MAX_LARGE_PAYLOAD_BYTES): by
    /// default they may not. A turn that is too large for the journal is in a file of its own then. What was stored so
    /// can be read with and without this.
    pub const fn large_payloads(mut self, takes_large: bool) -> Self {
        self.large_payloads = takes_large;
        self
    }

    /// Bytes that a shard holds in memory until they go into the archive. At twice as many, appends
    /// wait for that. 0 counts as 1.
    pub const fn flush_bytes(mut self, bytes: usize) -> Self {
        self.journaled.flush_bytes = bytes;
        self
    }

    /// Bytes that all shards together hold in memory until the fullest of them go into the archive. At
    /// twice as many, appends to those wait for that. 0 counts as 1.
    pub const fn memory_bytes(mut self, bytes: usize) -> Self {
        self.journaled.memory_bytes = bytes;
        self
    }

    /// The size of the first segment of a journal, and the size from which segments grow no further, in
    /// bytes. A commit that is larger than a segment gets one of its own size.
    pub const fn segment_bytes(mut self, first: u64, most: u64) -> Self {
        self.journaled.journal.first_segment_bytes = first;
        self.journaled.journal.max_segment_bytes = most;
        self
    }

    /// Opens a store, and makes it if there is nothing at `path`; the directory that it is to be in
    /// must be there. Reads what the journals have that the archive has not; that takes a second at
    /// most for each 64 MiB, and blocks.
    ///
    /// # Errors
    /// [`OpenError`]; what is stored is as it was then.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Local, OpenError> {
        let path = path.as_ref();
        // It means the same wherever the process works later.
        let path = std::path::absolute(path).map_err(|error| refused(path, error))?;
        let site = Site { path };
        self.open_at(&site).map_err(|error| site.not_opened(error))
    }

    fn open_at(&self, site: &Site) -> Result<Local, OpenError> {
        let is_new = look_again(|| site.look())?.is_new();
        let root = if is_new { RealDisk::make(&site.path) } else { RealDisk::open(&site.path) };
        let root = root.map_err(|error| refused(&site.path, error))?;
        let lock = Arc::new(StoreLock::acquire(&site.path)?);
        // Another process may have made it meanwhile.
        let identity = match look_again(|| site.look())? {
            Found::Store(identity) => {
                writable::check(&site.path)?;
                identity
            }
            Found::Nothing => site.make(&root, self)?,
        };
        let opened = look_again(|| self.open_parts(site, identity, &lock))?;
        // All of it is the one directory that was locked.
        match root.moved_from().map_err(|error| refused(&site.path, error))? {
            None => Ok(opened),
            Some(place) => Err(ProviderError::Moved { place: Place(place) }.into()),
        }
    }

    fn open_parts(
        &self,
        site: &Site,
        identity: StoreIdentity,
        lock: &Arc<StoreLock>,
    ) -> Result<Local, OpenError> {
        let journal = identity.journal;
        let media = site.media(identity, lock)?;
        let archive = SqliteArchive::open(&site.path.join(ARCHIVE), journal)?;
        let clock = Arc::clone(&self.clock);
        let histories =
            Journaled::open(journal, media, archive, Arc::clone(&clock), self.journaled)?;
        let large_turns =
            LargeTurnFiles::within(&site.path, identity, Some(lock), self.large_payloads);
        Ok(Local { histories, large_turns, clock, path: site.path.clone() })
    }
}

/// Looks twice where something cannot be read or seems to be damaged: one read that goes wrong is no
/// damage. Opening changes nothing before all of it was read.
fn look_again<T>(mut look: impl FnMut() -> Result<T, OpenError>) -> Result<T, OpenError> {
    match look() {
        Err(OpenError::Damaged { .. } | OpenError::Refused { .. }) => look(),
        other => other,
    }
}

/// Where a store is or is to be.
struct Site {
    path: PathBuf,
}

enum Found {
    /// Nothing, or the beginnings of a store that was never made.
    Nothing,
    Store(StoreIdentity),
}

impl Found {
    const fn is_new(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

impl Site {
    fn shard(&self, shard: u32) -> PathBuf {
        self.path.join(format!("{SHARD}{shard:04}"))
    }

    /// The journals, which keep the store locked.
    fn media(
        &self,
        identity: StoreIdentity,
        lock: &Arc<StoreLock>,
    ) -> Result<Vec<Directory<RealDisk>>, OpenError> {
        let medium = |shard| {
            let path = self.shard(shard);
            let disk = RealDisk::open(&path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => OpenError::Missing { place: path.display().to_string() },
                _ => refused(&path, error),
            })?;
            Ok(Directory::new(disk.under(lock)))
        };
        (0..identity.shards).map(medium).collect()
    }

    /// What is there. Changes nothing.
    fn look(&self) -> Result<Found, OpenError> {
        let root = match RealDisk::open(&self.path) {
            Ok(root) => root,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(self.is_none("it is no directory".to_owned()));
            }
            Err(error) => return Err(refused(&self.path, error)),
        };
        let file = self.path.join(STORE);
        let stored = Directory::new(root).load(STORE, identity::MAX_BYTES);
        match stored.map_err(|error| refused(&file, error))? {
            Some(stored) => {
                StoreIdentity::decode(&stored, &file.display().to_string()).map(Found::Store)
            }
            None => self.is_unused().map(|()| Found::Nothing),
        }
    }

    /// Whether a store may be made here: there is nothing, or what is left of one that was being made.
    fn is_unused(&self) -> Result<(), OpenError> {
        let failed = |error| refused(&self.path, error);
        let is_begun = self.path.join(BEGUN).exists();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_ours = match &*name {
                LOCK => true,
                _ if !is_begun => false,
                BEGUN => true,
                _ if name.starts_with(SHARD) && entry.path().is_dir() => {
                    fs::read_dir(entry.path()).map_err(failed)?.next().is_none()
                }
                _ => is_of_database(ARCHIVE, &name) || is_of_database(MESSAGES, &name),
            };
            if !is_ours {
                return Err(self.is_none(format!("there is a `{name}` in it, and no `{STORE}`")));
            }
        }
        Ok(())
    }

    /// Makes a store; it is there once its identity is. What is found before that is only taken for
    /// the beginnings of a store, and removed, after a mark that says so.
    fn make(&self, root: &RealDisk, options: &LocalOptions) -> Result<StoreIdentity, OpenError> {
        let journal = JournalId::random();
        let identity = StoreIdentity { journal, shards: options.shards.clamp(1, MAX_SHARDS) };
        let failed = |error| refused(&self.path, error);
        let mark = root.create(BEGUN).and_then(|mark| mark.sync());
        mark.and_then(|()| root.sync_names()).map_err(failed)?;
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_of_database(ARCHIVE, &name) || is_of_database(MESSAGES, &name) {
                fs::remove_file(entry.path()).map_err(|error| refused(&entry.path(), error))?;
            }
        }
        drop(SqliteArchive::create(&self.path.join(ARCHIVE), journal)?);
        for shard in 0..identity.shards {
            let path = self.shard(shard);
            RealDisk::make(&path).map_err(|error| refused(&path, error))?;
        }
        let root = Directory::new(root.clone());
        root.replace(STORE, identity.encode().as_bytes()).map_err(failed_medium(&self.path))?;
        Ok(identity)
    }

    fn is_none(&self, reason: String) -> OpenError {
        OpenError::NotAStore { place: self.path.display().to_string(), reason }
    }

    /// Says of what is wrong in the store where that store is, and whether it is for want of room.
    fn not_opened(&self, error: OpenError) -> OpenError {
        let root = self.path.display().to_string();
        let within = |place: String| match place.as_str() {
            "the store" => root.clone(),
            _ if place.starts_with(&root) => place,
            _ => format!("{root}: {place}"),
        };
        match error {
            OpenError::Damaged { place, reason } => {
                OpenError::Damaged { place: within(place), reason }
            }
            OpenError::Foreign { place, reason } => {
                OpenError::Foreign { place: within(place), reason }
            }
            OpenError::NewerFormat { place, found, supported } => {
                OpenError::NewerFormat { place: within(place), found, supported }
            }
            OpenError::OlderFormat { place, found, needed } => {
                OpenError::OlderFormat { place: within(place), found, needed }
            }
            OpenError::Refused { place, source } if is_no_room(&*source) => {
                OpenError::NoRoom { place: within(place), source }
            }
            OpenError::Refused { place, source } => {
                OpenError::Refused { place: within(place), source }
            }
            // These name the store or the path of a part of it already.
            OpenError::InUse { .. }
            | OpenError::NotAStore { .. }
            | OpenError::NoStore { .. }
            | OpenError::Missing { .. }
            | OpenError::NoRoom { .. }
            | OpenError::ReadOnly { .. } => error,
        }
    }
}

/// Whether a file is a database that making a store makes, or is beside it, and no other of a similar name.
fn is_of_database(database: &str, name: &str) -> bool {
    let endings = ["", "-wal", "-shm", "-journal", ".new", ".new-journal"];
    name.strip_prefix(database).is_some_and(|ending| endings.contains(&ending))
}

fn failed_medium(path: &Path) -> impl Fn(MediumError) -> OpenError {
    |error| refused(path, error)
}

fn refused(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> OpenError {
    OpenError::Refused { place: path.display().to_string(), source: Box::new(error) }
}

impl Provider for Local {
    fn shards(&self) -> u32 {
        self.histories.shards()
    }

    fn histories(&self) -> Arc<dyn HistoryStore> {
        let histories = Arc::new(self.histories.clone());
        match &self.large_turns {
            Some(files) => Arc::new(files.beside(histories)),
            None => histories,
        }
    }

    fn timers(&self) -> Arc<dyn TimerScheduler> {
        Arc::clone(&self.clock)
    }

    fn leases(&self) -> Arc<dyn ShardLease> {
        Arc::new(self.histories.clone())
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        None
    }

    fn directory(&self) -> Option<PathBuf> {
        Some(self.path.clone())
    }

    /// Lets SQLite look through its file. The journals were looked through when it was opened.
    fn check(&self) -> Vec<Finding> {
        let place = self.path.join(ARCHIVE).display().to_string();
        match self.histories.archive().check() {
            Ok(()) => vec![Finding::info(place, "SQLite finds it whole")],
            Err(error) => vec![Finding::error(
                place,
                error.to_string(),
                "keep a copy of the store, and put back what is known to be good",
            )],
        }
    }
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local").field("histories", &self.histories).finish_non_exhaustive()
    }
}
