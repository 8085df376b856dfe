//! Parents that are taken back to before a step: children that were called before it are asked again,
//! those that were called since are cancelled.

#![allow(clippy::unwrap_used, reason = "what a test unwraps, it asserts")]

#[path = "support/kit.rs"]
mod kit;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use kit::{events, guard, id, options, store};
use reenact::prelude::*;
use reenact::{Error, HostBuilder, InstanceState, OrchestrationByName, Provider};

/// Whether shipping works, and how often it was tried.
#[derive(Clone, Default)]
struct Ships {
    work: Arc<AtomicBool>,
    tried: Arc<AtomicU64>,
}

fn ship_as(child: &str) -> OrchestrationByName {
    OrchestrationByName::new("ship", ChildOptions::new().id(child))
}

/// Ships by a child, and then waits for "Paid".
async fn order(ctx: OrchestrationContext, child: String) -> Result<u64, OrchestrationError> {
    let shipped: u64 = ctx.call_orchestration_by_name(ship_as(&child), &()).await?;
    Ok(shipped + ctx.wait_external::<u64>("Paid").await?)
}

/// Waits for "Go", and then for a child of a generated id, which waits for ever.
async fn patient(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    let go: u64 = ctx.wait_external("Go").await?;
    let waited: u64 = ctx.call_orchestration_by_name("waits", &()).await?;
    Ok(go + waited)
}

fn host(provider: impl Provider, ships: &Ships) -> HostBuilder {
    let ships = ships.clone();
    Host::builder()
        .provider(provider)
        .options(options())
        .register_activity("ship", move |_ctx, ()| {
            ships.tried.fetch_add(1, Ordering::SeqCst);
            let works = ships.work.load(Ordering::SeqCst);
            async move { if works { Ok(7_u64) } else { Err(ActivityError::fatal("no ship")) } }
        })
        .register_orchestration("ship", |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.call_activity_by_name::<_, u64>("ship", &()).await?)
        })
        .register_orchestration("waits", |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.wait_external::<u64>("Arrived").await?)
        })
        .register_orchestration("order", order)
        .register_orchestration("patient", patient)
}

async fn rewind_to(host: &Host, instance: &str, event: &str) {
    let log = events(host, &id(instance)).await;
    let position = log.iter().position(|found| found.starts_with(event)).unwrap() as u64;
    guard(host.rewind(&id(instance), position, "mended")).await.unwrap();
}

async fn result(host: &Host, instance: &str) -> Result<u64, Error> {
    guard(host.instance::<u64>(&id(instance)).result()).await
}

/// Returns when that event is in the log of the instance.
async fn until_logged(host: &Host, instance: &str, event: &str) {
    guard(async {
        while host.get_status(&id(instance)).await.is_err() {
            tokio::task::yield_now().await;
        }
        while !events(host, &id(instance)).await.iter().any(|found| found.starts_with(event)) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_child_that_has_ended_says_so_again_and_does_not_run_again() {
    let (ships, (memory, _)) = (Ships::default(), store());
    ships.work.store(true, Ordering::SeqCst);
    let first = host(memory.clone(), &ships).start().await.unwrap();
    guard(first.start_new_by_name::<u64>("order", "child").id("p")).await.unwrap();
    until_logged(&first, "p", "ChildCompleted").await;
    until_logged(&first, "child", "MessagesDelivered").await;
    rewind_to(&first, "p", "ChildCompleted").await;
    until_logged(&first, "p", "ChildCompleted").await;
    guard(first.raise_event(&id("p"), "Paid", 10)).await.unwrap();
    assert_eq!(result(&first, "p").await.unwrap(), 17);

    // And once more, when both have ended, and with another host.
    rewind_to(&first, "p", "ChildCompleted").await;
    guard(first.shutdown()).await.unwrap();
    let second = host(memory, &ships).start().await.unwrap();
    assert_eq!(result(&second, "p").await.unwrap(), 17, "the payment is still there");
    assert_eq!(ships.tried.load(Ordering::SeqCst), 1);
    guard(second.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_failed_child_is_rewound_and_then_its_parent() {
    let (ships, (memory, _)) = (Ships::default(), store());
    let host = host(memory, &ships).start().await.unwrap();
    guard(host.start_new_by_name::<u64>("order", "child").id("p")).await.unwrap();
    assert!(matches!(result(&host, "p").await, Err(Error::Failed { .. })));
    ships.work.store(true, Ordering::SeqCst);
    rewind_to(&host, "child", "TaskFailed").await;
    assert_eq!(result(&host, "child").await.unwrap(), 7);
    rewind_to(&host, "p", "ChildFailed").await;
    guard(host.raise_event(&id("p"), "Paid", 1)).await.unwrap();
    assert_eq!(result(&host, "p").await.unwrap(), 8);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_child_that_was_called_since_is_cancelled_and_another_one_called() {
    let (ships, (memory, _)) = (Ships::default(), store());
    let host = host(memory, &ships).start().await.unwrap();
    guard(host.start_new_by_name::<u64>("patient", ()).id("p")).await.unwrap();
    guard(host.raise_event(&id("p"), "Go", 100)).await.unwrap();
    let child_of = async || {
        until_logged(&host, "p", "ChildScheduled").await;
        let log = events(&host, &id("p")).await;
        let scheduled = log.iter().find(|event| event.starts_with("ChildScheduled")).unwrap();
        scheduled.split('`').nth(3).unwrap().to_string()
    };
    let old = child_of().await;
    rewind_to(&host, "p", "ExternalRaised").await;
    let new = child_of().await;
    assert_ne!(old, new);
    let cancelled = result(&host, &old).await.unwrap_err();
    assert!(matches!(cancelled, Error::Cancelled { .. }), "{cancelled}");
    until_logged(&host, &new, "ExternalSubscribed").await;
    guard(host.raise_event(&id(&new), "Arrived", 1)).await.unwrap();
    assert_eq!(result(&host, "p").await.unwrap(), 101);
    let summary = guard(host.get_status(&id(&old))).await.unwrap();
    assert_eq!(summary.state, InstanceState::Cancelled);
    guard(host.shutdown()).await.unwrap();
}
