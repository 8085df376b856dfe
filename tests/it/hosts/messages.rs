//! What instances tell each other, from host to host.

use std::sync::Arc;

use reenact::core::{RemoteCommand, RemoteRun, ShardId, codec};
use reenact::prelude::*;
use reenact::providers::limits::LEASE_TIME;
use reenact::providers::{Message, Provider};
use reenact::{CorrelationId, Error, Event, ExecutionId, Payload};

use super::scene::{
    SHARDS, adds, calls, commands, host, in_shard, insists, one_of_each, raises, shared_store,
    sums, until_held, waits,
};
use crate::kit::{Gate, events, guard, id, options, pass_time_until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_on_other_hosts_tell_their_parents_how_they_ended() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let _second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    for parent in one_of_each("parent") {
        let parent = guard(first.start_new(sums, 20).id(parent)).await.unwrap();
        assert_eq!(guard(parent.result()).await.unwrap(), 420);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_whose_id_is_taken_on_another_host_is_refused() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let _second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    for taken in one_of_each("taken") {
        guard(first.start_new(adds, ()).id(&taken)).await.unwrap();
        for caller in one_of_each(&format!("caller-of-{taken}")) {
            let asked = (taken.as_str().to_owned(), 1);
            let caller = guard(first.start_new(calls, asked).id(caller)).await.unwrap();
            let answer = guard(caller.result()).await.unwrap();
            assert!(answer.contains("exists already"), "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_to_instances_on_other_hosts_arrive_or_are_refused() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let _second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    for to in one_of_each("to") {
        guard(first.start_new(adds, ()).id(&to)).await.unwrap();
        for (from, numbers, refused) in [
            (in_shard(0, &format!("a-{to}")), vec![1, 2, 3], 0),
            (in_shard(1, &format!("b-{to}")), vec![4, 0], 0),
            (in_shard(2, &format!("c-{to}")), vec![5], 1),
        ] {
            let asked = (to.clone(), numbers);
            let from = guard(first.start_new(raises, asked).id(from)).await.unwrap();
            let replies = guard(from.result()).await.unwrap();
            assert_eq!(replies.len(), refused, "{replies:?}");
        }
        assert_eq!(guard(first.instance::<u64>(&to).result()).await.unwrap(), 10);
        let asked = (id(&format!("nobody-{to}")), vec![1]);
        let from = guard(first.start_new(raises, asked)).await.unwrap();
        assert_eq!(guard(from.result()).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_from_code_reach_instances_on_other_hosts_once() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let _second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    for shard in 0..SHARDS {
        for from in one_of_each(&format!("from-{shard}")) {
            let to = in_shard(shard, &format!("to-{from}"));
            let nobody = in_shard(shard, &format!("nobody-{from}"));
            let asking = guard(first.start_new(commands, nobody)).await.unwrap();
            assert_eq!(guard(asking.result()).await.unwrap(), 0, "there is none");
            guard(first.start_new(adds, ()).id(&to)).await.unwrap();
            let asking = guard(first.start_new(commands, to.clone()).id(from)).await.unwrap();
            assert_eq!(guard(asking.result()).await.unwrap(), 3);
            let ended = guard(first.instance::<u64>(&to).result()).await.unwrap_err();
            assert!(matches!(ended, Error::Cancelled { .. }), "{ended}");
            let known = events(&first, &to).await;
            let keys = known.iter().filter(|event| event.starts_with("CommandsReceived"));
            assert_eq!(keys.count(), 3, "{known:?}");
        }
    }
    assert_eq!(first.quarantined(None, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parents_and_children_come_together_when_a_host_dies_in_between() {
    let (store, clock) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    let mut parents = Vec::new();
    for parent in one_of_each("parent") {
        parents.push(guard(second.start_new(sums, 40).id(parent)).await.unwrap());
    }
    guard(first.abort()).await;
    clock.advance(LEASE_TIME);
    for parent in parents {
        let result = pass_time_until(&clock, Duration::from_secs(1), parent.result()).await;
        assert_eq!(result.unwrap(), 40 * 41);
    }
    assert_eq!(second.count(&Default::default()).await.unwrap(), 4 + 4 * 40);
    assert_eq!(second.quarantined(None, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_on_other_hosts_begin_anew_when_the_cancel_of_their_parent_is_undone() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let _second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    for parent in one_of_each("parent") {
        let children = one_of_each(&format!("child-of-{parent}"));
        let parent = guard(first.start_new(waits, children.clone()).id(parent)).await.unwrap();
        for child in &children {
            until_there(&first, child).await;
        }
        guard(parent.cancel("a mistake")).await.unwrap();
        guard(parent.result()).await.unwrap_err();
        for child in &children {
            guard(first.instance::<u64>(child).result()).await.unwrap_err();
        }
        let history = guard(parent.history()).await.unwrap();
        let is_cancel = |event: &Event| matches!(event, Event::CancelRequested { .. });
        let cancel = history.events().find(|event| is_cancel(event.event)).unwrap();
        guard(parent.rewind(cancel.position, "it was one")).await.unwrap();
        for child in &children {
            until_execution(&first, child, ExecutionId(2)).await;
            for number in [7, 0] {
                guard(first.raise_event(child, "Add", number)).await.unwrap();
            }
        }
        assert_eq!(guard(parent.result()).await.unwrap(), 28);
    }
    assert_eq!(first.quarantined(None, 10).await.unwrap(), []);
}

async fn until_execution(client: &Client, instance: &InstanceId, execution: ExecutionId) {
    guard(async {
        while client.get_status(instance).await.unwrap().execution != execution {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_parent_takes_its_children_on_other_hosts_along() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let _second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    for parent in one_of_each("parent") {
        let children = one_of_each(&format!("child-of-{parent}"));
        let parent = guard(first.start_new(waits, children.clone()).id(parent)).await.unwrap();
        for child in &children {
            until_there(&first, child).await;
        }
        guard(parent.cancel("enough")).await.unwrap();
        let ended = guard(parent.result()).await.unwrap_err();
        assert!(matches!(ended, Error::Cancelled { .. }), "{ended}");
        for child in &children {
            let ended = guard(first.instance::<u64>(child).result()).await.unwrap_err();
            assert!(matches!(ended, Error::Cancelled { .. }), "{ended}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_fails_is_tried_again_wherever_its_attempts_belong() {
    let (store, clock) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let _second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    for parent in one_of_each("parent") {
        let parent = guard(first.start_new(insists, 4).id(parent)).await.unwrap();
        let result = pass_time_until(&clock, Duration::from_millis(100), parent.result()).await;
        assert_eq!(result.unwrap(), 4, "the attempt that succeeded");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_that_ran_elsewhere_completes_by_the_queue_of_its_instance() {
    let (store, _) = shared_store();
    let gate = Gate::closed();
    let host = Host::builder().provider(store.clone()).options(options());
    let host = host
        .register_activity("far", {
            let gate = gate.clone();
            move |_ctx: ActivityContext, (): ()| {
                let gate = gate.clone();
                async move {
                    gate.pass().await;
                    Ok(0_u64)
                }
            }
        })
        .register_orchestration("asks", |ctx: OrchestrationContext, (): ()| async move {
            Ok(ctx.call_activity_by_name::<_, u64>("far", &()).await?)
        });
    let host = guard(host.start()).await.unwrap();
    let instance = guard(host.start_new_by_name::<u64>("asks", ()).id("i")).await.unwrap();
    gate.until_came(1).await;
    let run = run_of(&instance).await;
    let (id, details) = (CorrelationId(1), Payload::encode(&50).unwrap());
    put(&store, &instance, RemoteCommand::RecordHeartbeat { run, id, attempt: 1, details }).await;
    guard(async {
        while !has(&instance, "TaskHeartbeat").await {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let of_another = RemoteRun { seed: run.seed + 1, ..run };
    for (run, result) in [(of_another, 1_u64), (run, 2), (run, 3)] {
        let result = Ok(Payload::encode(&result).unwrap());
        put(&store, &instance, RemoteCommand::CompleteTask { run, id, attempt: 1, result }).await;
    }
    assert_eq!(guard(instance.result()).await.unwrap(), 2);
    assert_eq!(host.quarantined(None, 10).await.unwrap(), [], "a late completion is no refusal");
    gate.let_all_through();
}

/// The run of an instance that has begun.
async fn run_of(instance: &InstanceHandle<u64>) -> RemoteRun {
    let history = instance.history().await.unwrap();
    let seed = history.events().find_map(|event| match event.event {
        Event::ExecutionStarted { seed, .. } => Some(*seed),
        _ => None,
    });
    RemoteRun { execution: ExecutionId::FIRST, seed: seed.unwrap() }
}

async fn has(instance: &InstanceHandle<u64>, kind: &str) -> bool {
    let history = instance.history().await.unwrap();
    history.events().any(|event| event.event.kind().name() == kind)
}

/// Puts a command into the queue of an instance, as the host would that ran its activity.
async fn put(store: &InMemory, instance: &InstanceHandle<u64>, command: RemoteCommand) {
    let bytes = Arc::from(codec::encode_command(&command).unwrap());
    let message = Message { key: format!("{command:?}"), to: instance.id().clone(), bytes };
    let shard = ShardId::of(instance.id(), SHARDS);
    store.sharing().unwrap().router().send(shard, message).await.unwrap();
}

/// Returns when there is such an instance.
async fn until_there(client: &Client, id: &InstanceId) {
    guard(async {
        while client.get_status(id).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
