//! Durable timers, on a clock that the test moves.

use crate::kit::{HOUR, events, guard, id, options, pass_time_until, store, until};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use reenact::prelude::*;
use reenact::providers::TimerScheduler;
use reenact::{DurableOutput, Error, InstanceState, limits};

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Sets timers of 1 to `many` hours, the longest first; the order in which they fired.
#[orchestration]
async fn backwards(ctx: OrchestrationContext, many: u32) -> Result<Vec<u32>, OrchestrationError> {
    let timers: FuturesUnordered<_> = (1..=many)
        .rev()
        .map(|hours| {
            let timer = ctx.schedule_timer(HOUR * hours);
            async move {
                timer.await;
                hours
            }
        })
        .collect();
    Ok(timers.collect().await)
}

async fn host(memory: &InMemory) -> Host {
    let host = Host::builder()
        .provider(memory.clone())
        .options(options().passivate_after(HOUR / 10))
        .orchestration(backwards)
        .register_orchestration("a year", |ctx: OrchestrationContext, ()| async move {
            let start = ctx.now();
            for _ in 0..365 {
                ctx.timer(HOUR * 24).await;
            }
            Ok(ctx.now().since(start))
        });
    host.start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_of_timers_passes_in_no_time() {
    let (memory, clock) = store();
    let host = host(&memory).await;
    let instance = host.start_new_by_name::<Duration>("a year", ()).await.unwrap();
    let slept = pass_time_until(&clock, HOUR * 24, instance.result()).await.unwrap();
    assert!(slept >= YEAR, "{slept:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_fires_when_it_is_due_and_not_before() {
    let (memory, clock) = store();
    let host = host(&memory).await;
    let instance = host.start_new(backwards, 1).id("i").await.unwrap();
    clock.advance(HOUR - Duration::from_micros(1));
    // Later work has gone all the way, and the timer has not.
    let later = host.start_new(backwards, 0).await.unwrap();
    guard(later.result()).await.unwrap();
    assert_eq!(instance.status().await.unwrap().state, InstanceState::Running);
    clock.advance(Duration::from_micros(1));
    assert_eq!(guard(instance.result()).await.unwrap(), [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers_that_become_due_together_fire_in_their_order() {
    let (memory, clock) = store();
    let host = host(&memory).await;
    for _ in 0..20 {
        let instance = host.start_new(backwards, 100).await.unwrap();
        clock.advance(HOUR * 100);
        assert_eq!(guard(instance.result()).await.unwrap(), Vec::from_iter(1..=100));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers_of_an_instance_that_is_not_in_memory_fire_in_their_order() {
    let (memory, clock) = store();
    let host = host(&memory).await;
    for _ in 0..5 {
        let instance = host.start_new(backwards, 1_500).await.unwrap();
        let emptied = until(|| host.in_memory() == 0);
        pass_time_until(&clock, Duration::from_secs(1), emptied).await;
        clock.advance(HOUR * 1_500);
        assert_eq!(guard(instance.result()).await.unwrap(), Vec::from_iter(1..=1_500));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers_that_were_due_while_no_host_was_up_fire_at_once_in_their_order() {
    for _ in 0..20 {
        let (memory, clock) = store();
        let crashing = host(&memory).await;
        crashing.start_new(backwards, 100).id("i").await.unwrap();
        guard(crashing.abort()).await;
        clock.advance(HOUR * 1_000);
        let host = host(&memory).await;
        let fired = guard(host.instance::<Vec<u32>>(&id("i")).result()).await.unwrap();
        assert_eq!(fired, Vec::from_iter(1..=100));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delayed_start_runs_nothing_before_its_time() {
    let (memory, clock) = store();
    let host = host(&memory).await;
    let start = clock.now();
    let instance = host.start_new(backwards, 0).id("i").delay(YEAR).await.unwrap();
    let expected = format!("TimerCreated #0 for {}", start + YEAR);
    assert_eq!(events(&host, &id("i")).await, ["ExecutionStarted `backwards`", &expected]);
    clock.advance(YEAR);
    guard(instance.result()).await.unwrap();
    let status = instance.status().await.unwrap();
    assert_eq!((status.created_at, status.last_event_at), (start, start + YEAR));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delayed_start_survives_a_crash() {
    let (memory, clock) = store();
    let crashing = host(&memory).await;
    crashing.start_new(backwards, 0).id("i").delay(HOUR).await.unwrap();
    guard(crashing.abort()).await;
    let host = host(&memory).await;
    let instance = host.instance::<Vec<u32>>(&id("i"));
    assert_eq!(instance.status().await.unwrap().history_length, 2);
    clock.advance(HOUR);
    assert!(guard(instance.result()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_delay_over_the_limit_is_refused_with_nothing_stored() {
    let (memory, _) = store();
    let host = host(&memory).await;
    let too_long = limits::MAX_TIMER + Duration::from_micros(1);
    let refused = guard(host.start_new(backwards, 0).delay(too_long)).await.unwrap_err();
    assert!(matches!(refused, Error::OverLimit { .. }), "{refused}");
    assert_eq!(crate::kit::stored(&host).await, 0);
    guard(host.start_new(backwards, 0).delay(limits::MAX_TIMER)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_that_is_dropped_never_fires() {
    let (memory, clock) = store();
    let host = Host::builder()
        .provider(memory)
        .options(options())
        .register_orchestration("drops", |ctx: OrchestrationContext, ()| async move {
            let deadline = ctx.schedule_timer(HOUR).into_output();
            let go = ctx.schedule_wait::<()>("Go").into_output();
            let first = ctx.when_any([deadline, go]).await;
            assert!(matches!(first.output, DurableOutput::External(_)));
            drop(first.rest);
            ctx.timer(HOUR * 2).await;
            Ok(())
        })
        .start()
        .await
        .unwrap();
    let instance = host.start_new_by_name::<()>("drops", ()).id("i").await.unwrap();
    guard(instance.raise_event("Go", ())).await.unwrap();
    clock.advance(HOUR * 2);
    guard(instance.result()).await.unwrap();
    let events = events(&host, &id("i")).await;
    assert!(events.contains(&"TimerCancelled #1".to_string()), "{events:#?}");
    assert!(!events.contains(&"TimerFired #1".to_string()), "{events:#?}");
    assert!(events.contains(&"TimerFired #3".to_string()), "{events:#?}");
}
