//! Appending: a batch is stored as a whole or not at all.

use std::sync::Arc;

use reenact_core::{ExecutionId, ShardId};
use reenact_providers::limits::{MAX_BATCH_BYTES, MAX_LARGE_BATCH_BYTES};
use reenact_providers::{Batch, Epoch, Provider, ProviderError, TurnRecord};
use tokio::task::JoinSet;

use super::kit::{
    LEAVES_NO_TRACE, Owner, SHARD, assert_conflict, assert_too_large, expected, history, id_on,
    last_turn, turn,
};
use super::{Hub, Stage};

/// Any bytes of a turn are read as they were appended, empty ones too.
pub async fn an_appended_turn_is_stored_as_it_is<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    let all_bytes: Vec<u8> = (0..=u8::MAX).cycle().take(70_000).collect();
    let contents: [Arc<[u8]>; 3] = [Arc::from([]), Arc::from(all_bytes), Arc::from(*b"\n\0\n")];
    for (number, bytes) in (0..).zip(&contents) {
        let bytes = Arc::clone(bytes);
        owner.store(vec![TurnRecord { bytes, ..turn(&instance, number) }]).await;
    }

    let stored = history(&*owner.histories, &instance, ExecutionId::FIRST).await;
    assert_eq!(stored.iter().map(|turn| turn.number).collect::<Vec<_>>(), [0, 1, 2]);
    for (turn, bytes) in stored.iter().zip(&contents) {
        assert_eq!(&turn.bytes, bytes, "a provider keeps bytes as they are, empty ones too");
    }
}

/// A batch may have turns of several instances in any order, and several turns of one instance in order.
pub async fn a_batch_may_hold_turns_of_several_instances_and_several_of_one<H: Hub>(
    stage: &Stage<H>,
) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let (a, b, c) = (owner.id("a"), owner.id("b"), owner.id("c"));
    owner.store(vec![turn(&a, 0)]).await;
    let batch = [(&b, 0), (&a, 1), (&b, 1), (&a, 2), (&c, 0), (&b, 2)];
    owner.store(batch.map(|(instance, number)| turn(instance, number)).into()).await;

    for (instance, count) in [(&a, 3), (&b, 3), (&c, 1)] {
        assert_eq!(
            history(&*owner.histories, instance, ExecutionId::FIRST).await,
            expected(instance, ExecutionId::FIRST, count),
            "all turns of a batch are stored, in order"
        );
    }
}

/// An empty batch writes no turn. Its receipt proves that all earlier batches are durable.
pub async fn an_empty_batch_is_proof_as_well<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let first = owner.receipt(vec![]).await;
    let second = owner.receipt(vec![turn(&owner.id("i"), 0)]).await;
    let third = owner.receipt(vec![]).await;
    assert_eq!(third.shard(), SHARD);
    assert!(first.commit() < second.commit(), "commit numbers rise");
    assert!(second.commit() < third.commit(), "commit numbers rise");
}

/// A receipt names the shard, and its commit number rises with each append to that shard.
pub async fn receipts_name_their_shard_and_rise<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    for shard in (0..provider.shards()).map(ShardId) {
        let owner = Owner::of(shard, &provider).await;
        let instance = owner.id("i");
        // The runtime takes 0 for a shard of which it knows no commit.
        let mut last = 0;
        for number in 0..3 {
            for turns in [vec![turn(&instance, number)], Vec::new()] {
                let receipt = owner.receipt(turns).await;
                assert_eq!(
                    receipt.shard(),
                    shard,
                    "a receipt names the shard that was appended to"
                );
                assert!(
                    last < receipt.commit(),
                    "each append has a higher commit number, an empty one too"
                );
                last = receipt.commit();
            }
        }
    }
}

/// A turn that leaves out a number is a conflict, and nothing of its batch is stored.
pub async fn a_gap_is_refused_with_all_of_its_batch<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(vec![turn(&instance, 0)]).await;
    owner.refuses(turn(&instance, 2), "a turn follows on the one before").await;
}

/// A turn is never overwritten: its number is a conflict, and nothing of its batch is stored.
pub async fn a_repeated_turn_is_refused_with_all_of_its_batch<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(vec![turn(&instance, 0), turn(&instance, 1)]).await;
    owner.refuses(turn(&instance, 1), "a turn that is stored is never replaced").await;
}

/// An id that exists cannot be started again, whether its instance has finished or not.
pub async fn a_second_start_is_refused_with_all_of_its_batch<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(vec![turn(&instance, 0)]).await;
    owner.refuses(turn(&instance, 0), "an id that exists cannot be started").await;

    let finished = owner.id("finished");
    owner.store(vec![last_turn(&finished, 0)]).await;
    let again = owner.append(vec![turn(&finished, 0)]).await;
    assert_conflict(again, "a finished instance keeps its id until it is purged");
}

/// The turns of a batch are checked against each other as well as against the store.
pub async fn two_starts_of_one_id_in_a_batch_are_refused<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    let twice = owner.append(vec![turn(&instance, 0), turn(&instance, 0)]).await;
    assert_conflict(twice, "the second of two starts in one batch is refused, and so is the batch");
    owner.knows_nothing_of(&[&instance], LEAVES_NO_TRACE).await;
}

/// The history of an instance begins at turn 0.
pub async fn a_later_turn_of_an_unknown_instance_is_refused<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    owner.refuses(turn(&owner.id("i"), 1), "a history begins at turn 0").await;
}

/// A batch has only turns of instances of its own shard.
pub async fn a_turn_of_another_shard_is_refused_with_all_of_its_batch<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let owner = Owner::of(SHARD, &provider).await;
    let elsewhere = id_on(ShardId(1), provider.shards(), "i");
    owner.refuses(turn(&elsewhere, 0), "a batch holds turns of its own shard only").await;
}

/// An append to a shard that does not exist is a conflict.
pub async fn a_shard_that_does_not_exist_is_refused<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let batch = Batch { shard: ShardId(provider.shards()), epoch: Epoch(1), turns: vec![] };
    let refused = provider.histories().append(batch.into()).await;
    assert_conflict(refused, "a shard beyond the last does not exist");
}

/// A batch over [`MAX_BATCH_BYTES`] is refused, and nothing of it is written; over [`MAX_LARGE_BATCH_BYTES`] where
/// large payloads are taken. A medium may have a lower limit.
pub async fn an_overlarge_batch_is_refused<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let (small, large) = (owner.id("small"), owner.id("large"));
    // The same memory, many times.
    let bytes: Arc<[u8]> = Arc::from(vec![7; 1024 * 1024]);
    let takes_large = owner.histories.takes_large_payloads();
    let limit = if takes_large { MAX_LARGE_BATCH_BYTES } else { MAX_BATCH_BYTES };
    let count = (limit / bytes.len()) as u64 + 1;
    let turns =
        (0..count).map(|number| TurnRecord { bytes: Arc::clone(&bytes), ..turn(&large, number) });
    let batch = [turn(&small, 0)].into_iter().chain(turns).collect();

    assert_too_large(owner.append(batch).await, "a batch over the limit is refused");
    owner.knows_nothing_of(&[&small, &large], LEAVES_NO_TRACE).await;
    owner.store(vec![turn(&small, 0)]).await;
}

/// Many writers append to all shards at the same time, and all that was acknowledged is stored.
pub async fn appends_to_all_shards_at_once_lose_nothing<H: Hub>(stage: &Stage<H>) {
    const WRITERS: usize = 4;
    const TURNS: u64 = 25;
    let provider = stage.open().await;
    let histories = provider.histories();
    let mut instances = Vec::new();
    let mut tasks = JoinSet::new();
    for shard in (0..provider.shards()).map(ShardId) {
        let owner = Arc::new(Owner::of(shard, &provider).await);
        for writer in 0..WRITERS {
            let instance = owner.id(&format!("writer-{writer}"));
            instances.push(instance.clone());
            let owner = Arc::clone(&owner);
            tasks.spawn(async move {
                for number in 0..TURNS {
                    owner.store(vec![turn(&instance, number)]).await;
                }
            });
        }
    }
    while let Some(writer) = tasks.join_next().await {
        writer.expect("appends of different instances do not disturb each other");
    }

    for instance in &instances {
        assert_eq!(
            history(&*histories, instance, ExecutionId::FIRST).await,
            expected(instance, ExecutionId::FIRST, TURNS),
            "whatever was acknowledged is stored"
        );
    }
}

/// Of several appends of the same turn one succeeds. The bytes of the others are stored nowhere.
pub async fn of_appends_that_compete_for_a_place_exactly_one_wins<H: Hub>(stage: &Stage<H>) {
    const COMPETITORS: u8 = 8;
    const PLACES: u64 = 20;
    let owner = Arc::new(Owner::of(SHARD, &stage.open().await).await);
    let instance = owner.id("i");
    let mut won = Vec::new();
    for place in 0..PLACES {
        let mut tasks = JoinSet::new();
        for competitor in 0..COMPETITORS {
            let owner = Arc::clone(&owner);
            let bytes = Arc::from([competitor]);
            let turn = TurnRecord { bytes, ..turn(&instance, place) };
            tasks.spawn(async move { (competitor, owner.append(vec![turn]).await) });
        }
        let mut winners = Vec::new();
        while let Some(outcome) = tasks.join_next().await {
            match outcome.expect("an append does not panic") {
                (competitor, Ok(_)) => winners.push(competitor),
                (_, Err(error)) => {
                    let conflict = matches!(error, ProviderError::Conflict { .. });
                    assert!(conflict, "an append that loses the race is a conflict: {error}");
                }
            }
        }
        assert_eq!(winners.len(), 1, "a place is given to exactly one turn");
        won.extend(winners);
    }

    let stored = history(&*owner.histories, &instance, ExecutionId::FIRST).await;
    let stored: Vec<u8> = stored.iter().flat_map(|turn| turn.bytes.iter().copied()).collect();
    assert_eq!(stored, won, "the turn that was acknowledged is the one that is stored");
}

/// A batch is durable when its append returns.
pub async fn what_was_appended_survives_reopening<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let (shards, owner) = (provider.shards(), Owner::of(SHARD, &provider).await);
    let instance = owner.id("i");
    owner.store(vec![turn(&instance, 0), turn(&instance, 1)]).await;
    owner.store(vec![turn(&instance, 2)]).await;
    drop(owner);

    let provider = stage.reopen(provider).await;
    assert_eq!(provider.shards(), shards, "a store has the same number of shards for ever");
    let owner = Owner::of(SHARD, &provider).await;
    assert_eq!(
        history(&*owner.histories, &instance, ExecutionId::FIRST).await,
        expected(&instance, ExecutionId::FIRST, 3),
        "what an append has acknowledged survives"
    );
    owner.refuses(turn(&instance, 2), "the place of a turn is taken after reopening, too").await;
}
