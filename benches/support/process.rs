//! What the system tells of this process. Only Linux is asked.
#![allow(dead_code, reason = "each bench takes what it needs")]

use std::fs;
use std::time::Duration;

/// Processor time of all threads that live.
pub(crate) fn cpu_time() -> Option<Duration> {
    let threads = fs::read_dir("/proc/self/task").ok()?;
    let of_thread = |thread: fs::DirEntry| {
        // One that has just ended has nothing to read.
        let stat = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        stat.split_whitespace().next()?.parse::<u64>().ok()
    };
    let nanos: u64 = threads.flatten().filter_map(of_thread).sum();
    Some(Duration::from_nanos(nanos))
}

/// What the process has in memory, in bytes.
pub(crate) fn resident_bytes() -> u64 {
    of_file("/proc/self/status", "VmRSS:") * 1_024
}

/// What the process has handed to the system to be written, in bytes.
pub(crate) fn written_bytes() -> u64 {
    of_file("/proc/self/io", "wchar:")
}

/// The number after a word, in a file of the system's.
fn of_file(path: &str, word: &str) -> u64 {
    let text = fs::read_to_string(path).expect("this bench needs Linux");
    let line = text.lines().find_map(|line| line.strip_prefix(word)).expect("a line for it");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}
