//! What a hub in Azure Storage carries and costs, beside bare requests to the same emulator.
//!
//! `cargo bench --features azure --bench azure -- [FILTER..] [--seconds N | --quick] [--outstanding N]`
//!
//! The parts are `bare`, the names of the workloads, `idle` and `hosts`; a filter is a part of a
//! name. With `--quick` a glance is taken at each, in three minutes or so. The emulator is installed the
//! first time, and takes its share of the processor: a service far away answers later, and many more
//! requests at a time. So the ratios and the counts of requests are what counts.
//!
//! `bare/s` are appends one after the other, measured after each row; `ratio` is activities (or
//! instances, where there are none) for each of those. `requests` are those that the service charges for, between the first start and the last result.

#[path = "support/azure/bare.rs"]
mod bare;
#[path = "support/azure/cost.rs"]
mod cost;
#[path = "support/drive.rs"]
mod drive;
#[path = "support/azure/hosts.rs"]
mod hosts;
#[path = "support/azure/idle.rs"]
mod idle;
#[path = "support/options.rs"]
mod options;
#[path = "support/process.rs"]
mod process;
#[path = "support/azure/rows.rs"]
mod rows;
#[path = "support/table.rs"]
mod table;
#[path = "support/workloads.rs"]
mod workloads;

use std::process::ExitCode;
use std::time::Duration;

use bare::Bare;
use options::Options;
use reenact::testing::Emulator;
use reenact::{Azure, AzureOptions, Connection};
use table::time;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long each part is looked at with `--quick`.
const GLANCE: Duration = Duration::from_secs(3);

/// What a part of a bench needs.
struct Setting<'a> {
    emulator: &'a Emulator,
    options: &'a Options,
}

fn main() -> ExitCode {
    // This program is started again by itself, as a host among others.
    if let Some(ended) = hosts::be_a_host() {
        return ended;
    }
    let defaults = Options {
        filters: Vec::new(),
        time: Duration::from_secs(10),
        outstanding: Vec::new(),
        workers: std::thread::available_parallelism().map_or(2, usize::from),
        threads: None,
        rest: 1_000,
        is_quick: false,
        is_encrypted: false,
    };
    options::main(defaults, |options| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(options.workers).enable_all();
        let runtime = builder.build().expect("the system gives threads");
        runtime.block_on(run(options))
    })
}

async fn run(options: &Options) -> reenact::Result<()> {
    let emulator = Emulator::start().await.expect("this bench needs the emulator");
    let setting = Setting { emulator: &emulator, options };
    println!("{} worker threads, {} a row", options.workers, time(setting.time()));
    println!();
    let bare = Bare::new(&setting).await;
    bare.print().await;
    let load = rows::print(&setting, &bare).await?;
    if options.wants("idle") {
        println!();
        idle::measure(&setting).await?;
    }
    if options.wants("hosts") {
        println!();
        hosts::measure(&setting).await?;
    }
    if options.wants("cost") {
        println!();
        cost::print(load);
    }
    Ok(())
}

impl Setting<'_> {
    fn time(&self) -> Duration {
        if self.options.is_quick { GLANCE } else { self.options.time }
    }

    fn connection(&self) -> Connection {
        let text = self.emulator.connection_string();
        Connection::parse(&text).expect("the emulator's connection is one")
    }

    /// A new hub, as one is by default.
    async fn hub(&self, name: &str) -> Azure {
        let hub = AzureOptions::new().connect(&self.connection(), name).await;
        hub.expect("the emulator takes a hub")
    }
}
