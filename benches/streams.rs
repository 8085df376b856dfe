//! A stream of a million items: how fast it is tailed while it grows, and read when it is there. It fails when that
//! is under 200,000 items a second.
//!
//! `cargo bench --bench streams`
//!
//! The directory is that of the build, or `REENACT_BENCH_DIR`.

#[path = "support/scratch.rs"]
mod scratch;
#[path = "support/table.rs"]
mod table;

use std::process::ExitCode;
use std::time::Instant;

use reenact::prelude::*;
use reenact::providers::Provider;
use scratch::Scratch;
use table::{line, thousands};

const ITEMS: u64 = 1_000_000;

/// Items that the code emits in a turn.
const IN_A_TURN: u64 = 1_000;

/// Fewest items a second.
const LEAST: f64 = 200_000.0;

const WIDTHS: [usize; 4] = [10, 14, 16, 16];

#[activity]
async fn emits_all(ctx: ActivityContext, items: u64) -> Result<(), ActivityError> {
    for item in 0..items {
        ctx.emit("items", &item).await?;
    }
    Ok(())
}

#[orchestration]
async fn by_activity(ctx: OrchestrationContext, items: u64) -> Result<(), OrchestrationError> {
    Ok(ctx.call_activity(emits_all, items).await?)
}

#[orchestration]
async fn by_code(ctx: OrchestrationContext, items: u64) -> Result<(), OrchestrationError> {
    let mut emitted = 0;
    while emitted < items {
        (emitted..emitted + IN_A_TURN).for_each(|item| ctx.emit("items", &item));
        emitted += IN_A_TURN;
        ctx.timer(Duration::ZERO).await;
    }
    Ok(())
}

fn main() -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime.expect("the system gives threads").block_on(measure()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("a stream is tailed too slowly");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> reenact::Result<bool> {
    line(&WIDTHS, ["store", "emitted by", "tailed/s", "read/s"]);
    let memory = rows("memory", InMemory::new()).await?;
    let scratch = Scratch::new("streams");
    Ok(memory & rows("local", Local::open(scratch.path().join("store"))?).await?)
}

/// Whether both are fast enough.
async fn rows(store: &str, provider: impl Provider) -> reenact::Result<bool> {
    let host = Host::builder().provider(provider).orchestration(by_code).orchestration(by_activity);
    let host = host.activity(emits_all).start().await?;
    let code = row(&host, store, "code", host.start_new(by_code, ITEMS).await?).await?;
    let activity = row(&host, store, "activity", host.start_new(by_activity, ITEMS).await?).await?;
    host.shutdown().await?;
    Ok(code & activity)
}

async fn row(
    host: &Host,
    store: &str,
    by: &str,
    instance: InstanceHandle<()>,
) -> reenact::Result<bool> {
    let tailed = read_all(&instance).await?;
    let read = read_all(&host.instance(instance.id())).await?;
    line(&WIDTHS, [store.to_string(), by.to_string(), thousands(tailed), thousands(read)]);
    Ok(tailed >= LEAST && read >= LEAST)
}

/// Items a second, until the instance ends.
async fn read_all(instance: &InstanceHandle<()>) -> reenact::Result<f64> {
    let begun = Instant::now();
    let mut items = instance.stream::<u64>("items")?;
    let mut next = 0;
    while let Some(item) = items.next().await {
        let item = item?;
        assert_eq!((item.offset, item.value), (next, next), "no gap, no double");
        next += 1;
    }
    assert_eq!(next, ITEMS);
    Ok(ITEMS as f64 / begun.elapsed().as_secs_f64())
}
