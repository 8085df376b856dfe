//! Generations of an instance: continue-as-new begins the next one.

use reenact_core::{ExecutionId, InstanceId};

use super::kit::{
    Owner, SHARD, assert_conflict, assert_not_found, expected, history, turn, turn_of,
};
use super::{Hub, Stage};
use crate::HistoryStore;

const FIRST: ExecutionId = ExecutionId::FIRST;
const SECOND: ExecutionId = ExecutionId(2);
const THIRD: ExecutionId = ExecutionId(3);

/// Asserts that an instance has so many turns of its newest execution, and none of another.
async fn assert_history(
    histories: &dyn HistoryStore,
    instance: &InstanceId,
    newest: ExecutionId,
    count: u64,
) {
    assert_eq!(
        history(histories, instance, newest).await,
        expected(instance, newest, count),
        "the newest execution has a history of its own"
    );
    for other in [FIRST, SECOND, THIRD].into_iter().filter(|execution| *execution != newest) {
        let read = histories.read(instance, other, 0, 1).await;
        assert_not_found(read, "there is the newest execution only");
    }
}

/// Each execution counts its turns from 0.
pub async fn the_next_execution_begins_at_turn_0_in_the_place_of_the_earlier<H: Hub>(
    stage: &Stage<H>,
) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(vec![turn(&instance, 0), turn(&instance, 1)]).await;
    assert_history(&*owner.histories, &instance, FIRST, 2).await;
    owner.store(vec![turn_of(&instance, SECOND, 0)]).await;
    owner.store(vec![turn_of(&instance, SECOND, 1), turn_of(&instance, SECOND, 2)]).await;
    assert_history(&*owner.histories, &instance, SECOND, 3).await;
    owner.store(vec![turn_of(&instance, THIRD, 0)]).await;
    assert_history(&*owner.histories, &instance, THIRD, 1).await;
}

/// The turn that continues as new and the first of the next execution are committed together.
pub async fn a_batch_may_end_one_execution_and_begin_the_next<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    let turns = [(FIRST, 0), (FIRST, 1), (SECOND, 0), (THIRD, 0), (THIRD, 1)];
    owner.store(turns.map(|(execution, n)| turn_of(&instance, execution, n)).into()).await;
    assert_history(&*owner.histories, &instance, THIRD, 2).await;
}

/// Executions have no gaps, either.
pub async fn an_execution_cannot_be_left_out<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(vec![turn(&instance, 0)]).await;
    owner.refuses(turn_of(&instance, THIRD, 0), "an execution follows on the one before").await;
}

/// An unknown instance has no earlier execution to continue.
pub async fn an_instance_begins_with_its_first_execution<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    for execution in [ExecutionId(0), SECOND] {
        let bad = turn_of(&instance, execution, 0);
        owner.refuses(bad, "the first execution of an instance is number 1").await;
    }
}

/// It does not go on counting.
pub async fn the_next_execution_begins_at_turn_0_only<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(vec![turn(&instance, 0)]).await;
    owner.refuses(turn_of(&instance, SECOND, 1), "an execution begins at turn 0").await;
}

/// The newest execution is the only one that grows.
pub async fn an_earlier_execution_takes_no_more_turns<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(vec![turn(&instance, 0), turn_of(&instance, SECOND, 0)]).await;
    owner.refuses(turn(&instance, 1), "an execution that was continued as new is closed").await;

    let late =
        owner.append(vec![turn_of(&instance, THIRD, 0), turn_of(&instance, SECOND, 2)]).await;
    assert_conflict(late, "an execution that is closed within the batch is closed");
}

/// The newest is durable, and what it took the place of does not come back.
pub async fn executions_survive_reopening<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let owner = Owner::of(SHARD, &provider).await;
    let instance = owner.id("i");
    owner.store(vec![turn(&instance, 0), turn_of(&instance, SECOND, 0)]).await;
    drop(owner);

    let owner = Owner::of(SHARD, &stage.reopen(provider).await).await;
    assert_history(&*owner.histories, &instance, SECOND, 1).await;
    owner.store(vec![turn_of(&instance, SECOND, 1), turn_of(&instance, THIRD, 0)]).await;
    assert_history(&*owner.histories, &instance, THIRD, 1).await;
}
