//! What a provider reads that is, or was, the owner of a shard.

use reenact_core::ExecutionId;
use reenact_providers::{HistoryStore, InstanceState, ProviderError};

use crate::faulty::Wrong;
use crate::record::{Fate, Record};
use crate::scenario::{Life, ONE_APPEND};
use crate::takeover::{Hub, silence, until};

/// What it has in memory is all that there was, and no more than that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_may_have_lost_a_shard_does_not_say_what_is_not_there() {
    let hub = Hub::new(ONE_APPEND);
    let silent = hub.port();
    let mut first = hub.begin(&silent, Record::default()).await;
    first.append(0, "a", InstanceState::Running).await;
    silent.plan(silence);
    let mut second = hub.begin(&hub.port(), first.record.clone()).await;
    second.append(0, "b", InstanceState::Running).await;

    let (b, execution) = (Life::id(0, "b"), ExecutionId::FIRST);
    let not_known = |error| matches!(error, Some(ProviderError::Unavailable { .. }));
    assert!(not_known(first.provider.summary(&b).await.err()), "it is there");
    assert!(not_known(first.provider.load(&b, 10).await.err()));
    assert!(not_known(first.provider.read(&b, execution, 0, 10).await.err()));
    assert!(not_known(first.provider.executions(&b).await.err()));
    assert!(second.provider.summary(&b).await.unwrap().is_some());
    drop(first.provider);
}

/// Others see what is in the log before its owner has the answer to its append.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_does_not_deny_what_others_can_see() {
    let hub = Hub::new(ONE_APPEND);
    let slow = hub.port();
    let mut owner = hub.begin(&slow, Record::default()).await;
    let other = hub.ground(&hub.port()).open().await;
    let (provider, a, execution) = (owner.provider.clone(), Life::id(0, "a"), ExecutionId::FIRST);
    slow.plan(|seen| (seen.operation == "append").then_some(Wrong::AnsweredLate));
    let of = a.clone();
    let appending = tokio::spawn(async move {
        let fate = owner.try_append(0, &of, 0, InstanceState::Running).await;
        (owner, fate)
    });
    until("the answer is late", || slow.waiting() > 0).await;
    assert!(other.summary(&a).await.unwrap().is_some(), "it is in the log");

    let reading = tokio::spawn(async move {
        tokio::join!(
            provider.summary(&a),
            provider.load(&a, 10),
            provider.read(&a, execution, 0, 10),
            provider.executions(&a),
        )
    });
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    let has_said_something = reading.is_finished();
    slow.heal();
    slow.go_on();
    let (summary, loaded, read, executions) = reading.await.unwrap();
    assert_eq!(summary.unwrap().map(|it| it.turns), Some(2));
    assert_eq!(loaded.unwrap().map(|it| it.turns.turns.len()), Some(2));
    assert_eq!(read.unwrap().turns.len(), 2);
    assert_eq!(executions.unwrap().len(), 1);
    assert!(!has_said_something, "what it has in memory is not all that there is");
    let (owner, fate) = appending.await.unwrap();
    assert_eq!(fate, Fate::Acknowledged);
    drop(owner.provider);
}
