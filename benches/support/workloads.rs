//! The workloads, and one checked run of each.
#![allow(dead_code, reason = "each bench takes what it needs")]

use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::join_all;
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{HostOptions, UpdateName};

/// What instances do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    /// Return the input.
    Noop,
    /// The same, under an id of the caller's own.
    OwnId,
    /// Five activities, one after the other.
    Sequence,
    /// Five local activities, one after the other.
    Local,
    /// This many activities at once.
    FanOut(u64),
    /// This many children at once.
    Children(u64),
    /// Wait for an event, which is raised at once.
    Event,
    /// Answer an update, which is sent at once.
    Update,
    /// Call one of many entities, and have its answer.
    EntityCall,
    /// This many activities, one after the other.
    LongHistory(u64),
    /// Continue as new, this many times.
    ContinueAsNew(u64),
}

/// Entities that are called in turn by a [`Workload::EntityCall`].
const ENTITIES: u64 = 1_024;

/// Activities in a [`Workload::Sequence`].
const SEQUENCE: u64 = 5;

impl Workload {
    pub(crate) fn label(self) -> String {
        match self {
            Self::Noop => "noop".into(),
            Self::OwnId => "noop, own id".into(),
            Self::Sequence => "sequence".into(),
            Self::Local => "local".into(),
            Self::FanOut(width) => format!("fan-out {width}"),
            Self::Children(width) => format!("children {width}"),
            Self::Event => "event".into(),
            Self::Update => "update".into(),
            Self::EntityCall => "entity call".into(),
            Self::LongHistory(length) => format!("long history {length}"),
            Self::ContinueAsNew(times) => format!("continue as new {times}"),
        }
    }

    /// Activities that one instance runs.
    pub(crate) const fn activities(self) -> u64 {
        match self {
            Self::Noop
            | Self::OwnId
            | Self::Event
            | Self::Update
            | Self::EntityCall
            | Self::ContinueAsNew(_)
            | Self::Children(_) => 0,
            Self::Sequence | Self::Local => SEQUENCE,
            Self::FanOut(count) | Self::LongHistory(count) => count,
        }
    }

    /// Executions of one instance and of its children.
    pub(crate) const fn executions(self) -> u64 {
        match self {
            Self::ContinueAsNew(count) | Self::Children(count) => count + 1,
            _ => 1,
        }
    }

    /// Turns of one instance and of its children, about.
    pub(crate) const fn turns(self) -> u64 {
        match self {
            // The child's own, the result at its parent, and that the child knows it is there.
            Self::Children(width) => 3 * width + 1,
            _ => self.activities() + self.executions(),
        }
    }

    /// Runs the `n`-th instance from its start to its result, and checks that.
    pub(crate) async fn run(self, client: &Client, n: u64) -> reenact::Result<()> {
        let (output, expected) = match self {
            Self::Noop => (client.start_new(noop, n).await?.result().await?, n),
            Self::OwnId => (client.start_new(noop, n).id(own_id(n)).await?.result().await?, n),
            Self::Sequence => (client.start_new(sequence, n).await?.result().await?, n + SEQUENCE),
            Self::Local => (client.start_new(local, n).await?.result().await?, n + SEQUENCE),
            Self::FanOut(width) => {
                let sum = client.start_new(fan_out, width).await?.result().await?;
                (sum, width * (width + 1) / 2)
            }
            Self::Children(width) => {
                let sum = client.start_new(parent, width).await?.result().await?;
                (sum, width * (width - 1) / 2)
            }
            Self::Event => {
                let instance = client.start_new(event, n).await?;
                instance.raise_event("Go", 1).await?;
                (instance.result().await?, n + 1)
            }
            Self::Update => {
                let instance = client.start_new(update, n).await?;
                let answer = instance.update(ADD, 1).await.expect("it is not refused");
                assert_eq!(answer, n + 1);
                (instance.result().await?, n + 1)
            }
            Self::EntityCall => {
                let counter = client.entity::<Counter>((n % ENTITIES).to_string());
                (u64::from(counter.add(1).await? == 0), 0)
            }
            Self::LongHistory(length) => {
                (client.start_new(long_history, length).await?.result().await?, length)
            }
            Self::ContinueAsNew(times) => {
                (client.start_new(eternal, (times, n)).await?.result().await?, n)
            }
        };
        assert_eq!(output, expected, "{} returned something else", self.label());
        Ok(())
    }
}

/// Ids that are not in the order in which they come, as those of users are.
fn own_id(n: u64) -> String {
    format!("order-{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// A fresh host on a fresh store in memory, with everything that the workloads need.
pub(crate) async fn host() -> reenact::Result<Host> {
    host_on(InMemory::new()).await
}

/// A fresh host on this store, with everything that the workloads need.
pub(crate) async fn host_on(store: impl Provider) -> reenact::Result<Host> {
    host_with(store, HostOptions::new()).await
}

/// A fresh host on this store, with these options.
pub(crate) async fn host_with(store: impl Provider, options: HostOptions) -> reenact::Result<Host> {
    Host::builder()
        .options(options)
        .provider(store)
        .orchestration(noop)
        .orchestration(sequence)
        .orchestration(local)
        .orchestration(fan_out)
        .orchestration(parent)
        .orchestration(event)
        .orchestration(update)
        .orchestration(long_history)
        .orchestration(eternal)
        .entity::<Counter>()
        .activity(step)
        .start()
        .await
}

/// How many activities have run in this process.
pub(crate) fn activities_run() -> u64 {
    ACTIVITIES_RUN.load(Ordering::SeqCst)
}

static ACTIVITIES_RUN: AtomicU64 = AtomicU64::new(0);

#[activity]
async fn step(_ctx: ActivityContext, n: u64) -> Result<u64, ActivityError> {
    ACTIVITIES_RUN.fetch_add(1, Ordering::Relaxed);
    Ok(n + 1)
}

#[orchestration]
async fn noop(_ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    Ok(n)
}

#[orchestration]
async fn sequence(ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    let mut n = n;
    for _ in 0..SEQUENCE {
        n = ctx.call_activity(step, n).await?;
    }
    Ok(n)
}

#[orchestration]
async fn local(ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    let mut n = n;
    for _ in 0..SEQUENCE {
        n = ctx.call_local(step, n).await?;
    }
    Ok(n)
}

#[orchestration]
async fn fan_out(ctx: OrchestrationContext, width: u64) -> Result<u64, OrchestrationError> {
    let branches = join_all((0..width).map(|n| ctx.schedule_activity(step, n))).await;
    let mut sum = 0;
    for output in branches {
        sum += output?;
    }
    Ok(sum)
}

#[orchestration]
async fn parent(ctx: OrchestrationContext, width: u64) -> Result<u64, OrchestrationError> {
    let children = join_all((0..width).map(|n| ctx.schedule_orchestration(noop, n))).await;
    let mut sum = 0;
    for output in children {
        sum += output?;
    }
    Ok(sum)
}

#[orchestration]
pub(crate) async fn event(ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    let data: u64 = ctx.wait_external("Go").await?;
    Ok(n + data)
}

/// Adds a number to that of the instance.
const ADD: UpdateName<u64, u64, String> = UpdateName::new("add");

#[orchestration]
async fn update(ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    let add = ctx.updates(ADD).next().await?;
    let sum = n + *add.request();
    add.reply(&sum);
    Ok(sum)
}

#[orchestration]
pub(crate) async fn long_history(
    ctx: OrchestrationContext,
    length: u64,
) -> Result<u64, OrchestrationError> {
    let mut n = 0;
    while n < length {
        n = ctx.call_activity(step, n).await?;
    }
    Ok(n)
}

#[orchestration]
pub(crate) async fn eternal(
    ctx: OrchestrationContext,
    (left, n): (u64, u64),
) -> Result<u64, OrchestrationError> {
    match left {
        0 => Ok(n),
        left => ctx.continue_as_new(eternal, (left - 1, n)),
    }
}

/// Adds numbers.
#[derive(Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Counter {
    sum: u64,
}

#[entity]
impl Counter {
    fn add(&mut self, number: u64) -> u64 {
        self.sum += number;
        self.sum
    }
}
