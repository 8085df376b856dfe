//! What the local provider carries, beside memory and beside the disk itself, in one run.
//!
//! `cargo bench --bench local -- [FILTER..] [--seconds N] [--outstanding N] [--rest N]`
//!
//! The directory is that of the build, or `REENACT_BENCH_DIR`. Figures of disks differ from machine
//! to machine and from minute to minute: the ratios are what counts. `--rest` is the number of
//! instances at rest in the last part; a filter that is no part of `rest` leaves it out. `written` is
//! what is handed to the system to be written, for each byte of events: the journal, the
//! zeros before it, and the archive.

#[path = "support/bare.rs"]
mod bare;
#[path = "support/counted.rs"]
mod counted;
#[path = "support/drive.rs"]
mod drive;
#[path = "support/options.rs"]
mod options;
#[path = "support/process.rs"]
mod process;
#[path = "support/rest.rs"]
mod rest;
#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/table.rs"]
mod table;
#[path = "support/workloads.rs"]
mod workloads;

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bare::RECORD;
use counted::{Counted, Counts};
use drive::{Bounds, Measured, drive};
use options::Options;
use process::written_bytes;
use reenact::{InMemory, Local};
use scratch::Scratch;
use table::{line, thousands, time};
use workloads::Workload;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is run, with how many outstanding.
const ROWS: [(Workload, u64); 24] = [
    (Workload::Noop, 1),
    (Workload::Noop, 64),
    (Workload::Noop, 1_024),
    (Workload::OwnId, 1),
    (Workload::OwnId, 64),
    (Workload::OwnId, 1_024),
    (Workload::Sequence, 1),
    (Workload::Sequence, 64),
    (Workload::Sequence, 1_024),
    (Workload::Local, 1),
    (Workload::Local, 64),
    (Workload::Local, 1_024),
    (Workload::FanOut(100), 1),
    (Workload::FanOut(100), 64),
    (Workload::FanOut(1_000), 1),
    (Workload::Children(100), 1),
    (Workload::Children(100), 64),
    (Workload::Event, 1),
    (Workload::Event, 64),
    (Workload::Event, 1_024),
    (Workload::LongHistory(10_000), 1),
    (Workload::LongHistory(10_000), 64),
    (Workload::ContinueAsNew(100), 1),
    (Workload::ContinueAsNew(100), 64),
];

const WIDTHS: [usize; 11] = [20, 11, 10, 10, 6, 9, 9, 9, 9, 7, 8];

/// Turns that one row may leave behind, about.
const MAX_TURNS: u64 = 5_000_000;

fn main() -> ExitCode {
    let defaults = Options {
        filters: Vec::new(),
        time: Duration::from_secs(2),
        outstanding: Vec::new(),
        workers: std::thread::available_parallelism().map_or(2, usize::from),
        rest: 1_000_000,
        is_quick: false,
    };
    options::main(defaults, run)
}

fn run(options: &Options) -> reenact::Result<()> {
    println!("{} worker threads, {} a row; in", options.workers, time(options.time));
    println!("{}", Scratch::new("where").path().display());
    println!();
    let head = [
        "workload",
        "outstanding",
        "memory/s",
        "local/s",
        "ratio",
        "p50",
        "p99",
        "commits/s",
        "bare/s",
        "ratio",
        "written",
    ];
    line(&WIDTHS, head);
    let is_asked_for = |outstanding: &u64| {
        options.outstanding.is_empty() || options.outstanding.contains(outstanding)
    };
    for (workload, outstanding) in ROWS {
        if options.wants(&workload.label()) && is_asked_for(&outstanding) {
            row(options, workload, outstanding)?;
        }
    }
    if options.wants("rest") {
        println!();
        runtime(options).block_on(rest::measure(options.rest))?;
    }
    Ok(())
}

/// Memory, the bare loop and the store, one after the other.
fn row(options: &Options, workload: Workload, outstanding: u64) -> reenact::Result<()> {
    let bounds = Bounds { time: options.time, instances: MAX_TURNS / workload.turns() };
    let memory = measured(options, InMemory::new(), workload, outstanding, bounds)?;
    let scratch = Scratch::new("local");
    let store = Counted::new(Local::open(scratch.path().join("store"))?);
    let (counts, shards) = (store.counts.clone(), reenact::Provider::shards(&store));
    let before = written_bytes();
    let local = measured(options, store, workload, outstanding, bounds)?;
    let written = (written_bytes() - before) as f64 / counts.bytes.load(Ordering::Relaxed) as f64;
    let records = records_per_commit(&counts);
    let bare =
        bare::syncs_per_second(scratch.path(), records, shards.min(outstanding as u32), BARE);
    let commits = counts.commits.load(Ordering::Relaxed) as f64 / local.elapsed.as_secs_f64();
    let cells = [
        workload.label(),
        thousands(outstanding as f64),
        thousands(memory.instances_per_second()),
        thousands(local.instances_per_second()),
        format!("{:.2}", local.instances_per_second() / memory.instances_per_second()),
        time(local.latency(0.50)),
        time(local.latency(0.99)),
        thousands(commits),
        thousands(bare),
        format!("{:.2}", commits / bare),
        format!("{written:.1}"),
    ];
    line(&WIDTHS, cells);
    Ok(())
}

/// How long the bare loop runs.
const BARE: Duration = Duration::from_millis(500);

/// How many records of 256 bytes a commit is worth.
fn records_per_commit(counts: &Counts) -> usize {
    let commits = counts.commits.load(Ordering::Relaxed).max(1);
    let bytes = counts.bytes.load(Ordering::Relaxed) / commits;
    (bytes as usize).div_ceil(RECORD).max(1)
}

fn measured(
    options: &Options,
    store: impl reenact::Provider,
    workload: Workload,
    outstanding: u64,
    bounds: Bounds,
) -> reenact::Result<Measured> {
    runtime(options).block_on(async {
        // In a task, as a program would: the main thread is not one of the workers.
        let driven = tokio::spawn(drive(store, workload, outstanding, bounds)).await;
        driven.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    })
}

fn runtime(options: &Options) -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(options.workers).enable_time().build().expect("the system gives threads")
}
