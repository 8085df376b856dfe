//! The seam between a directory of segments and the files under it.

use std::fmt::Debug;
use std::io;

/// One flat directory of files. The least that a journal needs, so that a test double can lose,
/// tear and refuse each of the steps.
pub trait Disk: Debug + Send + Sync + 'static {
    /// An open file. It stays usable when its name changes.
    type File: DiskFile;

    /// Makes an empty file, or empties the one of this name, and opens it for writing.
    ///
    /// # Errors
    /// The errors of the system.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Opens a file, `to_write` or only to read.
    ///
    /// # Errors
    /// The errors of the system; `NotFound` when it is not there.
    fn open(&self, name: &str, to_write: bool) -> io::Result<Self::File>;

    /// The names of all files, in any order.
    ///
    /// # Errors
    /// The errors of the system.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Gives a file another name, atomically; a file that had that name is gone.
    ///
    /// # Errors
    /// The errors of the system.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The errors of the system; `NotFound` when it is not there.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The path at which it was opened, if that no longer leads to it.
    ///
    /// # Errors
    /// The errors of the system.
    fn moved_from(&self) -> io::Result<Option<String>> {
        Ok(None)
    }

    /// Makes durable which files there are, under which names.
    ///
    /// # Errors
    /// The errors of the system.
    fn sync_names(&self) -> io::Result<()>;
}

/// An open file.
pub trait DiskFile: Debug + Send + 'static {
    /// Its size in bytes.
    ///
    /// # Errors
    /// The errors of the system.
    fn size(&self) -> io::Result<u64>;

    /// Reads until the buffer is full or the file ends; returns how many bytes it has read.
    ///
    /// # Errors
    /// The errors of the system.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes all of the bytes.
    ///
    /// # Errors
    /// The errors of the system; any part of the bytes may be written then.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes durable what was written, and the file's size. After an error nobody knows what is
    /// durable, and a further sync does not tell: systems forget what they could not write.
    ///
    /// # Errors
    /// The errors of the system.
    fn sync(&self) -> io::Result<()>;
}
