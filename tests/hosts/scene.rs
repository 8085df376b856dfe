//! What the scenarios of several hosts have in common.

use reenact::prelude::*;
use reenact::providers::ShardLease;
use reenact::{ManualClock, Provider, ShardId};

use crate::support::{id, options, until};

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

/// A host with these orchestrations.
pub(crate) async fn host(store: impl Provider, name: &str) -> Host {
    let options = HostOptions { host_name: name.into(), ..options() };
    let host = Host::builder().provider(store).options(options);
    let host = host.orchestration(adds).orchestration(doubles).orchestration(sums);
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

/// Returns when these hosts hold so many shards each.
pub(crate) async fn until_held(store: &InMemory, names: &[&str], many: &[usize]) {
    crate::support::guard(async {
        while held_by(store, names).await != many {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Returns when something has come into quarantine; why.
pub(crate) async fn until_quarantined(client: &Client) -> Vec<(reenact::QuarantineId, String)> {
    crate::support::guard(async {
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

/// Returns when nothing waits in any queue, handed out or not.
pub(crate) async fn until_idle(host: &Host) {
    until(|| host.in_memory() == 0).await;
}
