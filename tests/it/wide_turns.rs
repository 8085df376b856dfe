//! A turn that wants very much done leaves room for its neighbours, and keeps the order of its effects.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::kit::{guard, id, on_the_tests_runtime, until};
use reenact::HostBuilder;
use reenact::prelude::*;
use tokio::sync::Semaphore;

/// What an instance does in one turn.
const WIDTH: u64 = 10_000;

/// Most neighbours that the test has to wait for.
const FEW: usize = 40;

#[orchestration]
async fn noop(_ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    Ok(n)
}

/// Calls `work` this many times at once, and adds up what comes.
#[orchestration]
async fn wide(ctx: OrchestrationContext, width: u64) -> Result<u64, OrchestrationError> {
    let calls: Vec<_> =
        (0..width).map(|n| ctx.schedule_activity_by_name::<_, u64>("work", &n)).collect();
    let mut sum = 0;
    for result in ctx.when_all(calls).await {
        sum += result?;
    }
    Ok(sum)
}

/// As `wide`, until an event says stop.
#[orchestration]
async fn until_stopped(ctx: OrchestrationContext, width: u64) -> Result<u64, OrchestrationError> {
    let calls: Vec<_> =
        (0..width).map(|n| ctx.schedule_activity_by_name::<_, u64>("work", &n)).collect();
    ctx.wait_external::<()>("Stop").await?;
    drop(calls);
    Ok(width)
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

/// Counts the calls of `work` that have begun; each waits until all may end.
#[derive(Clone)]
struct Work {
    begun: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
    /// Closed when all may end: more wait here than another gate could bear.
    may_end: Arc<Semaphore>,
}

impl Work {
    fn held() -> Self {
        let may_end = Arc::new(Semaphore::new(0));
        Self { begun: Arc::default(), running: Arc::default(), may_end }
    }

    fn quick() -> Self {
        let work = Self::held();
        work.may_end.close();
        work
    }

    async fn run(self, n: u64) -> Result<u64, ActivityError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.running.fetch_add(1, Ordering::SeqCst);
        let _running = Running(self.running);
        assert!(self.may_end.acquire().await.is_err(), "it has no permits");
        Ok(n)
    }

    fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

/// Ends with the call, however that ends.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn host(store: &InMemory, work: &Work, max_activities: usize) -> HostBuilder {
    let work = work.clone();
    Host::builder()
        .provider(store.clone())
        .options(
            on_the_tests_runtime()
                .max_activities(max_activities)
                .shutdown_deadline(Duration::ZERO)
                .cancellation_grace(Duration::ZERO),
        )
        .orchestration(noop)
        .orchestration(wide)
        .orchestration(until_stopped)
        .orchestration(parent)
        .register_activity("work", move |_ctx: ActivityContext, n: u64| work.clone().run(n))
}

fn one_shard() -> InMemory {
    InMemory::new().with_shards(1)
}

fn sum(width: u64) -> u64 {
    width * (width - 1) / 2
}

/// Neighbours that begin and end while some of the calls of a wide turn have begun, and not all.
async fn neighbours_meanwhile(host: &Host, work: &Work) -> usize {
    let mut meanwhile = 0;
    while work.begun() < WIDTH as usize && meanwhile < FEW {
        let neighbour = guard(host.start_new(noop, 1)).await.unwrap();
        guard(neighbour.result()).await.unwrap();
        meanwhile += usize::from((1..WIDTH as usize).contains(&work.begun()));
    }
    meanwhile
}

#[tokio::test]
async fn neighbours_begin_and_end_between_the_portions_of_a_wide_turn() {
    let work = Work::held();
    let host = host(&one_shard(), &work, WIDTH as usize).start().await.unwrap();
    let instance = guard(host.start_new(wide, WIDTH).into_future());
    let (instance, meanwhile) = tokio::join!(instance, neighbours_meanwhile(&host, &work));
    // As many as there are portions, or nearly so: a neighbour needs a few passes of the shard.
    assert!(meanwhile >= 5, "{meanwhile}");
    work.may_end.close();
    assert_eq!(guard(instance.unwrap().result()).await.unwrap(), sum(WIDTH));
}

#[tokio::test]
async fn neighbours_begin_and_end_while_what_was_open_in_a_log_is_taken_up() {
    let store = one_shard();
    let work = Work::held();
    let first = host(&store, &work, 1).start().await.unwrap();
    guard(first.start_new(wide, WIDTH).id("wide")).await.unwrap();
    first.abort().await;

    let work = Work::held();
    let second = host(&store, &work, WIDTH as usize).start().await.unwrap();
    let meanwhile = neighbours_meanwhile(&second, &work).await;
    assert!(meanwhile >= 5, "{meanwhile}");
    work.may_end.close();
    let instance = second.instance::<u64>(id("wide"));
    assert_eq!(guard(instance.result()).await.unwrap(), sum(WIDTH));
}

#[tokio::test]
async fn what_is_called_off_before_it_was_begun_never_begins() {
    let work = Work::held();
    let host = host(&one_shard(), &work, 1).start().await.unwrap();
    let instance = guard(host.start_new(until_stopped, WIDTH)).await.unwrap();
    // Its calls are still being begun.
    guard(instance.raise_event("Stop", ())).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), WIDTH);
    work.may_end.close();
    let next = guard(host.start_new(wide, 1)).await.unwrap();
    assert_eq!(guard(next.result()).await.unwrap(), 0);
    assert!(work.begun() <= 2, "one of those, and that of the next: {}", work.begun());
}

#[tokio::test]
async fn a_client_is_answered_when_its_event_is_durable_and_not_when_all_is_carried_out() {
    let work = Work::held();
    let host = host(&one_shard(), &work, WIDTH as usize).start().await.unwrap();
    let starting = host.start_new(wide, WIDTH).id("wide").into_future();
    let raising = async {
        until(|| work.begun() > 0).await;
        let raised = guard(host.raise_event(&id("wide"), "Note", ())).await;
        (raised, work.begun())
    };
    let (started, (raised, begun)) = tokio::join!(guard(starting), raising);
    started.unwrap();
    raised.unwrap();
    assert!(begun < WIDTH as usize, "{begun}");
}

#[tokio::test]
async fn a_host_that_ends_between_two_portions_loses_nothing() {
    for gracefully in [true, false] {
        let store = one_shard();
        let work = Work::held();
        let first = host(&store, &work, WIDTH as usize).start().await.unwrap();
        let starting = tokio::spawn(first.start_new(wide, WIDTH).id("wide").into_future());
        until(|| work.begun() > 0).await;
        if gracefully {
            first.shutdown().await.unwrap();
        } else {
            first.abort().await;
        }
        assert!(work.begun() < WIDTH as usize, "it ended too late: {}", work.begun());
        // Whether its caller had a reply or not.
        drop(starting.await);

        let second = host(&store, &Work::quick(), 64).start().await.unwrap();
        let instance = second.instance::<u64>(id("wide"));
        assert_eq!(guard(instance.result()).await.unwrap(), sum(WIDTH));
    }
}

#[tokio::test]
async fn a_wide_instance_that_is_terminated_between_two_portions_leaves_nothing_running() {
    let work = Work::held();
    let host = host(&one_shard(), &work, WIDTH as usize).start().await.unwrap();
    let starting = host.start_new(wide, WIDTH).id("wide").into_future();
    let terminating = async {
        until(|| work.begun() > 0).await;
        guard(host.terminate(&id("wide"), "enough")).await
    };
    let (started, terminated) = tokio::join!(guard(starting), terminating);
    started.unwrap();
    terminated.unwrap();
    until(|| work.running() == 0).await;
}

#[tokio::test]
async fn many_children_of_one_turn_are_started_once_each() {
    let host = host(&one_shard(), &Work::quick(), 1).start().await.unwrap();
    let instance = guard(host.start_new(parent, 3_000)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), sum(3_000));
}
