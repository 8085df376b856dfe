//! Which file it is that was opened.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::Failure;

/// A file that SQLite has open, and what tells it from another one that is put in its place. It is not
/// held open here: a file that is closed loses the locks that SQLite has on it.
#[derive(Debug)]
pub(in crate::local) struct OpenedFile {
    path: PathBuf,
    opened: fs::Metadata,
}

impl OpenedFile {
    /// The file at a path, which was opened a moment ago.
    pub(in crate::local) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), opened: fs::metadata(path)? })
    }

    pub(in crate::local) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its path leads to it. Always so where the system has no identity of files.
    pub(in crate::local) fn is_in_its_place(&self) -> bool {
        #[cfg(unix)]
        return crate::medium::opened::is_same(&self.path, &self.opened).unwrap_or(false);
        #[cfg(not(unix))]
        return !self.opened.is_dir();
    }

    /// # Errors
    /// `Moved`.
    pub(in crate::local) fn check(&self) -> Result<(), Failure> {
        if self.is_in_its_place() { Ok(()) } else { Err(Failure::Moved) }
    }
}
