//! Who owns a shard.

use reenact_core::zoo::{self, Bug};
use reenact_core::{InstanceId, ShardId, Timestamp};

use crate::limits::LEASE_TIME;
use crate::{Epoch, Lease, ProviderError, ShardHolder};

/// `Conflict` unless an instance is of the shard that something is of.
pub(crate) fn check_shard(
    instance: &InstanceId,
    shards: u32,
    expected: ShardId,
    of: &str,
) -> Result<(), ProviderError> {
    let shard = ShardId::of(instance, shards);
    if shard != expected {
        let reason = format!("instance {instance} is of shard {shard}, {of} of {expected}");
        return Err(ProviderError::Conflict { reason });
    }
    Ok(())
}

/// The lease of one shard.
#[derive(Debug)]
pub(crate) struct Ownership {
    shard: ShardId,
    /// Of the newest lease, even if it was released: the next one must be higher.
    newest: Epoch,
    /// The process that took the newest lease and did not release it. Nobody before the first.
    holder: Option<Holder>,
}

#[derive(Debug)]
struct Holder {
    owner: String,
    expires: Timestamp,
}

impl Ownership {
    pub(crate) fn new(shard: ShardId) -> Self {
        Self { shard, newest: Epoch(0), holder: None }
    }

    /// `Fenced` unless `epoch` is of the newest lease, and that one was not released. One that has
    /// run out still counts until another takes the shard: nobody else can have written.
    pub(crate) fn check(&self, epoch: Epoch) -> Result<(), ProviderError> {
        if epoch == self.newest && self.holder.is_some() || zoo::planted(Bug::FenceSkipped) {
            return Ok(());
        }
        Err(ProviderError::Fenced { shard: self.shard })
    }

    /// The epoch of the newest lease; 0 before the first.
    #[cfg(feature = "journal")]
    pub(crate) const fn newest(&self) -> Epoch {
        self.newest
    }

    /// Leases up to this epoch were given out before.
    #[cfg(feature = "journal")]
    pub(crate) fn skip_to(&mut self, epoch: Epoch) {
        self.newest = self.newest.max(epoch);
    }

    pub(crate) fn acquire(&mut self, owner: &str, now: Timestamp) -> Result<Lease, ProviderError> {
        self.check_free(now)?;
        self.newest = Epoch(self.newest.0 + 1);
        Ok(self.hold(owner.to_owned(), now))
    }

    /// `Conflict` while somebody holds the shard.
    pub(crate) fn check_free(&self, now: Timestamp) -> Result<(), ProviderError> {
        if let Some(holder) = self.holder.as_ref().filter(|holder| now < holder.expires) {
            let reason =
                format!("{} holds shard {} until {}", holder.owner, self.shard, holder.expires);
            return Err(ProviderError::Conflict { reason });
        }
        Ok(())
    }

    /// Who holds it now.
    pub(crate) fn holder(&self, now: Timestamp) -> Option<ShardHolder> {
        let holder = self.holder.as_ref().filter(|holder| now < holder.expires)?;
        let (shard, owner, expires) = (self.shard, holder.owner.clone(), Some(holder.expires));
        Some(ShardHolder { shard, owner, expires })
    }

    pub(crate) fn renew(&mut self, epoch: Epoch, now: Timestamp) -> Result<Lease, ProviderError> {
        self.check(epoch)?;
        let holder = self.holder.take().ok_or(ProviderError::Fenced { shard: self.shard })?;
        Ok(self.hold(holder.owner, now))
    }

    /// Whether it was held under this epoch until now.
    pub(crate) fn release(&mut self, epoch: Epoch) -> bool {
        epoch == self.newest && self.holder.take().is_some()
    }

    fn hold(&mut self, owner: String, now: Timestamp) -> Lease {
        let expires = now + LEASE_TIME;
        self.holder = Some(Holder { owner: owner.clone(), expires });
        Lease { shard: self.shard, epoch: self.newest, owner, expires: Some(expires) }
    }
}
