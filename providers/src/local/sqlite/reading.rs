//! Connections that only read: beside one that writes, or in a directory in which nobody writes.

use std::fs;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{
    ArchiveError, BUSY_TIMEOUT, Kind, READER_CACHE_KIB, beside, flags, inspect, tune, uri,
};
use crate::journal::JournalId;

/// How a file is read.
#[derive(Clone, Copy, Debug)]
pub(in crate::local) enum Reading {
    /// This process has it open for writing as well.
    BesideAWriter,
    /// Nobody writes, and nothing is beside the file: it is read as it is.
    Unchanging,
    /// Nobody writes, and the log of changes of a process that has died is beside the file. It is read too,
    /// by an index of it in memory; that on the disk is left as it is.
    WithLog,
}

impl Reading {
    /// How a file is read that nobody writes. Says whether the log beside it can be read, too.
    fn of(path: &Path) -> Result<Self, ArchiveError> {
        let has_log = fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
        match has_log {
            false => Ok(Self::Unchanging),
            true if beside(path, "-shm").exists() => Ok(Self::WithLog),
            true => {
                let source = "a process that wrote it has died, and the file `archive.db-shm` that it has left \
                              is missing; put it back, or open the store once with a host, which mends it";
                Err(ArchiveError::refused(path, source))
            }
        }
    }

    /// Opens a connection that can change nothing.
    pub(super) fn connect(self, path: &Path) -> rusqlite::Result<Connection> {
        let (options, access) = match self {
            Self::BesideAWriter => ("mode=rw", OpenFlags::SQLITE_OPEN_READ_WRITE),
            Self::Unchanging => ("immutable=1", OpenFlags::SQLITE_OPEN_READ_ONLY),
            Self::WithLog => ("mode=ro&readonly_shm=1", OpenFlags::SQLITE_OPEN_READ_ONLY),
        };
        let uri =
            uri(path, options).ok_or_else(|| rusqlite::Error::InvalidPath(path.to_owned()))?;
        let connection = Connection::open_with_flags(uri, flags(access))?;
        match self {
            Self::BesideAWriter => tune(&connection, READER_CACHE_KIB)?,
            Self::Unchanging | Self::WithLog => tune_to_read(&connection)?,
        }
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }
}

/// What of [`tune`] does not write.
fn tune_to_read(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch(&format!(
        "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{READER_CACHE_KIB};"
    ))
}

/// Looks whether a file of this store can be read without bringing it up to date, and how. Nothing on the
/// disk is changed, and nothing is made.
pub(in crate::local) fn open_to_read(
    path: &Path,
    kind: &Kind,
    journal: JournalId,
) -> Result<Reading, ArchiveError> {
    inspect(path, kind, journal)?;
    let refused = |error| ArchiveError::refused(path, error);
    let reading = Reading::of(path)?;
    let connection = reading.connect(path).map_err(refused)?;
    let found: u32 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(refused)?;
    if found < kind.version {
        let (path, needed) = (path.to_owned(), kind.version);
        return Err(ArchiveError::OlderFormat { path, found, needed });
    }
    Ok(reading)
}
