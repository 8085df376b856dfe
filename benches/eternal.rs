//! One instance that continues as new a hundred thousand times: how fast it goes, and that neither the
//! memory nor the disk that it takes grows with that. It fails when one of them does.
//!
//! `cargo bench --bench eternal`
//!
//! The directory is that of the build, or `REENACT_BENCH_DIR`.

#[path = "support/process.rs"]
mod process;
#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/table.rs"]
mod table;
#[path = "support/workloads.rs"]
mod workloads;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use process::resident_bytes;
use reenact::ExecutionId;
use reenact::prelude::*;
use reenact::providers::Provider;
use scratch::Scratch;
use table::{line, thousands, time};
use workloads::{eternal, host_on};

const GENERATIONS: u64 = 100_000;

/// Where it is looked at the first time: what every program has at once is there by then.
const SETTLED: u64 = 10_000;

/// What it may take more at the end than when it had settled, in bytes: measured are 2 MiB. A hundred
/// bytes that each generation leaves are more.
const MOST_MEMORY: u64 = 8 * 1_024 * 1_024;

/// What may be in the directory at the end, in bytes: the journal is in a segment of 32 MiB then, and
/// the archive is small. With the segments before that one it would be 63 MiB.
const MOST_DISK: u64 = 48 * 1_024 * 1_024;

const WIDTHS: [usize; 6] = [10, 12, 14, 16, 16, 12];

fn main() -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime.expect("the system gives threads").block_on(measure()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("an instance that never ends takes more and more");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> reenact::Result<bool> {
    let head = ["store", "generations", "generations/s", "memory settled", "memory at end", "disk"];
    line(&WIDTHS, head);
    let memory = row("memory", InMemory::new(), None).await?;
    let scratch = Scratch::new("eternal");
    let store = Local::open(scratch.path().join("store"))?;
    Ok(memory & row("local", store, Some(scratch.path())).await?)
}

/// Whether it keeps within bounds.
async fn row(name: &str, store: impl Provider, path: Option<&Path>) -> reenact::Result<bool> {
    let host = host_on(store).await?;
    let begun = Instant::now();
    let instance = host.start_new(eternal, (GENERATIONS, 7)).await?;
    while instance.status().await?.execution < ExecutionId(SETTLED as u32) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let settled = resident_bytes();
    assert_eq!(instance.result().await?, 7);
    let elapsed = begun.elapsed();
    let (end, disk) = (resident_bytes(), path.map_or(0, bytes_in));
    let cells = [
        name.to_string(),
        thousands(GENERATIONS as f64),
        thousands(GENERATIONS as f64 / elapsed.as_secs_f64()),
        thousands(settled as f64),
        thousands(end as f64),
        thousands(disk as f64),
    ];
    line(&WIDTHS, cells);
    println!("  in {}", time(elapsed));
    host.shutdown().await?;
    Ok(end.saturating_sub(settled) <= MOST_MEMORY && disk <= MOST_DISK)
}

/// What the files below a directory take, as they are now.
fn bytes_in(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_in(&entry.path()),
        Ok(found) => found.len(),
        // A segment that was removed meanwhile.
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}
