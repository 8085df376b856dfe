//! By whose leases the logs of a store can be written to, without a host that works.

use std::sync::Arc;

use reenact_providers::{HistoryStore, ShardLease};

use super::{Access, Ways};
use crate::context::HostContext;
use crate::error::Result;

/// Who can have the shards of a store.
pub(crate) enum Writable {
    /// Those who acquire them.
    Free(Arc<dyn ShardLease>),
    /// A dormant host has them.
    OfDormant(Arc<HostContext>),
    /// A host works on them.
    OfWorking,
}

impl Access {
    /// Who can have the shards.
    ///
    /// # Errors
    /// [`Error::ReadOnly`](crate::Error::ReadOnly).
    pub(crate) fn writable(&self) -> Result<Writable> {
        self.may_change()?;
        Ok(match &self.ways {
            Ways::OfHost(host) if host.options.dormant => Writable::OfDormant(host.clone()),
            Ways::OfHost(_) => Writable::OfWorking,
            Ways::OfStore(store) | Ways::ReadOnly(store) => Writable::Free(store.leases.clone()),
        })
    }

    /// The logs of the store.
    pub(crate) fn shared_histories(&self) -> Arc<dyn HistoryStore> {
        self.store().histories.clone()
    }

    /// Number of shards.
    pub(crate) fn shard_count(&self) -> u32 {
        self.store().shards()
    }
}
