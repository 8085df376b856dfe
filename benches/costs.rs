//! What an instance and a step cost on a host: allocations, and bytes of them.
//!
//! `cargo bench --bench costs -- [WORKLOAD..] [--instances N] [--outstanding N]`
//!
//! Counts depend neither on the machine nor on what else runs on it, so two versions can be compared at any
//! time. All runs on one thread. `valgrind --tool=callgrind` counts the instructions of the same program: take
//! the difference of two runs with different numbers of instances.

#[path = "support/drive.rs"]
mod drive;
#[path = "support/process.rs"]
mod process;
#[path = "support/table.rs"]
mod table;
#[path = "support/workloads.rs"]
mod workloads;

use std::time::Duration;

use allocation_counter::measure;
use drive::Bounds;
use reenact::{HostOptions, InMemory, ShardThreads};
use table::line;
use tokio::runtime::{Builder, Runtime};
use workloads::{Workload, host_with};

const WORKLOADS: [Workload; 5] =
    [Workload::Noop, Workload::Sequence, Workload::Event, Workload::Update, Workload::EntityCall];

const OUTSTANDING: [u64; 2] = [1, 64];

/// Instances that are counted, unless the command line says otherwise.
const INSTANCES: u64 = 20_000;

const WIDTHS: [usize; 4] = [16, 12, 16, 16];

fn main() -> reenact::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |option: &str| {
        let at = arguments.iter().position(|argument| argument == option)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let instances = number("--instances").unwrap_or(INSTANCES);
    let outstanding = number("--outstanding").map_or(OUTSTANDING.to_vec(), |one| vec![one]);
    let named = |workload: &Workload| arguments.contains(&workload.label());
    let wanted: Vec<_> = match WORKLOADS.into_iter().filter(named).collect::<Vec<_>>() {
        none if none.is_empty() => WORKLOADS.to_vec(),
        some => some,
    };
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("the system gives a thread");
    line(&WIDTHS, ["workload", "outstanding", "allocations", "bytes"]);
    for workload in wanted {
        for &outstanding in &outstanding {
            let (count, bytes) = count(&runtime, workload, outstanding, instances)?;
            let outstanding = outstanding.to_string();
            line(&WIDTHS, [workload.label(), outstanding, count, bytes]);
        }
    }
    Ok(())
}

/// Allocations of one instance, and their bytes.
fn count(
    runtime: &Runtime,
    workload: Workload,
    outstanding: u64,
    instances: u64,
) -> reenact::Result<(String, String)> {
    let threads = ShardThreads::OnCallersRuntime;
    let options = HostOptions::new().threads(threads);
    let host = runtime.block_on(host_with(InMemory::new(), options))?;
    let run = |instances| {
        let bounds = Bounds { time: Duration::from_secs(3_600), instances };
        runtime.block_on(drive::measure(&host, workload, outstanding, bounds))
    };
    run(1_000.min(instances))?;
    let mut measured = None;
    let counted = measure(|| measured = Some(run(instances)));
    let instances = measured.transpose()?.map_or(1, |measured| measured.instances) as f64;
    runtime.block_on(host.shutdown())?;
    let of_one = |all: u64| format!("{:.1}", all as f64 / instances);
    Ok((of_one(counted.count_total), of_one(counted.bytes_total)))
}
