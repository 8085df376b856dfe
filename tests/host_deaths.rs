//! Activities that run when their host dies: such a start counts, so that none takes down host after host.

#![allow(clippy::unwrap_used, reason = "what a test unwraps, it asserts")]

#[path = "support/kit.rs"]
mod kit;

use std::sync::{Arc, Mutex};

use kit::{HOUR, events, guard, id, options, pass_time_until, store, until};
use reenact::prelude::*;
use reenact::{ActivityErrorKind, InMemory, NamedActivity};

/// The attempts that began, by idempotency key and number.
#[derive(Clone, Default)]
struct Began(Arc<Mutex<Vec<(String, u32)>>>);

impl Began {
    fn note(&self, ctx: &ActivityContext) {
        self.0.lock().unwrap().push((ctx.idempotency_key(), ctx.attempt()));
    }

    fn numbers(&self) -> Vec<u32> {
        self.0.lock().unwrap().iter().map(|(_, number)| *number).collect()
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn keys(&self) -> std::collections::BTreeSet<String> {
        self.0.lock().unwrap().iter().map(|(key, _)| key.clone()).collect()
    }
}

/// What it calls: the activity "runs" never ends by itself.
#[orchestration]
async fn calls(ctx: OrchestrationContext, attempts: u32) -> Result<String, OrchestrationError> {
    let runs = NamedActivity::new("runs");
    let call = match attempts {
        0 => runs,
        attempts => {
            let policy = RetryPolicy::new(attempts).first_delay(HOUR);
            runs.with(ActivityOptions::new().retry(policy))
        }
    };
    match ctx.call_activity_by_name::<_, ()>(call, &()).await {
        Ok(()) => Ok("done".into()),
        Err(error) if error.kind() == ActivityErrorKind::HostDied => Ok(error.to_string()),
        Err(error) => Err(error.into()),
    }
}

async fn host(memory: &InMemory, began: &Began, options: HostOptions) -> Host {
    let began = began.clone();
    let host = Host::builder().provider(memory.clone()).options(options).orchestration(calls);
    let host = host.register_activity("runs", move |ctx: ActivityContext, ()| {
        let began = began.clone();
        async move {
            began.note(&ctx);
            ctx.cancelled().await;
            Ok(())
        }
    });
    host.start().await.unwrap()
}

/// A host that dies as soon as so many attempts have begun, all in all.
async fn die_after(memory: &InMemory, began: &Began, count: usize) {
    let host = host(memory, began, options()).await;
    until(|| began.count() >= count).await;
    guard(host.abort()).await;
}

#[tokio::test]
async fn an_activity_that_takes_down_host_after_host_fails_at_the_bound() {
    let (memory, _) = store();
    let memory = memory.with_shards(1);
    let began = Began::default();
    let first = host(&memory, &began, options()).await;
    first.start_new(calls, 0).id("i").await.unwrap();
    until(|| began.count() == 1).await;
    guard(first.abort()).await;
    for count in 2..=6 {
        die_after(&memory, &began, count).await;
    }
    // The first start is not recorded, so it is the same attempt again.
    assert_eq!(began.numbers(), [1, 1, 2, 3, 4, 5]);
    assert_eq!(began.keys().len(), 1, "it is the same call for whoever is called");
    let last = host(&memory, &began, options()).await;
    let said = guard(last.instance::<String>("i").result()).await.unwrap();
    assert_eq!(said, "the host died: 5 times, each time while an attempt of the activity ran");
    assert_eq!(began.count(), 6);
}

#[tokio::test]
async fn its_policy_counts_the_deaths_as_attempts_and_delays_them() {
    let (memory, clock) = store();
    let memory = memory.with_shards(1);
    let began = Began::default();
    let first = host(&memory, &began, options()).await;
    first.start_new(calls, 2).id("i").await.unwrap();
    until(|| began.count() == 1).await;
    guard(first.abort()).await;
    die_after(&memory, &began, 2).await;

    let second = host(&memory, &began, options()).await;
    let instance = second.instance::<String>("i");
    let seen = guard(async {
        loop {
            let seen = instance.status().await.unwrap().activities.remove(0);
            if seen.attempt > 1 {
                return seen;
            }
            tokio::task::yield_now().await;
        }
    });
    let why = seen.await.last_error.expect("the death is an attempt, and seen");
    assert_eq!(why.kind(), ActivityErrorKind::HostDied);
    pass_time_until(&clock, HOUR / 4, async { until(|| began.count() == 3).await }).await;
    assert_eq!(began.numbers(), [1, 1, 2]);
    guard(second.abort()).await;
    let last = host(&memory, &began, options()).await;
    let said = guard(last.instance::<String>("i").result()).await.unwrap();
    assert!(said.starts_with("the host died: 2 times"), "{said}");
}

#[tokio::test]
async fn shutdowns_do_not_count_however_many() {
    let (memory, _) = store();
    let memory = memory.with_shards(1);
    let began = Began::default();
    let options = HostOptions { shutdown_deadline: std::time::Duration::ZERO, ..options() };
    let first = host(&memory, &began, options.clone()).await;
    first.start_new(calls, 0).id("i").await.unwrap();
    guard(first.shutdown()).await.unwrap();
    for count in 1..=9 {
        let host = host(&memory, &began, options.clone()).await;
        until(|| began.count() >= count).await;
        guard(host.shutdown()).await.unwrap();
    }
    assert!(began.numbers().iter().all(|number| *number == 1), "{:?}", began.numbers());
    let last = host(&memory, &began, options).await;
    let status = last.get_status("i").await.unwrap();
    assert_eq!((status.activities[0].attempt, status.outcome), (1, None));
}

#[tokio::test]
async fn a_call_that_only_waited_for_its_place_does_not_count() {
    let (memory, _) = store();
    let memory = memory.with_shards(1);
    let began = Began::default();
    let one_place = HostOptions { max_activities: 1, max_host_deaths: 2, ..options() };
    let first = host(&memory, &began, one_place.clone()).await;
    for name in ["a", "b"] {
        first.start_new(calls, 0).id(name).await.unwrap();
    }
    guard(first.abort()).await;
    for count in 1..=2 {
        let host = host(&memory, &began, one_place.clone()).await;
        until(|| began.count() > count).await;
        guard(host.abort()).await;
    }
    let last = host(&memory, &began, one_place).await;
    let mut starts = Vec::new();
    for name in ["a", "b"] {
        let events = events(&last, &id(name)).await;
        starts.push(events.iter().filter(|event| event.contains("TaskStarted")).count());
    }
    starts.sort_unstable();
    assert!(starts[0] <= 1, "one of the two has run, the other has not: {starts:?}");
}

#[tokio::test]
async fn with_their_last_chance_they_run_one_after_the_other() {
    let (memory, _) = store();
    let memory = memory.with_shards(1);
    let began = Began::default();
    let twice = HostOptions { max_host_deaths: 2, ..options() };
    let first = host(&memory, &began, twice.clone()).await;
    for name in ["a", "b", "c"] {
        first.start_new(calls, 0).id(name).await.unwrap();
    }
    until(|| began.count() == 3).await;
    guard(first.abort()).await;
    // Together: each is recorded, and each counts.
    let second = host(&memory, &began, twice.clone()).await;
    until(|| began.count() == 6).await;
    guard(second.abort()).await;
    // One alone; it is the one that fails.
    let third = host(&memory, &began, twice.clone()).await;
    until(|| began.count() == 7).await;
    guard(third.abort()).await;
    let last = host(&memory, &began, twice).await;
    until(|| began.count() == 8).await;
    let mut failed = 0;
    for name in ["a", "b", "c"] {
        failed += usize::from(last.get_status(name).await.unwrap().outcome.is_some());
    }
    assert_eq!(failed, 1);
}
