//! Many instances at rest: what they cost in memory, how long a store with them takes to open, and
//! whether they still react.
#![allow(dead_code, reason = "each bench takes what it needs")]

use std::path::Path;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use reenact::prelude::*;
use reenact::{HostOptions, InstanceFilter, InstanceState};

use super::process::{resident_bytes, written_bytes};
use super::scratch::Scratch;
use super::table::{thousands, time};

/// Instances that are started at a time.
const AT_ONCE: u64 = 1_000;

/// Instances that get an event, out of all.
const WOKEN: u64 = 100_000;

/// Events that are outstanding at a time.
const WAKING_AT_ONCE: usize = 64;

/// Most instances in memory: the others go as soon as they are idle.
const IN_MEMORY: usize = 5_000;

/// Bytes in memory until they go to the archive, for the tail that is recovered: with two shards,
/// there are 64 MiB of it.
const TAIL_BYTES: usize = 64 * 1024 * 1024;

#[orchestration]
async fn waiting(ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    let data: u64 = ctx.wait_external("Go").await?;
    Ok(n + data)
}

/// Leaves a tail of about this many bytes.
#[orchestration]
async fn recording(_ctx: OrchestrationContext, text: String) -> Result<(), OrchestrationError> {
    drop(text);
    Ok(())
}

pub(crate) async fn measure(options: HostOptions, instances: u64) -> reenact::Result<()> {
    let scratch = Scratch::new("rest");
    let path = scratch.path().join("store");
    started(&options, &path, instances).await?;
    let woken = woken(&options, &path, instances).await?;
    println!(
        "{} of them, chosen at random, got an event and ended within {}: {}/s, {WAKING_AT_ONCE} outstanding",
        thousands(woken.count as f64),
        time(woken.elapsed),
        thousands(woken.per_second()),
    );
    recovered(&options, &path).await
}

/// Events to instances that are chosen at random out of this many that wait, most of them at rest.
pub(crate) async fn events_per_second(
    options: HostOptions,
    instances: u64,
) -> reenact::Result<f64> {
    let scratch = Scratch::new("rest");
    let path = scratch.path().join("store");
    started(&options, &path, instances).await?;
    Ok(woken(&options, &path, instances).await?.per_second())
}

/// Instances that got an event and ended.
struct Woken {
    count: u64,
    elapsed: Duration,
}

impl Woken {
    fn per_second(&self) -> f64 {
        self.count as f64 / self.elapsed.as_secs_f64()
    }
}

/// Makes a store with this many instances that wait.
async fn started(options: &HostOptions, path: &Path, instances: u64) -> reenact::Result<()> {
    let host = host(options, Local::open(path)?).await?;
    let (start, written) = (Instant::now(), written_bytes());
    for first in (0..instances).step_by(AT_ONCE as usize) {
        let count = AT_ONCE.min(instances - first);
        try_join_all((first..first + count).map(|n| start_waiting(&host, n))).await?;
    }
    let started = start.elapsed();
    eprintln!(
        "{} instances that wait were started in {}: {}/s, {} bytes written for each",
        thousands(instances as f64),
        time(started),
        thousands(instances as f64 / started.as_secs_f64()),
        thousands((written_bytes() - written) as f64 / instances as f64),
    );
    eprintln!(
        "the process has {} MB in memory then, of it {} instances",
        resident_bytes() / 1_000_000,
        thousands(host.in_memory() as f64)
    );
    host.shutdown().await
}

async fn start_waiting(host: &Host, n: u64) -> reenact::Result<()> {
    host.start_new(waiting, n).id(id(n)).await?;
    Ok(())
}

fn id(n: u64) -> String {
    // Not in the order in which they are started.
    format!("{:016x}-{n}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

async fn host(options: &HostOptions, store: Local) -> reenact::Result<Host> {
    let options = options.clone().max_instances(IN_MEMORY);
    let host = Host::builder().provider(store).orchestration(waiting).orchestration(recording);
    host.options(options).start().await
}

/// Opens the store with all of them, and raises an event on some.
async fn woken(options: &HostOptions, path: &Path, instances: u64) -> reenact::Result<Woken> {
    let start = Instant::now();
    let store = Local::open(path)?;
    let opened = start.elapsed();
    let host = host(options, store).await?;
    eprintln!("opened again in {}, with a host on it in {}", time(opened), time(start.elapsed()));
    let (start, count) = (Instant::now(), WOKEN.min(instances));
    let chosen = |n: u64| n.wrapping_mul(0x2545_f491_4f6c_dd1d) % instances;
    let mut seen = std::collections::BTreeSet::new();
    let numbers: Vec<u64> =
        (0..).map(chosen).filter(|n| seen.insert(*n)).take(count as usize).collect();
    let waking = stream::iter(numbers).map(|n| wake(&host, n)).buffer_unordered(WAKING_AT_ONCE);
    waking.try_collect::<()>().await?;
    let elapsed = start.elapsed();
    let states = vec![InstanceState::Running];
    let running = host.count(&InstanceFilter::new().states(states)).await?;
    assert_eq!(running, instances - count, "the others wait");
    eprintln!("the process has {} MB in memory then", resident_bytes() / 1_000_000);
    host.shutdown().await?;
    Ok(Woken { count, elapsed })
}

async fn wake(host: &Host, n: u64) -> reenact::Result<()> {
    let instance = host.instance::<u64>(&InstanceId::new(id(n))?);
    instance.raise_event("Go", 1_u64).await?;
    assert_eq!(instance.result().await?, n + 1);
    Ok(())
}

/// Leaves a tail that is not in the archive, and opens the store with it.
async fn recovered(of_host: &HostOptions, path: &Path) -> reenact::Result<()> {
    let mut options = LocalOptions::new();
    options = options.flush_bytes(TAIL_BYTES);
    options = options.memory_bytes(usize::MAX);
    let host = host(of_host, options.open(path)?).await?;
    let text = "x".repeat(400);
    let mut bytes = 0;
    while bytes < 64 << 20 {
        let start = |_| host.start_new(recording, text.clone()).into_future();
        let started = try_join_all((0..AT_ONCE).map(start)).await?;
        bytes += started.len() * 620;
    }
    host.abort().await;
    let tail = tail_bytes(path);
    let start = Instant::now();
    let store = options.open(path)?;
    let took = start.elapsed();
    drop(store);
    eprintln!("opened after a crash with a tail of {} MiB in {}", tail >> 20, time(took));
    Ok(())
}

/// The size of all segments.
fn tail_bytes(path: &Path) -> u64 {
    let shards = std::fs::read_dir(path).expect("it is a directory").flatten();
    let files = shards.filter_map(|shard| std::fs::read_dir(shard.path()).ok()).flatten().flatten();
    let segments = files.filter(|file| file.file_name().to_string_lossy().starts_with("segment-"));
    segments.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}
