//! Keeps the lease of a shard: acquires it at the start, and renews it as long as the shard is up.

use std::future::pending;
use std::time::Duration;

use ractor::{ActorProcessingErr, ActorRef};
use reenact_core::ShardId;
use reenact_providers::{Lease, ProviderError};

use crate::context::{HostContext, HostRef};
use crate::message::ShardMessage;
use crate::task::{Task, end_for_panic};

/// How often a lease is renewed, by the host's own clock.
pub(super) const RENEW_EVERY: Duration = Duration::from_secs(5);

/// How often an acquisition is tried while another holds the lease.
pub(super) const ACQUIRE_EVERY: Duration = Duration::from_millis(250);

/// Acquires the shard, and waits for another host that still holds it as long as `patience` lasts. A
/// lease that an earlier supervisor of this host held is given up first: that supervisor has gone, and
/// its epoch with it.
pub(super) async fn acquire(
    host: &HostContext,
    shard: ShardId,
    mut patience: Duration,
) -> Result<Lease, ActorProcessingErr> {
    host.release(shard).await;
    loop {
        match host.leases.acquire(shard, &host.options.host_name).await {
            Ok(lease) => return Ok(lease),
            Err(error) if patience.is_zero() || !may_pass(&error) => return Err(error.into()),
            Err(error) => {
                tracing::info!(target: "reenact::shard", parent: None, %shard, %error, "another host has the lease of this shard; waiting for it")
            }
        }
        let pause = ACQUIRE_EVERY.min(patience);
        patience -= pause;
        tokio::time::sleep(pause).await;
    }
}

/// Whether another try may acquire the lease: its holder may give it up, or the store may come back.
pub(super) fn may_pass(error: &ProviderError) -> bool {
    error.is_transient()
        || matches!(error, ProviderError::Conflict { .. } | ProviderError::Unknown { .. })
}

/// Renews the lease as long as that is possible; then the shard ends.
pub(super) fn renewals(myself: &ActorRef<ShardMessage>, host: &HostRef, lease: Lease) -> Task {
    let (myself, host) = (myself.clone(), host.clone());
    let lost = end_for_panic(&myself, "the renewal of its lease");
    let renew = async move {
        let mut lease = lease;
        if !host.options.renews_leases {
            return pending().await;
        }
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            match host.leases.renew(&lease).await {
                Ok(renewed) => {
                    lease = renewed;
                    host.leases_held.insert(lease.shard, lease.clone());
                }
                Err(error) if error.is_transient() => {
                    tracing::warn!(target: "reenact::shard", parent: None, shard = %lease.shard, %error, "the lease could not be renewed; trying again");
                }
                Err(error) => return myself.stop(Some(format!("its lease is lost: {error}"))),
            }
        }
    };
    Task::vital(renew, lost)
}
