//! Whether everything in a store can be written, before anything is promised.

use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::path::Path;

use super::{ARCHIVE, BEGUN, LOCK, SHARD, STORE, is_of_database, refused};
use crate::OpenError;

/// Looks whether each file and each directory of a store can be written. The mode counts also for those
/// whom the system lets pass: a store that its owner cannot write was made read-only on purpose, or
/// by a mistake that is to be mended first.
///
/// Nobody may have the files open with SQLite in this process: a file that is closed loses its locks.
///
/// # Errors
/// `ReadOnly`, which names the file; `Refused` when it cannot be looked at.
pub(super) fn check(directory: &Path) -> Result<(), OpenError> {
    let store = fs::metadata(directory).map_err(|error| refused(directory, error))?;
    check_one(directory, &store, &store)?;
    for entry in fs::read_dir(directory).map_err(|error| refused(directory, error))? {
        let entry = entry.map_err(|error| refused(directory, error))?;
        // What others have put there is their own affair.
        if !is_of_a_store(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let path = entry.path();
        let found = fs::metadata(&path).map_err(|error| refused(&path, error))?;
        check_one(&path, &found, &store)?;
        if found.is_dir() {
            for entry in fs::read_dir(&path).map_err(|error| refused(&path, error))? {
                let path = entry.map_err(|error| refused(&path, error))?.path();
                let found = fs::metadata(&path).map_err(|error| refused(&path, error))?;
                check_one(&path, &found, &store)?;
            }
        }
    }
    Ok(())
}

fn is_of_a_store(name: &str) -> bool {
    [STORE, BEGUN, LOCK].contains(&name) || name.starts_with(SHARD) || is_of_database(ARCHIVE, name)
}

fn check_one(path: &Path, found: &Metadata, store: &Metadata) -> Result<(), OpenError> {
    let read_only = |source: Option<io::Error>| OpenError::ReadOnly {
        place: path.display().to_string(),
        reason: describe(found, store),
        source,
    };
    if found.permissions().readonly() {
        return Err(read_only(None));
    }
    if !found.is_file() {
        return Ok(());
    }
    match OpenOptions::new().write(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) if is_forbidden(&error) => Err(read_only(Some(error))),
        Err(error) => Err(refused(path, error)),
    }
}

fn is_forbidden(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// What people need to see what is wrong.
#[cfg(unix)]
fn describe(found: &Metadata, store: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    let mode = found.mode() & 0o7777;
    if found.uid() == store.uid() {
        return format!("its mode is {mode:04o}, and it belongs to user {}", found.uid());
    }
    format!(
        "its mode is {mode:04o}, and it belongs to user {}; the store belongs to user {}, so another \
         user has run a program on it",
        found.uid(),
        store.uid()
    )
}

#[cfg(not(unix))]
fn describe(_found: &Metadata, _store: &Metadata) -> String {
    "it is read-only".to_owned()
}
