//! Large turns and messages, of a store that takes large payloads.

use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId};
use reenact_providers::limits::{
    MAX_INLINE_TURN_BYTES, MAX_LARGE_BATCH_BYTES, MAX_LARGE_ROUTED_BYTES,
};
use reenact_providers::{Message, Provider, StoredTurn, TurnRecord};

use super::kit::{
    LEAVES_NO_TRACE, Owner, SHARD, assert_too_large, history, id_on, last_turn, turn, turn_of,
    within,
};
use super::{Hub, Stage};

const SECOND: ExecutionId = ExecutionId(2);

/// A turn that is too large for a journal. No other turn has its bytes.
fn large(turn: TurnRecord) -> TurnRecord {
    let mut bytes = turn.bytes.repeat(1 + 2 * MAX_INLINE_TURN_BYTES / turn.bytes.len());
    bytes.push(turn.number as u8);
    TurnRecord { bytes: Arc::from(bytes), ..turn }
}

fn stored(turns: &[TurnRecord]) -> Vec<StoredTurn> {
    let stored = |turn: &TurnRecord| StoredTurn { number: turn.number, bytes: turn.bytes.clone() };
    turns.iter().map(stored).collect()
}

/// A store that is opened for large payloads says so.
pub async fn a_store_says_that_it_takes_large_payloads<H: Hub>(stage: &Stage<H>) {
    let histories = stage.open().await.histories();
    assert!(histories.takes_large_payloads(), "open the hub so that it takes large payloads");
}

/// Large turns are read as they were appended, beside small ones, and survive.
pub async fn a_large_turn_is_stored_as_it_is<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let owner = Owner::of(SHARD, &provider).await;
    let (id, other) = (owner.id("large"), owner.id("other"));
    let turns = [large(turn(&id, 0)), turn(&id, 1), large(turn(&id, 2)), large(turn(&id, 3))];
    owner.store(vec![turns[0].clone(), turn(&other, 0), turns[1].clone(), turns[2].clone()]).await;
    owner.store(vec![turns[3].clone()]).await;
    assert_eq!(
        history(&*owner.histories, &id, ExecutionId::FIRST).await,
        stored(&turns),
        "turns are read as they were appended, however large"
    );

    drop(owner);
    let provider = stage.reopen(provider).await;
    let owner = Owner::of(SHARD, &provider).await;
    owner.histories.recover(&owner.lease).await.expect("an owner can recover its shard");
    assert_eq!(
        history(&*owner.histories, &id, ExecutionId::FIRST).await,
        stored(&turns),
        "what was acknowledged survives"
    );
}

/// Loading gives large turns as reading does.
pub async fn a_large_turn_is_loaded_as_it_is<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let id = owner.id("large");
    let turns = [large(turn(&id, 0)), turn(&id, 1)];
    owner.store(turns.to_vec()).await;
    let loaded = owner.histories.load(&id, 10).await.expect("an instance can be loaded");
    let loaded = loaded.expect("the instance is there");
    assert_eq!(loaded.turns.turns, stored(&turns), "loading gives the turns as they are");
    let page = owner.histories.read(&id, ExecutionId::FIRST, 1, 10).await;
    let page = page.expect("what is stored can be read");
    assert_eq!(page.turns, stored(&turns[1..]), "reading begins at the given turn");
}

/// No bytes are taken for something else because of how they begin.
pub async fn a_turn_is_stored_as_it_is_whatever_it_begins_with<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let id = owner.id("first-bytes");
    let bytes = |first: u8| Arc::from(vec![first, 1, 0, 0]);
    let turns: Vec<_> = (0..=u8::MAX)
        .map(|first| TurnRecord { bytes: bytes(first), ..turn(&id, u64::from(first)) })
        .collect();
    owner.store(turns.clone()).await;
    let read = history(&*owner.histories, &id, ExecutionId::FIRST).await;
    assert_eq!(read, stored(&turns), "a turn is any bytes");
}

/// A refused batch leaves nothing of its large turns, and their places are free.
pub async fn a_refused_large_turn_leaves_no_trace<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let (good, bad) = (owner.id("good"), owner.id("bad"));
    owner.refuses(large(turn(&bad, 1)), "a history begins at turn 0").await;
    let refused = owner.append(vec![large(turn(&good, 0)), large(turn(&bad, 7))]).await;
    super::kit::assert_conflict(refused, "a history begins at turn 0");
    owner.knows_nothing_of(&[&good, &bad], LEAVES_NO_TRACE).await;
    owner.store(vec![large(turn(&good, 0))]).await;
    let read = history(&*owner.histories, &good, ExecutionId::FIRST).await;
    assert_eq!(read, stored(&[large(turn(&good, 0))]), "a refused place is free");
}

/// The next execution takes the place of one with large turns, and may begin with one.
pub async fn the_next_execution_takes_the_place_of_large_turns<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let id = owner.id("on");
    let next = [large(turn_of(&id, SECOND, 0)), turn_of(&id, SECOND, 1)];
    owner.store(vec![large(turn(&id, 0)), large(last_turn(&id, 1)), next[0].clone()]).await;
    owner.store(vec![next[1].clone()]).await;
    let read = history(&*owner.histories, &id, SECOND).await;
    assert_eq!(read, stored(&next), "the newest execution is read");
}

/// Nothing is left over of large turns that were superseded, purged or refused, and a look says so.
pub async fn a_look_at_large_turns_finds_nothing_left_over<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let [on, gone, bad] = ["on", "gone", "bad"].map(|id| owner.id(id));
    owner.store(vec![large(turn(&on, 0)), large(last_turn(&on, 1))]).await;
    owner.store(vec![large(turn_of(&on, SECOND, 0))]).await;
    owner.store(vec![large(last_turn(&gone, 0))]).await;
    let purged = owner.histories.purge(std::slice::from_ref(&gone), &owner.lease).await;
    assert_eq!(purged.expect("a finished instance can be purged"), 1);
    owner.refuses(large(turn(&bad, 1)), "a history begins at turn 0").await;
    let found = owner.histories.check(SHARD).await.expect("a shard can be looked at");
    assert_eq!(found, [], "nothing is left over");
}

/// A purge removes large turns as well, and the id is free.
pub async fn a_purged_instance_with_large_turns_is_gone<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let id: InstanceId = owner.id("gone");
    owner.store(vec![large(turn(&id, 0)), large(last_turn(&id, 1))]).await;
    let purged = owner.histories.purge(std::slice::from_ref(&id), &owner.lease).await;
    assert_eq!(purged.expect("a finished instance can be purged"), 1);
    owner.knows_nothing_of(&[&id], "what is purged is gone for good").await;
    owner.store(vec![large(turn(&id, 0))]).await;
    let read = history(&*owner.histories, &id, ExecutionId::FIRST).await;
    assert_eq!(read, stored(&[large(turn(&id, 0))]), "an id that was purged can be started again");
}

/// A batch over [`MAX_LARGE_BATCH_BYTES`] is refused, and nothing of it is written.
pub async fn a_batch_over_the_limit_of_large_ones_is_refused<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let id = owner.id("large");
    // The same memory, many times.
    let bytes: Arc<[u8]> = Arc::from(vec![7; 2 * MAX_INLINE_TURN_BYTES]);
    let count = (MAX_LARGE_BATCH_BYTES / bytes.len()) as u64 + 1;
    let turns = (0..count).map(|number| TurnRecord { bytes: bytes.clone(), ..turn(&id, number) });
    assert_too_large(owner.append(turns.collect()).await, "a batch over the limit is refused");
    owner.knows_nothing_of(&[&id], LEAVES_NO_TRACE).await;
}

/// A message as large as the limit arrives, and a larger one is refused. For stores that hosts share.
pub async fn a_large_message_arrives_as_it_was_sent<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let sharing = provider.sharing().expect("hosts share this store");
    let router = sharing.router();
    let to = id_on(SHARD, provider.shards(), "to");
    let message = |bytes| Message {
        key: "large".to_owned(),
        to: to.clone(),
        bytes: Arc::from(vec![7; bytes]),
    };
    let over = router.send(SHARD, message(MAX_LARGE_ROUTED_BYTES + 1)).await;
    assert_too_large(over, "a message over the limit is refused");
    let sent = message(MAX_LARGE_ROUTED_BYTES);
    router.send(SHARD, sent.clone()).await.expect("a message within the limit is taken");
    let received = within(router.receive(SHARD, 1), "what was sent arrives").await;
    let received = received.expect("a queue can be received from");
    assert!(received[0].message == sent, "a message arrives as it was sent");
    router.acknowledge(SHARD, received[0].id).await.expect("a delivery can be acknowledged");
}
