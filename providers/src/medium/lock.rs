//! One process at a time.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::private::private_file;
use crate::{OpenError, SystemClock, TimerScheduler};

/// The file that is locked, and that names the holder.
pub(crate) const LOCK: &str = "LOCK";

/// Most bytes that are read of the text about the process that holds the lock.
const MAX_HOLDER_BYTES: u64 = 1024;

/// The exclusive right to a store's directory. It ends when this is dropped or the process dies.
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
                return Err(OpenError::InUse { place, holder: read(&file) });
            }
            Err(TryLockError::Error(error)) => return Err(refused(error)),
        }
        write(&mut file).map_err(refused)?;
        Ok(Self { _file: file })
    }
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
    fn what_cannot_be_locked_says_where_and_why() {
        let scratch = Scratch::new("refused");
        let refused = StoreLock::acquire(&scratch.0.join("absent")).unwrap_err();
        assert!(matches!(refused, OpenError::Refused { .. }), "{refused}");
        assert!(refused.to_string().contains("absent"), "{refused}");
    }
}
