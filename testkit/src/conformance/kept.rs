//! Executions before the newest one of an instance, where its turns ask to keep some.

use reenact_core::{ExecutionId, InstanceId};
use reenact_providers::limits::MAX_KEPT_EXECUTIONS;
use reenact_providers::{HistoryStore, InstanceFilter, InstanceState, PageRequest, TurnRecord};

use super::kit::{Owner, SHARD, assert_conflict, assert_not_found, expected, history, turn_of};
use super::{Hub, Stage};

/// The first turns of an execution, the first of which keeps so many before it.
fn turns(instance: &InstanceId, execution: u32, count: u64, keep: u32) -> Vec<TurnRecord> {
    let turn = |number| TurnRecord { keep, ..turn_of(instance, ExecutionId(execution), number) };
    (0..count).map(turn).collect()
}

/// Asserts that of an instance there are these executions with so many turns each, and no others.
async fn assert_there(histories: &dyn HistoryStore, instance: &InstanceId, there: &[(u32, u64)]) {
    let executions = histories.executions(instance).await.expect("executions can be listed");
    let listed: Vec<_> = executions.iter().map(|one| (one.execution.0, one.turns)).collect();
    assert_eq!(listed, there, "those that are kept are listed in order, the newest one last");
    let newest = histories.summary(instance).await.expect("a summary can be read");
    assert_eq!(executions.last(), newest.as_ref(), "the last one is the newest");
    for execution in 1..=there.last().map_or(2, |(newest, _)| newest + 1) {
        let kept = there.iter().find(|(number, _)| *number == execution);
        let execution = ExecutionId(execution);
        let Some((_, count)) = kept else {
            let read = histories.read(instance, execution, 0, 1).await;
            assert_not_found(read, "what is not kept is gone");
            continue;
        };
        let turns = history(histories, instance, execution).await;
        assert_eq!(turns, expected(instance, execution, *count), "what is kept stays as it was");
    }
}

/// As many executions as the newest one asks for stay beside it; those before them go.
pub async fn as_many_are_kept_as_the_first_turn_says<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let (histories, instance) = (&*owner.histories, owner.id("i"));
    assert_there(histories, &instance, &[]).await;
    owner.store(turns(&instance, 1, 2, 2)).await;
    assert_there(histories, &instance, &[(1, 2)]).await;
    owner.store(turns(&instance, 2, 1, 2)).await;
    assert_there(histories, &instance, &[(1, 2), (2, 1)]).await;
    owner.store(turns(&instance, 3, 3, 2)).await;
    assert_there(histories, &instance, &[(1, 2), (2, 1), (3, 3)]).await;
    owner.store(turns(&instance, 4, 1, 2)).await;
    assert_there(histories, &instance, &[(2, 1), (3, 3), (4, 1)]).await;
    owner.store(turns(&instance, 5, 1, 0)).await;
    assert_there(histories, &instance, &[(5, 1)]).await;
}

/// What has gone does not come back when a later execution asks for more.
pub async fn what_has_gone_does_not_come_back<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let (histories, instance) = (&*owner.histories, owner.id("i"));
    for (execution, keep) in [(1, 0), (2, 5), (3, 1), (4, 5)] {
        owner.store(turns(&instance, execution, 2, keep)).await;
    }
    assert_there(histories, &instance, &[(2, 2), (3, 2), (4, 2)]).await;
    // Only the first turn of an execution says how many.
    let mut later = turn_of(&instance, ExecutionId(4), 2);
    later.keep = 0;
    owner.store(vec![later]).await;
    assert_there(histories, &instance, &[(2, 2), (3, 2), (4, 3)]).await;
}

/// No store keeps more than the limit, whatever it is asked for.
pub async fn no_more_are_kept_than_the_limit<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let (histories, instance) = (&*owner.histories, owner.id("i"));
    let newest = MAX_KEPT_EXECUTIONS + 3;
    for execution in 1..=newest {
        owner.store(turns(&instance, execution, 1, u32::MAX)).await;
    }
    let there: Vec<_> = (newest - MAX_KEPT_EXECUTIONS..=newest).map(|one| (one, 1)).collect();
    assert_there(histories, &instance, &there).await;
}

/// One batch may have several executions, and end one that has been there before.
pub async fn several_executions_may_come_in_one_batch<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let owner = Owner::of(SHARD, &provider).await;
    let [one, other] = ["one", "other"].map(|label| owner.id(label));
    owner.store([turns(&one, 1, 1, 0), turns(&other, 1, 1, 0)].concat()).await;
    let mut batch = vec![turn_of(&one, ExecutionId(1), 1)];
    for execution in 2..=4 {
        batch.extend(turns(&one, execution, 2, 2));
    }
    batch.extend(turns(&other, 2, 1, 1));
    owner.store(batch).await;
    assert_there(&*owner.histories, &one, &[(2, 2), (3, 2), (4, 2)]).await;
    assert_there(&*owner.histories, &other, &[(1, 1), (2, 1)]).await;
    drop(owner);

    let owner = Owner::of(SHARD, &stage.reopen(provider).await).await;
    assert_there(&*owner.histories, &one, &[(2, 2), (3, 2), (4, 2)]).await;
    assert_there(&*owner.histories, &other, &[(1, 1), (2, 1)]).await;
}

/// A batch that is refused takes nothing away.
pub async fn a_refused_batch_takes_no_execution_away<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let (histories, instance) = (&*owner.histories, owner.id("i"));
    owner.store(turns(&instance, 1, 2, 1)).await;
    owner.store(turns(&instance, 2, 1, 1)).await;
    let mut batch = turns(&instance, 3, 1, 0);
    batch.push(turn_of(&instance, ExecutionId(3), 2));
    assert_conflict(owner.append(batch).await, "a turn is missing");
    assert_there(histories, &instance, &[(1, 2), (2, 1)]).await;
}

/// What is kept is durable, however often the store is opened again; so is what has gone.
pub async fn kept_executions_survive_reopening<H: Hub>(stage: &Stage<H>) {
    let mut provider = stage.open().await;
    let mut there: Vec<(u32, u64)> = Vec::new();
    for execution in 1..=5 {
        let owner = Owner::of(SHARD, &provider).await;
        let instance = owner.id("i");
        assert_there(&*owner.histories, &instance, &there).await;
        // Some of the earlier execution may be in another place than the rest.
        if let Some((earlier, count)) = there.last_mut() {
            owner.store(vec![turn_of(&instance, ExecutionId(*earlier), *count)]).await;
            *count += 1;
        }
        owner.store(turns(&instance, execution, u64::from(execution), 2)).await;
        there.push((execution, execution.into()));
        let gone = there.len().saturating_sub(3);
        there.drain(..gone);
        assert_there(&*owner.histories, &instance, &there).await;
        drop(owner);
        provider = stage.reopen(provider).await;
    }
    let owner = Owner::of(SHARD, &provider).await;
    assert_there(&*owner.histories, &owner.id("i"), &[(3, 4), (4, 5), (5, 5)]).await;
}

/// Of an execution that is kept, pages are read as of any other.
pub async fn kept_executions_are_read_in_pages_of_every_size<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(turns(&instance, 1, 7, 1)).await;
    owner.store(turns(&instance, 2, 1, 1)).await;
    let first = ExecutionId::FIRST;
    for limit in 1..=8 {
        let (mut turns, mut next) = (Vec::new(), Some(0));
        while let Some(from) = next {
            let page = owner.histories.read(&instance, first, from, limit).await;
            let page = page.expect("it is kept");
            turns.extend(page.turns);
            next = page.next;
        }
        assert_eq!(turns, expected(&instance, first, 7), "in pages of {limit}");
    }
    let end = owner.histories.read(&instance, first, 7, 1).await.expect("the end is a place");
    assert_eq!((end.turns.len(), end.next), (0, None));
    let past = owner.histories.read(&instance, first, 8, 1).await;
    assert_conflict(past, "the end of an execution that is kept does not move");
}

/// An instance is listed and counted once, as its newest execution says.
pub async fn an_instance_is_listed_once<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let owner = Owner::of(SHARD, &provider).await;
    let instance = owner.id("i");
    let mut first = turns(&instance, 1, 1, 0);
    first[0].summary.state = InstanceState::Failed;
    owner.store(first).await;
    owner.store(turns(&instance, 2, 1, 3)).await;
    drop(owner);
    let owner = Owner::of(SHARD, &stage.reopen(provider).await).await;
    for (state, many) in [(InstanceState::Failed, 0), (InstanceState::Running, 1)] {
        let filter = InstanceFilter::new().states([state]);
        let page = owner.histories.list(&filter, &PageRequest::new()).await.expect("a list");
        assert_eq!(page.instances.len(), many, "{state:?}: the newest execution counts");
        let count = owner.histories.count(&filter).await.expect("a count");
        assert_eq!(count, many as u64, "{state:?}: the newest execution counts");
    }
    let kept = owner.histories.executions(&instance).await.expect("executions");
    assert_eq!(kept[0].state, InstanceState::Failed, "what was known of it stays");
}

/// A purge removes all executions, and a new instance under the id has none of them.
pub async fn a_purge_removes_all_executions<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let owner = Owner::of(SHARD, &provider).await;
    let [one, other] = ["one", "other"].map(|label| owner.id(label));
    for instance in [&one, &other] {
        owner.store(turns(instance, 1, 2, 4)).await;
        let mut second = turns(instance, 2, 2, 4);
        second.iter_mut().for_each(|turn| turn.summary.state = InstanceState::Completed);
        owner.store(second).await;
    }
    drop(owner);
    let provider = stage.reopen(provider).await;
    let owner = Owner::of(SHARD, &provider).await;
    let purged = [one.clone(), other.clone()];
    let count = owner.histories.purge(&purged, &owner.lease).await.expect("they are over");
    assert_eq!(count, 2);
    assert_there(&*owner.histories, &one, &[]).await;
    owner.store(turns(&one, 1, 1, 4)).await;
    owner.store(turns(&one, 2, 1, 4)).await;
    // As an import brings one.
    owner.store(turns(&other, 3, 1, 4)).await;
    let there: [(&InstanceId, &[(u32, u64)]); 2] = [(&one, &[(1, 1), (2, 1)]), (&other, &[(3, 1)])];
    for (instance, there) in there {
        assert_there(&*owner.histories, instance, there).await;
    }
    drop(owner);
    let owner = Owner::of(SHARD, &stage.reopen(provider).await).await;
    for (instance, there) in there {
        assert_there(&*owner.histories, instance, there).await;
    }
}
