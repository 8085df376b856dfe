//! Where the time of one step goes, in nanoseconds per hop.
//!
//! `cargo bench --bench hops`
//!
//! The way of one activity is taken apart into its hops. Each hop runs alone in a loop on one
//! thread, with the real component; beside it stands what a whole step costs in processor time on a
//! host, so that one sees what the hops do not explain.

#[path = "support/drive.rs"]
mod drive;
#[path = "support/pieces.rs"]
mod pieces;
#[path = "support/process.rs"]
mod process;
#[path = "support/table.rs"]
mod table;
#[path = "support/workloads.rs"]
mod workloads;

use std::time::Duration;

use drive::{Bounds, drive};
use reenact::{HostOptions, InMemory, ShardThreads};
use table::{line, thousands};
use tokio::runtime::Runtime;
use workloads::Workload;

const WIDTHS: [usize; 4] = [46, 10, 10, 12];

/// One hop: what it costs, and how often a step takes it.
struct Hop {
    name: &'static str,
    nanos: f64,
    per_step: f64,
}

fn main() -> reenact::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("the system gives a thread");
    line(&WIDTHS, ["hop", "ns", "per step", "ns per step"]);
    let mut explained = 0.0;
    for Hop { name, nanos, per_step } in on_the_way(&runtime) {
        let share = nanos * per_step;
        explained += share;
        line(&WIDTHS, [name.into(), thousands(nanos), times(per_step), thousands(share)]);
    }
    println!();
    line(&WIDTHS, ["for comparison", "ns"]);
    for (name, nanos) in aside(&runtime) {
        line(&WIDTHS, [name.to_owned(), thousands(nanos)]);
    }
    println!();
    line(&WIDTHS, ["a whole step, processor time", "ns", "", "unexplained"]);
    for (workers, outstanding) in [(1, 1), (1, 64), (2, 1), (2, 64)] {
        let name = format!("{workers} worker threads, {outstanding} outstanding");
        let Some(nanos) = whole_step(workers, outstanding)? else {
            line(&WIDTHS, [name, "-".into()]);
            continue;
        };
        let rest = thousands((nanos - explained).max(0.0));
        line(&WIDTHS, [name, thousands(nanos), String::new(), rest]);
    }
    Ok(())
}

fn times(per_step: f64) -> String {
    if per_step.fract() == 0.0 { format!("{per_step:.0}") } else { format!("{per_step:.2}") }
}

/// Turns in one append with 64 instances outstanding, about.
const BATCH: usize = 16;

/// The hops of one activity, in their order: completion, turn, append, dispatch, run.
fn on_the_way(runtime: &Runtime) -> Vec<Hop> {
    let hop = |name, per_step, nanos| Hop { name, nanos, per_step };
    let message = runtime.block_on(pieces::cast_and_handle());
    vec![
        hop("find the instance's actor (dashmap)", 1.0, pieces::dashmap_get()),
        hop("actor message: cast and handle", 1.0, message),
        hop("what time is it", 1.0, pieces::clock()),
        hop("Machine::apply, the code's poll and JSON with it", 1.0, pieces::machine_step()),
        hop("encode the turn", 1.0, pieces::encode_turn()),
        hop("append (one for 16)", 1.0, runtime.block_on(pieces::append(BATCH))),
        hop("actor message: flush (one for 16)", 1.0 / BATCH as f64, message),
        hop("tokio task: spawn and run", 1.0, runtime.block_on(pieces::spawn_tasks())),
        hop("the activity's JSON, in and out", 1.0, pieces::json()),
    ]
}

/// What is on other ways: instances that begin and end, answers to clients, other batches.
fn aside(runtime: &Runtime) -> Vec<(&'static str, f64)> {
    vec![
        ("ractor actor: spawn and stop", runtime.block_on(pieces::spawn_and_stop())),
        ("tokio mpsc: send and receive", runtime.block_on(pieces::send_and_receive())),
        ("ractor: call and answer, one at a time", runtime.block_on(pieces::call())),
        ("tokio task: spawn and join, one at a time", runtime.block_on(pieces::spawn_and_join())),
        ("tokio oneshot: make, send, receive", runtime.block_on(pieces::oneshot())),
        ("Machine::start, with its first turn", pieces::machine_start()),
        ("append, per turn, 1 in a batch", runtime.block_on(pieces::append(1))),
        ("append, per turn, 64 in a batch", runtime.block_on(pieces::append(64))),
        ("append, per turn, 512 in a batch", runtime.block_on(pieces::append(512))),
    ]
}

/// On the runtime that is measured, whose threads are counted here.
fn threads() -> HostOptions {
    HostOptions::new().threads(ShardThreads::OnCallersRuntime)
}

/// Processor time of one activity of a sequence: what a sequence costs above a noop, shared out.
fn whole_step(workers: usize, outstanding: u64) -> reenact::Result<Option<f64>> {
    let runtime = match workers {
        1 => tokio::runtime::Builder::new_current_thread().enable_time().build(),
        _ => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(workers).enable_time().build()
        }
    };
    let runtime = runtime.expect("the system gives threads");
    let bounds = Bounds { time: Duration::from_secs(2), instances: 1_000_000 };
    let cost = |workload| -> reenact::Result<_> {
        Ok(runtime
            .block_on(drive(InMemory::new(), threads(), workload, outstanding, bounds))?
            .cpu_per_instance())
    };
    let (noop, sequence) = (cost(Workload::Noop)?, cost(Workload::Sequence)?);
    let steps = Workload::Sequence.activities() as f64;
    Ok(noop
        .zip(sequence)
        .map(|(noop, sequence)| sequence.saturating_sub(noop).as_nanos() as f64 / steps))
}
