//! What many entities cost in memory while they are called again and again.
//!
//! `cargo bench --bench entities`
//!
//! Entities in a directory are called round after round. The process's resident memory after each tenth of the rounds
//! says whether it grows with the number of calls; the sum of all answers is checked.

#[path = "support/process.rs"]
mod process;
#[path = "support/scratch.rs"]
mod scratch;

use std::process::ExitCode;
use std::time::Instant;

use futures::stream::{self, StreamExt, TryStreamExt};
use process::resident_bytes;
use reenact::prelude::*;
use scratch::Scratch;

/// Entities.
const ENTITIES: u64 = 10_000;

/// Calls of each.
const CALLS: u64 = 100;

/// Calls that are under way at a time.
const OUTSTANDING: usize = 1_024;

/// What the instances in memory may hold, by the host's count, in bytes.
const BOUND: usize = 64 * 1_024 * 1_024;

/// What the second half of the calls may add, in bytes.
const MOST_GROWTH: u64 = 32 * 1_024 * 1_024;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Counter {
    sum: u64,
}

#[entity]
impl Counter {
    fn add(&mut self, number: u64) -> u64 {
        self.sum += number;
        self.sum
    }
}

fn main() -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime.expect("the system gives threads").block_on(measure()) {
        Ok(growth) if growth <= MOST_GROWTH => ExitCode::SUCCESS,
        Ok(growth) => {
            eprintln!("the second half of the calls added {growth} bytes");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What the second half of the calls adds.
async fn measure() -> reenact::Result<u64> {
    let scratch = Scratch::new("entities");
    let host = Host::builder()
        .provider(Local::open(scratch.path())?)
        .options(HostOptions::new().max_instance_bytes(BOUND))
        .entity::<Counter>()
        .start()
        .await?;
    let mut at_half = 0;
    for round in 1..=CALLS {
        let begun = Instant::now();
        let calls = stream::iter(0..ENTITIES).map(|n| {
            let counter = host.entity::<Counter>(n.to_string());
            async move { counter.add(1).await.map_err(reenact::Error::from) }
        });
        let answers: Vec<u64> = calls.buffer_unordered(OUTSTANDING).try_collect().await?;
        assert!(answers.iter().all(|answer| *answer == round), "each call counts once");
        if round % (CALLS / 10) == 0 {
            let mib = resident_bytes() as f64 / (1_024.0 * 1_024.0);
            let per_second = ENTITIES as f64 / begun.elapsed().as_secs_f64();
            println!(
                "{round:>4} calls of each: {mib:>8.1} MiB resident, {:>6} in memory, {per_second:>8.0} calls/s",
                host.in_memory()
            );
        }
        if round == CALLS / 2 {
            at_half = resident_bytes();
        }
    }
    let grown = resident_bytes().saturating_sub(at_half);
    host.shutdown().await?;
    Ok(grown)
}
