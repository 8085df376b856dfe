//! The shards that a host has begun to hold, and whose instances are to be looked at.

use std::collections::BTreeSet;
use std::mem;

use reenact_core::ShardId;
use tokio::sync::watch;

/// The shards that this host has begun to hold, and has not looked at.
pub(crate) struct NewShards(watch::Sender<BTreeSet<ShardId>>);

impl NewShards {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(BTreeSet::new()))
    }

    /// A shard is up on this host.
    pub(crate) fn add(&self, shard: ShardId) {
        self.0.send_modify(|shards| {
            shards.insert(shard);
        });
    }

    /// Waits until there are some, and takes them.
    pub(crate) async fn take(&self) -> BTreeSet<ShardId> {
        let mut changes = self.0.subscribe();
        // The sender cannot go: `self` holds it.
        let _ = changes.wait_for(|shards| !shards.is_empty()).await;
        let mut taken = BTreeSet::new();
        self.0.send_modify(|shards| taken = mem::take(shards));
        taken
    }
}
