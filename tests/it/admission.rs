//! Memory stays bounded, whatever clients do: who comes when the host is full waits or is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kit::{Faulty, Gate, guard, id, options, store, stored, until};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, HostBuilder, WhenBusy};

#[orchestration]
async fn waiting(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    Ok(ctx.wait_external("Go").await?)
}

#[orchestration]
async fn quick(_ctx: OrchestrationContext, input: u64) -> Result<u64, OrchestrationError> {
    Ok(input)
}

/// "held" stays in memory until the gate lets its activity through.
fn host(provider: impl Provider, gate: &Gate, options: HostOptions) -> HostBuilder {
    let gate = gate.clone();
    Host::builder()
        .provider(provider)
        .options(options)
        .orchestration(waiting)
        .orchestration(quick)
        .register_activity("hold", move |_ctx, ()| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                Ok(())
            }
        })
        .register_orchestration("held", |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.call_activity_by_name::<_, ()>("hold", &()).await?)
        })
}

/// Counts the instances whose code is in memory. `Host::in_memory` may count twice what goes and comes
/// meanwhile.
#[derive(Clone, Default)]
struct Alive {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Alive {
    fn begin(&self) -> Counted {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        Counted(self.now.clone())
    }
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn narrow(max_instances: usize, when_busy: WhenBusy) -> HostOptions {
    options().max_instances(max_instances).when_busy(when_busy)
}

async fn start_held(host: &Host, many: usize, gate: &Gate) -> Vec<InstanceHandle<()>> {
    let mut held = Vec::new();
    for _ in 0..many {
        held.push(guard(host.start_new_by_name("held", ())).await.unwrap());
    }
    gate.until_came(many).await;
    held
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_beyond_the_most_instances_is_refused_where_that_is_wanted() {
    let gate = Gate::closed();
    let host = host(store().0, &gate, narrow(3, WhenBusy::Refuse)).start().await.unwrap();
    let held = start_held(&host, 3, &gate).await;
    let refused = guard(host.start_new(quick, 1)).await.unwrap_err();
    assert!(matches!(refused, Error::Busy { what: "instances in memory" }), "{refused}");
    assert_eq!(stored(&host).await, 3);

    gate.let_all_through();
    for held in held {
        guard(held.result()).await.unwrap();
    }
    until(|| host.in_memory() == 0).await;
    guard(async {
        // The place is free a moment after the actor has gone.
        while let Err(busy) = host.start_new(quick, 1).await {
            assert!(matches!(busy, Error::Busy { .. }), "{busy}");
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_beyond_the_most_instances_waits_for_a_place() {
    let gate = Gate::closed();
    let host = host(store().0, &gate, narrow(2, WhenBusy::Wait)).start().await.unwrap();
    start_held(&host, 2, &gate).await;
    let mut start = Box::pin(host.start_new(quick, 7).id("waits").into_future());
    assert!(futures::poll!(start.as_mut()).is_pending());
    // Others go all the way meanwhile.
    let unknown = guard(host.raise_event(&id("unknown"), "Go", 1)).await.unwrap_err();
    assert!(matches!(unknown, Error::NotFound { .. }), "{unknown}");
    assert!(futures::poll!(start.as_mut()).is_pending());
    assert_eq!(stored(&host).await, 2);

    gate.let_one_through();
    let started = guard(start).await.unwrap();
    assert_eq!(guard(started.result()).await.unwrap(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_gives_up_waiting_leaves_nothing() {
    let gate = Gate::closed();
    let host = host(store().0, &gate, narrow(1, WhenBusy::Wait)).start().await.unwrap();
    let held = start_held(&host, 1, &gate).await;
    for _ in 0..100 {
        let mut start = Box::pin(host.start_new(quick, 7).id("gives up").into_future());
        assert!(futures::poll!(start.as_mut()).is_pending());
    }
    gate.let_all_through();
    guard(held[0].result()).await.unwrap();
    let started = guard(host.start_new(quick, 8)).await.unwrap();
    assert_eq!(guard(started.result()).await.unwrap(), 8);
    assert_eq!(stored(&host).await, 2, "the others never came to be");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_only_wait_make_room_for_others() {
    let gate = Gate::open();
    let host = host(store().0, &gate, narrow(4, WhenBusy::Wait)).start().await.unwrap();
    let mut instances = Vec::new();
    for _ in 0..100 {
        instances.push(guard(host.start_new(waiting, ())).await.unwrap());
        assert!(host.in_memory() <= 4, "{}", host.in_memory());
    }
    for (number, instance) in (0..).zip(&instances) {
        guard(instance.raise_event("Go", number)).await.unwrap();
        assert_eq!(guard(instance.result()).await.unwrap(), number);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_only_wait_make_room_for_those_who_try_again() {
    let gate = Gate::open();
    let host = host(store().0, &gate, narrow(2, WhenBusy::Refuse)).start().await.unwrap();
    for _ in 0..20 {
        guard(async {
            while let Err(busy) = host.start_new(waiting, ()).await {
                assert!(matches!(busy, Error::Busy { .. }), "{busy}");
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    assert_eq!(stored(&host).await, 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_starts_at_once_share_a_few_places() {
    let gate = Gate::open();
    let host = host(store().0, &gate, narrow(4, WhenBusy::Wait)).start().await.unwrap();
    let starts = (0..200).map(|_| host.start_new(waiting, ()).into_future());
    let started = guard(futures::future::join_all(starts)).await;
    for instance in &started {
        guard(instance.as_ref().unwrap().raise_event("Go", 1)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_come_back_beyond_the_most_go_as_soon_as_they_are_idle() {
    let gate = Gate::open();
    let host = host(store().0, &gate, narrow(4, WhenBusy::Wait)).start().await.unwrap();
    let mut instances = Vec::new();
    for _ in 0..100 {
        instances.push(guard(host.start_new(waiting, ())).await.unwrap());
    }
    for instance in &instances {
        guard(instance.raise_event("Note", ())).await.unwrap();
    }
    until(|| host.in_memory() <= 4).await;
    for instance in &instances {
        guard(instance.raise_event("Go", 1)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_that_wait_for_a_place_do_not_hold_up_messages() {
    let gate = Gate::closed();
    let few = narrow(1, WhenBusy::Wait).max_messages(1);
    let host = host(store().0, &gate, few).start().await.unwrap();
    let held = start_held(&host, 1, &gate).await;
    let mut start = Box::pin(host.start_new(quick, 7).into_future());
    assert!(futures::poll!(start.as_mut()).is_pending());
    guard(held[0].raise_event("Hello", ())).await.expect("only places are scarce");
    guard(held[0].terminate("make room")).await.unwrap();
    guard(start).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_beyond_the_most_in_flight_are_refused_where_that_is_wanted() {
    let faulty = Faulty::new(store().0);
    let few = options().max_messages(3).when_busy(WhenBusy::Refuse);
    let host = host(faulty.clone(), &Gate::open(), few).start().await.unwrap();
    let instance = guard(host.start_new(waiting, ()).id("i")).await.unwrap();
    faulty.appends.close();
    let raise = |number| Box::pin(instance.raise_event("Note", number).into_future());
    let mut in_flight: Vec<_> = (0..3).map(raise).collect();
    for raising in &mut in_flight {
        assert!(futures::poll!(raising).is_pending());
    }
    let refused = guard(raise(3)).await.unwrap_err();
    assert!(matches!(refused, Error::Busy { what: "messages in flight" }), "{refused}");
    let start = guard(host.start_new(quick, 1)).await.unwrap_err();
    assert!(matches!(start, Error::Busy { .. }), "{start}");
    let terminate = guard(instance.terminate("busy")).await.unwrap_err();
    assert!(matches!(terminate, Error::Busy { .. }), "{terminate}");

    faulty.appends.let_all_through();
    for raised in in_flight {
        guard(raised).await.unwrap();
    }
    guard(instance.raise_event("Go", 5)).await.expect("there is room again");
    assert_eq!(guard(instance.result()).await.unwrap(), 5);
    let raised = crate::kit::events(&host, &id("i")).await;
    let notes = raised.iter().filter(|event| event.starts_with("ExternalRaised `Note`")).count();
    assert_eq!(notes, 3, "what was refused is not stored: {raised:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_beyond_the_most_in_flight_wait() {
    let faulty = Faulty::new(store().0);
    let few = options().max_messages(2);
    let host = host(faulty.clone(), &Gate::open(), few).start().await.unwrap();
    let instance = guard(host.start_new(waiting, ()).id("i")).await.unwrap();
    faulty.appends.close();
    let raising: Vec<_> =
        (0..20).map(|n| tokio::spawn(instance.raise_event("Note", n).into_future())).collect();
    faulty.appends.until_came(faulty.appends.came().max(2)).await;
    faulty.appends.let_all_through();
    for raised in raising {
        guard(raised).await.unwrap().unwrap();
    }
    guard(instance.raise_event("Go", 1)).await.unwrap();
    guard(instance.result()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_message_counts_for_more_than_a_small_one() {
    let faulty = Faulty::new(store().0);
    let few = options().max_messages(10).when_busy(WhenBusy::Refuse);
    let host = host(faulty.clone(), &Gate::open(), few).start().await.unwrap();
    let instance = guard(host.start_new(waiting, ()).id("i")).await.unwrap();
    let other = guard(host.start_new(waiting, ()).id("j")).await.unwrap();
    faulty.appends.close();
    let large = "x".repeat(8 * 1_024);
    let mut first = Box::pin(instance.raise_event("Note", &large).into_future());
    assert!(futures::poll!(first.as_mut()).is_pending());
    let second = guard(other.raise_event("Note", &large)).await.unwrap_err();
    assert!(matches!(second, Error::Busy { .. }), "{second}");
    let mut small = Box::pin(other.raise_event("Note", 1).into_future());
    assert!(futures::poll!(small.as_mut()).is_pending(), "it is let in");

    faulty.appends.let_all_through();
    guard(first).await.unwrap();
    guard(small).await.unwrap();
    let huge = "x".repeat(100 * 1_024);
    guard(other.raise_event("Note", &huge)).await.expect("one alone is let in, however large");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_floods_never_has_more_instances_in_memory_than_there_may_be() {
    let gate = Gate::open();
    let alive = Alive::default();
    let counted = alive.clone();
    let host = host(store().0, &gate, narrow(16, WhenBusy::Wait))
        .register_orchestration("counted", move |_ctx, number: u64| {
            let counted = counted.begin();
            async move {
                let _counted = counted;
                Ok(number)
            }
        })
        .start()
        .await
        .unwrap();
    let flood: Vec<_> = (0..1_000)
        .map(|number| host.start_new_by_name::<u64>("counted", number).into_future())
        .map(tokio::spawn)
        .collect();
    for (number, started) in (0..).zip(flood) {
        let started = guard(started).await.unwrap().unwrap();
        assert_eq!(guard(started.result()).await.unwrap(), number);
    }
    let most = alive.most.load(Ordering::SeqCst);
    assert!((1..=16).contains(&most), "{most} in memory");
}
