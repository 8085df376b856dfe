//! Recovery: what a new owner must wake although nobody sends it anything.

use reenact_core::{ExecutionId, ShardId, Timestamp};
use reenact_providers::{InstanceSummary, TurnRecord};

use super::kit::{Owner, SHARD, assert_fenced, last_turn, supersede, turn, turn_of};
use super::{Hub, Stage};

impl Owner {
    /// Takes the shard after a crash and recovers it.
    async fn after_crash<H: Hub>(self, stage: &Stage<H>, provider: H::Provider) -> Self {
        let shard = self.lease.shard;
        drop(self);
        Self::of(shard, &stage.reopen(provider).await).await
    }

    async fn recover(&self) -> Vec<InstanceSummary> {
        let found = self.histories.recover(&self.lease).await;
        found.expect("the owner of a shard can recover it")
    }
}

fn waking(mut turn: TurnRecord, at: u64) -> TurnRecord {
    turn.summary.wake_at = Some(Timestamp::from_micros(at));
    turn
}

/// The recovery of an empty shard gives nothing.
pub async fn an_empty_shard_has_nothing_to_recover<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let owner = Owner::of(SHARD, &provider).await;
    assert_eq!(owner.recover().await, [], "nothing is to be woken in a new store");
    let owner = owner.after_crash(stage, provider).await;
    assert_eq!(owner.recover().await, [], "nothing is to be woken in an empty store");
}

/// Recovery gives the instances of the shard that have a `wake_at`, the earliest first, and no others.
pub async fn recovery_gives_the_instances_that_must_be_woken_earliest_first<H: Hub>(
    stage: &Stage<H>,
) {
    let provider = stage.open().await;
    let owner = Owner::of(SHARD, &provider).await;
    let neighbour = Owner::of(ShardId(1), &provider).await;
    neighbour.store(vec![waking(turn(&neighbour.id("other-shard"), 0), 2)]).await;
    let late = waking(turn(&owner.id("a-late"), 0), u64::MAX);
    let soon = waking(turn(&owner.id("b-soon"), 0), 7);
    let at_once = waking(turn(&owner.id("c-at-once"), 0), 0);
    let tells_others = waking(last_turn(&owner.id("d-tells-others"), 0), 0);
    let finished = last_turn(&owner.id("finished"), 0);
    let waits_for_a_message = turn(&owner.id("waits"), 0);
    owner.store(vec![late.clone(), finished, tells_others.clone(), soon.clone()]).await;
    owner.store(vec![waits_for_a_message, at_once.clone()]).await;
    drop(neighbour);

    let owner = owner.after_crash(stage, provider).await;
    assert_eq!(
        owner.recover().await,
        [at_once.summary, tells_others.summary, soon.summary, late.summary],
        "exactly the instances of the shard with a wake_at are recovered, earliest first"
    );
}

/// The newest turn of an instance decides whether it is recovered, and at which time.
pub async fn recovery_goes_by_the_newest_turn<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let owner = Owner::of(SHARD, &provider).await;
    let [armed, fired, finished, renewed] =
        ["armed", "fired", "finished", "renewed"].map(|label| owner.id(label));
    let newest = waking(turn(&armed, 1), 50);
    let next_execution = waking(turn_of(&renewed, ExecutionId(2), 0), 60);
    owner.store(vec![turn(&armed, 0), newest.clone()]).await;
    owner.store(vec![waking(turn(&fired, 0), 1), turn(&fired, 1)]).await;
    owner.store(vec![waking(turn(&finished, 0), 2), last_turn(&finished, 1)]).await;
    owner.store(vec![waking(turn(&renewed, 0), 3), next_execution.clone()]).await;

    let owner = owner.after_crash(stage, provider).await;
    assert_eq!(
        owner.recover().await,
        [newest.summary, next_execution.summary],
        "the newest turn tells whether an instance must be woken, and when"
    );
    owner.store(vec![turn(&armed, 2), turn(&fired, 2)]).await;
}

/// A purged instance is not recovered.
pub async fn recovery_leaves_out_what_was_purged<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let owner = Owner::of(SHARD, &provider).await;
    let (gone, kept) = (owner.id("gone"), waking(turn(&owner.id("kept"), 0), 1));
    owner.store(vec![waking(turn(&gone, 0), 2), last_turn(&gone, 1), kept.clone()]).await;
    let purged = owner.histories.purge(std::slice::from_ref(&gone), &owner.lease).await;
    purged.expect("a finished instance can be purged");

    let owner = owner.after_crash(stage, provider).await;
    assert_eq!(owner.recover().await, [kept.summary], "what was purged is never woken");
}

/// Recovery under an old lease is fenced.
pub async fn recovery_is_fenced<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    owner.store(vec![waking(turn(&owner.id("i"), 0), 1)]).await;
    let newest = supersede(stage, &*owner.leases, &owner.lease).await;
    let refused = owner.histories.recover(&owner.lease).await;
    assert_fenced(refused, SHARD, "an owner that was superseded recovers nothing");
    let found = owner.histories.recover(&newest).await.expect("the newest owner can recover");
    assert_eq!(found.len(), 1);
}
