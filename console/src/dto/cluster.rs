//! Shards, and the hosts that have them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// The shards of the store, and the hosts that share it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cluster {
    /// All shards, by their numbers.
    pub shards: Vec<Shard>,
    /// The hosts; the one host where the store is not shared.
    pub hosts: Vec<HostRow>,
}

/// A shard, and who has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shard {
    /// Its number; the first is 0.
    pub shard: u32,
    /// Whether it is up on the host that has answered.
    pub is_here: bool,
    /// The name of the host that has it; absent when nobody has it now, or the store does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When its lease runs out, unless it is renewed; absent when it does not run out by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Time>,
    /// How many of its instances are in memory on the host that has answered.
    pub in_memory: u64,
    /// Why it is down there, where its store has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_down: Option<String>,
}

/// A host of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostRow {
    /// Names it among them.
    pub id: String,
    /// The name that it has given itself.
    pub name: String,
    /// Whether it lives, as far as is known.
    pub is_alive: bool,
    /// The shards that it has, or is to have.
    pub shards: Vec<u32>,
}
