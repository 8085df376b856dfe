//! Leases: each shard has one owner at a time, and each owner a higher epoch.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use reenact_core::ShardId;
use reenact_providers::{Lease, Provider, ProviderError, ShardLease};
use tokio::task::JoinSet;

use super::kit::{Owner, SHARD, assert_conflict, assert_fenced, supersede};
use super::{Hub, Stage};

async fn acquire(leases: &Arc<dyn ShardLease>, owner: &str) -> Lease {
    leases.acquire(SHARD, owner).await.expect("a free shard can be taken")
}

async fn release(leases: &Arc<dyn ShardLease>, lease: &Lease) {
    leases.release(lease).await.expect("a lease can be released, whatever became of it");
}

/// Asserts that `lease` is in force: nobody else gets the shard, and its holder can renew.
async fn assert_held(leases: &Arc<dyn ShardLease>, lease: &Lease) {
    assert_conflict(leases.acquire(SHARD, "rival").await, "a shard that is held cannot be taken");
    let renewed = leases.renew(lease).await.expect("the newest lease can be renewed");
    assert_eq!(renewed.epoch, lease.epoch, "renewing changes no epoch");
}

/// A shard that has an owner cannot be acquired, not even under the same name. The error names the owner.
pub async fn a_held_shard_cannot_be_taken_and_the_error_names_the_holder<H: Hub>(stage: &Stage<H>) {
    let leases = stage.open().await.leases();
    let lease = acquire(&leases, "host-7").await;
    assert_eq!((lease.shard, lease.owner.as_str()), (SHARD, "host-7"));
    for rival in ["host-8", "host-7"] {
        match leases.acquire(SHARD, rival).await {
            Err(ProviderError::Conflict { reason }) => {
                assert!(reason.contains("host-7"), "the reason names the holder: {reason}");
            }
            other => panic!("a shard that is held cannot be taken: {other:?}"),
        }
    }
    assert_held(&leases, &lease).await;
}

/// A lease with an end can be taken by another owner after that end. One without an end stays.
pub async fn a_lease_runs_out_if_it_says_so<H: Hub>(stage: &Stage<H>) {
    let leases = stage.open().await.leases();
    let lease = acquire(&leases, "first").await;
    stage.outwait().await;
    if lease.expires.is_some() {
        let next = acquire(&leases, "second").await;
        assert!(next.epoch > lease.epoch, "each owner has a higher epoch");
        assert_held(&leases, &next).await;
    } else {
        assert_held(&leases, &lease).await;
    }
}

/// Each acquisition gives a higher epoch than the one before, whether that was released or ran out.
pub async fn each_acquisition_has_a_higher_epoch<H: Hub>(stage: &Stage<H>) {
    let leases = stage.open().await.leases();
    let mut last = acquire(&leases, "first").await;
    for _ in 0..3 {
        let by_release = {
            release(&leases, &last).await;
            acquire(&leases, "same").await
        };
        assert!(by_release.epoch > last.epoch, "a released shard is taken under a higher epoch");
        last = supersede(stage, &*leases, &by_release).await;
        assert!(last.epoch > by_release.epoch, "an ended lease is followed by a higher epoch");
    }
}

/// An epoch is never given twice, not even after the store was opened again.
pub async fn epochs_rise_across_reopening<H: Hub>(stage: &Stage<H>) {
    let mut provider = stage.open().await;
    let mut last = acquire(&provider.leases(), "host").await;
    for released in [true, false, true] {
        if released {
            release(&provider.leases(), &last).await;
        }
        provider = stage.reopen(provider).await;
        let next = acquire(&provider.leases(), "host").await;
        assert!(next.epoch > last.epoch, "an epoch is never given twice, not even after a crash");
        last = next;
    }
}

/// A renewed lease has the same epoch and ends no earlier.
pub async fn renewing_keeps_the_epoch_and_extends_the_lease<H: Hub>(stage: &Stage<H>) {
    let leases = stage.open().await.leases();
    let lease = acquire(&leases, "host").await;
    stage.clock.advance(Duration::from_secs(1));
    let renewed = leases.renew(&lease).await.expect("the newest lease can be renewed");
    assert_eq!(renewed.epoch, lease.epoch, "renewing changes no epoch");
    assert_eq!((renewed.shard, renewed.owner.as_str()), (SHARD, "host"));
    assert!(renewed.expires >= lease.expires, "a renewed lease ends no earlier");
    assert_eq!(renewed.expires.is_some(), lease.expires.is_some());
    assert_held(&leases, &renewed).await;
}

/// A lease that ran out can be renewed as long as nobody else has acquired the shard.
pub async fn a_lease_that_ran_out_can_be_renewed_until_another_has_the_shard<H: Hub>(
    stage: &Stage<H>,
) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    stage.outwait().await;
    let renewed = owner.leases.renew(&owner.lease).await;
    let renewed = renewed.expect("a lease that nobody took can be renewed");
    assert_held(&owner.leases, &renewed).await;
    owner.store(vec![]).await;
}

/// Renewing a lease that was lost or released is fenced.
pub async fn a_superseded_or_released_lease_cannot_be_renewed<H: Hub>(stage: &Stage<H>) {
    let leases = stage.open().await.leases();
    let old = acquire(&leases, "old").await;
    let newest = supersede(stage, &*leases, &old).await;
    assert_fenced(leases.renew(&old).await, SHARD, "a superseded lease cannot be renewed");
    assert_held(&leases, &newest).await;

    release(&leases, &newest).await;
    assert_fenced(leases.renew(&newest).await, SHARD, "a released lease cannot be renewed");
}

/// A released shard is free at once. A second release of the same lease is no error.
pub async fn releasing_twice_is_no_error<H: Hub>(stage: &Stage<H>) {
    let leases = stage.open().await.leases();
    let lease = acquire(&leases, "host").await;
    release(&leases, &lease).await;
    release(&leases, &lease).await;
    assert!(acquire(&leases, "host").await.epoch > lease.epoch);
}

/// The release of a lost lease does not take the shard from its new owner.
pub async fn releasing_a_lost_lease_leaves_the_new_owner_alone<H: Hub>(stage: &Stage<H>) {
    let mut owner = Owner::of(SHARD, &stage.open().await).await;
    let newest = supersede(stage, &*owner.leases, &owner.lease).await;
    release(&owner.leases, &owner.lease).await;
    assert_held(&owner.leases, &newest).await;
    owner.lease = newest;
    owner.store(vec![]).await;
}

/// Shards are acquired and released independently of each other.
pub async fn each_shard_has_its_own_lease<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let leases = provider.leases();
    let mut held = Vec::new();
    for shard in (0..provider.shards()).map(ShardId) {
        let lease = leases.acquire(shard, "host").await;
        held.push(lease.expect("a shard is free, whatever host has the others"));
    }
    leases.release(&held[0]).await.expect("a lease can be released");
    for lease in &held[1..] {
        let renewed = leases.renew(lease).await.expect("releasing a shard leaves the others alone");
        assert_eq!(renewed.shard, lease.shard);
    }
}

/// Of several hosts that acquire a free shard at the same time one gets it.
pub async fn of_hosts_that_compete_for_a_shard_exactly_one_gets_it<H: Hub>(stage: &Stage<H>) {
    const HOSTS: usize = 8;
    const ROUNDS: usize = 10;
    let leases = stage.open().await.leases();
    let mut epochs = BTreeSet::new();
    for _ in 0..ROUNDS {
        let mut tasks = JoinSet::new();
        for host in 0..HOSTS {
            let leases = Arc::clone(&leases);
            tasks.spawn(async move { leases.acquire(SHARD, &format!("host-{host}")).await });
        }
        let mut winners = Vec::new();
        while let Some(outcome) = tasks.join_next().await {
            match outcome.expect("acquiring does not panic") {
                Ok(lease) => winners.push(lease),
                refused => assert_conflict(refused, "each of the others has a conflict"),
            }
        }
        assert_eq!(winners.len(), 1, "a free shard goes to exactly one host");
        assert!(epochs.insert(winners[0].epoch.0), "each owner has an epoch of its own");
        release(&leases, &winners[0]).await;
    }
}

/// Acquiring a shard that does not exist is a conflict.
pub async fn a_shard_that_does_not_exist_cannot_be_taken<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let refused = provider.leases().acquire(ShardId(provider.shards()), "host").await;
    assert_conflict(refused, "a shard beyond the last does not exist");
}
