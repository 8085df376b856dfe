//! A disk without room.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Bytes that are written at a time.
const AT_ONCE: usize = 1024 * 1024;

/// Bytes after which it is taken for the wrong disk.
pub(crate) const MAX_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// A file that takes all the room that is left. Gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Ballast(PathBuf);

impl Ballast {
    /// Fills the file system of a directory.
    pub(crate) fn in_place_of(dir: &Path) -> Result<Self, String> {
        let ballast = Self(dir.with_extension("ballast"));
        let failed = |error: std::io::Error| format!("{}: {error}", ballast.0.display());
        let mut file = File::create(&ballast.0).map_err(failed)?;
        let some = vec![0x5a; AT_ONCE];
        let mut written = 0;
        while written < MAX_BYTES {
            match file.write_all(&some) {
                Ok(()) => written += AT_ONCE as u64,
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                    return Ok(ballast);
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Err(format!("--fill needs a file system with less than {} GiB free", MAX_BYTES >> 30))
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
