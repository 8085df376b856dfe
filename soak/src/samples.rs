//! What is taken once a second.

use std::fs;
use std::path::Path;

/// One second of the whole time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    /// Operations that were acknowledged.
    pub(crate) done: u64,
    /// Operations that were refused, and done again.
    pub(crate) refused: u64,
    /// The latency that 99 in 100 of those without a timer stay below, in microseconds.
    pub(crate) p99: u64,
    /// Memory of the host, in KiB.
    pub(crate) memory: u64,
    /// Open files of the host.
    pub(crate) files: u64,
    /// Size of the directory, in KiB.
    pub(crate) disk: u64,
    /// Whether a host was killed or begun in it, or the disk was full.
    pub(crate) is_disturbed: bool,
}

/// Memory of a process, in KiB; `None` where the system does not say.
pub(crate) fn memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Open files of a process; `None` where the system does not say.
pub(crate) fn files(process: u32) -> Option<u64> {
    Some(fs::read_dir(format!("/proc/{process}/fd")).ok()?.count() as u64)
}

/// Size of what is in a directory, in KiB. What goes meanwhile does not count.
pub(crate) fn disk(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => disk(&entry.path()),
        Ok(found) => found.len().div_ceil(1024),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
