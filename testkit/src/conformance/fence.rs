//! One writer: an owner that lost its shard can write nothing.

use reenact_core::{ExecutionId, Receipt};
use reenact_providers::{Batch, Epoch, Lease, Provider, ProviderError};

use super::kit::{
    LEAVES_NO_TRACE, Owner, SHARD, assert_fenced, expected, history, id_on, supersede, turn,
};
use super::{Hub, Stage};

/// Appends two good turns, which must be fenced, and looks for them.
async fn assert_powerless(owner: &Owner, contract: &str) {
    let (known, new) = (owner.id("known"), owner.id("new"));
    assert_fenced(owner.append(vec![turn(&new, 0), turn(&known, 1)]).await, SHARD, contract);
    owner.knows_nothing_of(&[&new], LEAVES_NO_TRACE).await;
    assert_eq!(
        history(&*owner.histories, &known, ExecutionId::FIRST).await,
        expected(&known, ExecutionId::FIRST, 1),
        "a fenced batch leaves no trace; {contract}"
    );
}

async fn owner_with_an_instance(provider: &impl Provider) -> Owner {
    let owner = Owner::of(SHARD, provider).await;
    owner.store(vec![turn(&owner.id("known"), 0)]).await;
    owner
}

async fn append_under(owner: &Owner, epoch: Epoch) -> Result<Receipt, ProviderError> {
    owner.histories.append(Batch { shard: SHARD, epoch, turns: vec![] }.into()).await
}

/// After another owner has acquired the shard, an append under the old epoch is fenced. The new owner can
/// append at once.
pub async fn a_superseded_epoch_can_write_nothing<H: Hub>(stage: &Stage<H>) {
    let mut owner = owner_with_an_instance(&stage.open().await).await;
    let newest = supersede(stage, &*owner.leases, &owner.lease).await;
    assert_powerless(&owner, "an epoch that was superseded is fenced").await;

    owner.lease = newest;
    owner.store(vec![turn(&owner.id("new"), 0), turn(&owner.id("known"), 1)]).await;
}

/// After its release, an append under a lease is fenced, even if nobody else has taken the shard.
pub async fn a_released_lease_can_write_nothing<H: Hub>(stage: &Stage<H>) {
    let owner = owner_with_an_instance(&stage.open().await).await;
    owner.leases.release(&owner.lease).await.expect("a lease can be released");
    assert_powerless(&owner, "an epoch whose lease was released is fenced").await;
}

/// An append to a shard that nobody has acquired is fenced, under any epoch.
pub async fn a_shard_that_was_never_acquired_can_not_be_written<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let instance = id_on(SHARD, provider.shards(), "i");
    for epoch in [0, 1, u64::MAX].map(Epoch) {
        let batch = Batch { shard: SHARD, epoch, turns: vec![turn(&instance, 0)] };
        let refused = provider.histories().append(batch.into()).await;
        assert_fenced(refused, SHARD, "nobody writes to a shard that nobody has acquired");
    }
    let summary = provider.histories().summary(&instance).await.expect("a summary can be read");
    assert_eq!(summary, None, "a fenced batch leaves no trace");
}

/// An append is fenced under a lower and under a higher epoch than the newest.
pub async fn an_epoch_that_nobody_was_given_can_write_nothing<H: Hub>(stage: &Stage<H>) {
    let mut owner = owner_with_an_instance(&stage.open().await).await;
    let given = owner.lease.clone();
    for epoch in [Epoch(0), Epoch(given.epoch.0 + 1), Epoch(u64::MAX)] {
        owner.lease = Lease { epoch, ..given.clone() };
        assert_powerless(&owner, "only the newest epoch can write").await;
    }
}

/// An empty batch under an old epoch is fenced, because its receipt would prove something.
pub async fn an_empty_batch_is_fenced_as_well<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let newest = supersede(stage, &*owner.leases, &owner.lease).await;
    let refused = append_under(&owner, owner.lease.epoch).await;
    assert_fenced(refused, SHARD, "an empty batch proves nothing to an owner that was superseded");
    let receipt = append_under(&owner, newest.epoch).await;
    let _ = receipt.expect("the newest owner gets a receipt");
}

/// The fence is checked before the numbers of the turns: an old owner gets `Fenced`, and not `Conflict`,
/// where the new owner has already stored a turn of that number.
pub async fn an_owner_that_lost_a_race_to_the_new_one_learns_that_it_is_fenced<H: Hub>(
    stage: &Stage<H>,
) {
    let provider = stage.open().await;
    let mut owner = owner_with_an_instance(&provider).await;
    let old = owner.lease.clone();
    owner.lease = supersede(stage, &*owner.leases, &owner.lease).await;
    owner.store(vec![turn(&owner.id("known"), 1)]).await;

    owner.lease = old;
    let late = owner.append(vec![turn(&owner.id("known"), 1)]).await;
    assert_fenced(late, SHARD, "the fence is checked before the places of the turns");
}

/// An epoch from before the store was opened again is fenced once the shard has another owner.
pub async fn an_epoch_from_before_the_reopening_is_fenced<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let owner = owner_with_an_instance(&provider).await;
    let old = owner.lease.clone();
    drop(owner);

    let mut owner = Owner::of(SHARD, &stage.reopen(provider).await).await;
    owner.lease = old;
    assert_powerless(&owner, "an epoch from before the reopening is fenced").await;
}
