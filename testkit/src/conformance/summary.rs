//! Summaries: what the store says of an instance without reading its turns.

use reenact_core::{ExecutionId, Timestamp};
use reenact_providers::{InstanceState, TurnRecord};

use super::kit::{Owner, SHARD, name, turn, turn_of};
use super::{Hub, Stage};

/// Every field has a value of its own, so that none can stand for another.
fn peculiar(mut turn: TurnRecord, state: InstanceState, wake_at: Option<u64>) -> TurnRecord {
    turn.summary.name = name("peculiar");
    turn.summary.state = state;
    turn.summary.created_at = Timestamp::from_micros(11);
    turn.summary.updated_at = Timestamp::from_micros(u64::MAX);
    turn.summary.events = 77;
    turn.summary.wake_at = wake_at.map(Timestamp::from_micros);
    turn
}

/// The summary has each field as it was appended with the newest turn, in every state.
pub async fn the_summary_is_that_of_the_newest_turn<H: Hub>(stage: &Stage<H>) {
    use InstanceState::{
        Cancelled, Completed, Failed, Importing, Parked, Running, Suspended, Terminated,
    };
    let owner = Owner::of(SHARD, &stage.open().await).await;
    for (label, state) in [
        ("r", Running),
        ("c", Completed),
        ("f", Failed),
        ("t", Terminated),
        ("x", Cancelled),
        ("s", Suspended),
        ("p", Parked),
        ("i", Importing),
    ] {
        let instance = owner.id(label);
        for (number, wake_at) in [(0, Some(0)), (1, None), (2, Some(u64::MAX))] {
            let newest = peculiar(turn(&instance, number), state, wake_at);
            owner.store(vec![newest.clone()]).await;
            let summary = owner.histories.summary(&instance).await;
            let summary = summary.expect("a summary can be read");
            assert_eq!(summary, Some(newest.summary), "the newest turn gives the summary");
        }
    }
}

/// The summary of an unknown instance is `None`, and no error.
pub async fn the_summary_of_an_unknown_instance_is_none<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    owner.store(vec![turn(&owner.id("i"), 0)]).await;
    let summary = owner.histories.summary(&owner.id("another")).await;
    assert_eq!(summary.expect("asking for a summary is no error"), None);
}

/// Of several turns in a batch the last one gives the summary, across executions too.
pub async fn the_last_turn_of_a_batch_gives_the_summary<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    let last = peculiar(turn_of(&instance, ExecutionId(2), 1), InstanceState::Failed, None);
    let batch = vec![turn(&instance, 0), turn_of(&instance, ExecutionId(2), 0), last.clone()];
    owner.store(batch).await;
    let summary = owner.histories.summary(&instance).await.expect("a summary can be read");
    assert_eq!(summary, Some(last.summary), "the last turn of a batch is the newest");
}

/// A summary is as durable as its turn, with all fields.
pub async fn summaries_survive_reopening<H: Hub>(stage: &Stage<H>) {
    let provider = stage.open().await;
    let owner = Owner::of(SHARD, &provider).await;
    let (a, b) = (owner.id("a"), owner.id("b"));
    let first = peculiar(turn(&a, 0), InstanceState::Running, Some(5));
    let second = peculiar(turn(&b, 0), InstanceState::Terminated, None);
    owner.store(vec![first.clone(), second.clone()]).await;
    drop(owner);

    let owner = Owner::of(SHARD, &stage.reopen(provider).await).await;
    for (instance, turn) in [(&a, first), (&b, second)] {
        let summary = owner.histories.summary(instance).await.expect("a summary can be read");
        assert_eq!(summary, Some(turn.summary), "a summary is as durable as its turn");
    }
}
