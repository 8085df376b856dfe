//! Who holds the shards while an import writes to them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reenact_core::ShardId;
use reenact_providers::{Epoch, Lease, ProviderError, ShardLease};
use tokio::time::Instant;

use super::TransferError;
use crate::context::HostContext;

/// How often leases are renewed, by the clock of this process.
const RENEW_EVERY: Duration = Duration::from_secs(4);

/// Who holds the shards meanwhile, for people.
const OWNER: &str = "an import";

/// Who holds the shards of a store.
pub(super) enum Holding {
    /// The import itself.
    Own { leases: Arc<dyn ShardLease>, held: BTreeMap<ShardId, Lease>, renewed: Instant },
    /// A dormant host, which renews its leases by itself.
    OfDormant(Arc<HostContext>),
}

impl Holding {
    /// Acquires all shards. What was acquired is given up again when another holds one of them.
    pub(super) async fn acquire(
        leases: Arc<dyn ShardLease>,
        shards: u32,
    ) -> Result<Self, TransferError> {
        let mut held = BTreeMap::new();
        for shard in (0..shards).map(ShardId) {
            match leases.acquire(shard, OWNER).await {
                Ok(lease) => drop(held.insert(shard, lease)),
                Err(error) => {
                    give_up(&*leases, held).await;
                    return Err(match error {
                        ProviderError::Conflict { reason } => TransferError::InUse { reason },
                        error => error.into(),
                    });
                }
            }
        }
        Ok(Self::Own { leases, held, renewed: Instant::now() })
    }

    /// Under which epoch a shard is written to now.
    pub(super) async fn epoch_of(&mut self, shard: ShardId) -> Result<Epoch, TransferError> {
        let epoch = match self {
            Self::Own { leases, held, renewed } => {
                if renewed.elapsed() >= RENEW_EVERY {
                    for lease in held.values_mut() {
                        *lease = leases.renew(lease).await?;
                    }
                    *renewed = Instant::now();
                }
                held.get(&shard).map(|lease| lease.epoch)
            }
            Self::OfDormant(host) => host.leases_held.get(&shard).map(|lease| lease.epoch),
        };
        epoch.ok_or_else(|| ProviderError::Fenced { shard }.into())
    }

    /// Gives up what the import has acquired.
    pub(super) async fn release(self) {
        if let Self::Own { leases, held, .. } = self {
            give_up(&*leases, held).await;
        }
    }
}

async fn give_up(leases: &dyn ShardLease, held: BTreeMap<ShardId, Lease>) {
    for lease in held.into_values() {
        // One that was lost, or cannot be given up, becomes free by itself.
        let _ = leases.release(&lease).await;
    }
}
