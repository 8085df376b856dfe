//! Executions of an instance, one after the other: continue-as-new begins the next one.

use reenact_core::{ExecutionId, InstanceId, Timestamp};
use reenact_providers::{HistoryStore, InstanceFilter, InstanceState, Lease, PageRequest};

use super::kit::{
    Owner, SHARD, assert_conflict, assert_not_found, expected, history, last_turn, turn, turn_of,
};
use super::{Hub, Stage};

const FIRST: ExecutionId = ExecutionId::FIRST;
const SECOND: ExecutionId = ExecutionId(2);
const THIRD: ExecutionId = ExecutionId(3);

/// Asserts that an instance has `count` turns of its newest execution, and none of another.
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

/// Each execution counts its turns from 0 and replaces the one before it.
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

/// A batch may have the turn that continues as new and the first turn of the next execution.
pub async fn a_batch_may_end_one_execution_and_begin_the_next<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    let turns = [(FIRST, 0), (FIRST, 1), (SECOND, 0), (THIRD, 0), (THIRD, 1)];
    owner.store(turns.map(|(execution, n)| turn_of(&instance, execution, n)).into()).await;
    assert_history(&*owner.histories, &instance, THIRD, 2).await;
}

/// The number of the next execution is one higher than that of the newest.
pub async fn an_execution_cannot_be_left_out<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(vec![turn(&instance, 0)]).await;
    owner.refuses(turn_of(&instance, THIRD, 0), "an execution follows on the one before").await;
}

/// An instance that is not there begins with turn 0; where it is imported, that is of a later execution than the
/// first, which has number 1. It goes on and survives like any other.
pub async fn an_instance_begins_at_turn_0_of_an_execution<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let owner = Owner::of(SHARD, &provider).await;
    let instance = owner.id("i");
    for bad in [turn_of(&instance, ExecutionId(0), 0), turn_of(&instance, SECOND, 1)] {
        owner.refuses(bad, "an instance begins at turn 0 of an execution from 1 on").await;
    }
    owner.store(vec![turn_of(&instance, SECOND, 0), turn_of(&instance, SECOND, 1)]).await;
    owner.refuses(turn(&instance, 0), "an earlier execution is never begun").await;
    // That has appended one more.
    assert_history(&*owner.histories, &instance, SECOND, 3).await;
    drop(owner);

    let owner = Owner::of(SHARD, &stage.reopen(provider).await).await;
    assert_history(&*owner.histories, &instance, SECOND, 3).await;
    owner.store(vec![turn_of(&instance, SECOND, 3), turn_of(&instance, THIRD, 0)]).await;
    assert_history(&*owner.histories, &instance, THIRD, 1).await;
}

/// The next execution does not go on with the turn numbers of the one before.
pub async fn the_next_execution_begins_at_turn_0_only<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(vec![turn(&instance, 0)]).await;
    owner.refuses(turn_of(&instance, SECOND, 1), "an execution begins at turn 0").await;
}

/// Turns are appended only to the newest execution.
pub async fn an_earlier_execution_takes_no_more_turns<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(vec![turn(&instance, 0), turn_of(&instance, SECOND, 0)]).await;
    owner.refuses(turn(&instance, 1), "an execution that was continued as new is closed").await;

    let late =
        owner.append(vec![turn_of(&instance, THIRD, 0), turn_of(&instance, SECOND, 2)]).await;
    assert_conflict(late, "an execution that is closed within the batch is closed");
}

/// The newest execution is durable, and the ones that it replaced do not come back.
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

/// The next execution of a finished instance makes it unfinished again. A rewind needs this.
pub async fn a_finished_instance_goes_on_in_its_next_execution<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let owner = Owner::of(SHARD, &provider).await;
    let [seen, unseen] = ["seen", "unseen"].map(|label| owner.id(label));
    for instance in [&seen, &unseen] {
        owner.store(vec![turn(instance, 0), last_turn(instance, 1)]).await;
    }
    let next = |instance: &InstanceId| {
        let mut turns = [turn_of(instance, SECOND, 0), turn_of(instance, SECOND, 1)];
        turns.iter_mut().for_each(|turn| turn.summary.wake_at = Some(Timestamp::EPOCH));
        turns.to_vec()
    };
    // One of them is finished in what a store has put away, and the other in what it has not.
    drop(owner);
    let provider = stage.reopen(provider).await;
    let owner = Owner::of(SHARD, &provider).await;
    owner.store([next(&seen), next(&unseen)].concat()).await;
    assert_unfinished(&*owner.histories, &owner.lease, [&seen, &unseen]).await;
    drop(owner);

    let owner = Owner::of(SHARD, &stage.reopen(provider).await).await;
    assert_unfinished(&*owner.histories, &owner.lease, [&seen, &unseen]).await;
    owner.store(vec![turn_of(&seen, SECOND, 2)]).await;
    assert_history(&*owner.histories, &seen, SECOND, 3).await;
}

async fn assert_unfinished(
    histories: &dyn HistoryStore,
    lease: &Lease,
    instances: [&InstanceId; 2],
) {
    for instance in instances {
        assert_history(histories, instance, SECOND, 2).await;
        let summary = histories.summary(instance).await.expect("a summary").expect("it exists");
        assert_eq!((summary.execution, summary.state), (SECOND, InstanceState::Running));
        let purged = histories.purge(std::slice::from_ref(instance), lease).await;
        assert_conflict(purged, "it is no longer finished");
    }
    for (state, many) in [(InstanceState::Running, 2), (InstanceState::Completed, 0)] {
        let filter = InstanceFilter::new().states([state]);
        let page = histories.list(&filter, &PageRequest::new()).await.expect("a list");
        assert_eq!(page.instances.len(), many, "{state:?}: the newest execution counts");
        let count = histories.count(&filter).await.expect("a count");
        assert_eq!(count, many as u64, "{state:?}: the newest execution counts");
    }
    let recovered = histories.recover(lease).await.expect("the owner can recover");
    assert_eq!(recovered.len(), 2, "it must be woken again");
}
