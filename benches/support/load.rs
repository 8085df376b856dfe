//! The load test: what this machine carries, in memory.
//!
//! `cargo bench --bench load -- [FILTER..] [--seconds N | --quick] [--outstanding N] [--workers N] [--threads own|caller|N] [--encrypted]`
//!
//! Each row runs on a fresh host and a fresh store, keeps a number of instances outstanding for some time,
//! and checks every result and the number of activities that ran. A filter is a part of a
//! workload's name. Of instances that continue as new or have children, the executions are counted in
//! the place of the activities. `--threads` says where the host runs: on threads of its own, one for each core or so
//! many, or on the runtime of the caller. `--encrypted` (with `--features encryption`) encrypts what is stored. `cpu` is the processor time of the whole process for one instance.

#[path = "drive.rs"]
mod drive;
#[path = "history.rs"]
mod history;
#[path = "options.rs"]
mod options;
#[path = "process.rs"]
mod process;
#[path = "table.rs"]
mod table;
#[path = "workloads.rs"]
mod workloads;

use std::ops::Range;
use std::process::ExitCode;
use std::time::Duration;

use drive::{Bounds, Measured, drive_alone};
use options::Options;
use reenact::InMemory;
#[cfg(feature = "encryption")]
use reenact::providers::Provider;
use table::{line, thousands, time};
use workloads::Workload;

const WORKLOADS: [Workload; 12] = [
    Workload::Noop,
    Workload::OwnId,
    Workload::Sequence,
    Workload::Local,
    Workload::FanOut(100),
    Workload::FanOut(1_000),
    Workload::Children(100),
    Workload::Event,
    Workload::Update,
    Workload::EntityCall,
    Workload::LongHistory(LONG),
    Workload::ContinueAsNew(GENERATIONS),
];

/// How often an instance continues as new.
const GENERATIONS: u64 = 1_000;

/// Activities in a long history.
const LONG: u64 = 10_000;

const OUTSTANDING: [u64; 3] = [1, 64, 1_024];

/// Turns that one row may leave in the store, about: some 300 bytes each. Rows with more than that
/// outstanding run each instance once.
const MAX_TURNS: u64 = 5_000_000;

const WIDTHS: [usize; 8] = [22, 11, 11, 13, 10, 10, 10, 10];

pub(crate) fn main() -> ExitCode {
    let defaults = Options {
        filters: Vec::new(),
        time: Duration::from_secs(2),
        outstanding: OUTSTANDING.to_vec(),
        workers: 2,
        threads: None,
        rest: 0,
        is_quick: false,
        is_encrypted: false,
    };
    options::main(defaults, run)
}

fn run(options: &Options) -> reenact::Result<()> {
    println!("in memory, {} worker threads, {} a row", options.workers, time(options.time));
    println!();
    line(
        &WIDTHS,
        [
            "workload",
            "outstanding",
            "instances/s",
            "activities/s",
            "p50",
            "p99",
            "cpu",
            "instances",
        ],
    );
    for workload in WORKLOADS.into_iter().filter(|workload| options.wants(&workload.label())) {
        for &outstanding in &options.outstanding {
            let measured = row(options, workload, outstanding)?;
            print(workload, outstanding, &measured);
        }
    }
    if options.wants("cost along the history") {
        cost_along_the_history()?;
    }
    Ok(())
}

fn row(options: &Options, workload: Workload, outstanding: u64) -> reenact::Result<Measured> {
    let bounds = Bounds { time: options.time, instances: MAX_TURNS / workload.turns() };
    let (workers, hosts) = (options.workers, options.of_hosts());
    let store = InMemory::new();
    match options.is_encrypted {
        true => drive_alone(workers, encrypted(store)?, hosts, workload, outstanding, bounds),
        false => drive_alone(workers, store, hosts, workload, outstanding, bounds),
    }
}

#[cfg(feature = "encryption")]
fn encrypted(store: InMemory) -> reenact::Result<impl Provider> {
    use reenact::codec::{Encryption, Keys};

    let keys = Keys::new("bench", [7; 32]).expect("the id is short");
    Ok(reenact::Encoded::new(store, Encryption::new(keys)))
}

#[cfg(not(feature = "encryption"))]
fn encrypted(_: InMemory) -> reenact::Result<InMemory> {
    eprintln!("`--encrypted` needs `--features encryption`");
    std::process::exit(2)
}

fn print(workload: Workload, outstanding: u64, measured: &Measured) {
    let activities = match workload.activities() {
        0 if workload.executions() > 1 => {
            thousands(measured.instances_per_second() * workload.executions() as f64)
        }
        0 => "-".into(),
        _ => thousands(measured.activities_per_second()),
    };
    let cells = [
        workload.label(),
        thousands(outstanding as f64),
        thousands(measured.instances_per_second()),
        activities,
        time(measured.latency(0.50)),
        time(measured.latency(0.99)),
        measured.cpu_per_instance().map_or("-".into(), time),
        thousands(measured.instances as f64),
    ];
    line(&WIDTHS, cells);
}

/// Steps of the long history that are compared.
const WINDOWS: [Range<usize>; 4] = [10..110, 1_000..1_100, 5_000..5_100, 9_900..10_000];

fn cost_along_the_history() -> reenact::Result<()> {
    let costs = history::cost_along_the_history(LONG, 15, &WINDOWS)?;
    println!();
    println!("cost of a step along one history of {LONG} activities, on one thread (median)");
    for (window, cost) in WINDOWS.iter().zip(&costs) {
        line(&[18, 11], [format!("{:?}", window), time(*cost)]);
    }
    if let [first, .., last] = costs[..] {
        let ratio = last.as_secs_f64() / first.as_secs_f64();
        println!("the last costs {ratio:.3} times what the first costs (aim: within 10%)");
    }
    Ok(())
}
