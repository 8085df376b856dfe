//! What instances in memory hold is bounded by bytes: the largest idle ones go first.

use crate::kit::{Gate, guard, options, store, until};
use reenact::HostBuilder;
use reenact::prelude::*;

const KIB: usize = 1024;

/// Has room for ten of the large ones.
const MOST: usize = 1_100 * KIB;

/// Waits, and says how much it was given.
#[orchestration]
async fn waiting(ctx: OrchestrationContext, load: String) -> Result<usize, OrchestrationError> {
    ctx.wait_external::<()>("Go").await?;
    Ok(load.len())
}

fn host(memory: InMemory) -> HostBuilder {
    Host::builder()
        .provider(memory)
        .options(options().max_instance_bytes(MOST))
        .orchestration(waiting)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_instances_with_large_inputs_go_from_memory_and_come_back() {
    let (memory, _clock) = store();
    let host = host(memory).start().await.unwrap();
    let mut instances = Vec::new();
    for _ in 0..60 {
        instances.push(guard(host.start_new(waiting, "x".repeat(100 * KIB))).await.unwrap());
    }
    until(|| host.in_memory_bytes() <= MOST).await;
    assert!(host.in_memory() <= 10, "{}", host.in_memory());
    assert!(host.in_memory() >= 9, "no more than have to: {}", host.in_memory());
    for instance in &instances {
        guard(instance.raise_event("Go", ())).await.unwrap();
        assert_eq!(guard(instance.result()).await.unwrap(), 100 * KIB);
    }
    until(|| host.in_memory() <= 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_go_first() {
    let (memory, _clock) = store();
    let host = host(memory).start().await.unwrap();
    for _ in 0..20 {
        guard(host.start_new(waiting, "x".repeat(20 * KIB))).await.unwrap();
    }
    for _ in 0..20 {
        guard(host.start_new(waiting, "x".repeat(400 * KIB))).await.unwrap();
    }
    until(|| host.in_memory_bytes() <= MOST).await;
    // All of the small ones, and one large one beside them.
    assert_eq!(host.in_memory(), 21);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_instances_go_as_soon_as_they_are_idle_where_there_is_too_much() {
    let (memory, _clock) = store();
    let host = host(memory).start().await.unwrap();
    for _ in 0..500 {
        guard(host.start_new(waiting, "x".repeat(KIB))).await.unwrap();
    }
    until(|| host.in_memory_bytes() <= MOST).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_waiting_instance_holds_does_not_grow_with_its_history() {
    let (memory, _clock) = store();
    let host = host(memory)
        .options(options().max_instance_bytes(MOST))
        .register_activity("load", |_: ActivityContext, ()| async { Ok("x".repeat(8 * KIB)) })
        .register_orchestration("long", |ctx: OrchestrationContext, steps: u64| async move {
            let mut sum = 0;
            for _ in 0..steps {
                sum += ctx.call_activity_by_name::<_, String>("load", &()).await?.len();
            }
            ctx.wait_external::<()>("Go").await?;
            Ok(sum)
        })
        .start()
        .await
        .unwrap();
    let steps = 1_000_u64;
    let long = guard(host.start_new_by_name::<usize>("long", &steps)).await.unwrap();
    let has_them_all = || async { guard(long.status()).await.unwrap().history_length > 2 * steps };
    while !has_them_all().await {
        tokio::task::yield_now().await;
    }
    assert!(host.in_memory_bytes() < 64 * KIB, "{}", host.in_memory_bytes());
    assert_eq!(host.in_memory(), 1, "there is no need to let it go");
    guard(long.raise_event("Go", ())).await.unwrap();
    assert_eq!(guard(long.result()).await.unwrap(), 1_000 * 8 * KIB);
}

/// With an orchestration that waits for an activity, which waits for the gate.
fn busy_host(memory: InMemory, gate: &Gate) -> HostBuilder {
    let passing = gate.clone();
    host(memory)
        .register_activity("work", move |_: ActivityContext, (): ()| {
            let passing = passing.clone();
            async move {
                passing.pass().await;
                Ok(())
            }
        })
        .register_orchestration("busy", |ctx: OrchestrationContext, load: String| async move {
            let () = ctx.call_activity_by_name("work", &()).await?;
            ctx.wait_external::<()>("Go").await?;
            Ok(load.len())
        })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_an_activity_under_way_stays_and_goes_when_it_is_idle() {
    let (memory, _clock) = store();
    let gate = Gate::closed();
    let host = busy_host(memory, &gate).start().await.unwrap();
    let mut instances = Vec::new();
    for _ in 0..20 {
        let load = "x".repeat(100 * KIB);
        instances.push(guard(host.start_new_by_name::<usize>("busy", &load)).await.unwrap());
    }
    assert_eq!(host.in_memory(), 20);
    assert!(host.in_memory_bytes() > MOST, "what is under way passes the bound");
    gate.let_all_through();
    until(|| host.in_memory_bytes() <= MOST).await;
    for instance in instances {
        guard(instance.raise_event("Go", ())).await.unwrap();
        assert_eq!(guard(instance.result()).await.unwrap(), 100 * KIB);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_come_back_beyond_their_number_are_counted_by_bytes_as_well() {
    let (memory, _clock) = store();
    let gate = Gate::closed();
    let first = busy_host(memory.clone(), &gate).start().await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..20 {
        let load = "x".repeat(100 * KIB);
        let instance = guard(first.start_new_by_name::<usize>("busy", &load)).await.unwrap();
        ids.push(instance.id().clone());
    }
    guard(first.abort()).await;
    let narrow = options().max_instances(1).max_instance_bytes(MOST);
    let host = busy_host(memory, &gate).options(narrow).start().await.unwrap();
    // The one that has the place has something under way, and does not go for the others.
    for id in &ids {
        guard(host.raise_event(id, "Note", ())).await.unwrap();
    }
    until(|| host.in_memory() == 20).await;
    until(|| host.in_memory_bytes() >= 20 * 100 * KIB).await;
    gate.let_all_through();
    until(|| host.in_memory_bytes() <= MOST).await;
}
