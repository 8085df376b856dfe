//! Activities on threads that are given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reenact::prelude::*;
use reenact::{HostBuilder, InstanceState};

use super::scene::{Held, begin_waiting, host, raise_surely, replaces};
use crate::kit::{Gate, HOUR, guard, id, pass_time_until, store, until};

/// A host with an orchestration that calls "blocks", and one that calls "awaits"; and how often that began.
fn with_activities(held: &Held, gate: &Gate) -> (HostBuilder, Arc<AtomicUsize>) {
    with_activities_on(store().0.with_shards(1), held, gate)
}

fn with_activities_on(
    memory: InMemory,
    held: &Held,
    gate: &Gate,
) -> (HostBuilder, Arc<AtomicUsize>) {
    let (in_activity, gate, begun) = (held.clone(), gate.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = begun.clone();
    let host = host(memory, held, replaces())
        .register_orchestration("calls", |ctx: OrchestrationContext, name: String| async move {
            Ok(ctx.call_activity_by_name::<_, u64>(&name, &()).await?)
        })
        .register_activity("blocks", move |_, (): ()| {
            let held = in_activity.clone();
            async move {
                held.hold();
                // It goes on, and awaits something once more.
                tokio::task::yield_now().await;
                Ok(8_u64)
            }
        })
        .register_activity("awaits", move |_, (): ()| {
            counted.fetch_add(1, Ordering::SeqCst);
            let gate = gate.clone();
            async move {
                gate.pass().await;
                Ok(9_u64)
            }
        });
    (host, begun)
}

#[tokio::test]
async fn an_activity_that_holds_a_thread_goes_on_and_its_late_result_counts() {
    let (held, gate) = (Held::default(), Gate::open());
    let _at_the_end = held.let_go_at_the_end();
    let host = with_activities(&held, &gate).0.start().await.unwrap();
    begin_waiting(&host, "adds", "neighbour").await;
    let calls = guard(host.start_new_by_name::<u64>("calls", "blocks").id("i")).await.unwrap();
    held.until_came(1).await;
    // Its neighbour goes on, though not at once.
    raise_surely(&host, "neighbour").await;
    assert_eq!(guard(host.instance::<u64>("neighbour").result()).await.unwrap(), 7);
    let status = guard(host.get_status(&id("i"))).await.unwrap();
    assert_eq!((status.state, status.parked), (InstanceState::Running, None));

    held.let_go();
    assert_eq!(guard(calls.result()).await.unwrap(), 8);
    assert_eq!(held.came(), 1, "it ran once");
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn an_activity_that_holds_a_thread_past_its_time_has_failed() {
    let (held, gate) = (Held::default(), Gate::open());
    let _at_the_end = held.let_go_at_the_end();
    let (memory, clock) = store();
    let host = with_activities_on(memory.with_shards(1), &held, &gate).0;
    let limit = ActivityOptions::new().start_to_close(HOUR);
    let host = host
        .register_orchestration("in_time", move |ctx: OrchestrationContext, ()| async move {
            let call = NamedActivity::new("blocks").with(limit);
            Ok(ctx.call_activity_by_name::<_, u64>(call, &()).await?)
        })
        .start()
        .await
        .unwrap();
    let calls = guard(host.start_new_by_name::<u64>("in_time", ())).await.unwrap();
    held.until_came(1).await;
    let late = pass_time_until(&clock, HOUR, calls.result()).await.unwrap_err();
    assert!(late.to_string().contains("start-to-close"), "{late}");
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn other_activities_on_its_thread_run_again() {
    let (held, gate) = (Held::default(), Gate::closed());
    let _at_the_end = held.let_go_at_the_end();
    let (host, begun) = with_activities(&held, &gate);
    let host = host.start().await.unwrap();
    let other = guard(host.start_new_by_name::<u64>("calls", "awaits")).await.unwrap();
    gate.until_came(1).await;
    let blocks = guard(host.start_new_by_name::<u64>("calls", "blocks")).await.unwrap();
    until(|| begun.load(Ordering::SeqCst) == 2).await;
    gate.let_all_through();
    assert_eq!(guard(other.result()).await.unwrap(), 9);
    held.let_go();
    assert_eq!(guard(blocks.result()).await.unwrap(), 8);
    assert_eq!(held.came(), 1);
    guard(host.shutdown()).await.unwrap();
}
