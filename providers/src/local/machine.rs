//! Whether a disk does what a store in a directory needs, as far as a program can see.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Finding;
use crate::medium::private::private_file;

/// Syncs that are timed.
const SYNCS: usize = 50;

/// Bytes that are written before each: as much as a small commit.
const WRITTEN: usize = 4096;

/// No medium that keeps what it was given when the power fails is faster, unless a battery stands by.
const TOO_FAST: Duration = Duration::from_micros(15);

/// A median from which on each commit is felt.
const SLOW: Duration = Duration::from_millis(50);

/// Free bytes below which there is soon no room.
const LITTLE_ROOM: u64 = 1024 * 1024 * 1024;

/// Times syncs in a directory, and looks at the room on its disk. A file is made there and removed; so give the
/// directory in which a store is or is to be, and not the store itself. Blocks for as long as fifty syncs take.
pub fn check_machine(directory: &Path) -> Vec<Finding> {
    let place = directory.display().to_string();
    let mut findings = match time_syncs(directory) {
        Ok(times) => vec![of_syncs(&place, times, is_memory(directory))],
        Err(error) => vec![Finding::warning(
            place.clone(),
            format!("a file cannot be made and synced there: {error}"),
            "look at the permissions, the room and the health of the disk",
        )],
    };
    findings.extend(free_bytes(directory).map(|free| of_room(&place, free)));
    findings
}

/// How long each of fifty syncs takes, in order of time.
fn time_syncs(directory: &Path) -> io::Result<Vec<Duration>> {
    let path = directory.join(format!(".reenact-check-{}", std::process::id()));
    let probe = Probe::make(path)?;
    let mut times = Vec::with_capacity(SYNCS);
    for number in 0..SYNCS {
        (&probe.file).write_all(&[number as u8; WRITTEN])?;
        let began = Instant::now();
        probe.file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

/// A file that is removed in the end.
struct Probe {
    path: PathBuf,
    file: File,
}

impl Probe {
    fn make(path: PathBuf) -> io::Result<Self> {
        let file = private_file().write(true).create_new(true).open(&path)?;
        Ok(Self { path, file })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // It is small, and has a name that says what it is.
        let _ = fs::remove_file(&self.path);
    }
}

/// What the times of some syncs, in order, say.
fn of_syncs(place: &str, times: Vec<Duration>, is_memory: bool) -> Finding {
    let at = |share: usize| times.get(times.len() * share / 100).or(times.last()).copied();
    let [half, most] = [at(50), at(95)].map(Option::unwrap_or_default);
    let longest = times.last().copied().unwrap_or_default();
    let what = format!(
        "{} syncs took {half:?} (half of them), {most:?} (95 of 100), {longest:?} (the longest)",
        times.len()
    );
    if is_memory {
        let what = format!("it is in memory, and gone when the machine stops; {what}");
        Finding::warning(place, what, "put the store on a disk")
    } else if half < TOO_FAST {
        Finding::warning(
            place,
            format!("{what}: faster than a disk that keeps what it was given"),
            "find out whether the disk or the machine below ignores syncs: a power failure would lose \
             what was acknowledged",
        )
    } else if half > SLOW {
        let advice = "each commit waits for one; use a faster disk, or fewer shards";
        Finding::warning(place, format!("{what}: slow"), advice)
    } else {
        Finding::info(place, what)
    }
}

fn of_room(place: &str, free: u64) -> Finding {
    let what = format!("{} MiB are free", free / (1024 * 1024));
    match free < LITTLE_ROOM {
        true => Finding::warning(place, what, "make room: a store that has none takes no commits"),
        false => Finding::info(place, what),
    }
}

/// Whether a file system keeps its files in memory only.
#[cfg(target_os = "linux")]
fn is_memory(directory: &Path) -> bool {
    /// Of `tmpfs` and `ramfs`.
    const IN_MEMORY: [i128; 2] = [0x0102_1994, 0x8584_58f6];
    rustix::fs::statfs(directory).is_ok_and(|found| IN_MEMORY.contains(&i128::from(found.f_type)))
}

#[cfg(not(target_os = "linux"))]
fn is_memory(_directory: &Path) -> bool {
    false
}

/// Free bytes that a user may take.
#[cfg(unix)]
fn free_bytes(directory: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(directory).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_directory: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Severity;

    fn said(micros: u64, is_memory: bool) -> Finding {
        of_syncs("disk", vec![Duration::from_micros(micros); SYNCS], is_memory)
    }

    #[test]
    fn syncs_that_are_too_fast_or_too_slow_are_suspicious() {
        assert_eq!(said(2, false).severity, Severity::Warning);
        assert!(said(2, false).advice.contains("ignores syncs"));
        assert_eq!(said(800, false).severity, Severity::Info);
        assert_eq!(said(90_000, false).severity, Severity::Warning);
        assert!(said(800, true).what.contains("in memory"));
        assert!(said(800, false).what.contains("50 syncs took 800µs"), "{}", said(800, false));
    }

    #[test]
    fn little_room_is_a_warning() {
        assert_eq!(of_room("disk", 5 * 1024 * 1024).severity, Severity::Warning);
        assert_eq!(of_room("disk", LITTLE_ROOM).severity, Severity::Info);
    }

    #[test]
    fn a_directory_is_left_as_it_was() {
        let directory =
            std::env::temp_dir().join(format!("reenact-machine-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let findings = check_machine(&directory);
        assert!(findings.iter().any(|finding| finding.what.contains("50 syncs")), "{findings:?}");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
        fs::remove_dir(&directory).unwrap();
        let absent = check_machine(&directory);
        assert_eq!(absent[0].severity, Severity::Warning, "{absent:?}");
    }
}
