//! Activities that run when their host dies: such a start counts, so that none takes down host after host.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::kit::{
    AppendFault, Faulty, HOUR, events, guard, id, options, pass_time_until, store, until,
};
use reenact::core::{RecordedTurn, ShardId, codec};
use reenact::prelude::*;
use reenact::providers::{Batch, Provider, TurnRecord};
use reenact::{
    ActivityErrorKind, Event, InMemory, InstanceState, InstanceStatus, NamedActivity, ParkReason,
    Payload,
};

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

/// A host that dies as soon as this many attempts have begun in all.
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
    assert_eq!(began.keys().len(), 1, "it is the same call for the service that is called");
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
    let options = options().shutdown_deadline(std::time::Duration::ZERO);
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
    let one_place = options().max_activities(1).max_host_deaths(2);
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
    let twice = options().max_host_deaths(2);
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

/// How often the code of "i" has begun, at first or in a replay.
#[derive(Clone, Default)]
struct Ran(Arc<AtomicUsize>);

impl Ran {
    fn times(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A host whose "waits" waits for "Go", which is a number.
async fn waiting(store: impl Provider, ran: &Ran) -> Host {
    let ran = ran.clone();
    let host = Host::builder().provider(store).options(options()).orchestration(calls);
    let host = host.register_orchestration("waits", move |ctx: OrchestrationContext, (): ()| {
        ran.0.fetch_add(usize::from(ctx.instance_id().as_str() == "i"), Ordering::SeqCst);
        async move { Ok::<u64, OrchestrationError>(ctx.wait_external("Go").await?) }
    });
    host.start().await.unwrap()
}

/// A store with "i", which waits, and whose log ends with these turns of one event each.
async fn left(state: InstanceState, events: Vec<Event>) -> InMemory {
    let memory = store().0.with_shards(1);
    let first = waiting(memory.clone(), &Ran::default()).await;
    guard(first.start_new_by_name::<u64>("waits", ()).id("i")).await.unwrap();
    guard(first.shutdown()).await.unwrap();

    let histories = memory.histories();
    let mut summary = histories.summary(&id("i")).await.unwrap().unwrap();
    summary.state = state;
    let turns = events.into_iter().map(|event| {
        let turn = RecordedTurn { at: summary.updated_at, events: [event].into() };
        let (number, bytes) = (summary.turns, codec::encode_turn(&turn).unwrap().into());
        (summary.turns, summary.events) = (number + 1, summary.events + 1);
        TurnRecord { number, bytes, summary: summary.clone(), has_drawn_id: false, keep: 0 }
    });
    let turns = turns.collect();
    let lease = memory.leases().acquire(ShardId(0), "a host that dies").await.unwrap();
    let batch = Batch { shard: ShardId(0), epoch: lease.epoch, turns };
    let _ = histories.append(batch.into()).await.unwrap();
    memory.leases().release(&lease).await.unwrap();
    memory
}

/// What a host leaves that has parked it, after five have died of it.
fn condemned() -> Vec<Event> {
    let reason = ParkReason::HostDied { times: 5 }.to_string();
    vec![Event::RunAnnounced { died: 4 }, Event::ExecutionParked { reason }]
}

/// Returns when a host has looked at an instance that was parked before.
async fn until_looked_at(client: &Client) -> InstanceStatus {
    guard(async {
        loop {
            let status = client.get_status(id("i")).await.unwrap();
            if !matches!(status.parked, Some(ParkReason::Recorded { .. })) {
                return status;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

fn is_condemned(status: &InstanceStatus) -> bool {
    status.state == InstanceState::Parked
        && status.parked == Some(ParkReason::HostDied { times: 5 })
}

#[tokio::test]
async fn code_that_hosts_have_died_of_does_not_run_after_restarts_however_much_comes_for_it() {
    let mut log = condemned();
    let (name, data) = ("Go".try_into().unwrap(), Payload::encode(&1_u64).unwrap());
    let raised = Event::ExternalRaised { name, data, key: None };
    // More than a host reads at a time.
    log.extend(std::iter::repeat_n(raised, 1_100));
    let memory = left(InstanceState::Parked, log).await;
    let ran = Ran::default();
    for _ in 0..2 {
        let host = waiting(memory.clone(), &ran).await;
        let status = until_looked_at(&host).await;
        assert!(is_condemned(&status), "{status:?}");
        guard(host.raise_event(id("i"), "Go", 2)).await.expect("it is kept");
        guard(host.abort()).await;
        // What comes may be there before the host looks.
        let host = waiting(memory.clone(), &ran).await;
        guard(host.raise_event(id("i"), "Go", 3)).await.expect("it is kept");
        let status = until_looked_at(&host).await;
        assert!(is_condemned(&status), "{status:?}");
        guard(host.shutdown()).await.unwrap();
    }
    assert_eq!(ran.times(), 0);
}

#[tokio::test]
async fn code_that_hosts_have_died_of_does_not_run_when_its_shard_starts_again() {
    let memory = Faulty::new(left(InstanceState::Parked, condemned()).await);
    let ran = Ran::default();
    let host = waiting(memory.clone(), &ran).await;
    assert!(is_condemned(&until_looked_at(&host).await));
    memory.fail_appends([AppendFault::Fatal]);
    let _ = guard(host.start_new_by_name::<u64>("waits", ()).id("lost")).await;
    assert_eq!(memory.faults_left(), 0, "the shard is gone with it");
    guard(async {
        while host.raise_event(id("i"), "Go", 7).key("one").await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let status = until_looked_at(&host).await;
    assert!(is_condemned(&status), "{status:?}");
    assert_eq!(ran.times(), 0);
}

#[tokio::test]
async fn a_host_that_looks_at_what_waits_does_not_run_code_that_hosts_have_died_of() {
    let announced = vec![Event::RunAnnounced { died: 4 }];
    let memory = left(InstanceState::Running, announced).await;
    let ran = Ran::default();
    let host = waiting(memory, &ran).await;
    guard(async {
        while !is_condemned(&host.get_status(id("i")).await.unwrap()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(ran.times(), 0);
}

#[tokio::test]
async fn a_host_that_looks_at_what_waits_records_it_first_where_a_host_has_died_of_it() {
    let announced = vec![Event::RunAnnounced { died: 1 }];
    let memory = left(InstanceState::Running, announced).await;
    let ran = Ran::default();
    let host = waiting(memory, &ran).await;
    let log = guard(async {
        loop {
            let log = events(&host, &id("i")).await;
            if log.last().is_some_and(|last| last.starts_with("RunSurvived")) {
                return log;
            }
            tokio::task::yield_now().await;
        }
    });
    let log = log.await;
    assert!(log[log.len() - 2].starts_with("RunAnnounced"), "{log:?}");
    assert_eq!(ran.times(), 1, "only after the announcement");
    guard(host.raise_event(id("i"), "Go", 7)).await.unwrap();
    assert_eq!(guard(host.instance::<u64>("i").result()).await.unwrap(), 7);
}

#[tokio::test]
async fn the_deaths_are_forgotten_once_somebody_resumes_the_instance() {
    for looked_at_first in [false, true] {
        let memory = left(InstanceState::Parked, condemned()).await;
        let ran = Ran::default();
        let host = waiting(memory.clone(), &ran).await;
        if looked_at_first {
            assert!(is_condemned(&until_looked_at(&host).await));
        }
        guard(host.resume(id("i"))).await.unwrap();
        assert_eq!(ran.times(), 1);
        // Before its code makes a step.
        guard(host.abort()).await;
        for _ in 0..3 {
            let host = waiting(memory.clone(), &ran).await;
            guard(host.suspend(id("i"), "looked at")).await.unwrap();
            guard(host.resume(id("i"))).await.unwrap();
            let status = host.get_status(id("i")).await.unwrap();
            assert_eq!((status.state, status.parked), (InstanceState::Running, None));
            guard(host.abort()).await;
        }
        let host = waiting(memory, &ran).await;
        guard(host.raise_event(id("i"), "Go", 7)).await.unwrap();
        assert_eq!(guard(host.instance::<u64>("i").result()).await.unwrap(), 7);
    }
}
