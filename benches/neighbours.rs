//! What one wide instance, and very many that are due at once, do to the latency of small ones beside them.
//!
//! `cargo bench --bench neighbours -- [FILTER..] [--quick] [--threads own|caller|N]`
//!
//! In memory, one shard. A row for each kind of burden: how long it took, how many neighbours began and
//! ended meanwhile, and what the slowest of them took. Neighbours come one after the other. Without
//! `--threads` both kinds are measured; `--quick` divides the burdens by ten.

#[path = "support/burdens.rs"]
mod burdens;
#[path = "support/options.rs"]
mod options;
#[path = "support/table.rs"]
mod table;

use std::process::ExitCode;
use std::time::Duration;

use burdens::{Burden, DUE, WIDE};
use mimalloc::MiMalloc;
use options::Options;
use reenact::{HostOptions, ShardThreads};
use table::{line, thousands, time};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What a neighbour may take.
const AIM: Duration = Duration::from_millis(30);

const WIDTHS: [usize; 5] = [36, 18, 10, 11, 12];

fn main() -> ExitCode {
    let defaults = Options {
        filters: Vec::new(),
        time: Duration::ZERO,
        outstanding: Vec::new(),
        workers: 2,
        threads: None,
        rest: 0,
        is_quick: false,
        is_encrypted: false,
    };
    options::main(defaults, run)
}

fn run(options: &Options) -> reenact::Result<()> {
    let scale = if options.is_quick { 10 } else { 1 };
    let burdens = [
        Burden::None,
        Burden::FanOut(WIDE / scale),
        Burden::CalledOff(WIDE / scale),
        Burden::Timers(DUE / scale),
        Burden::Start(DUE / scale),
    ];
    let both = vec![ShardThreads::PerCore, ShardThreads::OnCallersRuntime];
    line(&WIDTHS, ["burden", "threads", "took", "neighbours", "the slowest"]);
    for burden in burdens.into_iter().filter(|burden| options.wants(&burden.label())) {
        for threads in options.threads.map_or(both.clone(), |one| vec![one]) {
            let host = HostOptions::new().threads(threads);
            let beside = runtime(options.workers).block_on(burden.carry(&host))?;
            let slowest = time(beside.slowest);
            let verdict = if beside.slowest <= AIM { "" } else { " (aim: 30 ms)" };
            let cells = [
                burden.label(),
                format!("{threads:?}"),
                time(beside.took),
                thousands(beside.neighbours as f64),
                format!("{slowest}{verdict}"),
            ];
            line(&WIDTHS, cells);
        }
    }
    Ok(())
}

fn runtime(workers: usize) -> tokio::runtime::Runtime {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    runtime.expect("the system gives threads")
}
