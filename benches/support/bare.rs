//! What the disk can do: a loop that writes and syncs, and nothing else.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bytes of a record.
pub(crate) const RECORD: usize = 256;

/// Size of the file, which is written full before; the loop begins again at its start.
const FILE_BYTES: u64 = 32 * 1024 * 1024;

/// Syncs per second of loops that each write this many records per sync to a file of their own: as
/// many loops at a time as a store has shards.
pub(crate) fn syncs_per_second(
    directory: &Path,
    records: usize,
    loops: u32,
    time: Duration,
) -> f64 {
    let files: Vec<File> =
        (0..loops).map(|n| full_file(&directory.join(format!("bare-{n}")))).collect();
    let (count, start) = (Arc::new(AtomicU64::new(0)), Instant::now());
    std::thread::scope(|scope| {
        for file in &files {
            let count = count.clone();
            scope.spawn(move || {
                let bytes = vec![7; RECORD * records];
                let mut offset = 0;
                while start.elapsed() < time {
                    if offset + bytes.len() as u64 > FILE_BYTES {
                        offset = 0;
                    }
                    file.write_all_at(&bytes, offset).expect("a write");
                    file.sync_data().expect("a sync");
                    offset += bytes.len() as u64;
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

fn full_file(path: &Path) -> File {
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(path);
    let file = file.expect("a file can be made");
    for offset in (0..FILE_BYTES).step_by(1 << 20) {
        file.write_all_at(&[1; 1 << 20], offset).expect("a write");
    }
    file.sync_all().expect("a sync");
    file
}
