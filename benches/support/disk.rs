//! A workload on a disk, with what the disk itself can do beside it.
#![allow(dead_code, reason = "each bench takes what it needs")]

use std::sync::atomic::Ordering;
use std::time::Duration;

use reenact::providers::Provider;
use reenact::{HostOptions, Local};

use super::bare::{RECORD, syncs_per_second};
use super::counted::Counted;
use super::drive::{Bounds, Measured, drive_alone};
use super::process::written_bytes;
use super::scratch::Scratch;
use super::workloads::Workload;

/// How long the bare loop runs.
const BARE: Duration = Duration::from_millis(500);

pub(crate) struct OnDisk {
    pub(crate) measured: Measured,
    /// Appends with something in them: one sync each.
    pub(crate) commits: u64,
    /// Bytes of events, as the core encodes them.
    pub(crate) bytes: u64,
    /// Bytes that were handed to the system to be written.
    pub(crate) written: u64,
    /// Syncs a second of a loop that does nothing else, with as many bytes for each as a commit had.
    pub(crate) bare: f64,
}

impl OnDisk {
    pub(crate) fn commits_per_second(&self) -> f64 {
        self.commits as f64 / self.measured.elapsed.as_secs_f64()
    }

    /// Those that were made for one instance.
    pub(crate) fn commits_per_instance(&self) -> f64 {
        self.commits as f64 / self.measured.instances as f64
    }

    pub(crate) fn written_per_byte(&self) -> f64 {
        self.written as f64 / self.bytes as f64
    }
}

/// The store, and the bare loop after it.
pub(crate) fn measure(
    workers: usize,
    options: HostOptions,
    workload: Workload,
    outstanding: u64,
    bounds: Bounds,
) -> reenact::Result<OnDisk> {
    let scratch = Scratch::new("local");
    let store = Counted::new(Local::open(scratch.path().join("store"))?);
    let (counts, shards) = (store.counts.clone(), store.shards());
    let before = written_bytes();
    let measured = drive_alone(workers, store, options, workload, outstanding, bounds)?;
    let written = written_bytes() - before;
    let commits = counts.commits.load(Ordering::Relaxed).max(1);
    let bytes = counts.bytes.load(Ordering::Relaxed);
    let records = (bytes / commits).div_ceil(RECORD as u64).max(1) as usize;
    let bare = syncs_per_second(scratch.path(), records, shards.min(outstanding as u32), BARE);
    Ok(OnDisk { measured, commits, bytes, written, bare })
}
