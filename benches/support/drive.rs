//! Keeps a number of instances outstanding for some time, and measures.
#![allow(dead_code, reason = "each bench takes what it needs")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reenact::providers::Provider;
use reenact::{Client, HostOptions};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::process::cpu_time;
use super::workloads::{Workload, activities_run, host_with};

/// How much is to be run: until the time is over, or this many instances have been started. Each of
/// the outstanding ones runs at least once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) time: Duration,
    pub(crate) instances: u64,
}

/// What was run, from the first start to the last result.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) instances: u64,
    pub(crate) activities: u64,
    pub(crate) elapsed: Duration,
    /// Processor time of the whole process; `None` where the system does not tell.
    pub(crate) cpu: Option<Duration>,
    /// Of each instance from its start to its result, ascending.
    latencies: Vec<Duration>,
}

impl Measured {
    pub(crate) fn instances_per_second(&self) -> f64 {
        self.instances as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn activities_per_second(&self) -> f64 {
        self.activities as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn cpu_per_instance(&self) -> Option<Duration> {
        Some(self.cpu?.div_f64(self.instances as f64))
    }

    /// How long an instance took, on average.
    pub(crate) fn mean(&self) -> Duration {
        let all: Duration = self.latencies.iter().sum();
        all.div_f64(self.latencies.len().max(1) as f64)
    }

    /// The latency that this share of the instances did not exceed.
    pub(crate) fn latency(&self, share: f64) -> Duration {
        let rank = (self.latencies.len() as f64 * share).ceil() as usize;
        self.latencies.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

/// Runs a workload on a host of its own.
///
/// # Panics
/// When a result is wrong, or another number of activities has run than there should have.
pub(crate) async fn drive(
    store: impl Provider,
    options: HostOptions,
    workload: Workload,
    outstanding: u64,
    bounds: Bounds,
) -> reenact::Result<Measured> {
    let host = host_with(store, options).await?;
    for n in 0..outstanding.min(WARM_UP) {
        workload.run(&host, WARM_UP_FROM + n).await?;
    }
    let measured = measure(&host, workload, outstanding, bounds).await?;
    host.shutdown().await?;
    Ok(measured)
}

/// As [`drive`], on a runtime with this many workers that ends with it: as a program would, in a task.
///
/// # Panics
/// As [`drive`], and when the system gives no threads.
pub(crate) fn drive_alone(
    workers: usize,
    store: impl Provider,
    options: HostOptions,
    workload: Workload,
    outstanding: u64,
    bounds: Bounds,
) -> reenact::Result<Measured> {
    runtime(workers).block_on(async {
        // The main thread is not one of the workers.
        let driven = tokio::spawn(drive(store, options, workload, outstanding, bounds)).await;
        driven.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    })
}

/// A runtime with this many workers.
///
/// # Panics
/// When the system gives no threads.
pub(crate) fn runtime(workers: usize) -> Runtime {
    let mut builder = match workers {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(workers).enable_time().build().expect("the system gives threads")
}

/// Runs a workload through a client of a host that is warm.
///
/// # Panics
/// As [`drive`].
pub(crate) async fn measure(
    client: &Client,
    workload: Workload,
    outstanding: u64,
    bounds: Bounds,
) -> reenact::Result<Measured> {
    let (run_before, cpu_before, start) = (activities_run(), cpu_time(), Instant::now());
    let latencies = clients(client, workload, outstanding, bounds).await?;
    let elapsed = start.elapsed();
    let cpu = cpu_time().zip(cpu_before).map(|(after, before)| after - before);
    let instances = latencies.len() as u64;
    let activities = activities_run() - run_before;
    assert_eq!(
        activities,
        instances * workload.activities(),
        "{instances} instances of {} ran another number of activities",
        workload.label()
    );
    Ok(Measured { instances, activities, elapsed, cpu, latencies })
}

/// Instances that are run before it counts.
const WARM_UP: u64 = 8;

/// The numbers of these, which no other instance has.
const WARM_UP_FROM: u64 = 1 << 40;

/// One task for each outstanding instance: when it has its result, it starts the next.
async fn clients(
    client: &Client,
    workload: Workload,
    outstanding: u64,
    bounds: Bounds,
) -> reenact::Result<Vec<Duration>> {
    let deadline = Instant::now() + bounds.time;
    let started = Arc::new(AtomicU64::new(0));
    let mut clients: JoinSet<reenact::Result<_>> = JoinSet::new();
    for _ in 0..outstanding {
        let (client, started) = (client.clone(), started.clone());
        clients.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let (n, start) = (started.fetch_add(1, Ordering::Relaxed), Instant::now());
                workload.run(&client, n).await?;
                latencies.push(start.elapsed());
                let enough = started.load(Ordering::Relaxed) >= bounds.instances;
                if enough || Instant::now() >= deadline {
                    return Ok(latencies);
                }
            }
        });
    }
    let mut latencies = Vec::new();
    while let Some(ended) = clients.join_next().await {
        match ended {
            Ok(of_client) => latencies.extend(of_client?),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
    latencies.sort_unstable();
    Ok(latencies)
}
