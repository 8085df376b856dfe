//! What one wide instance, and very many that are due at once, do to the latency of small ones beside them.
//!
//! `cargo bench --bench neighbours -- [SCALE]`
//!
//! In memory, one shard. A row for each kind of burden: how long it took, how many neighbours began and
//! ended meanwhile, and what the slowest of them took. Neighbours come one after the other. `SCALE` divides
//! the burdens, for a quick look.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mimalloc::MiMalloc;
use reenact::ManualClock;
use reenact::prelude::*;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Activities of the wide instance.
const WIDE: u64 = 90_000;

/// Instances that are due at once.
const DUE: u64 = 100_000;

/// So many are started at a time before that.
const AT_A_TIME: usize = 1_000;

/// What a neighbour may take.
const AIM: Duration = Duration::from_millis(30);

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Sleepers that have woken.
static WOKEN: AtomicU64 = AtomicU64::new(0);

#[activity]
async fn add(_ctx: ActivityContext, n: u64) -> Result<u64, ActivityError> {
    Ok(n + 1)
}

#[orchestration]
async fn noop(_ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    Ok(n)
}

#[orchestration]
async fn wide(ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    let all: Vec<_> = (0..n).map(|k| ctx.schedule_activity(add, k)).collect();
    let mut sum = 0;
    for result in ctx.when_all(all).await {
        sum += result?;
    }
    Ok(sum)
}

/// Calls as many, and calls them off in its next turn.
#[orchestration]
async fn called_off(ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    let all: Vec<_> = (0..n).map(|k| ctx.schedule_activity(add, k)).collect();
    ctx.wait_external::<()>("Stop").await?;
    drop(all);
    Ok(n)
}

#[orchestration]
async fn sleeper(ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    ctx.timer(HOUR).await;
    WOKEN.fetch_add(1, Ordering::Relaxed);
    Ok(n)
}

fn main() -> ExitCode {
    let scale = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(1_u64).max(1);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime.expect("the system gives threads").block_on(measure(scale)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(scale: u64) -> reenact::Result<()> {
    println!("{:<44} {:>9} {:>11} {:>12}", "burden", "took", "neighbours", "the slowest");
    let host = host(InMemory::new().with_shards(1)).await?;
    row("none", &host, async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok(())
    })
    .await?;
    let width = WIDE / scale;
    row(&format!("a fan-out of {width}"), &host, async {
        host.start_new(wide, width).await?.result().await.map(drop)
    })
    .await?;
    row(&format!("{width} calls that are called off"), &host, async {
        let instance = host.start_new(called_off, width).await?;
        instance.raise_event("Stop", ()).await?;
        instance.result().await.map(drop)
    })
    .await?;
    host.shutdown().await?;

    let due = DUE / scale;
    let clock = ManualClock::default();
    let memory = InMemory::new().with_shards(1).with_clock(clock.clone());
    let host = self::host(memory.clone()).await?;
    start_sleepers(&host, due).await?;
    row(&format!("{due} timers that are due at once"), &host, async {
        clock.advance(HOUR);
        until_woken(due).await
    })
    .await?;
    host.shutdown().await?;

    let clock = ManualClock::default();
    let memory = InMemory::new().with_shards(1).with_clock(clock.clone());
    let host = self::host(memory.clone()).await?;
    start_sleepers(&host, due).await?;
    host.shutdown().await?;
    clock.advance(HOUR);
    let host = self::host(memory).await?;
    row(&format!("a start with {due} that are due"), &host, until_woken(due)).await?;
    host.shutdown().await
}

async fn host(memory: InMemory) -> reenact::Result<Host> {
    Host::builder()
        .provider(memory)
        .orchestration(noop)
        .orchestration(wide)
        .orchestration(called_off)
        .orchestration(sleeper)
        .activity(add)
        .start()
        .await
}

async fn start_sleepers(host: &Host, many: u64) -> reenact::Result<()> {
    let mut started = 0;
    while started < many {
        let next = (many - started).min(AT_A_TIME as u64);
        let starts = (0..next).map(|n| host.start_new(sleeper, n).into_future());
        futures::future::try_join_all(starts).await?;
        started += next;
    }
    Ok(())
}

/// Returns when so many sleepers have woken. Not by a count of the store, which would hold up others.
async fn until_woken(many: u64) -> reenact::Result<()> {
    while WOKEN.load(Ordering::Relaxed) < many {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    WOKEN.store(0, Ordering::Relaxed);
    Ok(())
}

/// Carries a burden, with neighbours beside it.
async fn row(
    what: &str,
    host: &Host,
    burden: impl Future<Output = reenact::Result<()>>,
) -> reenact::Result<()> {
    let ended = Arc::new(AtomicBool::new(false));
    let neighbours = tokio::spawn(neighbours(host.client().clone(), ended.clone()));
    let began = Instant::now();
    let carried = burden.await;
    let took = began.elapsed();
    ended.store(true, Ordering::Release);
    let (many, slowest) = neighbours.await.expect("it does not panic")?;
    let verdict = if slowest <= AIM { "" } else { " (aim: 30 ms)" };
    println!("{what:<44} {took:>9.2?} {many:>11} {slowest:>12.2?}{verdict}");
    carried
}

async fn neighbours(client: Client, ended: Arc<AtomicBool>) -> reenact::Result<(u64, Duration)> {
    let (mut many, mut slowest) = (0, Duration::ZERO);
    while !ended.load(Ordering::Acquire) {
        let began = Instant::now();
        client.start_new(noop, 1).await?.result().await?;
        slowest = slowest.max(began.elapsed());
        many += 1;
    }
    Ok((many, slowest))
}
