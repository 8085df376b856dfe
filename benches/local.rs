//! What the local provider carries, beside memory and beside the disk itself, in one run.
//!
//! `cargo bench --bench local -- [FILTER..] [--seconds N] [--outstanding N] [--rest N]
//! [--threads own|caller|N]`
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
#[path = "support/disk.rs"]
mod disk;
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
use std::time::Duration;

use drive::{Bounds, drive_alone, runtime};
use options::Options;
use reenact::InMemory;
use scratch::Scratch;
use table::{line, thousands, time};
use workloads::Workload;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is run, with how many outstanding.
const ROWS: [(Workload, u64); 30] = [
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
    (Workload::Update, 1),
    (Workload::Update, 64),
    (Workload::Update, 1_024),
    (Workload::EntityCall, 1),
    (Workload::EntityCall, 64),
    (Workload::EntityCall, 1_024),
    (Workload::LongHistory(10_000), 1),
    (Workload::LongHistory(10_000), 64),
    (Workload::ContinueAsNew(100), 1),
    (Workload::ContinueAsNew(100), 64),
];

const WIDTHS: [usize; 11] = [20, 11, 10, 10, 6, 9, 9, 9, 9, 7, 8];

/// About how many turns one row may leave in the store.
const MAX_TURNS: u64 = 5_000_000;

fn main() -> ExitCode {
    let defaults = Options {
        filters: Vec::new(),
        time: Duration::from_secs(2),
        outstanding: Vec::new(),
        workers: std::thread::available_parallelism().map_or(2, usize::from),
        threads: None,
        rest: 1_000_000,
        is_quick: false,
        is_encrypted: false,
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
        runtime(options.workers).block_on(rest::measure(options.of_hosts(), options.rest))?;
    }
    Ok(())
}

/// Memory, the store, and the bare loop, one after the other.
fn row(options: &Options, workload: Workload, outstanding: u64) -> reenact::Result<()> {
    let bounds = Bounds { time: options.time, instances: MAX_TURNS / workload.turns() };
    let (workers, host) = (options.workers, options.of_hosts());
    let store = InMemory::new();
    let memory = drive_alone(workers, store, host.clone(), workload, outstanding, bounds)?;
    let disk = disk::measure(workers, host, workload, outstanding, bounds)?;
    let local = &disk.measured;
    let cells = [
        workload.label(),
        thousands(outstanding as f64),
        thousands(memory.instances_per_second()),
        thousands(local.instances_per_second()),
        format!("{:.2}", local.instances_per_second() / memory.instances_per_second()),
        time(local.latency(0.50)),
        time(local.latency(0.99)),
        thousands(disk.commits_per_second()),
        thousands(disk.bare),
        format!("{:.2}", disk.commits_per_second() / disk.bare),
        format!("{:.1}", disk.written_per_byte()),
    ];
    line(&WIDTHS, cells);
    Ok(())
}
