//! Files of the operating system.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::opened::{Access, OpenDirectory};
use super::private::{private_directory, sync_directory};
use super::{Disk, DiskFile, StoreLock};

/// A directory of the operating system. Files are readable for their owner only. On Unix it stays the
/// one that was opened, whatever becomes of its path.
#[derive(Clone, Debug)]
pub struct RealDisk {
    directory: Arc<OpenDirectory>,
    /// Kept for as long as somebody may write.
    _lock: Option<Arc<StoreLock>>,
}

impl RealDisk {
    /// Makes the directory if it is not there; the one that it is to be in must be. It is there
    /// for good when this returns.
    ///
    /// # Errors
    /// The errors of the system.
    pub fn make(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        match private_directory().create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
            made => made?,
        }
        // The one who has made it may not have lived to do so. A path of one part is in the directory
        // that the process runs in.
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        sync_directory(parent.unwrap_or(Path::new(".")))?;
        Self::open(path)
    }

    /// Keeps a store locked for as long as this is in use.
    #[must_use]
    pub fn under(self, lock: &Arc<StoreLock>) -> Self {
        Self { _lock: Some(Arc::clone(lock)), ..self }
    }

    /// Takes a directory that is there.
    ///
    /// # Errors
    /// `NotFound`, and `NotADirectory`.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = Arc::new(OpenDirectory::open(&path.into())?);
        Ok(Self { directory, _lock: None })
    }
}

impl Disk for RealDisk {
    type File = RealFile;

    fn create(&self, name: &str) -> io::Result<RealFile> {
        self.directory.file(name, Access::Create).map(RealFile)
    }

    fn open(&self, name: &str, to_write: bool) -> io::Result<RealFile> {
        let access = if to_write { Access::Write } else { Access::Read };
        self.directory.file(name, access).map(RealFile)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.directory.names()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.directory.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.directory.remove(name)
    }

    fn moved_from(&self) -> io::Result<Option<String>> {
        let is_there = self.directory.is_in_its_place()?;
        Ok((!is_there).then(|| self.directory.path().display().to_string()))
    }

    fn sync_names(&self) -> io::Result<()> {
        self.directory.sync()
    }
}

/// A file of the operating system.
#[derive(Debug)]
pub struct RealFile(File);

impl DiskFile for RealFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < into.len() {
            match read_some(&self.0, offset + read as u64, &mut into[read..]) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        write_all(&self.0, offset, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(unix)]
fn read_some(file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, offset)
}

#[cfg(unix)]
fn write_all(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn read_some(mut file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read(into)
}

#[cfg(not(unix))]
fn write_all(mut file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}
