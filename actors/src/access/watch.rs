//! Waits until it is time to look again, for those who follow an instance or a list.

use std::future::pending;

use reenact_core::{InstanceId, ShardId};

use super::Access;
use super::wait::Looks;
use crate::error::{Error, Result};

/// Says when to look again at an instance, or at anything in a store. It has no data itself: read what you
/// follow after each [`changed`](Self::changed).
///
/// On the host that has the instance's shard, it knows of each commit at once, and costs nothing in between.
/// For other hosts' shards it returns again and again: at first often, then once a second.
#[derive(Debug)]
pub struct Watch {
    access: Access,
    /// `None` for all of them.
    shard: Option<ShardId>,
    seen: u64,
    looks: Looks,
}

impl Access {
    /// Follows an instance, or with `None` all of them, from now on. Look after this call: what is durable then
    /// is not reported.
    pub fn watch(&self, instance: Option<&InstanceId>) -> Watch {
        let shard = instance.map(|instance| self.store().shard_of(instance));
        let seen = self.here().map_or(0, |host| host.gate.changes().number(shard));
        Watch { access: self.clone(), shard, seen, looks: Looks::default() }
    }
}

impl Watch {
    /// Returns when something may have changed: a commit of the instance's shard, or of any shard, has become
    /// durable since the last call; or it is time to look at what other hosts have done. A busy shard
    /// has many commits in a second, so pause between two looks.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`]: the host ends, and nothing more will be reported.
    ///
    /// Cancelling it is harmless.
    pub async fn changed(&mut self) -> Result<()> {
        let Self { access, shard, seen, looks } = self;
        let shard = *shard;
        let store = access.store();
        let Some(host) = access.here() else {
            looks.pause(&store.seeds).await;
            return Ok(());
        };
        let changes = host.gate.changes();
        let others = async {
            match shard {
                _ if store.queue_client.is_none() => pending().await,
                Some(shard) => host.routes.until_away(shard).await,
                None => {}
            }
            looks.pause(&store.seeds).await;
        };
        let has_changed = tokio::select! {
            biased;
            () = changes.changed_since(shard, *seen) => true,
            () = others => false,
        };
        if changes.is_closed() {
            return Err(Error::ShuttingDown);
        }
        if has_changed {
            *seen = changes.number(shard);
            self.found();
        }
        Ok(())
    }

    /// A look has found something new: what other hosts do is looked at often again.
    pub fn found(&mut self) {
        self.looks = Looks::default();
    }
}
