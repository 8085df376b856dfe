//! Who owns a shard, by its journal.

use async_trait::async_trait;
use reenact_core::ShardId;

use super::Journaled;
use crate::archive::Archive;
use crate::medium::Medium;
use crate::{Lease, ProviderError, ShardHolder, ShardLease};

#[async_trait]
impl<M: Medium, A: Archive> ShardLease for Journaled<M, A> {
    /// Opens the shard's journal anew, unless it was opened with the store: so the process that acquires it
    /// has exactly what is in the log.
    async fn acquire(&self, shard: ShardId, owner: &str) -> Result<Lease, ProviderError> {
        self.thread(shard)?.lease(owner).await
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, ProviderError> {
        let now = self.inner().clock.now();
        let shard = self.shard(lease.shard)?;
        shard.check_claim()?;
        shard.state().ownership.renew(lease.epoch, now)
    }

    async fn release(&self, lease: &Lease) -> Result<(), ProviderError> {
        if M::SHARED {
            return self.thread(lease.shard)?.release(lease.epoch).await;
        }
        // The journal stays open: the next owner is in this process as well.
        self.shard(lease.shard)?.state().ownership.release(lease.epoch);
        Ok(())
    }

    async fn holders(&self) -> Result<Vec<ShardHolder>, ProviderError> {
        let (now, shards) = (self.inner().clock.now(), self.inner().shards.iter());
        Ok(shards.filter_map(|shard| shard.state().ownership.holder(now)).collect())
    }
}
