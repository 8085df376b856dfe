//! How activities run: up to a number at a time, fairly, with a token that says when nobody waits for them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::kit::{Gate, events, guard, id, options, store};
use reenact::prelude::*;
use reenact::{Error, HostBuilder};
use serde::{Deserialize, Serialize};

/// How many are inside, and how many have been at most.
#[derive(Clone, Default)]
struct Crowd {
    inside: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Crowd {
    fn enter(&self) -> impl Drop + use<> {
        struct Inside(Arc<AtomicUsize>);
        impl Drop for Inside {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let now = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        Inside(self.inside.clone())
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// Calls an activity of that name this many times at once, with the numbers from 0.
async fn fan_out(
    ctx: OrchestrationContext,
    (name, width): (String, u64),
) -> Result<u64, OrchestrationError> {
    let call = |number| ctx.schedule_activity_by_name::<u64, u64>(&name, &number);
    let calls: Vec<_> = (0..width).map(call).collect();
    let mut sum = 0;
    for done in ctx.when_all(calls).await {
        sum += done?;
    }
    Ok(sum)
}

fn host(options: HostOptions) -> HostBuilder {
    // One shard: when a call is answered, what calls before it wanted done is on its way.
    let host = Host::builder().provider(store().0.with_shards(1)).options(options);
    host.register_orchestration("fan out", fan_out)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_activities_run_at_a_time_than_the_host_and_each_name_allow() {
    let (all, narrow) = (Crowd::default(), Crowd::default());
    let limited = options().max_activities(7).max_activities_of("narrow", 2);
    let gate = Gate::closed();
    let wide = (all.clone(), gate.clone());
    let both = (all.clone(), narrow.clone(), gate.clone());
    let host = host(limited)
        .register_activity("wide", move |_ctx, number: u64| {
            let (all, gate) = wide.clone();
            async move {
                let _inside = all.enter();
                gate.pass().await;
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                Ok(number)
            }
        })
        .register_activity("narrow", move |_ctx, number: u64| {
            let (all, narrow, gate) = both.clone();
            async move {
                let _inside = (all.enter(), narrow.enter());
                gate.pass().await;
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                Ok(number)
            }
        })
        .start()
        .await
        .unwrap();
    let mut instances = Vec::new();
    for (name, width) in [("wide", 300_u64), ("narrow", 100), ("wide", 300), ("narrow", 100)] {
        let start = host.start_new_by_name::<u64>("fan out", (name, width));
        instances.push((start.await.unwrap(), width));
    }
    gate.until_came(7).await;
    assert_eq!(gate.came(), 7);
    gate.let_all_through();
    for (instance, width) in instances {
        assert_eq!(guard(instance.result()).await.unwrap(), width * (width - 1) / 2);
    }
    assert_eq!(all.most(), 7);
    assert!(narrow.most() <= 2, "{}", narrow.most());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_with_a_long_backlog_does_not_hold_up_a_small_one() {
    let gate = Gate::closed();
    let order = Arc::new(Mutex::new(Vec::new()));
    let (passing, noting) = (gate.clone(), order.clone());
    let host = host(options().max_activities(1))
        .register_activity("work", move |ctx: ActivityContext, number: u64| {
            noting.lock().unwrap().push(ctx.instance_id().to_string());
            let gate = passing.clone();
            async move {
                gate.pass().await;
                Ok(number)
            }
        })
        .start()
        .await
        .unwrap();
    let wide = host.start_new_by_name::<u64>("fan out", ("work", 500)).id("wide").await.unwrap();
    gate.until_came(1).await;
    let small = host.start_new_by_name::<u64>("fan out", ("work", 1)).id("small").await.unwrap();
    guard(wide.raise_event("Marker", ())).await.unwrap();
    gate.let_all_through();
    guard(small.result()).await.unwrap();
    guard(wide.result()).await.unwrap();
    let order = order.lock().unwrap().clone();
    assert_eq!(order.len(), 501);
    let at = order.iter().position(|instance| instance == "small").unwrap();
    assert!(at <= 2, "{at} ran before it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_at_its_limit_does_not_hold_up_another() {
    let gate = Gate::closed();
    let passing = gate.clone();
    let limited = options().max_activities(4).max_activities_of("slow", 2);
    let host = host(limited)
        .register_activity("slow", move |_ctx, number: u64| {
            let gate = passing.clone();
            async move {
                gate.pass().await;
                Ok(number)
            }
        })
        .register_activity("fast", |_ctx, number: u64| async move { Ok(number) })
        .start()
        .await
        .unwrap();
    let slow = host.start_new_by_name::<u64>("fan out", ("slow", 50)).await.unwrap();
    gate.until_came(2).await;
    let fast = host.start_new_by_name::<u64>("fan out", ("fast", 100)).await.unwrap();
    assert_eq!(guard(fast.result()).await.unwrap(), 4_950);
    assert_eq!(gate.came(), 2);
    gate.let_all_through();
    assert_eq!(guard(slow.result()).await.unwrap(), 1_225);
}

/// An activity that runs until its token says that nobody waits for it.
fn patient(host: HostBuilder, came: &Gate, left: &Gate) -> HostBuilder {
    let (came, left) = (came.clone(), left.clone());
    host.register_activity("patient", move |ctx: ActivityContext, ()| {
        let (came, left) = (came.clone(), left.clone());
        async move {
            came.pass().await;
            ctx.cancelled().await;
            assert!(ctx.is_cancelled());
            left.pass().await;
            Ok(())
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_whose_future_is_dropped_is_notified() {
    let (came, left) = (Gate::open(), Gate::open());
    let host = patient(host(options()), &came, &left)
        .register_orchestration("drops", |ctx: OrchestrationContext, ()| async move {
            let patient = ctx.schedule_activity_by_name::<(), ()>("patient", &());
            ctx.wait_external::<()>("Drop").await?;
            drop(patient);
            ctx.wait_external::<()>("Go").await?;
            Ok(())
        })
        .start()
        .await
        .unwrap();
    let instance = host.start_new_by_name::<()>("drops", ()).id("i").await.unwrap();
    came.until_came(1).await;
    assert_eq!(left.came(), 0);
    guard(instance.raise_event("Drop", ())).await.unwrap();
    left.until_came(1).await;
    guard(instance.raise_event("Go", ())).await.unwrap();
    guard(instance.result()).await.unwrap();
    let events = events(&host, &id("i")).await;
    assert!(events.contains(&"TaskCancelRequested #1".to_string()), "{events:#?}");
    assert!(!events.iter().any(|event| event.starts_with("TaskCompleted")), "{events:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_activities_of_a_terminated_instance_are_notified() {
    let (came, left) = (Gate::open(), Gate::open());
    let host = patient(host(options()), &came, &left)
        .register_orchestration("calls", |ctx: OrchestrationContext, width: usize| async move {
            let call = |_| ctx.schedule_activity_by_name::<(), ()>("patient", &());
            ctx.when_all((0..width).map(call)).await;
            Ok(())
        })
        .start()
        .await
        .unwrap();
    let instance = host.start_new_by_name::<()>("calls", 5).await.unwrap();
    came.until_came(5).await;
    assert_eq!(left.came(), 0);
    guard(instance.terminate("enough")).await.unwrap();
    left.until_came(5).await;
    assert!(matches!(guard(instance.result()).await, Err(Error::Terminated { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_that_is_called_off_while_it_waits_for_a_place_never_runs() {
    let gate = Gate::closed();
    let ran = Arc::new(Mutex::new(Vec::new()));
    let (passing, noting) = (gate.clone(), ran.clone());
    let host = host(options().max_activities(1))
        .register_activity("work", move |ctx: ActivityContext, number: u64| {
            noting.lock().unwrap().push(ctx.instance_id().to_string());
            let gate = passing.clone();
            async move {
                gate.pass().await;
                Ok(number)
            }
        })
        .start()
        .await
        .unwrap();
    let first = host.start_new_by_name::<u64>("fan out", ("work", 1)).id("first").await.unwrap();
    gate.until_came(1).await;
    let given_up =
        host.start_new_by_name::<u64>("fan out", ("work", 10)).id("given up").await.unwrap();
    let last = host.start_new_by_name::<u64>("fan out", ("work", 1)).id("last").await.unwrap();
    guard(given_up.terminate("enough")).await.unwrap();
    guard(last.raise_event("Marker", ())).await.unwrap();
    gate.let_all_through();
    guard(first.result()).await.unwrap();
    guard(last.result()).await.unwrap();
    assert_eq!(*ran.lock().unwrap(), ["first", "last"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_end_of_an_earlier_run_is_not_taken_for_one_of_the_instance_that_has_its_id_now() {
    let gate = Gate::closed();
    let passing = gate.clone();
    let host = host(options())
        .register_activity("work", move |_ctx, number: u64| {
            let gate = passing.clone();
            async move {
                gate.pass().await;
                Ok(number)
            }
        })
        .register_orchestration("one", |ctx: OrchestrationContext, number: u64| async move {
            Ok(ctx.call_activity_by_name::<_, u64>("work", &number).await?)
        })
        .start()
        .await
        .unwrap();
    let start = |number: u64| host.start_new_by_name::<u64>("one", number).id("i").into_future();
    let earlier = guard(start(1)).await.unwrap();
    gate.until_came(1).await;
    guard(earlier.terminate("again, please")).await.unwrap();
    guard(host.purge(&id("i"))).await.unwrap();
    let later = guard(start(2)).await.unwrap();
    gate.until_came(2).await;
    // The earlier activity, which cares for no token, ends first.
    gate.let_one_through();
    gate.let_one_through();
    assert_eq!(guard(later.result()).await.unwrap(), 2);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Declined {
    code: u32,
}

impl From<Declined> for ActivityError {
    fn from(declined: Declined) -> Self {
        Self::fatal("the card was declined").with_details(&declined)
    }
}

#[activity]
async fn charge(ctx: ActivityContext, attempt: u32) -> Result<String, Declined> {
    assert_eq!(ctx.activity_name().as_str(), "charge");
    if attempt > 2 { Ok(ctx.idempotency_key()) } else { Err(Declined { code: attempt }) }
}

#[orchestration]
async fn charges_again(ctx: OrchestrationContext) -> Result<Vec<u32>, OrchestrationError> {
    let mut codes = Vec::new();
    let mut keys = Vec::new();
    for attempt in 0..5 {
        match ctx.call_activity(charge, attempt).await {
            Ok(key) => keys.push(key),
            Err(error) => {
                assert!(!error.is_retryable());
                codes.extend(error.details::<Declined>().map(|declined| declined.code));
            }
        }
    }
    assert_ne!(keys[0], keys[1], "each call has a key of its own");
    Ok(codes)
}

#[tokio::test]
async fn errors_of_activities_are_values_of_the_users_types() {
    let host = Host::builder().provider(store().0).orchestration(charges_again).activity(charge);
    let host = host.start().await.unwrap();
    let codes = guard(host.run_to_completion("i", charges_again, ())).await.unwrap();
    assert_eq!(codes, [0, 1, 2]);
}
