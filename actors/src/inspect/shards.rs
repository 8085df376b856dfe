//! Shards and hosts: who has what.

use std::collections::BTreeMap;

use reenact_core::{ShardId, Timestamp};
use reenact_providers::{ShardHolder, SharingHost};
use serde::Serialize;

use crate::error::Result;
use crate::routes::Routes;
use crate::store::Store;

/// A shard, and who has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShardInfo {
    /// The shard.
    pub shard: ShardId,
    /// Whether it is up on this host.
    pub is_here: bool,
    /// The name of the host that has it; `None` when nobody has it now, or the store does not know.
    pub owner: Option<String>,
    /// When its lease runs out, unless it is renewed; `None` when it does not run out by itself.
    pub lease_until: Option<Timestamp>,
    /// Number of its instances that are in memory on this host.
    pub in_memory: usize,
    /// Why it is down on this host, where its store has failed.
    pub why_down: Option<String>,
}

impl Store {
    pub(crate) async fn shard_infos(&self, here: Option<&Routes>) -> Result<Vec<ShardInfo>> {
        let holders = self.leases.holders().await?.into_iter();
        let mut holders: BTreeMap<_, _> = holders.map(|holder| (holder.shard, holder)).collect();
        let info = |shard: ShardId| {
            let holder: Option<ShardHolder> = holders.remove(&shard);
            let (owner, lease_until) =
                holder.map_or((None, None), |holder| (Some(holder.owner), holder.expires));
            ShardInfo {
                shard,
                is_here: here.is_some_and(|routes| routes.holds(shard)),
                owner,
                lease_until,
                in_memory: here.map_or(0, |routes| routes.in_memory_of(shard)),
                why_down: here.and_then(|routes| routes.why_down(shard)).map(|why| why.to_string()),
            }
        };
        Ok((0..self.shards()).map(ShardId).map(info).collect())
    }

    /// The hosts that share the store; none where one host has it for itself.
    pub(crate) async fn sharing_hosts(&self) -> Result<Vec<SharingHost>> {
        match &self.queue_client {
            Some(shared) => Ok(shared.sharing.hosts().await?),
            None => Ok(Vec::new()),
        }
    }
}
