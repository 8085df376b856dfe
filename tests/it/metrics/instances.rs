//! Instances in memory, replays, parked ones, and waits for a place.

use super::{builder, fails_on_none, waits};
use crate::kit::{Gate, guard, id, options, store, until, until_parked};
use reenact::prelude::*;
use reenact::{Error, WhenBusy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_leaves_memory_and_comes_back_is_counted_with_what_was_replayed() {
    let (memory, clock) = store();
    let host = builder(memory)
        .options(options().passivate_after(Duration::from_millis(1)))
        .start()
        .await
        .unwrap();
    let instance = host.start_new(waits, ()).await.unwrap();
    clock.advance(Duration::from_secs(1));
    until(|| host.metrics().instances.passivated == 1).await;
    until(|| host.metrics().instances.in_memory == 0).await;
    instance.raise_event("Go", 1).await.unwrap();
    guard(instance.result()).await.unwrap();
    let instances = host.metrics().instances;
    assert_eq!((instances.activated, instances.passivated), (1, 1));
    assert_eq!(instances.replayed_events, 2, "the start and the wait");
    assert_eq!(instances.replay_seconds.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_in_memory_and_their_bytes_are_what_the_host_says() {
    let host = builder(store().0).start().await.unwrap();
    for _ in 0..3 {
        host.start_new(waits, ()).await.unwrap();
    }
    let instances = host.metrics().instances;
    assert_eq!(instances.in_memory, 3);
    assert!(instances.in_memory_bytes > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_one_is_counted_by_the_kind_of_the_reason_and_goes_when_it_is_resolved() {
    let (memory, _) = store();
    let first = builder(memory.clone()).start().await.unwrap();
    first.start_new(waits, ()).id("i").await.unwrap();
    guard(first.shutdown()).await.unwrap();

    let without = Host::builder().provider(memory).options(options()).start().await.unwrap();
    until_parked(&without, &id("i")).await;
    let instances = without.metrics().instances;
    assert_eq!(instances.parked["unknown_orchestration"], 1);
    assert_eq!(instances.parked_now["unknown_orchestration"], 1);
    assert_eq!(instances.parked.values().sum::<u64>(), 1, "{:?}", instances.parked);

    without.terminate(&id("i"), "nobody needs it").await.unwrap();
    until(|| without.metrics().instances.parked_now.is_empty()).await;
    let metrics = without.metrics();
    assert_eq!(metrics.instances.parked["unknown_orchestration"], 1, "it has happened");
    assert_eq!(metrics.orchestrations["other"].terminated, 1, "it is not registered here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_for_a_place_and_a_refusal_are_counted() {
    for (when_busy, waits_now, refusals) in [(WhenBusy::Wait, 1, 0), (WhenBusy::Refuse, 0, 1)] {
        let gate = Gate::closed();
        let at = gate.clone();
        let options = options().max_instances(1).when_busy(when_busy);
        let host = builder(store().0)
            .options(options)
            .register_activity("hold", move |_ctx, ()| {
                let gate = at.clone();
                async move {
                    gate.pass().await;
                    Ok(())
                }
            })
            .register_orchestration("held", |ctx: OrchestrationContext, ()| async move {
                Ok(ctx.call_activity_by_name::<_, ()>("hold", &()).await?)
            });
        let host = host.start().await.unwrap();
        let held = host.start_new_by_name::<()>("held", ()).await.unwrap();
        gate.until_came(1).await;
        let mut start = Box::pin(host.start_new(waits, ()).into_future());
        match futures::poll!(start.as_mut()) {
            std::task::Poll::Pending => assert_eq!(when_busy, WhenBusy::Wait),
            std::task::Poll::Ready(refused) => {
                assert!(matches!(refused, Err(Error::Busy { .. })));
            }
        }
        let admission = host.metrics().admission;
        assert_eq!((admission.instance_waits, admission.instances_waiting), (waits_now, waits_now));
        assert_eq!(admission.busy_refusals, refusals);
        gate.let_all_through();
        guard(held.result()).await.unwrap();
        if when_busy == WhenBusy::Wait {
            guard(start).await.unwrap();
            let admission = host.metrics().admission;
            assert_eq!((admission.instances_waiting, admission.wait_seconds.count()), (0, 1));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_the_store_are_counted_by_orchestration_and_state() {
    let (memory, clock) = store();
    let before = builder(memory.clone());
    let before = before.register_orchestration("unknown", |_ctx: OrchestrationContext, ()| async {
        Ok::<_, OrchestrationError>(())
    });
    let before = before.start().await.unwrap();
    guard(guard(before.start_new_by_name::<()>("unknown", ())).await.unwrap().result())
        .await
        .unwrap();
    guard(before.start_new(fails_on_none, 0)).await.unwrap();
    let suspended = guard(before.start_new(waits, ())).await.unwrap();
    guard(suspended.suspend("a pause")).await.unwrap();
    guard(before.shutdown()).await.unwrap();

    let host = builder(memory).start().await.unwrap();
    guard(host.start_new(waits, ())).await.unwrap();
    let of = |name: &str, state: &str| {
        let by_state = host.metrics().instances.by_state;
        by_state.get(name).and_then(|states| states.get(state)).copied()
    };
    assert_eq!(of("waits", "Running"), None, "the store is asked now");
    until(|| of("waits", "Running") == Some(1)).await;
    assert_eq!(of("waits", "Suspended"), Some(1));
    assert_eq!(of("fails_on_none", "Failed"), Some(1));
    assert_eq!(of("other", "Completed"), Some(1), "it is not registered here");

    guard(host.start_new(waits, ())).await.unwrap();
    assert_eq!(of("waits", "Running"), Some(1), "the answer is not old");
    clock.advance(Duration::from_secs(10));
    until(|| of("waits", "Running") == Some(2)).await;
    let text = host.metrics().to_prometheus();
    let line = "reenact_instances{orchestration=\"waits\",state=\"Running\"} 2";
    assert!(text.lines().any(|one| one == line), "{text}");
}
