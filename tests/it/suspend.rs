//! `suspend` and `resume`: what comes meanwhile is kept, and a parked instance is tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::kit::{Gate, HOUR, events, guard, id, options, store, until, until_parked};
use reenact::actor::{ExternalEvent, InstanceMessage};
use reenact::prelude::*;
use reenact::{Error, HostBuilder, InstanceFilter, InstanceState, ParkReason, Retention};

const ORDER: &str = "order";

fn host(memory: &InMemory) -> HostBuilder {
    Host::builder()
        .provider(memory.clone())
        .options(options())
        .register_orchestration(ORDER, adds)
        .register_activity("double", |_ctx, number: u64| async move { Ok(number * 2) })
}

/// Adds two events, and doubles the sum.
async fn adds(ctx: OrchestrationContext, (): ()) -> Result<u64, OrchestrationError> {
    let one: u64 = ctx.wait_external("Add").await?;
    let two: u64 = ctx.wait_external("Add").await?;
    Ok(ctx.call_activity_by_name("double", &(one + two)).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_instance_keeps_its_events_across_a_restart() {
    let (memory, _) = store();
    let first = host(&memory).start().await.unwrap();
    let order = guard(first.start_new_by_name::<u64>(ORDER, ()).id("o")).await.unwrap();
    guard(order.suspend("audit")).await.unwrap();
    guard(order.raise_event("Add", 1_u64)).await.unwrap();
    assert_eq!(order.status().await.unwrap().state, InstanceState::Suspended);
    guard(first.abort()).await;

    let second = host(&memory).start().await.unwrap();
    let order = second.instance::<u64>(&id("o"));
    guard(order.raise_event("Add", 2_u64)).await.unwrap();
    let status = order.status().await.unwrap();
    assert_eq!((status.state, status.outcome), (InstanceState::Suspended, None));
    assert_eq!(
        events(&second, order.id()).await[1..],
        [
            "ExternalSubscribed #1 `Add`",
            "ExecutionSuspended: audit",
            "ExternalRaised `Add`",
            "ExternalRaised `Add`"
        ],
        "the code has not gone on"
    );
    guard(order.resume()).await.unwrap();
    assert_eq!(guard(order.result()).await.unwrap(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_instance_is_unfinished_for_everybody_who_asks() {
    let (memory, clock) = store();
    let retention = Retention::new().finished_for(HOUR).finished_per_orchestration(0);
    let options = options().retention(retention);
    let host = host(&memory).options(options).start().await.unwrap();
    let order = guard(host.start_new_by_name::<u64>(ORDER, ()).id("o")).await.unwrap();
    let other = guard(host.start_new_by_name::<u64>(ORDER, ()).id("p")).await.unwrap();
    guard(order.suspend("audit")).await.unwrap();
    let of = |state| InstanceFilter::new().states([state]);
    assert_eq!(host.count(&of(InstanceState::Suspended)).await.unwrap(), 1);
    assert_eq!(host.count(&of(InstanceState::Running)).await.unwrap(), 1);
    let refused = guard(host.purge(order.id())).await.unwrap_err();
    assert!(matches!(refused, Error::NotFinished { .. }), "{refused}");

    // The next round of retention purges what has finished, and nothing else.
    guard(other.terminate("enough")).await.unwrap();
    crate::kit::pass_time_until(&clock, HOUR, async {
        while !matches!(other.status().await, Err(Error::NotFound { .. })) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(order.status().await.unwrap().state, InstanceState::Suspended);
    guard(order.resume()).await.unwrap();
    assert_eq!(order.status().await.unwrap().state, InstanceState::Running);
    guard(host.abort()).await;

    let changed = Host::builder().provider(memory.clone()).register_orchestration(
        ORDER,
        |ctx: OrchestrationContext, ()| async move {
            ctx.timer(HOUR).await;
            Ok(())
        },
    );
    guard(order_is_suspended_again(&memory)).await;
    let unfit = changed.verify_histories().await.unwrap();
    assert_eq!(unfit.len(), 1, "a suspended instance is looked at as well");
}

async fn order_is_suspended_again(memory: &InMemory) {
    let host = host(memory).start().await.unwrap();
    host.suspend(&id("o"), "audit").await.unwrap();
    host.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activities_and_timers_go_on_while_an_instance_is_suspended() {
    let (memory, clock) = store();
    let gate = Gate::closed();
    let passed = gate.clone();
    let host = Host::builder()
        .provider(memory.clone())
        .options(options())
        .register_orchestration(ORDER, |ctx: OrchestrationContext, ()| async move {
            let timer = ctx.timer(HOUR);
            let work = ctx.call_activity_by_name::<_, u64>("work", &()).await?;
            timer.await;
            Ok(work)
        })
        .register_activity("work", move |_ctx, (): ()| {
            let gate = passed.clone();
            async move {
                gate.pass().await;
                Ok(7_u64)
            }
        })
        .start()
        .await
        .unwrap();
    let order = guard(host.start_new_by_name::<u64>(ORDER, ())).await.unwrap();
    guard(order.suspend("audit")).await.unwrap();
    gate.let_all_through();
    clock.advance(HOUR);
    guard(async {
        while order.history().await.unwrap().len() < 6 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(order.status().await.unwrap().state, InstanceState::Suspended);
    guard(order.resume()).await.unwrap();
    assert_eq!(guard(order.result()).await.unwrap(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_instance_can_be_terminated_or_cancelled() {
    let (memory, _) = store();
    let host = host(&memory).start().await.unwrap();
    let order = guard(host.start_new_by_name::<u64>(ORDER, ())).await.unwrap();
    guard(order.suspend("audit")).await.unwrap();
    guard(order.suspend("again")).await.unwrap();
    guard(order.terminate("fraud")).await.unwrap();
    let ended = guard(order.result()).await.unwrap_err();
    assert!(matches!(ended, Error::Terminated { .. }), "{ended}");

    let order = guard(host.start_new_by_name::<u64>(ORDER, ())).await.unwrap();
    guard(order.suspend("audit")).await.unwrap();
    guard(order.cancel("fraud")).await.unwrap();
    assert_eq!(order.status().await.unwrap().state, InstanceState::Suspended);
    guard(order.resume()).await.unwrap();
    let ended = guard(order.result()).await.unwrap_err();
    assert!(matches!(ended, Error::Cancelled { .. }), "{ended}");
}

/// A host whose code can be changed while it runs: with the flag, it calls "work" first; without
/// it, another activity.
async fn with_a_switch(memory: &InMemory, fits: &Arc<AtomicBool>, gate: &Gate) -> Host {
    let (fits, gate) = (fits.clone(), gate.clone());
    Host::builder()
        .provider(memory.clone())
        .options(options())
        .register_orchestration(ORDER, move |ctx: OrchestrationContext, ()| {
            let fits = fits.clone();
            async move {
                let first = if fits.load(Ordering::Relaxed) { "work" } else { "other" };
                let work = ctx.schedule_activity_by_name::<_, u64>(first, &());
                ctx.wait_external::<()>("Go").await?;
                // Nobody has it.
                if !fits.load(Ordering::Relaxed) {
                    ctx.call_activity_by_name::<_, ()>("unknown", &()).await?;
                }
                Ok(work.await?)
            }
        })
        .register_activity("work", move |_ctx, (): ()| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                Ok(7_u64)
            }
        })
        .register_activity("other", |_ctx, (): ()| async { Ok(8_u64) })
        .start()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_instance_that_is_resumed_is_tried_again_and_its_work_goes_on() {
    let (memory, _) = store();
    let (fits, gate) = (Arc::new(AtomicBool::new(true)), Gate::closed());
    let first = with_a_switch(&memory, &fits, &gate).await;
    guard(first.start_new_by_name::<u64>(ORDER, ()).id("o")).await.unwrap();
    guard(first.abort()).await;

    fits.store(false, Ordering::Relaxed);
    gate.let_all_through();
    let second = with_a_switch(&memory, &fits, &gate).await;
    let order = second.instance::<u64>(&id("o"));
    until_parked(&second, &id("o")).await;
    let before = events(&second, &id("o")).await;
    let refused = [
        guard(order.cancel("why")).await,
        guard(order.suspend("why")).await,
        guard(order.resume()).await,
        guard(order.resume()).await,
    ];
    for refused in refused {
        let Err(Error::Parked { reason, .. }) = refused else { panic!("{refused:?}") };
        assert!(matches!(reason, ParkReason::Nondeterministic(_)), "{reason}");
    }
    assert_eq!(events(&second, &id("o")).await, before, "nothing was stored");
    until(|| second.in_memory() == 0).await;

    fits.store(true, Ordering::Relaxed);
    guard(order.resume()).await.unwrap();
    assert_eq!(order.status().await.unwrap().parked, None);
    guard(order.raise_event("Go", ())).await.unwrap();
    assert_eq!(guard(order.result()).await.unwrap(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_parked_while_it_ran_can_be_resumed_as_well() {
    let (memory, _) = store();
    let (fits, gate) = (Arc::new(AtomicBool::new(true)), Gate::open());
    let host = with_a_switch(&memory, &fits, &gate).await;
    let order = guard(host.start_new_by_name::<u64>(ORDER, ()).id("o")).await.unwrap();
    gate.until_came(1).await;
    fits.store(false, Ordering::Relaxed);
    guard(order.raise_event("Go", ())).await.expect("it is kept");
    until_parked(&host, order.id()).await;

    fits.store(true, Ordering::Relaxed);
    guard(order.resume()).await.unwrap();
    assert_eq!(guard(order.result()).await.unwrap(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_resume_is_for_a_suspended_instance_that_is_parked_too() {
    let (memory, _) = store();
    let (fits, gate) = (Arc::new(AtomicBool::new(true)), Gate::open());
    let first = with_a_switch(&memory, &fits, &gate).await;
    let order = guard(first.start_new_by_name::<u64>(ORDER, ()).id("o")).await.unwrap();
    guard(order.suspend("audit")).await.unwrap();
    guard(order.raise_event("Go", ())).await.unwrap();
    guard(first.shutdown()).await.unwrap();

    fits.store(false, Ordering::Relaxed);
    let second = with_a_switch(&memory, &fits, &gate).await;
    let order = second.instance::<u64>(&id("o"));
    let refused = guard(order.resume()).await.unwrap_err();
    assert!(matches!(refused, Error::Parked { .. }), "{refused}");
    fits.store(true, Ordering::Relaxed);
    guard(order.resume()).await.unwrap();
    assert_eq!(guard(order.result()).await.unwrap(), 7);
}

#[tokio::test]
async fn a_resume_right_after_what_parks_an_instance_tries_it_again() {
    let (memory, _) = store();
    let (fits, gate) = (Arc::new(AtomicBool::new(true)), Gate::closed());
    let host = with_a_switch(&memory, &fits, &gate).await;
    let order = guard(host.start_new_by_name::<u64>(ORDER, ()).id("o")).await.unwrap();
    let actor = guard(order.actor()).await.unwrap();
    fits.store(false, Ordering::Relaxed);
    // On one thread: both are in its mailbox before it sees the first.
    let event = ExternalEvent::new("Go", &()).unwrap();
    actor.cast(InstanceMessage::RaiseEvent { event, reply: None }).unwrap();
    let resumed =
        actor.call(|port| InstanceMessage::Resume { trace: None, reply: Some(port.into()) }, None);
    let refused = guard(resumed).await.unwrap().unwrap();
    // The event parked it for an activity that nobody has; the replay finds the other difference.
    let Err(Error::Parked { reason, .. }) = refused else { panic!("{refused:?}") };
    assert!(matches!(reason, ParkReason::Nondeterministic(_)), "{reason}");
}
