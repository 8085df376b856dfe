//! Files of SQLite: made whole or not at all, looked at before anything is changed, and opened so
//! that what is committed is durable.

mod checksum;
mod error;
mod file;
mod pool;
mod reading;

pub(super) use checksum::{checksum, is_whole, is_whole_with};
pub use error::ArchiveError;
pub(super) use error::{Failure, is_no_room};
pub(super) use file::OpenedFile;
pub(super) use pool::Pool;
pub(super) use reading::{Reading, open_to_read};

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, OptionalExtension};

use crate::journal::JournalId;
use crate::medium::private::{private_file, sync_directory};

/// How long a statement waits for another connection. Only one process opens a store, and only one
/// connection writes, so that it waits for next to nothing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the opening of a file waits for other programs that read it.
const HARDEN_TIMEOUT: Duration = Duration::from_secs(1);

/// Most of a file that the connection which writes keeps in memory, in KiB.
const WRITER_CACHE_KIB: u32 = 8 * 1024;

/// Most of a file that a connection which reads keeps in memory, in KiB.
const READER_CACHE_KIB: u32 = 2 * 1024;

/// Size of the log of changes from which they are written to their places, in bytes.
const CHECKPOINT_FROM_BYTES: u64 = 4 * 1024 * 1024;

/// What is left of the log of changes when it begins anew, in bytes. Less than what calls for a
/// checkpoint, or each commit would.
const KEPT_LOG_BYTES: u64 = CHECKPOINT_FROM_BYTES / 2;

/// Size of the log of changes from which readers are waited for, so that it ends, in bytes.
const MAX_LOG_BYTES: u64 = 256 * 1024 * 1024;

/// What is common to the files of one kind.
pub(super) struct Kind {
    /// What it is, for people.
    pub(super) what: &'static str,
    /// Tells it from other files of SQLite. Never changed.
    pub(super) application_id: i32,
    /// The format that is written, and the newest that is read.
    pub(super) version: u32,
    /// Makes its tables.
    pub(super) schema: &'static str,
}

/// Each kind has it, so that files of another store are recognized.
const META: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;";

/// Makes a file, and opens it. A crash leaves all of it or nothing under its name.
pub(super) fn create(
    path: &Path,
    kind: &Kind,
    journal: JournalId,
) -> Result<Connection, ArchiveError> {
    let refused = |error: io::Error| ArchiveError::refused(path, error);
    match fs::symlink_metadata(path) {
        Ok(_) => return Err(ArchiveError::Exists { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(refused(error)),
    }
    let new = beside(path, ".new");
    // What an earlier attempt has left.
    for leftover in [&new, &beside(&new, "-journal")] {
        remove(leftover).map_err(refused)?;
    }
    fill(&new, kind, journal)?;
    fs::rename(&new, path).map_err(refused)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync_directory(parent.unwrap_or(Path::new("."))).map_err(refused)?;
    open(path, kind, journal)
}

fn fill(path: &Path, kind: &Kind, journal: JournalId) -> Result<(), ArchiveError> {
    // SQLite gives what it puts beside a file the same permissions.
    let mut options = private_file();
    let made = options.write(true).create_new(true).open(path);
    made.map_err(|error| ArchiveError::refused(path, error))?;

    let refused = |error: rusqlite::Error| ArchiveError::refused(path, error);
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, "mode=rw")?;
    let Kind { application_id, version, schema, .. } = kind;
    // Not in WAL mode yet: all of it is to be in this one file.
    connection
        .execute_batch(&format!(
            "PRAGMA page_size = 8192;
             PRAGMA journal_mode = DELETE;
             PRAGMA synchronous = FULL;
             PRAGMA fullfsync = ON;
             BEGIN;
             PRAGMA application_id = {application_id};
             PRAGMA user_version = {version};
             {META}
             {schema}
             INSERT INTO meta VALUES ('journal', '{journal}');
             COMMIT;"
        ))
        .map_err(refused)?;
    connection.close().map_err(|(_, error)| refused(error))
}

/// Opens a file of this store for writing. Unless it is one, nothing on the disk is changed.
pub(super) fn open(
    path: &Path,
    kind: &Kind,
    journal: JournalId,
) -> Result<Connection, ArchiveError> {
    inspect(path, kind, journal)?;
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, "mode=rw")?;
    let refused = |error| ArchiveError::refused(path, error);
    // SQLite opens to read only what it may not write, and says nothing.
    if connection.is_readonly(MAIN_DB).map_err(refused)? {
        return Err(ArchiveError::ReadOnly { path: path.to_owned() });
    }
    tune(&connection, WRITER_CACHE_KIB).map_err(refused)?;
    if !harden(&connection).map_err(refused)? {
        let source = "another program reads it; stop that one first";
        return Err(ArchiveError::Refused { path: path.to_owned(), source: source.into() });
    }
    Ok(connection)
}

/// Makes a file of an older version one of the newest version; `steps` make one of version 1 one of version 2, and so
/// on. That is in the file itself, where a reenact that
/// is older looks for it, when this returns; so nothing of the newer version is written before.
pub(super) fn upgrade(
    connection: &Connection,
    path: &Path,
    kind: &Kind,
    steps: &[&str],
) -> Result<(), ArchiveError> {
    let refused = |error| ArchiveError::refused(path, error);
    let found: u32 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(refused)?;
    if found >= kind.version {
        return Ok(());
    }
    let version = kind.version;
    let made = usize::try_from(found.saturating_sub(1)).unwrap_or(usize::MAX);
    let added = steps.get(made..).unwrap_or_default().concat();
    let sql = format!("BEGIN IMMEDIATE; {added} PRAGMA user_version = {version}; COMMIT;");
    if let Err(error) = connection.execute_batch(&sql) {
        let _ = connection.execute_batch("ROLLBACK");
        return Err(refused(error));
    }
    if !harden(connection).map_err(refused)? {
        let source = "another program reads it; stop that one first";
        return Err(ArchiveError::Refused { path: path.to_owned(), source: source.into() });
    }
    Ok(())
}

/// Makes durable what is in the log of changes: an earlier process may not have lived to sync
/// it, and after a sync that failed another one proves nothing. What is written to its place and
/// synced there is durable. False when somebody keeps it from that.
fn harden(connection: &Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(HARDEN_TIMEOUT)?;
    let is_busy: bool =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(!is_busy)
}

/// Lets the connection that is closed last take the log of changes away, as SQLite does it: by its path.
/// So only where the path still leads to the file.
pub(super) fn before_the_last_is_closed(connection: &Connection, file: &OpenedFile) {
    if file.is_in_its_place() {
        // Otherwise the log stays, and is read at the next opening.
        let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
    }
}

fn tune(connection: &Connection, cache_kib: u32) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // Otherwise each new value for a statement's parameter lets it be parsed and planned anew, wherever the
    // table has an index with a condition: one of these values might fulfil it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON;
         PRAGMA checkpoint_fullfsync = ON;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = {KEPT_LOG_BYTES};
         PRAGMA foreign_keys = OFF;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -{cache_kib};"
    ))
}

/// Keeps the log of changes small. Called after a commit, which is durable whatever happens here.
pub(super) fn keep_log_small(connection: &Connection, path: &Path) {
    let log = beside(path, "-wal");
    let size = || fs::metadata(&log).map_or(0, |log| log.len());
    // Failures are those of the next commit as well, which reports them.
    if size() >= CHECKPOINT_FROM_BYTES {
        // Waits for nobody. Once all of the log is in its place it begins anew, and is cut.
        let _ = connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)");
    }
    if size() >= MAX_LOG_BYTES {
        let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    }
}

/// Looks whether it is a file of this kind and this store; changes nothing, makes nothing.
fn inspect(path: &Path, kind: &Kind, journal: JournalId) -> Result<(), ArchiveError> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            return Err(ArchiveError::not_an_archive(path, "it is not a file"));
        }
        Ok(found) if found.len() == 0 => {
            return Err(ArchiveError::not_an_archive(path, "it is empty"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ArchiveError::Missing { path: path.to_owned() });
        }
        Err(error) => return Err(ArchiveError::refused(path, error)),
    }
    let found = look(path, kind)?;
    let hint = format!("its journal id {found:?} is not a valid id");
    let found = found.parse().map_err(|_| ArchiveError::not_an_archive(path, hint))?;
    if found != journal {
        return Err(ArchiveError::Foreign { path: path.to_owned(), found, expected: journal });
    }
    Ok(())
}

/// The text of the journal id, out of a file that says it is of the kind.
fn look(path: &Path, kind: &Kind) -> Result<String, ArchiveError> {
    // What is looked at was written when the file was made, so the log beside it is not needed.
    // SQLite does not look at it, and locks nothing, when the file is called immutable.
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, "immutable=1")?;
    let failed = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown) => {
            ArchiveError::not_an_archive(path, error.to_string())
        }
        _ => ArchiveError::refused(path, error),
    };
    // A crash while the log is written to its place leaves a file that is shorter than it says.
    // Without this, that is taken for rot; the log beside it has the rest.
    connection.pragma_update(None, "writable_schema", true).map_err(failed)?;
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    if number("application_id").map_err(failed)? != kind.application_id {
        return Err(ArchiveError::not_an_archive(path, format!("it is not {}", kind.what)));
    }
    let found = number("user_version").map_err(failed)?.cast_unsigned();
    if found > kind.version {
        let (path, supported) = (path.to_owned(), kind.version);
        return Err(ArchiveError::NewerFormat { path, found, supported });
    }
    if found == 0 {
        return Err(ArchiveError::not_an_archive(path, "its format has the version 0"));
    }
    let journal = connection
        .query_row("SELECT value FROM meta WHERE key = 'journal'", [], |row| row.get(0))
        .optional()
        .map_err(failed)?;
    journal.ok_or_else(|| ArchiveError::not_an_archive(path, "it does not say whose it is"))
}

fn connect(path: &Path, flags: OpenFlags, options: &str) -> Result<Connection, ArchiveError> {
    let uri = uri(path, options)
        .ok_or_else(|| ArchiveError::refused(path, io::Error::from(io::ErrorKind::InvalidInput)))?;
    Connection::open_with_flags(uri, self::flags(flags))
        .map_err(|error| ArchiveError::refused(path, error))
}

/// A connection is used by one thread at a time, so SQLite need not lock it.
fn flags(access: OpenFlags) -> OpenFlags {
    access | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// The path as SQLite takes it, whatever characters it has: a plain one that begins with `file:`
/// would be taken for a URI.
fn uri(path: &Path, options: &str) -> Option<String> {
    use std::fmt::Write;
    let absolute = std::path::absolute(path).ok()?;
    let mut uri = "file://".to_owned();
    for &byte in bytes(&absolute)?.iter() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                uri.push(char::from(byte));
            }
            0 => return None,
            _ => write!(uri, "%{byte:02x}").ok()?,
        }
    }
    Some(uri + "?" + options)
}

#[cfg(unix)]
fn bytes(absolute: &Path) -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt;
    Some(absolute.as_os_str().as_bytes().to_vec())
}

/// SQLite wants `/C:/directory/file`.
#[cfg(not(unix))]
fn bytes(absolute: &Path) -> Option<Vec<u8>> {
    Some(format!("/{}", absolute.to_str()?.replace('\\', "/")).into_bytes())
}

/// The path with something after it.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(suffix);
    beside.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A thread that panicked under a lock left a transaction, which was rolled back then.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
