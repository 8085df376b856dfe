//! What one wide instance, and very many that are due at once, do to the latency of small ones beside them.
#![allow(dead_code, reason = "each bench takes what it needs")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reenact::HostOptions;
use reenact::prelude::*;
use reenact::testing::ManualClock;

/// Activities of the wide instance.
pub(crate) const WIDE: u64 = 90_000;

/// Instances that are due at once.
pub(crate) const DUE: u64 = 100_000;

/// This many are started at a time before that.
const AT_A_TIME: usize = 1_000;

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

/// Something large on a host that is in memory and has one shard.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Burden {
    None,
    /// This many activities of one instance.
    FanOut(u64),
    /// This many that one instance calls, and calls off in its next turn.
    CalledOff(u64),
    /// This many timers of instances in memory.
    Timers(u64),
    /// The start of a host on a store with this many instances that are due.
    Start(u64),
}

/// What became of the neighbours of a burden. They come one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside {
    /// How long it took.
    pub(crate) took: Duration,
    /// Those that began and ended meanwhile.
    pub(crate) neighbours: u64,
    pub(crate) slowest: Duration,
}

impl Burden {
    pub(crate) fn label(self) -> String {
        match self {
            Self::None => "none".into(),
            Self::FanOut(width) => format!("a fan-out of {width}"),
            Self::CalledOff(width) => format!("{width} calls that are called off"),
            Self::Timers(due) => format!("{due} timers that are due at once"),
            Self::Start(due) => format!("a start with {due} that are due"),
        }
    }

    pub(crate) async fn carry(self, options: &HostOptions) -> reenact::Result<Beside> {
        let clock = ManualClock::default();
        let memory = InMemory::new().with_shards(1);
        match self {
            Self::None => {
                let host = host(memory, options).await?;
                let nothing = async {
                    tokio::time::sleep(Duration::from_secs(2)).await;
                    Ok(())
                };
                end(host, nothing).await
            }
            Self::FanOut(width) => {
                let host = host(memory, options).await?;
                // Once before: what counts is the work, and not that the system gives memory.
                host.start_new(wide, width).await?.result().await?;
                let client = host.client().clone();
                let carried =
                    async move { client.start_new(wide, width).await?.result().await.map(drop) };
                end(host, carried).await
            }
            Self::CalledOff(width) => {
                let host = host(memory, options).await?;
                call_off(host.client(), width).await?;
                let client = host.client().clone();
                end(host, async move { call_off(&client, width).await }).await
            }
            Self::Timers(due) => {
                let host = host(memory.with_clock(clock.clone()), options).await?;
                start_sleepers(&host, due).await?;
                let carried = async {
                    clock.advance(HOUR);
                    until_woken(due).await
                };
                end(host, carried).await
            }
            Self::Start(due) => {
                let memory = memory.with_clock(clock.clone());
                let before = host(memory.clone(), options).await?;
                start_sleepers(&before, due).await?;
                before.shutdown().await?;
                clock.advance(HOUR);
                end(host(memory, options).await?, until_woken(due)).await
            }
        }
    }
}

async fn call_off(client: &Client, width: u64) -> reenact::Result<()> {
    let instance = client.start_new(called_off, width).await?;
    instance.raise_event("Stop", ()).await?;
    instance.result().await.map(drop)
}

/// Carries something, with neighbours beside it, and shuts the host down.
async fn end(
    host: Host,
    carried: impl Future<Output = reenact::Result<()>>,
) -> reenact::Result<Beside> {
    let ended = Arc::new(AtomicBool::new(false));
    let neighbours = tokio::spawn(neighbours(host.client().clone(), ended.clone()));
    let began = Instant::now();
    let carried = carried.await;
    let took = began.elapsed();
    ended.store(true, Ordering::Release);
    let (neighbours, slowest) = neighbours.await.expect("it does not panic")?;
    carried?;
    host.shutdown().await?;
    Ok(Beside { took, neighbours, slowest })
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

async fn host(memory: InMemory, options: &HostOptions) -> reenact::Result<Host> {
    Host::builder()
        .options(options.clone())
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

/// Returns when this many sleepers have woken. Not by a count of the store, which would hold up others.
async fn until_woken(many: u64) -> reenact::Result<()> {
    while WOKEN.load(Ordering::Relaxed) < many {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    WOKEN.store(0, Ordering::Relaxed);
    Ok(())
}
