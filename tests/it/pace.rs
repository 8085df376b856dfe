//! Whatever is due at once, or comes at once: it is taken up at a bounded pace and within the bounds of
//! memory, and neighbours go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kit::{HOUR, guard, id, on_the_tests_runtime, store, until};
use futures::future::join_all;
use reenact::prelude::*;
use reenact::testing::ManualClock;
use reenact::{HostBuilder, InstanceFilter, InstanceState};
use tokio::sync::Semaphore;

/// Most instances in memory.
const FEW: usize = 50;

/// Looks at what is in memory between two counts of what has ended.
const LOOKS: usize = 1_000;

/// Instances that are due at once.
const MANY: u64 = 3_000;

const KIB: usize = 1024;

/// Waits for an hour with what it was given, and ends.
#[orchestration]
async fn sleeper(ctx: OrchestrationContext, load: String) -> Result<usize, OrchestrationError> {
    ctx.timer(HOUR).await;
    Ok(load.len())
}

/// Waits for an hour, and then for "Go".
#[orchestration]
async fn sleeps_and_waits(ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    ctx.timer(HOUR).await;
    ctx.wait_external::<()>("Go").await?;
    Ok(n)
}

#[orchestration]
async fn waiting(ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    Ok(n + ctx.wait_external::<u64>("Go").await?)
}

#[orchestration]
async fn noop(_ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    Ok(n)
}

/// Starts this many children at once, and waits for them.
#[orchestration]
async fn parent(ctx: OrchestrationContext, children: u64) -> Result<u64, OrchestrationError> {
    let calls: Vec<_> = (0..children).map(|n| ctx.schedule_orchestration(noop, n)).collect();
    let mut sum = 0;
    for result in ctx.when_all(calls).await {
        sum += result?;
    }
    Ok(sum)
}

/// Watches how many instances are in memory.
struct Watched {
    host: Host,
    most: Arc<AtomicUsize>,
}

impl Watched {
    fn of(host: Host) -> Self {
        Self { host, most: Arc::default() }
    }

    fn look(&self) {
        self.most.fetch_max(self.host.in_memory(), Ordering::SeqCst);
    }

    /// Looks until the condition holds; the most instances that were in memory meanwhile.
    async fn most_until(&self, mut holds: impl FnMut() -> bool) -> usize {
        until(|| {
            self.look();
            holds()
        })
        .await;
        self.most.load(Ordering::SeqCst)
    }
}

fn narrow() -> HostOptions {
    on_the_tests_runtime().max_instances(FEW).max_activities(100_000)
}

/// `work` counts the calls that have begun; each waits until all may end.
fn host(
    memory: &InMemory,
    options: HostOptions,
    begun: &Arc<AtomicUsize>,
    may_end: &Arc<Semaphore>,
) -> HostBuilder {
    let (begun, may_end) = (begun.clone(), may_end.clone());
    Host::builder()
        .provider(memory.clone())
        .options(options)
        .orchestration(sleeper)
        .orchestration(sleeps_and_waits)
        .orchestration(waiting)
        .orchestration(noop)
        .orchestration(parent)
        .register_activity("work", move |_ctx: ActivityContext, n: u64| {
            let (begun, may_end) = (begun.clone(), may_end.clone());
            async move {
                begun.fetch_add(1, Ordering::SeqCst);
                assert!(may_end.acquire().await.is_err(), "it has no permits");
                Ok(n)
            }
        })
        .register_orchestration(
            "sleeps_and_works",
            |ctx: OrchestrationContext, n: u64| async move {
                ctx.timer(HOUR).await;
                Ok(ctx.call_activity_by_name::<_, u64>("work", &n).await?)
            },
        )
}

async fn simple(memory: &InMemory, options: HostOptions) -> Host {
    host(memory, options, &Arc::default(), &Arc::new(Semaphore::new(0))).start().await.unwrap()
}

async fn with_work(memory: &InMemory, begun: &Arc<AtomicUsize>, may_end: &Arc<Semaphore>) -> Host {
    host(memory, narrow(), begun, may_end).start().await.unwrap()
}

async fn start_sleepers(host: &Host, many: u64, load: usize) {
    let load = "x".repeat(load);
    let starts =
        (0..many).map(|n| host.start_new(sleeper, load.clone()).id(n.to_string()).into_future());
    for started in guard(join_all(starts)).await {
        started.unwrap();
    }
}

async fn ended(host: &Host) -> u64 {
    let filter = InstanceFilter::new().states([InstanceState::Completed]);
    host.count(&filter).await.unwrap()
}

/// Returns when this many have ended; the most that were in memory meanwhile.
async fn most_until_ended(watched: &Watched, many: u64) -> usize {
    guard(async {
        while ended(&watched.host).await < many {
            // To count takes the store away from the host: it is done more seldom than to look.
            for _ in 0..LOOKS {
                watched.look();
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
    watched.most.load(Ordering::SeqCst)
}

fn one_shard() -> (InMemory, ManualClock) {
    let (memory, clock) = store();
    (memory.with_shards(1), clock)
}

#[tokio::test]
async fn timers_that_are_due_together_keep_within_the_most_instances() {
    let (memory, clock) = one_shard();
    let watched = Watched::of(simple(&memory, narrow()).await);
    start_sleepers(&watched.host, MANY, 1).await;
    clock.advance(HOUR);
    let most = most_until_ended(&watched, MANY).await;
    assert!(most <= FEW, "{most}");
}

#[tokio::test]
async fn what_is_due_when_a_host_starts_keeps_within_the_most_instances() {
    let (memory, clock) = one_shard();
    let first = simple(&memory, on_the_tests_runtime()).await;
    start_sleepers(&first, MANY, 1).await;
    first.abort().await;
    clock.advance(HOUR);
    let watched = Watched::of(simple(&memory, narrow()).await);
    let most = most_until_ended(&watched, MANY).await;
    assert!(most <= FEW, "{most}");
}

#[tokio::test]
async fn those_that_have_work_to_do_come_when_others_have_ended() {
    let (memory, clock) = one_shard();
    let first = simple(&memory, on_the_tests_runtime()).await;
    for n in 0..3 * FEW as u64 {
        guard(first.start_new_by_name::<u64>("sleeps_and_works", &n)).await.unwrap();
    }
    first.abort().await;
    clock.advance(HOUR);
    let (begun, may_end) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let watched = Watched::of(with_work(&memory, &begun, &may_end).await);
    watched.most_until(|| begun.load(Ordering::SeqCst) >= FEW).await;
    // What is sent to one that rests does not wait for them: they may wait for it.
    let neighbour = guard(watched.host.raise_event(&id("unknown"), "Go", 1)).await;
    assert!(matches!(neighbour, Err(reenact::Error::NotFound { .. })), "{neighbour:?}");
    assert_eq!(begun.load(Ordering::SeqCst), FEW);
    may_end.close();
    let most = most_until_ended(&watched, 3 * FEW as u64).await;
    assert!(most <= FEW + 1, "{most}");
}

#[tokio::test]
async fn what_is_due_together_keeps_within_the_bytes_of_memory() {
    let (memory, clock) = one_shard();
    let first = simple(&memory, on_the_tests_runtime()).await;
    start_sleepers(&first, 300, 64 * KIB).await;
    first.abort().await;
    clock.advance(HOUR);
    let bound = 64 * 70 * KIB;
    let options = on_the_tests_runtime().max_instance_bytes(bound);
    let host = simple(&memory, options).await;
    let mut most = 0;
    guard(async {
        while ended(&host).await < 300 {
            most = most.max(host.in_memory_bytes());
            tokio::task::yield_now().await;
        }
    })
    .await;
    // Those that come at a time are let in before it is known what they hold.
    assert!(most <= bound + 256 * 70 * KIB, "{most}");
}

#[tokio::test]
async fn messages_for_many_that_rest_keep_within_the_most_instances() {
    let (memory, _clock) = one_shard();
    let watched = Watched::of(simple(&memory, narrow()).await);
    let mut instances = Vec::new();
    for n in 0..2_000 {
        instances.push(guard(watched.host.start_new(waiting, n)).await.unwrap());
    }
    let raised = instances.iter().map(|instance| instance.raise_event("Go", 1_u64).into_future());
    let mut raised = Box::pin(join_all(raised));
    let raised = guard(std::future::poll_fn(|cx| {
        watched.look();
        raised.as_mut().poll(cx)
    }))
    .await;
    assert!(raised.iter().all(Result::is_ok));
    let most = most_until_ended(&watched, 2_000).await;
    assert!(most <= FEW, "{most}");
}

#[tokio::test]
async fn children_of_one_turn_keep_within_the_most_instances() {
    let (memory, _clock) = one_shard();
    let watched = Watched::of(simple(&memory, narrow()).await);
    let instance = guard(watched.host.start_new(parent, 2_000)).await.unwrap();
    let most = most_until_ended(&watched, 2_001).await;
    assert_eq!(guard(instance.result()).await.unwrap(), 2_000 * 1_999 / 2);
    // A few come without a place where all are those of children that wait for their parent.
    assert!(most <= 2 * FEW, "{most}");
}

#[tokio::test]
async fn instances_that_wait_on_after_they_were_due_make_room_for_the_next() {
    let (memory, clock) = one_shard();
    let watched = Watched::of(simple(&memory, narrow()).await);
    for n in 0..1_000 {
        guard(watched.host.start_new(sleeps_and_waits, n).id(n.to_string())).await.unwrap();
    }
    clock.advance(HOUR);
    for n in 0..1_000 {
        watched.look();
        guard(watched.host.raise_event(&id(&n.to_string()), "Go", ())).await.unwrap();
    }
    let most = most_until_ended(&watched, 1_000).await;
    assert!(most <= FEW, "{most}");
}

#[tokio::test]
async fn neighbours_begin_and_end_while_very_many_are_due() {
    let (memory, clock) = one_shard();
    let first = simple(&memory, on_the_tests_runtime()).await;
    start_sleepers(&first, MANY, 1).await;
    first.abort().await;
    clock.advance(HOUR);
    let host = simple(&memory, on_the_tests_runtime()).await;
    let mut meanwhile = 0;
    while ended(&host).await < MANY + meanwhile {
        let neighbour = guard(host.start_new(noop, 1)).await.unwrap();
        guard(neighbour.result()).await.unwrap();
        meanwhile += 1;
    }
    // Without a bound, all that is due comes into memory first.
    assert!(meanwhile >= 10, "{meanwhile}");
}

#[tokio::test]
async fn a_start_is_let_in_while_very_many_end_whose_timers_fire() {
    let (memory, clock) = one_shard();
    let host = simple(&memory, on_the_tests_runtime()).await;
    start_sleepers(&host, 5 * MANY, 1).await;
    clock.advance(HOUR);
    until(|| host.in_memory() < 5 * MANY as usize).await;
    let (mut most, mut meanwhile) = (0, 0);
    while host.in_memory() > 0 {
        let before = host.in_memory();
        guard(host.start_new(noop, 1)).await.unwrap();
        most = most.max(before.saturating_sub(host.in_memory()));
        meanwhile += 1;
    }
    assert!(meanwhile >= 10 && most <= 1_000, "{most} ended before a start was, of {meanwhile}");
}

#[tokio::test]
async fn a_host_that_ends_while_very_many_are_due_loses_nothing() {
    let (memory, clock) = one_shard();
    let first = simple(&memory, on_the_tests_runtime()).await;
    start_sleepers(&first, MANY, 1).await;
    clock.advance(HOUR);
    let watched = Watched::of(first);
    most_until_ended(&watched, 1).await;
    watched.host.shutdown().await.unwrap();
    let watched = Watched::of(simple(&memory, narrow()).await);
    most_until_ended(&watched, 2).await;
    watched.host.abort().await;
    let watched = Watched::of(simple(&memory, narrow()).await);
    most_until_ended(&watched, MANY).await;
}

#[tokio::test]
async fn an_event_for_one_that_is_due_and_waits_its_turn_comes_after_what_was_due() {
    let (memory, clock) = one_shard();
    let first = simple(&memory, on_the_tests_runtime()).await;
    start_sleepers(&first, MANY, 1).await;
    guard(first.start_new(sleeps_and_waits, 7).id("last")).await.unwrap();
    first.abort().await;
    clock.advance(HOUR);
    let host = simple(&memory, narrow()).await;
    guard(host.raise_event(&id("last"), "Go", ())).await.unwrap();
    assert_eq!(guard(host.instance::<u64>(id("last")).result()).await.unwrap(), 7);
    let events = crate::kit::events(&host, &id("last")).await;
    let place = |kind: &str| events.iter().position(|event| event.starts_with(kind)).unwrap();
    assert!(place("TimerFired") < place("ExternalRaised"), "{events:#?}");
}
