//! What can go wrong with a file of SQLite.

use std::error::Error;
use std::path::{Path, PathBuf};

use crate::journal::JournalId;
use crate::{OpenError, Place, ProviderError};

/// Why a file of a store cannot be made or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// There is no such file. Nothing was changed. Put it back where it was.
    #[error("{} does not exist", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// One is to be made, and something of that name is there. Nothing was changed.
    #[error("{} exists already; nothing was changed", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// It is whole, but of another store. Nothing was changed. Put it back where it came from.
    #[error("{} is of the store {found}, this one is {expected}; nothing was changed", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The store that it is of.
        found: JournalId,
        /// The store that it should be of.
        expected: JournalId,
    },
    /// A newer reenact has written it. Nothing was changed. Open it with that one.
    #[error(
        "{} has format version {found}, this reenact reads up to {supported}; nothing was changed",
        path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The version that is there.
        found: u32,
        /// The newest version that can be read.
        supported: u32,
    },
    /// An older reenact has written it, and it was opened to read it only. Open it for writing once.
    #[error(
        "{} has format version {found}, and can only be read from version {needed} on; open it for \
         writing once",
        path.display()
    )]
    OlderFormat {
        /// The file.
        path: PathBuf,
        /// The version that is there.
        found: u32,
        /// The oldest version that can be read.
        needed: u32,
    },
    /// Something else is in its place, or its beginning has rotted. Nothing was changed.
    #[error("{} is not what belongs there: {reason}; nothing was changed", path.display())]
    NotAnArchive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It can be read but not written. Nothing was changed. Let this user write it.
    #[error("{} can be read but not written; nothing was changed", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The system or SQLite refused: look at the path, its permissions and the room on the disk.
    #[error("{} cannot be used: {source}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// The failure underneath.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl ArchiveError {
    pub(in crate::local) fn refused(
        path: &Path,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Refused { path: path.to_owned(), source: source.into() }
    }

    pub(in crate::local) fn not_an_archive(path: &Path, reason: impl Into<String>) -> Self {
        Self::NotAnArchive { path: path.to_owned(), reason: reason.into() }
    }
}

impl From<ArchiveError> for OpenError {
    fn from(error: ArchiveError) -> Self {
        let reason = error.to_string();
        match error {
            ArchiveError::Missing { path } => Self::Missing { place: shown(&path) },
            ArchiveError::Foreign { path, found, expected } => Self::Foreign {
                place: shown(&path),
                reason: format!("it is of the store {found}, this one is {expected}"),
            },
            ArchiveError::NewerFormat { path, found, supported } => {
                Self::NewerFormat { place: shown(&path), found, supported }
            }
            ArchiveError::OlderFormat { path, found, needed } => {
                Self::OlderFormat { place: shown(&path), found, needed }
            }
            ArchiveError::NotAnArchive { path, reason } => {
                Self::Damaged { place: shown(&path), reason }
            }
            ArchiveError::Exists { path } => Self::NotAStore { place: shown(&path), reason },
            ArchiveError::ReadOnly { path } => Self::ReadOnly {
                place: shown(&path),
                reason: "SQLite could open it to read only".to_owned(),
                source: None,
            },
            ArchiveError::Refused { path, source } => Self::Refused { place: shown(&path), source },
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// What goes wrong between the statements of one call, before it is said of which file.
#[derive(Debug)]
pub(in crate::local) enum Failure {
    /// SQLite's.
    Sqlite(rusqlite::Error),
    /// Another file is in the place of the one that was opened, or none.
    Moved,
    /// What is stored is not what was written.
    Corrupt {
        /// The place in the file.
        at: String,
        /// What is wrong there.
        reason: String,
    },
}

impl Failure {
    pub(in crate::local) fn corrupt(at: impl ToString, reason: impl Into<String>) -> Self {
        Self::Corrupt { at: at.to_string(), reason: reason.into() }
    }

    /// What it is to a caller: a failure of the file at `path`.
    pub(in crate::local) fn of(self, path: &Path) -> ProviderError {
        let path = path.display();
        match self {
            Self::Corrupt { at, reason } => {
                ProviderError::Corrupt { place: Place(format!("{path}, {at}")), reason }
            }
            // For now: it may be put back.
            Self::Moved => ProviderError::Unavailable {
                reason: format!(
                    "{path} is no longer the file that was opened: it was renamed, removed or replaced \
                     while it was in use"
                ),
                source: None,
            },
            Self::Sqlite(error) if is_rot(&error) => {
                ProviderError::Corrupt { place: Place(path.to_string()), reason: error.to_string() }
            }
            Self::Sqlite(error) => ProviderError::Unavailable {
                reason: format!("{path}: {error}"),
                source: Some(Box::new(error)),
            },
        }
    }
}

impl Failure {
    /// Whether another look at the file itself may give something else.
    pub(in crate::local) fn may_be_of_one_read(&self) -> bool {
        match self {
            Self::Corrupt { .. } => true,
            Self::Sqlite(error) => {
                is_rot(error)
                    || error.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure)
            }
            Self::Moved => false,
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Whether an error says that there is no room, by itself or by what is underneath.
pub(in crate::local) fn is_no_room(error: &(dyn Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(one) = error {
        if let Some(io) = one.downcast_ref::<std::io::Error>()
            && matches!(
                io.kind(),
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
            )
        {
            return true;
        }
        if let Some(sqlite) = one.downcast_ref::<rusqlite::Error>().and_then(|e| e.sqlite_error())
            && (sqlite.code == rusqlite::ErrorCode::DiskFull
                // The file beside the archive that its connections share is made as large as it has to be.
                || sqlite.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
        {
            return true;
        }
        error = one.source();
    }
    false
}

/// Whether it is the stored bytes that are wrong, so that trying again is of no use.
fn is_rot(error: &rusqlite::Error) -> bool {
    use rusqlite::{Error, ErrorCode};
    matches!(
        error,
        Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..)
    ) || matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

#[cfg(test)]
mod tests {
    use std::io;

    use rusqlite::ffi;

    use super::*;

    #[test]
    fn a_full_disk_is_known_by_whatever_is_underneath() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(is_no_room(&full));
        let source: Box<dyn Error + Send + Sync> = Box::new(full);
        let nested = ProviderError::Unavailable { reason: String::new(), source: Some(source) };
        assert!(is_no_room(&nested));
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_SHMSIZE] {
            assert!(is_no_room(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)));
        }
    }

    #[test]
    fn other_failures_are_not_taken_for_a_full_disk() {
        assert!(!is_no_room(&io::Error::from(io::ErrorKind::PermissionDenied)));
        for code in [ffi::SQLITE_IOERR_READ, ffi::SQLITE_CANTOPEN, ffi::SQLITE_CORRUPT] {
            assert!(!is_no_room(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)));
        }
    }
}
