//! A directory that is open. What is in it is reached through it, wherever its name leads.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

#[cfg(not(unix))]
use super::private::{private_file, sync_directory};

/// A directory that was opened once. On Unix all that is done in it goes through its handle: when it is
/// renamed and another one is put in its place, nothing is written into that one.
#[derive(Debug)]
pub(crate) struct OpenDirectory {
    /// Absolute, so that it means the same wherever the process works.
    path: PathBuf,
    #[cfg(unix)]
    handle: File,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    /// Made if it is not there, and emptied.
    Create,
}

impl OpenDirectory {
    /// Opens a directory that is there.
    ///
    /// # Errors
    /// `NotFound`, `NotADirectory`, and others of the system.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        if !fs::metadata(&path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self {
            #[cfg(unix)]
            handle: File::open(&path)?,
            path,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its path still leads to it: it was neither renamed nor removed, and nothing was put in its
    /// place. Always so where the system has no identity of directories.
    ///
    /// # Errors
    /// The errors of the system, except that there is nothing at the path.
    pub(crate) fn is_in_its_place(&self) -> io::Result<bool> {
        #[cfg(unix)]
        return is_same(&self.path, &self.handle.metadata()?);
        #[cfg(not(unix))]
        return Ok(true);
    }
}

#[cfg(unix)]
impl OpenDirectory {
    pub(crate) fn file(&self, name: &str, access: Access) -> io::Result<File> {
        use rustix::fs::{Mode, OFlags, openat};
        let flags = OFlags::CLOEXEC
            | match access {
                Access::Read => OFlags::RDONLY,
                Access::Write => OFlags::RDWR,
                Access::Create => OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC,
            };
        // Open to its owner only.
        Ok(openat(&self.handle, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.handle)? {
            // A name that is no text is not ours.
            if let Ok(name) = entry?.file_name().to_str()
                && name != "."
                && name != ".."
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.handle, from, &self.handle, to)?)
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.handle, name, rustix::fs::AtFlags::empty())?)
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }
}

/// By paths: what is done between two looks at them is not known.
#[cfg(not(unix))]
impl OpenDirectory {
    pub(crate) fn file(&self, name: &str, access: Access) -> io::Result<File> {
        let mut options = private_file();
        options.read(true).write(access != Access::Read);
        if access == Access::Create {
            options.create(true).truncate(true);
        }
        options.open(self.path.join(name))
    }

    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.path)?
            .map(|entry| Ok(entry?.file_name().into_string().ok()))
            .filter_map(io::Result::transpose);
        names.collect()
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        sync_directory(&self.path)
    }
}

/// Whether a path leads to this file or directory.
#[cfg(unix)]
pub(crate) fn is_same(path: &Path, opened: &fs::Metadata) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (opened.dev(), opened.ino())),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
