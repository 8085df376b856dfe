//! Purging: a finished instance goes for good, with everything of it.

use reenact_core::{ExecutionId, InstanceId, ShardId, Timestamp};
use reenact_providers::limits::MAX_PURGED_AT_ONCE;
use reenact_providers::{InstanceFilter, InstanceState, PageRequest, Provider, ProviderError};

use super::kit::{
    Owner, SHARD, assert_conflict, assert_fenced, assert_not_found, assert_too_large, expected,
    history, id_on, last_turn, supersede, turn, turn_of,
};
use super::{Hub, Stage};

const SECOND: ExecutionId = ExecutionId(2);

impl Owner {
    async fn purge(&self, instance: &InstanceId) -> Result<usize, ProviderError> {
        self.histories.purge(std::slice::from_ref(instance), &self.lease).await
    }

    /// Purges one that is there and finished.
    async fn remove(&self, instance: &InstanceId) {
        let purged = self.purge(instance).await.expect("a finished instance can be purged");
        assert_eq!(purged, 1, "a purge tells how many instances there were");
    }

    async fn finds_nothing_to_purge(&self, instance: &InstanceId, contract: &str) {
        let purged = self.purge(instance).await.expect("what does not exist is passed over");
        assert_eq!(purged, 0, "{contract}");
    }

    async fn assert_listed(&self, instances: &[&InstanceId]) {
        let page = self.histories.list(&InstanceFilter::new(), &PageRequest::new()).await;
        let listed = page.expect("a store can be listed").instances;
        let listed: Vec<_> = listed.iter().map(|summary| &summary.instance).collect();
        assert_eq!(listed, instances, "what is purged is not listed, all else is");
    }
}

/// Nothing of a purged instance is left, and its id can be started again. Other instances stay.
pub async fn a_purged_instance_is_gone_and_its_id_is_free<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let (gone, kept) = (owner.id("gone"), owner.id("kept"));
    owner.store(vec![turn(&gone, 0), last_turn(&gone, 1), last_turn(&kept, 0)]).await;
    owner.assert_listed(&[&gone, &kept]).await;

    owner.remove(&gone).await;
    owner.knows_nothing_of(&[&gone], "what is purged is gone for good").await;
    owner.assert_listed(&[&kept]).await;
    owner.finds_nothing_to_purge(&gone, "what is purged does not exist").await;

    owner.refuses(turn(&gone, 2), "a purged history does not go on").await;
    owner.store(vec![turn(&gone, 0)]).await;
    assert_eq!(
        history(&*owner.histories, &gone, ExecutionId::FIRST).await,
        expected(&gone, ExecutionId::FIRST, 1),
        "an id that was purged can be started again, with nothing of the old history"
    );
}

/// A purge removes all executions of an instance.
pub async fn a_later_execution_is_purged_as_well<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    let mut last = turn_of(&instance, SECOND, 0);
    last.summary.state = InstanceState::Failed;
    owner.store(vec![turn(&instance, 0), last]).await;
    owner.remove(&instance).await;
    for execution in [ExecutionId::FIRST, SECOND] {
        let read = owner.histories.read(&instance, execution, 0, 1).await;
        assert_not_found(read, "no execution of a purged instance is left");
    }

    owner.store(vec![turn(&instance, 0)]).await;
    let read = owner.histories.read(&instance, SECOND, 0, 1).await;
    assert_not_found(read, "a new start brings no old execution back");
}

/// Purging an unfinished instance is a conflict, in its first execution and in a later one.
pub async fn an_unfinished_instance_cannot_be_purged<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(vec![turn(&instance, 0)]).await;
    assert_conflict(owner.purge(&instance).await, "only a finished instance is purged");

    owner.store(vec![turn_of(&instance, SECOND, 0)]).await;
    assert_conflict(owner.purge(&instance).await, "only a finished instance is purged");
    assert_eq!(
        history(&*owner.histories, &instance, SECOND).await,
        expected(&instance, SECOND, 1),
        "what was refused to be purged is whole"
    );
}

/// Purging a finished instance with a `wake_at` is a conflict: it still has something to send.
pub async fn one_that_has_something_to_tell_others_cannot_be_purged<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    let mut tells = last_turn(&instance, 0);
    tells.summary.wake_at = Some(Timestamp::EPOCH);
    owner.store(vec![tells]).await;
    assert_conflict(owner.purge(&instance).await, "others have yet to hear of it");

    owner.store(vec![last_turn(&instance, 1)]).await;
    owner.remove(&instance).await;
}

/// An unknown instance is no error, and does not count.
pub async fn purging_an_unknown_instance_removes_nothing<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    owner.finds_nothing_to_purge(&owner.id("i"), "an unknown instance is passed over").await;
}

/// A purge of several instances removes all of them that exist, or none.
pub async fn a_purge_of_several_removes_all_or_none<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let [a, b, unfinished] = ["a", "b", "unfinished"].map(|label| owner.id(label));
    owner.store(vec![last_turn(&a, 0), last_turn(&b, 0), turn(&unfinished, 0)]).await;
    let with_unfinished = [a.clone(), unfinished.clone(), b.clone()];
    let refused = owner.histories.purge(&with_unfinished, &owner.lease).await;
    assert_conflict(refused, "one that is not finished keeps all from being purged");
    owner.assert_listed(&[&a, &b, &unfinished]).await;

    let with_unknown = [a, owner.id("unknown"), b];
    let purged = owner.histories.purge(&with_unknown, &owner.lease).await;
    assert_eq!(purged.expect("finished instances can be purged"), 2);
    owner.assert_listed(&[&unfinished]).await;
    let nothing = owner.histories.purge(&[], &owner.lease).await;
    assert_eq!(nothing.expect("nothing can be purged"), 0);
}

/// A purge of more than [`MAX_PURGED_AT_ONCE`] instances is refused, and removes nothing.
pub async fn an_overlarge_purge_is_refused<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(vec![last_turn(&instance, 0)]).await;
    let too_many = vec![instance.clone(); MAX_PURGED_AT_ONCE + 1];
    let refused = owner.histories.purge(&too_many, &owner.lease).await;
    assert_too_large(refused, "a purge is of no more instances than the limit says");
    owner.assert_listed(&[&instance]).await;
}

/// A purge under an old or released lease is fenced, and removes nothing.
pub async fn purging_is_fenced<H: Hub>(stage: &Stage<H>) {
    let mut owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(vec![last_turn(&instance, 0)]).await;
    let newest = supersede(stage, &*owner.leases, &owner.lease).await;
    let refused = owner.purge(&instance).await;
    assert_fenced(refused, SHARD, "an owner that was superseded can purge nothing");
    assert_eq!(
        history(&*owner.histories, &instance, ExecutionId::FIRST).await,
        expected(&instance, ExecutionId::FIRST, 1),
        "a fenced purge removes nothing"
    );

    owner.lease = newest;
    owner.leases.release(&owner.lease).await.expect("a lease can be released");
    let refused = owner.purge(&instance).await;
    assert_fenced(refused, SHARD, "an owner that gave the shard up can purge nothing");
}

/// An instance is purged under the lease of its own shard.
pub async fn purging_needs_the_lease_of_the_instances_shard<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let owner = Owner::of(SHARD, &provider).await;
    let neighbour = Owner::of(ShardId(1), &provider).await;
    let elsewhere = id_on(ShardId(1), provider.shards(), "i");
    neighbour.store(vec![last_turn(&elsewhere, 0)]).await;
    let refused = owner.purge(&elsewhere).await;
    assert_conflict(refused, "an instance is purged under the lease of its own shard");
    neighbour.remove(&elsewhere).await;
}

/// A purge is durable when it returns, and so is a later start under the same id.
pub async fn a_purge_survives_reopening<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let owner = Owner::of(SHARD, &provider).await;
    let (gone, again) = (owner.id("gone"), owner.id("again"));
    let both = [turn(&gone, 0), last_turn(&gone, 1), turn(&again, 0), last_turn(&again, 1)];
    owner.store(both.into()).await;
    owner.remove(&gone).await;
    owner.remove(&again).await;
    owner.store(vec![turn(&again, 0)]).await;
    drop(owner);

    let owner = Owner::of(SHARD, &stage.reopen(provider).await).await;
    owner.knows_nothing_of(&[&gone], "what is purged is gone for good").await;
    owner.assert_listed(&[&again]).await;
    assert_eq!(
        history(&*owner.histories, &again, ExecutionId::FIRST).await,
        expected(&again, ExecutionId::FIRST, 1),
        "of an id that was purged and started again, the new history survives"
    );
}
