//! Parents that are taken back to before a step: children that were called before it are asked again,
//! those that were called since are cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::kit::{Faulty, events, guard, id, options, store};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, ExecutionId, HostBuilder, InstanceState, OrchestrationByName};

/// Whether shipping works, and how often it was tried.
#[derive(Clone, Default)]
struct Ships {
    work: Arc<AtomicBool>,
    tried: Arc<AtomicU64>,
    /// Whether paying works.
    pays: Arc<AtomicBool>,
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

/// Calls a child that waits for "Arrived", and after "Go" one that calls one itself, all by ids of their
/// own; and then pays.
async fn tree(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    let own_id = |name, id| OrchestrationByName::new(name, ChildOptions::new().id(id));
    let arrives = ctx.schedule_orchestration_by_name::<_, u64>(own_id("waits", "kept"), &());
    ctx.wait_external::<()>("Go").await?;
    let shipped: u64 = ctx.call_orchestration_by_name(own_id("branch", "branch"), &()).await?;
    let paid: u64 = ctx.call_activity_by_name("pay", &()).await?;
    Ok(shipped + paid + arrives.await?)
}

fn host(provider: impl Provider, ships: &Ships) -> HostBuilder {
    let (ships, pays) = (ships.clone(), ships.pays.clone());
    Host::builder()
        .provider(provider)
        .options(options())
        .register_activity("ship", move |_ctx, ()| {
            ships.tried.fetch_add(1, Ordering::SeqCst);
            let works = ships.work.load(Ordering::SeqCst);
            async move { if works { Ok(7_u64) } else { Err(ActivityError::fatal("no ship")) } }
        })
        .register_activity("pay", move |_ctx, ()| {
            let pays = pays.load(Ordering::SeqCst);
            async move { if pays { Ok(1_u64) } else { Err(ActivityError::fatal("no money")) } }
        })
        .register_orchestration("ship", |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.call_activity_by_name::<_, u64>("ship", &()).await?)
        })
        .register_orchestration("waits", |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.wait_external::<u64>("Arrived").await?)
        })
        .register_orchestration("order", order)
        .register_orchestration("patient", patient)
        .register_orchestration("branch", |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.call_orchestration_by_name::<_, u64>(ship_as("leaf"), &()).await? * 10)
        })
        .register_orchestration("tree", tree)
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
    // One that has not begun when it is undone never begins.
    until_logged(&host, &old, "ExternalSubscribed").await;
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

/// A failed tree: its branch has ended, and the child that waits was cancelled for its failure.
async fn failed_tree(host: &Host, ships: &Ships) {
    ships.work.store(true, Ordering::SeqCst);
    guard(host.start_new_by_name::<u64>("tree", ()).id("p")).await.unwrap();
    until_logged(host, "kept", "ExternalSubscribed").await;
    guard(host.raise_event(&id("p"), "Go", ())).await.unwrap();
    assert!(matches!(result(host, "p").await, Err(Error::Failed { .. })));
    assert!(matches!(result(host, "kept").await, Err(Error::Cancelled { .. })));
    ships.pays.store(true, Ordering::SeqCst);
}

/// Raises an event on an instance that may have yet to begin.
async fn raise(host: &Host, instance: &str, event: &str, data: u64) {
    guard(async {
        while host.raise_event(&id(instance), event, data).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn execution(host: &Host, instance: &str) -> ExecutionId {
    guard(host.get_status(&id(instance))).await.unwrap().execution
}

/// Those that ended, those that were cancelled with their parent, and their own children.
#[tokio::test]
async fn children_of_what_is_undone_run_again_under_the_same_ids() {
    let (ships, (memory, _)) = (Ships::default(), store());
    let host = host(memory, &ships).start().await.unwrap();
    failed_tree(&host, &ships).await;
    rewind_to(&host, "p", "ExternalRaised").await;
    raise(&host, "kept", "Arrived", 100).await;
    assert_eq!(result(&host, "p").await.unwrap(), 171);
    assert_eq!(ships.tried.load(Ordering::SeqCst), 2, "the leaf ran once more");
    for child in ["kept", "branch", "leaf"] {
        assert_eq!(execution(&host, child).await, ExecutionId(2), "{child}");
    }
    // And a second time, to before the same place.
    rewind_to(&host, "p", "ExternalRaised").await;
    assert_eq!(result(&host, "p").await.unwrap(), 171, "the child that was kept says how it ended");
    assert_eq!(execution(&host, "leaf").await, ExecutionId(3));
    assert_eq!(execution(&host, "kept").await, ExecutionId(2));
    guard(host.shutdown()).await.unwrap();
}

/// Only its cancel is undone, not the call.
#[tokio::test]
async fn a_child_that_was_cancelled_by_the_failure_of_its_parent_begins_anew() {
    let (ships, (memory, _)) = (Ships::default(), store());
    let host = host(memory, &ships).start().await.unwrap();
    failed_tree(&host, &ships).await;
    rewind_to(&host, "p", "TaskFailed").await;
    raise(&host, "kept", "Arrived", 100).await;
    assert_eq!(result(&host, "p").await.unwrap(), 171);
    assert_eq!(ships.tried.load(Ordering::SeqCst), 1, "what was not undone did not run again");
    assert_eq!(execution(&host, "branch").await, ExecutionId(1));
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_child_that_runs_is_replaced_when_its_parent_calls_it_again() {
    let (ships, (memory, _)) = (Ships::default(), store());
    let host = host(memory, &ships)
        .register_orchestration("calls", |ctx: OrchestrationContext, ()| async move {
            let number: u64 = ctx.wait_external("Call").await?;
            let child = OrchestrationByName::new("waits", ChildOptions::new().id("child"));
            Ok(number + ctx.call_orchestration_by_name::<_, u64>(child, &()).await?)
        })
        .start()
        .await
        .unwrap();
    guard(host.start_new_by_name::<u64>("calls", ()).id("p")).await.unwrap();
    guard(host.raise_event(&id("p"), "Call", 5)).await.unwrap();
    until_logged(&host, "child", "ExternalSubscribed").await;
    rewind_to(&host, "p", "ExternalRaised").await;
    until_logged(&host, "p", "ChildScheduled").await;
    guard(async {
        while execution(&host, "child").await == ExecutionId(1) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    guard(host.raise_event(&id("child"), "Arrived", 2)).await.unwrap();
    assert_eq!(result(&host, "p").await.unwrap(), 7);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn an_id_that_somebody_else_has_taken_is_taken_after_a_rewind_too() {
    let (ships, (memory, _)) = (Ships::default(), store());
    ships.work.store(true, Ordering::SeqCst);
    let host = host(memory, &ships).start().await.unwrap();
    guard(host.start_new_by_name::<u64>("waits", ()).id("leaf")).await.unwrap();
    guard(host.start_new_by_name::<u64>("branch", ()).id("p")).await.unwrap();
    let failed = |error| matches!(error, Err(Error::Failed { .. }));
    assert!(failed(result(&host, "p").await));
    rewind_to(&host, "p", "ChildFailed").await;
    assert!(failed(result(&host, "p").await));
    assert_eq!(execution(&host, "leaf").await, ExecutionId(1));
    // A purge makes the id free, and the one that is there then is nobody's child.
    guard(host.terminate(&id("leaf"), "in the way")).await.unwrap();
    guard(host.purge(&id("leaf"))).await.unwrap();
    rewind_to(&host, "p", "ChildFailed").await;
    assert_eq!(result(&host, "p").await.unwrap(), 70);
    guard(host.shutdown()).await.unwrap();
}

/// The host dies between any two appends that follow on a rewind, the rewind's own included.
#[tokio::test]
async fn children_are_replaced_once_wherever_the_host_dies() {
    for append in 0.. {
        let (ships, (memory, _)) = (Ships::default(), store());
        let first = host(memory.clone(), &ships).start().await.unwrap();
        failed_tree(&first, &ships).await;
        let log = events(&first, &id("p")).await;
        let undone =
            log.iter().position(|found| found.starts_with("ExternalRaised")).unwrap() as u64;
        guard(first.shutdown()).await.unwrap();

        let faulty = Faulty::new(memory.clone());
        let second = host(faulty.clone(), &ships).start().await.unwrap();
        faulty.stop_at(faulty.appended() + append);
        let course = async {
            second.rewind(&id("p"), undone, "mended").await.unwrap();
            raise(&second, "kept", "Arrived", 100).await;
            second.instance::<u64>(&id("p")).result().await.unwrap()
        };
        let died = guard(async {
            tokio::select! {
                biased;
                () = faulty.stopped() => true,
                output = course => {
                    assert_eq!(output, 171);
                    false
                }
            }
        });
        let died = died.await;
        guard(second.abort()).await;

        let third = host(memory, &ships).start().await.unwrap();
        if execution(&third, "p").await == ExecutionId(1) {
            guard(third.rewind(&id("p"), undone, "mended")).await.unwrap();
        }
        let arrived = async {
            // Unless it has arrived already.
            loop {
                let kept = events(&third, &id("kept")).await;
                if kept.iter().any(|event| event.starts_with("ExternalRaised"))
                    || third.raise_event(&id("kept"), "Arrived", 100).await.is_ok()
                {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        guard(arrived).await;
        assert_eq!(result(&third, "p").await.unwrap(), 171, "died before append {append}");
        for child in ["kept", "branch", "leaf"] {
            assert_eq!(execution(&third, child).await, ExecutionId(2), "{child} at {append}");
        }
        guard(third.shutdown()).await.unwrap();
        if !died {
            assert!(append > 8, "there are several steps: {append}");
            break;
        }
    }
}
