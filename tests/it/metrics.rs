//! What a host counts: each group of its metrics has the numbers of what has happened.

mod activities;
mod instances;
mod store;
mod text;

use crate::kit::{
    AppendFault, Faulty, HOUR, guard, options, pass_time_until, store as new_store, until,
};
use reenact::metrics::{ActivityMetrics, HostMetrics, OrchestrationMetrics};
use reenact::prelude::*;
use reenact::testing::ManualClock;
use reenact::{Error, HostBuilder};

/// Takes one event, and returns what it carries.
#[orchestration]
async fn waits(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    Ok(ctx.wait_external("Go").await?)
}

/// Fails on the number 0, and returns any other.
#[orchestration]
async fn fails_on_none(_ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    if n == 0 { Err(OrchestrationError::new("none")) } else { Ok(n) }
}

/// Continues as new so many times.
#[orchestration]
async fn goes_round(ctx: OrchestrationContext, times: u64) -> Result<(), OrchestrationError> {
    match times {
        0 => Ok(()),
        times => ctx.continue_as_new(goes_round, times - 1),
    }
}

/// Sleeps an hour.
#[orchestration]
async fn sleeps(ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
    ctx.timer(HOUR).await;
    Ok(())
}

fn builder(provider: impl reenact::providers::Provider) -> HostBuilder {
    Host::builder()
        .provider(provider)
        .options(options())
        .orchestration(waits)
        .orchestration(fails_on_none)
        .orchestration(goes_round)
        .orchestration(sleeps)
}

fn of_orchestration<'a>(metrics: &'a HostMetrics, name: &str) -> &'a OrchestrationMetrics {
    metrics.orchestrations.get(name).unwrap_or_else(|| panic!("{name} in {metrics:?}"))
}

fn of_activity<'a>(metrics: &'a HostMetrics, name: &str) -> &'a ActivityMetrics {
    metrics.activities.get(name).unwrap_or_else(|| panic!("{name} in {metrics:?}"))
}

async fn host() -> (Host, InMemory, ManualClock) {
    let (memory, clock) = new_store();
    let host = builder(memory.clone()).start().await.unwrap();
    (host, memory, clock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_are_counted_by_how_they_ended_and_how_long_they_took() {
    let (host, _memory, clock) = host().await;
    let completed = host.start_new(waits, ()).await.unwrap();
    clock.advance(Duration::from_secs(5));
    completed.raise_event("Go", 1).await.unwrap();
    guard(completed.result()).await.unwrap();
    let cancelled = host.start_new(waits, ()).await.unwrap();
    cancelled.cancel("not wanted").await.unwrap();
    assert!(guard(cancelled.result()).await.is_err());
    let terminated = host.start_new(waits, ()).await.unwrap();
    terminated.terminate("not wanted").await.unwrap();
    assert!(guard(terminated.result()).await.is_err());
    let failed = host.start_new(fails_on_none, 0).await.unwrap();
    assert!(guard(failed.result()).await.is_err());

    let metrics = host.metrics();
    let of = of_orchestration(&metrics, "waits");
    assert_eq!((of.started, of.completed, of.failed), (3, 1, 0));
    assert_eq!((of.cancelled, of.terminated, of.continued), (1, 1, 0));
    assert_eq!((of.seconds.count(), of.seconds.sum), (3, 5.0), "one took five seconds");
    assert_eq!(of_orchestration(&metrics, "fails_on_none").failed, 1);
    assert!(!metrics.orchestrations.contains_key("other"), "everything is registered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_continues_as_new_is_one_instance() {
    let (host, ..) = host().await;
    guard(host.start_new(goes_round, 3).await.unwrap().result()).await.unwrap();
    let metrics = host.metrics();
    let of = of_orchestration(&metrics, "goes_round");
    assert_eq!((of.started, of.continued, of.completed), (1, 3, 1));
    assert_eq!(of.seconds.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turns_and_their_bytes_are_those_of_the_store() {
    let faulty = Faulty::new(new_store().0);
    let host = builder(faulty.clone()).start().await.unwrap();
    for _ in 0..3 {
        let instance = host.start_new(waits, ()).await.unwrap();
        instance.raise_event("Go", 1).await.unwrap();
        guard(instance.result()).await.unwrap();
    }
    let log = host.metrics().log;
    let (turns, bytes) = faulty.written();
    assert_eq!((log.turns, log.bytes), (turns as u64, bytes as u64));
    assert_eq!(log.turns, 6);
    assert_eq!(log.appends, faulty.appended() as u64);
    assert_eq!(log.append_seconds.count(), log.appends);
    assert_eq!(log.turns_per_append.sum, 6.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_append_counts_no_turn_and_no_start() {
    let faulty = Faulty::new(new_store().0);
    let host = builder(faulty.clone()).start().await.unwrap();
    faulty.fail_appends([AppendFault::Fatal]);
    let lost = guard(host.start_new(waits, ())).await.unwrap_err();
    assert!(matches!(lost, Error::Store { .. }), "{lost}");

    let metrics = host.metrics();
    assert_eq!((metrics.log.turns, metrics.log.appends), (0, 0));
    assert_eq!(metrics.log.failed_appends, 1);
    assert_eq!(of_orchestration(&metrics, "waits").started, 0);
    assert_eq!(metrics.store.errors.values().sum::<u64>(), 1, "{:?}", metrics.store.errors);
    until(|| host.metrics().shards.restarted > 0).await;
    // It may be about to go down yet when it is counted.
    let started = async {
        loop {
            match host.start_new(waits, ()).await {
                Err(Error::Interrupted { .. }) => tokio::task::yield_now().await,
                started => return started,
            }
        }
    };
    guard(started).await.unwrap();
    assert_eq!(of_orchestration(&host.metrics(), "waits").started, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_that_is_due_while_no_host_runs_is_late_by_that_time() {
    let (memory, clock) = new_store();
    let first = builder(memory.clone()).start().await.unwrap();
    let instance = first.start_new(sleeps, ()).await.unwrap();
    until(|| first.metrics().timers.armed == 1).await;
    guard(first.shutdown()).await.unwrap();
    clock.advance(HOUR + Duration::from_secs(5));

    let second = builder(memory).start().await.unwrap();
    guard(second.instance::<()>(instance.id()).result()).await.unwrap();
    let timers = second.metrics().timers;
    assert_eq!((timers.fired, timers.late_seconds.sum), (1, 5.0));
    assert_eq!(timers.late_seconds.quantile(1.0), Some(5.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_armed_for_an_instance_that_ends_on_the_next_host_before_its_timer() {
    let (memory, _clock) = new_store();
    let first = builder(memory.clone()).start().await.unwrap();
    let instance = first.start_new(sleeps, ()).await.unwrap();
    until(|| first.metrics().timers.armed == 1).await;
    guard(first.shutdown()).await.unwrap();

    let second = builder(memory).start().await.unwrap();
    until(|| second.metrics().timers.armed == 1).await;
    guard(second.terminate(instance.id(), "called off")).await.unwrap();
    until(|| second.metrics().timers.armed == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_that_a_host_awaits_fires_and_is_armed_no_more() {
    let (host, _memory, clock) = host().await;
    let instance = host.start_new(sleeps, ()).await.unwrap();
    pass_time_until(&clock, HOUR / 4, instance.result()).await.unwrap();
    assert_eq!(host.metrics().timers.fired, 1);
    until(|| host.metrics().timers.armed == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_without_a_host_has_no_metrics() {
    let shared = InMemory::new().shared();
    let host = builder(shared.clone()).start().await.unwrap();
    assert!(Client::connect(shared).unwrap().metrics().is_none());
    let client: &Client = &host;
    assert!(client.metrics().is_some());
}
