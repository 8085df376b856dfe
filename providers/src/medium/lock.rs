//! One process at a time that writes, or several that only read.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::private::private_file;
use crate::{OpenError, SystemClock, TimerScheduler};

/// The file that is locked, and that names the holder.
pub(crate) const LOCK: &str = "LOCK";

/// Most bytes that are read of the text about the process that holds the lock.
const MAX_HOLDER_BYTES: u64 = 1024;

/// The right to a store's directory: of one that writes, or of several that only read. It ends when this is
/// dropped or the process dies.
#[derive(Debug)]
pub struct StoreLock {
    /// The lock is this handle's.
    _file: File,
}

impl StoreLock {
    /// Locks a directory that is there, and leaves word of who has it.
    ///
    /// # Errors
    /// `InUse`: another process, or another part of this one, has it open. `Refused`: the lock file
    /// cannot be made or written.
    pub fn acquire(directory: &Path) -> Result<Self, OpenError> {
        let place = || directory.join(LOCK).display().to_string();
        let refused = |source| OpenError::Refused { place: place(), source: Box::new(source) };
        let mut options = private_file();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(directory.join(LOCK)).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let place = directory.display().to_string();
                return Err(OpenError::InUse { place, holder: holder(file) });
            }
            Err(TryLockError::Error(error)) => return Err(refused(error)),
        }
        write(&mut file).map_err(refused)?;
        Ok(Self { _file: file })
    }

    /// Keeps others from writing in a directory that is there. Nothing is written, so nobody leaves word.
    ///
    /// # Errors
    /// `InUse`: a process has it open to write. `Missing`: there is no file to lock. `Refused`: it cannot
    /// be read.
    pub fn share(directory: &Path) -> Result<Self, OpenError> {
        let place = directory.join(LOCK);
        let refused = |source| OpenError::Refused {
            place: place.display().to_string(),
            source: Box::new(source),
        };
        let file =
            OpenOptions::new().read(true).open(&place).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => {
                    OpenError::Missing { place: place.display().to_string() }
                }
                _ => refused(error),
            })?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                let place = directory.display().to_string();
                Err(OpenError::InUse { place, holder: read(&file) })
            }
            Err(TryLockError::Error(error)) => Err(refused(error)),
        }
    }
}

/// Who keeps a lock from being taken: the process that has left its name in the file, or, where the lock
/// can be shared, processes that only read.
fn holder(file: File) -> String {
    if file.try_lock_shared().is_err() {
        return read(&file);
    }
    // Given back first, so that this process is named only if it reads by another handle.
    if file.unlock().is_err() {
        return "a process that reads it".to_owned();
    }
    match *readers(&file) {
        [] => "a process that reads it".to_owned(),
        [one] => format!("process {one}, which reads it"),
        ref several => {
            let several: Vec<_> = several.iter().map(u32::to_string).collect();
            format!("processes {}, which read it", several.join(", "))
        }
    }
}

/// The processes that share a lock, where the system lists them.
#[cfg(target_os = "linux")]
fn readers(file: &File) -> Vec<u32> {
    use std::os::unix::fs::MetadataExt;
    let Ok(inode) = file.metadata().map(|found| found.ino().to_string()) else { return Vec::new() };
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let reader = |line: &str| {
        // 1: FLOCK  ADVISORY  READ 4711 08:01:1234567 0 EOF
        let mut fields = line.split_whitespace().skip(1);
        let is_shared = fields.next() == Some("FLOCK") && fields.nth(1) == Some("READ");
        let process = fields.next()?.parse().ok().filter(|process| *process > 0)?;
        let is_this = fields.next()?.rsplit(':').next() == Some(&*inode);
        (is_shared && is_this).then_some(process)
    };
    let mut found: Vec<u32> = locks.lines().filter_map(reader).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Other systems do not say.
#[cfg(not(target_os = "linux"))]
fn readers(_file: &File) -> Vec<u32> {
    Vec::new()
}

fn write(file: &mut File) -> io::Result<()> {
    let (process, host, now) = (std::process::id(), host(), SystemClock.now());
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "process {process} on {host} since {now}")
}

/// Reads who has the lock, by what that process has written. It may not have come to that yet.
fn read(file: &File) -> String {
    let mut holder = String::new();
    match file.take(MAX_HOLDER_BYTES).read_to_string(&mut holder) {
        Ok(read) if read > 0 => holder.trim().escape_debug().to_string(),
        _ => "a process that has not left its name yet".to_owned(),
    }
}

/// The name of this machine, where it is cheap to learn.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::env::var("HOSTNAME").map_err(|_| io::ErrorKind::NotFound));
    match name.as_deref().map(str::trim) {
        Ok(name) if !name.is_empty() => name.to_owned(),
        _ => "this host".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that is removed in the end.
    struct Scratch(std::path::PathBuf);

    impl Scratch {
        fn new(label: &str) -> Self {
            let name = format!("reenact-lock-{}-{label}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_second_process_learns_who_was_first_until_that_one_has_gone() {
        let scratch = Scratch::new("second");
        let first = StoreLock::acquire(&scratch.0).unwrap();
        let refused = StoreLock::acquire(&scratch.0).unwrap_err().to_string();
        let process = format!("in use by process {} on ", std::process::id());
        assert!(refused.contains(&process), "{refused}");
        drop(first);
        assert!(StoreLock::acquire(&scratch.0).is_ok());
    }

    #[test]
    fn several_may_read_and_a_writer_learns_of_them() {
        let scratch = Scratch::new("readers");
        drop(StoreLock::acquire(&scratch.0).unwrap());
        let readers =
            [StoreLock::share(&scratch.0).unwrap(), StoreLock::share(&scratch.0).unwrap()];
        for reader in readers {
            let refused = StoreLock::acquire(&scratch.0).unwrap_err();
            assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
            let text = refused.to_string();
            assert!(text.contains("read"), "{text}");
            #[cfg(target_os = "linux")]
            assert!(text.contains(&format!("process {}, which", std::process::id())), "{text}");
            drop(reader);
        }
        let writer = StoreLock::acquire(&scratch.0).unwrap();
        let refused = StoreLock::share(&scratch.0).unwrap_err().to_string();
        assert!(refused.contains(&format!("process {} on ", std::process::id())), "{refused}");
        drop(writer);
    }

    #[test]
    fn what_cannot_be_locked_says_where_and_why() {
        let scratch = Scratch::new("refused");
        let refused = StoreLock::acquire(&scratch.0.join("absent")).unwrap_err();
        assert!(matches!(refused, OpenError::Refused { .. }), "{refused}");
        assert!(refused.to_string().contains("absent"), "{refused}");
    }
}
