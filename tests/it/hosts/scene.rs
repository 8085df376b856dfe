//! What the scenarios of several hosts have in common.

use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::providers::{Provider, ShardLease};
use reenact::testing::ManualClock;

use crate::kit::{events, guard, id, options};

pub(crate) const SHARDS: u32 = 4;

/// A store for several hosts whose time stands still.
pub(crate) fn shared_store() -> (InMemory, ManualClock) {
    let clock = ManualClock::default();
    (InMemory::new().with_shards(SHARDS).with_clock(clock.clone()).shared(), clock)
}

/// Adds numbers that come as "Add" until 0 comes.
#[orchestration]
pub(crate) async fn adds(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    let mut sum = 0;
    loop {
        match ctx.wait_external::<u64>("Add").await? {
            0 => return Ok(sum),
            more => sum += more,
        }
    }
}

/// Adds this many numbers that come as "Add", in whatever order.
#[orchestration]
pub(crate) async fn collects(
    ctx: OrchestrationContext,
    many: u32,
) -> Result<u64, OrchestrationError> {
    let mut sum = 0;
    for _ in 0..many {
        sum += ctx.wait_external::<u64>("Add").await?;
    }
    Ok(sum)
}

/// Doubles what it is given.
#[orchestration]
pub(crate) async fn doubles(_ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    Ok(n * 2)
}

/// The sum of what children make of 1, 2, ... up to a number, each in a shard of its own choice.
#[orchestration]
pub(crate) async fn sums(ctx: OrchestrationContext, up_to: u64) -> Result<u64, OrchestrationError> {
    let children = (1..=up_to).map(|n| ctx.schedule_orchestration(doubles, n));
    let mut sum = 0;
    for child in children.collect::<Vec<_>>() {
        sum += child.await?;
    }
    Ok(sum)
}

/// Calls a child under an id of its own choice: its result, or how that failed.
#[orchestration]
pub(crate) async fn calls(
    ctx: OrchestrationContext,
    (child, n): (String, u64),
) -> Result<String, OrchestrationError> {
    let called = ctx.call_orchestration(doubles.with(ChildOptions::default().id(&child)), n).await;
    Ok(called.map_or_else(|error| error.to_string(), |doubled| doubled.to_string()))
}

/// Waits for children that wait for numbers.
#[orchestration]
pub(crate) async fn waits(
    ctx: OrchestrationContext,
    children: Vec<InstanceId>,
) -> Result<u64, OrchestrationError> {
    let with_id = |id: &InstanceId| adds.with(ChildOptions::default().id(id.as_str()));
    let called = children.iter().map(|id| ctx.schedule_orchestration(with_id(id), ()));
    let mut sum = 0;
    for child in called.collect::<Vec<_>>() {
        sum += child.await?;
    }
    Ok(sum)
}

/// Fails until its own id says that it is the attempt of this number; the number then.
#[orchestration]
pub(crate) async fn fails_before(
    ctx: OrchestrationContext,
    attempt: u32,
) -> Result<u32, OrchestrationError> {
    if ctx.instance_id().as_str().ends_with(&format!("~{attempt}")) {
        return Ok(attempt);
    }
    Err(OrchestrationError::new("not yet"))
}

/// Calls a child that fails before an attempt, until it succeeds.
#[orchestration]
pub(crate) async fn insists(
    ctx: OrchestrationContext,
    attempt: u32,
) -> Result<u32, OrchestrationError> {
    let retry = RetryPolicy::new(10).first_delay(Duration::from_millis(100));
    let child = fails_before.with(ChildOptions::default().retry(retry));
    Ok(ctx.call_orchestration(child, attempt).await?)
}

/// Continues as new so often, then waits for a number.
#[orchestration]
pub(crate) async fn renews(
    ctx: OrchestrationContext,
    left: u32,
) -> Result<u64, OrchestrationError> {
    match left {
        0 => Ok(ctx.wait_external("Add").await?),
        left => ctx.continue_as_new(renews, left - 1),
    }
}

/// Raises numbers on another instance, one after the other; what was refused.
#[orchestration]
pub(crate) async fn raises(
    ctx: OrchestrationContext,
    (to, numbers): (InstanceId, Vec<u64>),
) -> Result<Vec<String>, OrchestrationError> {
    let mut refused = Vec::new();
    for number in numbers {
        if let Err(error) = ctx.raise_event(&to, "Add", &number).await {
            refused.push(error.to_string());
        }
    }
    Ok(refused)
}

/// Suspends another instance, resumes it, and cancels it: how many of these it took.
#[orchestration]
pub(crate) async fn commands(
    ctx: OrchestrationContext,
    to: InstanceId,
) -> Result<u32, OrchestrationError> {
    let answers = [
        ctx.suspend_instance(&to, "audit").await,
        ctx.resume_instance(&to).await,
        ctx.cancel_instance(&to, "recalled").await,
    ];
    Ok(answers.iter().filter(|answer| answer.is_ok()).count() as u32)
}

/// A host with these orchestrations.
pub(crate) async fn host(store: impl Provider, name: &str) -> Host {
    host_with(store, name, options()).await
}

/// The same with options, on the runtime of the test for example.
pub(crate) async fn host_with(store: impl Provider, name: &str, options: HostOptions) -> Host {
    let options = options.host_name(name);
    let host = Host::builder().provider(store).options(options);
    let host = host.orchestration(adds).orchestration(collects).orchestration(calls);
    let host = host.orchestration(doubles).orchestration(sums).orchestration(raises);
    let host = host.orchestration(waits).orchestration(insists).orchestration(fails_before);
    let host = host.orchestration(renews).orchestration(commands);
    host.start().await.unwrap()
}

/// An id of a shard.
pub(crate) fn in_shard(shard: u32, prefix: &str) -> InstanceId {
    let mut ids = (0..).map(|number| id(&format!("{prefix}-{number}")));
    ids.find(|id| ShardId::of(id, SHARDS) == ShardId(shard)).unwrap()
}

/// One id of each shard.
pub(crate) fn one_of_each(prefix: &str) -> Vec<InstanceId> {
    (0..SHARDS).map(|shard| in_shard(shard, prefix)).collect()
}

/// Who holds which shard: the number of shards of each of these hosts.
pub(crate) async fn held_by(store: &InMemory, names: &[&str]) -> Vec<usize> {
    let mut held = vec![0; names.len()];
    for shard in 0..SHARDS {
        match store.acquire(ShardId(shard), "somebody who looks").await {
            Ok(lease) => store.release(&lease).await.unwrap(),
            Err(refused) => {
                let refused = refused.to_string();
                let of = |name: &&str| refused.contains(&format!("{name} holds"));
                if let Some(place) = names.iter().position(of) {
                    held[place] += 1;
                }
            }
        }
    }
    held
}

/// Returns when these hosts hold this many shards each.
pub(crate) async fn until_held(store: &InMemory, names: &[&str], many: &[usize]) {
    crate::kit::guard(async {
        while held_by(store, names).await != many {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Returns when something has come into quarantine; why.
pub(crate) async fn until_quarantined(client: &Client) -> Vec<(reenact::QuarantineId, String)> {
    crate::kit::guard(async {
        loop {
            let found = client.quarantined(None, 100).await.unwrap();
            if !found.is_empty() {
                return found.into_iter().map(|(id, what)| (id, what.reason)).collect();
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// Returns when this many events of a kind are in the log.
pub(crate) async fn until_events(client: &Client, instance: &InstanceId, kind: &str, many: usize) {
    let is_it = |event: &&String| event.starts_with(kind);
    guard(async {
        while events(client, instance).await.iter().filter(is_it).count() < many {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
