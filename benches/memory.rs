//! What an instance that waits costs in memory: in memory, and passivated.
//!
//! `cargo bench --bench memory`
//!
//! Each figure is what the process's resident memory grew by, divided by the number of instances.
//! It holds everything: the instance's actor and machine where there is one, and what the in-memory
//! store keeps of it, its log included.

#[path = "support/process.rs"]
mod process;

use std::process::ExitCode;
use std::time::Duration;

use process::resident_bytes;
use reenact::prelude::*;
use reenact::testing::ManualClock;

/// Instances that stay in memory.
const ACTIVE: u64 = 50_000;

/// Instances that are passivated.
const PASSIVATED: u64 = 200_000;

/// This many are started before they are passivated, so that what is freed is used again.
const AT_A_TIME: u64 = 1_000;

/// What each may cost, in bytes.
const MOST_ACTIVE: u64 = 8 * 1_024;
const MOST_PASSIVATED: u64 = 1_024;

const IDLE: Duration = Duration::from_secs(30);

#[orchestration]
async fn waiting(ctx: OrchestrationContext, _n: u64) -> Result<String, OrchestrationError> {
    Ok(ctx.wait_external("Go").await?)
}

fn main() -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let measured = runtime.expect("the system gives threads").block_on(measure());
    match measured {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> reenact::Result<bool> {
    let passivated = passivated().await?;
    report("passivated", PASSIVATED, passivated, MOST_PASSIVATED);
    let active = active().await?;
    report("in memory", ACTIVE, active, MOST_ACTIVE);
    Ok(passivated <= MOST_PASSIVATED && active <= MOST_ACTIVE)
}

fn report(what: &str, instances: u64, bytes: u64, most: u64) {
    println!("{what:<12} {instances:>8} instances that wait  {bytes:>6} bytes each (aim: {most})");
}

async fn host(clock: ManualClock) -> reenact::Result<Host> {
    let options = HostOptions::new().passivate_after(IDLE).max_instances(ACTIVE as usize + 1);
    let provider = InMemory::new().with_clock(clock);
    Host::builder().provider(provider).orchestration(waiting).options(options).start().await
}

async fn start(host: &Host, instances: u64) -> reenact::Result<()> {
    for n in 0..instances {
        host.start_new(waiting, n).await?;
    }
    Ok(())
}

async fn active() -> reenact::Result<u64> {
    let host = host(ManualClock::default()).await?;
    let before = resident_bytes();
    start(&host, ACTIVE).await?;
    assert_eq!(host.in_memory() as u64, ACTIVE, "all of them are in memory");
    let each = resident_bytes().saturating_sub(before) / ACTIVE;
    host.abort().await;
    Ok(each)
}

async fn passivated() -> reenact::Result<u64> {
    let clock = ManualClock::default();
    let host = host(clock.clone()).await?;
    // What a thousand actors need at a time is not what a passivated instance costs.
    start_and_passivate(&host, &clock, AT_A_TIME).await?;
    let before = resident_bytes();
    for _ in 0..PASSIVATED / AT_A_TIME {
        start_and_passivate(&host, &clock, AT_A_TIME).await?;
    }
    let each = resident_bytes().saturating_sub(before) / PASSIVATED;
    host.abort().await;
    Ok(each)
}

async fn start_and_passivate(
    host: &Host,
    clock: &ManualClock,
    instances: u64,
) -> reenact::Result<()> {
    start(host, instances).await?;
    while host.in_memory() > 0 {
        clock.advance(IDLE);
        tokio::task::yield_now().await;
    }
    Ok(())
}
