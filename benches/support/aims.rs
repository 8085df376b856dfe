//! The aims, and whether they are reached.
//!
//! `cargo bench --bench aims --bench aims_system -- [FILTER..] [--seconds N | --quick] [--workers N] [--rest N]
//! [--threads own|caller|N]`
//!
//! A Markdown table with a row for each aim, measured with threads of the host's own and on the runtime of the
//! caller; `--threads` measures one of them. Above it stand what the machine does by itself, and beside the
//! rows on a disk a bare loop that writes and syncs as many bytes for each commit. All of it goes through the
//! public API, and each result is checked. A filter is a part of a row's name. `--rest` is the number of
//! instances that wait at rest.

#[path = "bare.rs"]
mod bare;
#[path = "burdens.rs"]
mod burdens;
#[path = "counted.rs"]
mod counted;
#[path = "disk.rs"]
mod disk;
#[path = "drive.rs"]
mod drive;
#[path = "machine.rs"]
mod machine;
#[path = "options.rs"]
mod options;
#[path = "process.rs"]
mod process;
#[path = "rest.rs"]
mod rest;
#[path = "results.rs"]
mod results;
#[path = "scratch.rs"]
mod scratch;
#[path = "table.rs"]
mod table;
#[path = "workloads.rs"]
mod workloads;

use std::process::ExitCode;
use std::time::Duration;

use burdens::{Burden, DUE, WIDE};
use disk::OnDisk;
use drive::{Bounds, Measured, drive_alone, runtime};
use options::Options;
use reenact::{HostOptions, InMemory, ShardThreads};
use table::{thousands, time};
use workloads::Workload;

/// What the program was built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each bench is built with one")]
pub(crate) enum Allocator {
    Mimalloc,
    System,
}

/// What is aimed at, and how it is measured.
struct Row {
    name: &'static str,
    aim: Aim,
    /// The aim with the system's allocator, where there is one.
    aim_system: Option<Aim>,
    measure: Measure,
}

#[derive(Clone, Copy)]
enum Aim {
    /// This many a second, or more.
    PerSecond(f64),
    /// No longer than this.
    Within(Duration),
    /// A number that is this or less.
    AtMost(f64),
    /// A number that is this or more.
    AtLeast(f64),
    /// Bytes.
    Bytes(u64),
}

#[derive(Clone, Copy)]
enum Measure {
    /// Instances a second.
    Memory(Workload, u64),
    /// The same on a disk.
    Disk(Workload, u64),
    /// The median time of one instance.
    Median(Workload),
    /// The time of one instance alone on a disk, in times of what its syncs take.
    Syncs(Workload),
    /// Commits for each instance on a disk.
    Commits(Workload),
    /// The first workload's instances a second, divided by the second's.
    Ratio(Workload, Workload, u64),
    /// Bytes that are written for each byte of events.
    Written(Workload, u64),
    /// Events to instances at rest.
    Rest,
    /// What an instance that waits after many results holds.
    Results,
    /// The slowest neighbour.
    Beside(Burden),
}

/// What was measured.
struct Figure {
    value: f64,
    /// What it was beside, if anything.
    beside: String,
}

const ROWS: [Row; 21] = {
    use Aim::{AtLeast, AtMost, Bytes, PerSecond, Within};
    use Workload::{Children, FanOut, Local, LongHistory, Noop, OwnId, Sequence};
    const fn row(name: &'static str, aim: Aim, measure: Measure) -> Row {
        Row { name, aim, aim_system: None, measure }
    }
    const fn both(name: &'static str, aim: Aim, system: Aim, measure: Measure) -> Row {
        Row { name, aim, aim_system: Some(system), measure }
    }
    const THIRTY_MILLIS: Duration = Duration::from_millis(30);
    [
        // First, since it looks at the memory of the process.
        row(
            "memory of one that waits after 20,000 results of 8 KiB",
            Bytes(2_000_000),
            Measure::Results,
        ),
        both(
            "sequence, memory, 64",
            PerSecond(100_000.0),
            PerSecond(80_000.0),
            Measure::Memory(Sequence, 64),
        ),
        both(
            "noop, memory, 64",
            PerSecond(250_000.0),
            PerSecond(200_000.0),
            Measure::Memory(Noop, 64),
        ),
        row("noop, memory, 1", PerSecond(150_000.0), Measure::Memory(Noop, 1)),
        row("sequence, memory, 1", PerSecond(60_000.0), Measure::Memory(Sequence, 1)),
        row(
            "1,000 steps, memory, 1",
            Within(Duration::from_millis(2)),
            Measure::Median(LongHistory(1_000)),
        ),
        row("noop, disk, 1: times its syncs", AtMost(1.1), Measure::Syncs(Noop)),
        row("sequence, disk, 1: times its syncs", AtMost(1.1), Measure::Syncs(Sequence)),
        row(
            "own ids against drawn ones, disk, 1,024",
            AtLeast(0.9),
            Measure::Ratio(OwnId, Noop, 1_024),
        ),
        row("sequence, disk, 64", PerSecond(30_000.0), Measure::Disk(Sequence, 64)),
        row("sequence, disk, 1,024", PerSecond(60_000.0), Measure::Disk(Sequence, 1_024)),
        row("event to one at rest, disk, 64", PerSecond(50_000.0), Measure::Rest),
        row("fan-out of 100, memory, alone", PerSecond(2_000.0), Measure::Memory(FanOut(100), 1)),
        row("fan-out of 100, disk, alone", PerSecond(2_000.0), Measure::Disk(FanOut(100), 1)),
        row(
            "parent with 100 children, memory",
            PerSecond(1_000.0),
            Measure::Memory(Children(100), 1),
        ),
        row(
            "parent with 100 children, memory, 64",
            PerSecond(1_000.0),
            Measure::Memory(Children(100), 64),
        ),
        row("five local activities, disk, alone: commits", AtMost(2.0), Measure::Commits(Local)),
        row("five local activities, disk, 64", PerSecond(30_000.0), Measure::Disk(Local, 64)),
        row(
            "slowest neighbour of a fan-out of 90,000",
            Within(THIRTY_MILLIS),
            Measure::Beside(Burden::FanOut(WIDE)),
        ),
        row(
            "slowest neighbour of 100,000 timers due",
            Within(THIRTY_MILLIS),
            Measure::Beside(Burden::Timers(DUE)),
        ),
        row(
            "bytes written for each of events, sequence, 1,024",
            AtMost(3.0),
            Measure::Written(Sequence, 1_024),
        ),
    ]
};

/// About how many turns one row may leave in the store.
const MAX_TURNS: u64 = 5_000_000;

/// How long a row is measured whose figure settles late, at least.
const LONG: Duration = Duration::from_secs(12);

pub(crate) fn main(allocator: Allocator) -> ExitCode {
    let defaults = Options {
        filters: Vec::new(),
        time: Duration::from_secs(2),
        outstanding: Vec::new(),
        workers: std::thread::available_parallelism().map_or(2, usize::from),
        threads: None,
        rest: 400_000,
        is_quick: false,
        is_encrypted: false,
    };
    options::main(defaults, |options| run(options, allocator))
}

fn run(options: &Options, allocator: Allocator) -> reenact::Result<()> {
    println!("{allocator:?}, {} worker threads, {} a row.", options.workers, time(options.time));
    println!("{}.", machine::of_this_minute());
    println!();
    println!("| aim | aimed at | own threads | caller's runtime | reached | beside |");
    println!("|---|---|---|---|---|---|");
    for row in ROWS.iter().filter(|row| options.wants(row.name)) {
        let aim = match allocator {
            Allocator::Mimalloc => Some(row.aim),
            Allocator::System => row.aim_system,
        };
        if let Some(aim) = aim {
            print(row, aim, options)?;
        }
    }
    println!();
    println!("{}.", machine::of_this_minute());
    Ok(())
}

/// Measures and prints one row.
fn print(row: &Row, aim: Aim, options: &Options) -> reenact::Result<()> {
    let own = options.threads.unwrap_or(ShardThreads::PerCore);
    let own = (own != ShardThreads::OnCallersRuntime).then_some(own);
    let callers = options.threads.is_none_or(|one| one == ShardThreads::OnCallersRuntime);
    let callers = callers.then_some(ShardThreads::OnCallersRuntime);
    let measured = |threads: Option<ShardThreads>| {
        let host = threads.map(|threads| HostOptions::new().threads(threads));
        host.map(|host| row.measure.run(options, &host)).transpose()
    };
    let (own, callers) = (measured(own)?, measured(callers)?);
    let cell = |figure: &Option<Figure>| match figure {
        Some(figure) => aim.text(figure.value),
        None => "-".into(),
    };
    let is_reached = |figure: &Option<Figure>| match figure {
        Some(figure) if aim.is_reached(figure.value) => "yes",
        Some(_) => "no",
        None => "-",
    };
    let beside = [&own, &callers].map(|figure| figure.as_ref().map_or("", |figure| &figure.beside));
    let beside = beside.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
    println!(
        "| {} | {} | {} | {} | {}, {} | {beside} |",
        row.name,
        aim.aimed_at(),
        cell(&own),
        cell(&callers),
        is_reached(&own),
        is_reached(&callers),
    );
    Ok(())
}

impl Aim {
    fn aimed_at(self) -> String {
        match self {
            Self::PerSecond(value) | Self::AtMost(value) | Self::AtLeast(value) => self.text(value),
            Self::Within(most) => time(most),
            Self::Bytes(most) => self.text(most as f64),
        }
    }

    fn text(self, value: f64) -> String {
        match self {
            Self::PerSecond(_) => format!("{}/s", thousands(value)),
            Self::Within(_) => time(Duration::from_secs_f64(value)),
            Self::AtMost(_) | Self::AtLeast(_) => format!("{value:.2}"),
            Self::Bytes(_) => format!("{:.1} MB", value / 1e6),
        }
    }

    fn is_reached(self, value: f64) -> bool {
        match self {
            Self::PerSecond(aim) | Self::AtLeast(aim) => value >= aim,
            Self::Within(most) => value <= most.as_secs_f64(),
            Self::AtMost(most) => value <= most,
            Self::Bytes(most) => value <= most as f64,
        }
    }
}

impl Measure {
    fn run(self, options: &Options, host: &HostOptions) -> reenact::Result<Figure> {
        let memory = |workload, outstanding| in_memory(options, host, workload, outstanding);
        let disk = |workload, outstanding| on_disk(options, host, workload, outstanding);
        let figure = |value, beside| Ok(Figure { value, beside });
        let nothing = String::new();
        match self {
            Self::Memory(workload, outstanding) => {
                let measured = memory(workload, outstanding)?;
                figure(measured.instances_per_second(), median(&measured))
            }
            Self::Disk(workload, outstanding) => {
                let disk = disk(workload, outstanding)?;
                figure(disk.measured.instances_per_second(), bare(&disk))
            }
            Self::Median(workload) => {
                let median = memory(workload, 1)?.latency(0.5);
                figure(median.as_secs_f64(), nothing)
            }
            Self::Syncs(workload) => {
                let disk = disk(workload, 1)?;
                let syncs = disk.commits_per_instance() / disk.bare;
                let beside = format!("{}, {}", time(disk.measured.mean()), bare(&disk));
                figure(disk.measured.mean().as_secs_f64() / syncs, beside)
            }
            Self::Commits(workload) => {
                let disk = disk(workload, 1)?;
                figure(disk.commits_per_instance(), format!("{} each", time(disk.measured.mean())))
            }
            Self::Ratio(one, other, outstanding) => {
                let of = |workload| -> reenact::Result<f64> {
                    Ok(disk(workload, outstanding)?.measured.instances_per_second())
                };
                // In turns: a disk is not the same from minute to minute.
                let all = [of(one)?, of(other)?, of(other)?, of(one)?];
                let (one, other) = ((all[0] + all[3]) / 2.0, (all[1] + all[2]) / 2.0);
                let beside = format!("{}/s against {}/s", thousands(one), thousands(other));
                figure(one / other, beside)
            }
            Self::Written(workload, outstanding) => {
                let options = Options { time: options.time.max(LONG), ..options.clone() };
                let disk = on_disk(&options, host, workload, outstanding)?;
                figure(disk.written_per_byte(), nothing)
            }
            Self::Rest => {
                let woken = rest::events_per_second(host.clone(), options.rest);
                figure(runtime(options.workers).block_on(woken)?, nothing)
            }
            Self::Results => {
                let held = runtime(options.workers).block_on(results::held(host.clone()))?;
                figure(held.resident as f64, format!("{} bytes counted", thousands(held.counted)))
            }
            Self::Beside(burden) => {
                let beside = runtime(options.workers).block_on(burden.carry(host))?;
                let text = format!("{} neighbours in {}", beside.neighbours, time(beside.took));
                figure(beside.slowest.as_secs_f64(), text)
            }
        }
    }
}

fn bounds(options: &Options, workload: Workload) -> Bounds {
    Bounds { time: options.time, instances: MAX_TURNS / workload.turns() }
}

fn in_memory(
    options: &Options,
    host: &HostOptions,
    workload: Workload,
    outstanding: u64,
) -> reenact::Result<Measured> {
    let (store, bounds) = (InMemory::new(), bounds(options, workload));
    drive_alone(options.workers, store, host.clone(), workload, outstanding, bounds)
}

fn on_disk(
    options: &Options,
    host: &HostOptions,
    workload: Workload,
    outstanding: u64,
) -> reenact::Result<OnDisk> {
    let bounds = bounds(options, workload);
    disk::measure(options.workers, host.clone(), workload, outstanding, bounds)
}

fn median(measured: &Measured) -> String {
    format!("p50 {}", time(measured.latency(0.5)))
}

fn bare(disk: &OnDisk) -> String {
    let (commits, bare) = (thousands(disk.commits_per_second()), thousands(disk.bare));
    format!("{commits} of {bare} bare syncs/s")
}
