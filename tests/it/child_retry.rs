//! Children that are tried again, on a clock that the test moves: through crashes and passivation, the
//! right attempt begins at the right time, as an instance of its own.

use std::sync::{Arc, Mutex};

use crate::kit::{HOUR, events, guard, id, options, pass_time_until, store, until};
use reenact::prelude::*;
use reenact::providers::{Provider, TimerScheduler};
use reenact::testing::ManualClock;
use reenact::{
    CorrelationId, Error, Guid, InstanceState, OpenChild, OrchestrationByName, Timestamp,
};

/// A minute, two, four and so on between the attempts.
fn policy(attempts: u32) -> RetryPolicy {
    RetryPolicy::new(attempts).first_delay(HOUR / 60).max_delay(HOUR * 24)
}

/// The attempts whose code ran: when, and the first of their random ids. Clones are the same.
#[derive(Clone)]
struct Attempts {
    began: Arc<Mutex<Vec<(Timestamp, Guid)>>>,
    clock: ManualClock,
}

impl Attempts {
    fn new(clock: &ManualClock) -> Self {
        Self { began: Arc::default(), clock: clock.clone() }
    }

    /// The number of the one that begins.
    fn note(&self, ctx: &OrchestrationContext) -> u32 {
        let mut began = self.began.lock().unwrap();
        began.push((self.clock.now(), ctx.new_guid()));
        began.len() as u32
    }

    fn came(&self) -> usize {
        self.began.lock().unwrap().len()
    }

    /// The minutes from each to the next.
    fn delays(&self) -> Vec<u64> {
        let began = self.began.lock().unwrap();
        began.windows(2).map(|two| two[1].0.since(two[0].0).as_secs() / 60).collect()
    }

    fn guids(&self) -> std::collections::BTreeSet<Guid> {
        self.began.lock().unwrap().iter().map(|(_, guid)| *guid).collect()
    }
}

/// A host whose orchestration "i" calls the child "ship", which fails until this many attempts were made.
async fn host(
    provider: impl Provider,
    attempts: &Attempts,
    policy: RetryPolicy,
    succeeds: u32,
) -> Host {
    host_with(options(), provider, attempts, policy, succeeds).await
}

async fn host_with(
    options: HostOptions,
    provider: impl Provider,
    attempts: &Attempts,
    policy: RetryPolicy,
    succeeds: u32,
) -> Host {
    let attempts = attempts.clone();
    let host = Host::builder()
        .provider(provider)
        .options(options)
        .register_orchestration("calls", move |ctx: OrchestrationContext, ()| async move {
            let options = ChildOptions::new().id("ship").retry(policy);
            let ship = OrchestrationByName::new("ship", options);
            Ok(ctx.call_orchestration_by_name::<_, u32>(ship, &()).await?)
        })
        .register_orchestration("ship", move |ctx: OrchestrationContext, ()| {
            let attempts = attempts.clone();
            async move {
                match attempts.note(&ctx) {
                    number if number < succeeds => {
                        Err(OrchestrationError::new(format!("no {number}")))
                    }
                    number => Ok(number),
                }
            }
        })
        .register_orchestration("idle", |_ctx, ()| async { Ok(()) });
    guard(host.start()).await.unwrap()
}

async fn start(host: &Host) -> InstanceHandle<u32> {
    guard(host.start_new_by_name("calls", ()).id("i")).await.unwrap()
}

async fn children(host: &Host) -> Vec<OpenChild> {
    guard(host.get_status(&id("i"))).await.unwrap().children
}

/// Returns when that attempt is the next one, and its instance is there; how it is then.
async fn until_next_is(host: &Host, attempt: u32) -> OpenChild {
    guard(async {
        loop {
            match children(host).await.pop() {
                Some(open)
                    if open.attempt == attempt && host.get_status(&open.instance).await.is_ok() =>
                {
                    return open;
                }
                _ => tokio::task::yield_now().await,
            }
        }
    })
    .await
}

fn left(clock: &ManualClock, open: &OpenChild) -> Duration {
    open.retry_at.unwrap().since(clock.now())
}

/// Returns when the instance has ended; in what state.
async fn end_of(host: &Host, instance: &InstanceId) -> InstanceState {
    let _: Result<u32, Error> = guard(host.instance::<u32>(instance).result()).await;
    guard(host.get_status(instance)).await.unwrap().state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_tried_again_after_growing_delays_as_another_instance() {
    let (memory, clock) = store();
    let attempts = Attempts::new(&clock);
    let host = host(memory, &attempts, policy(5), 4).await;
    let instance = start(&host).await;
    for next in 2..=4 {
        let open = until_next_is(&host, next).await;
        assert_eq!(open.instance, id(&format!("ship~{next}")));
        clock.advance(left(&clock, &open));
        until(|| attempts.came() == next as usize).await;
    }
    assert_eq!(guard(instance.result()).await.unwrap(), 4);
    assert_eq!(attempts.delays(), [1, 2, 4]);
    assert_eq!(attempts.guids().len(), 4, "their random numbers differ");
    let events = events(&host, &id("i")).await;
    let [started, scheduled, failed, done, ended] = &events[..] else {
        panic!("the call, the last failure, the outcome: {events:#?}");
    };
    assert_eq!(
        [started, scheduled, done, ended],
        [
            "ExecutionStarted `calls`",
            "ChildScheduled #1 `ship` as `ship`",
            "ChildCompleted #1",
            "ExecutionCompleted"
        ]
    );
    assert!(failed.starts_with("ChildAttemptFailed #1, attempt 3"), "{failed}");
    assert_eq!(guard(instance.status()).await.unwrap().history_length, 5);
    // What became of each attempt is in a history of its own.
    for (attempt, state) in [
        ("ship", InstanceState::Failed),
        ("ship~2", InstanceState::Failed),
        ("ship~3", InstanceState::Failed),
        ("ship~4", InstanceState::Completed),
    ] {
        assert_eq!(guard(host.get_status(&id(attempt))).await.unwrap().state, state);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_runs_before_its_time() {
    let (memory, clock) = store();
    let attempts = Attempts::new(&clock);
    let host = host(memory, &attempts, policy(5), 2).await;
    let instance = start(&host).await;
    let open = until_next_is(&host, 2).await;
    clock.advance(left(&clock, &open) - Duration::from_micros(1));
    // Later work has gone all the way, and the attempt has not begun.
    let idle = host.start_new_by_name::<()>("idle", ());
    guard(guard(idle).await.unwrap().result()).await.unwrap();
    assert_eq!(attempts.came(), 1);
    clock.advance(Duration::from_micros(1));
    assert_eq!(guard(instance.result()).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_shows_the_attempt_its_last_error_and_when_it_begins() {
    let (memory, clock) = store();
    let attempts = Attempts::new(&clock);
    let host = host(memory, &attempts, policy(5), 9).await;
    start(&host).await;
    let open = until_next_is(&host, 2).await;
    assert_eq!((open.id, open.name.as_str()), (CorrelationId(1), "ship"));
    assert_eq!(open.last_error.unwrap().to_string(), "child `ship` failed: no 1");
    assert_eq!(open.retry_at, Some(clock.now() + HOUR / 60));
    guard(host.terminate(&id("i"), "enough")).await.unwrap();
    assert!(children(&host).await.is_empty());
    assert_eq!(end_of(&host, &open.instance).await, InstanceState::Cancelled);
    assert_eq!(attempts.came(), 1, "the attempt that waited never ran");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_in_a_delay_ends_the_attempt_that_waits() {
    let (memory, clock) = store();
    let attempts = Attempts::new(&clock);
    let host = host(memory, &attempts, policy(5), 9).await;
    let instance = start(&host).await;
    let open = until_next_is(&host, 2).await;
    guard(instance.cancel("fraud")).await.unwrap();
    assert!(matches!(guard(instance.result()).await, Err(Error::Cancelled { .. })));
    assert_eq!(end_of(&host, &open.instance).await, InstanceState::Cancelled);
    clock.advance(HOUR * 100);
    assert_eq!(attempts.came(), 1);
}

/// Fails twice; then crashes in the delay, and goes on with another host on the same store.
async fn crash_in_a_delay<P: Provider>(clock: &ManualClock, open: impl Fn() -> P) {
    let attempts = Attempts::new(clock);
    let crashing = host(open(), &attempts, policy(5), 3).await;
    start(&crashing).await;
    let next = until_next_is(&crashing, 2).await;
    clock.advance(left(clock, &next));
    let before = until_next_is(&crashing, 3).await;
    guard(crashing.abort()).await;

    let host = host(open(), &attempts, policy(5), 3).await;
    assert_eq!(until_next_is(&host, 3).await, before, "it is as it was");
    clock.advance(left(clock, &before) - Duration::from_micros(1));
    assert_eq!(attempts.came(), 2, "not at once, and not from the beginning");
    clock.advance(Duration::from_micros(1));
    assert_eq!(guard(host.instance::<u32>(&id("i")).result()).await.unwrap(), 3);
    assert_eq!((attempts.came(), attempts.delays()), (3, vec![1, 2]));
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_in_the_middle_of_a_delay_changes_nothing() {
    let (memory, clock) = store();
    crash_in_a_delay(&clock, || memory.clone()).await;
}

#[cfg(feature = "local")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_one_of_a_host_on_a_directory() {
    let name = format!("child-retry-{}", std::process::id());
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let clock = ManualClock::default();
    crash_in_a_delay(&clock, || LocalOptions::new().clock(clock.clone()).open(&path).unwrap())
        .await;
    std::fs::remove_dir_all(path).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delay_that_ended_while_no_host_was_up_is_over_at_once() {
    let (memory, clock) = store();
    let attempts = Attempts::new(&clock);
    let crashing = host(memory.clone(), &attempts, policy(5), 2).await;
    start(&crashing).await;
    until_next_is(&crashing, 2).await;
    guard(crashing.abort()).await;
    clock.advance(HOUR * 1_000);
    let host = host(memory, &attempts, policy(5), 2).await;
    assert_eq!(guard(host.instance::<u32>(&id("i")).result()).await.unwrap(), 2);
    assert_eq!(attempts.came(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parent_and_child_go_from_memory_in_a_delay_and_come_back_for_the_attempt() {
    let (memory, clock) = store();
    let attempts = Attempts::new(&clock);
    let slow = RetryPolicy::new(3).first_delay(HOUR * 10_000).max_delay(HOUR * 10_000);
    let passivates = options().passivate_after(HOUR / 3_600);
    let host = host_with(passivates, memory, &attempts, slow, 3).await;
    let instance = start(&host).await;
    for next in 2..=3 {
        let open = until_next_is(&host, next).await;
        // Not before their messages to each other are sent. A status reads no log for children alone.
        let emptied = async {
            while host.in_memory() > 0 || !children(&host).await.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        pass_time_until(&clock, Duration::from_secs(1), emptied).await;
        let log = events(&host, &id("i")).await;
        assert_eq!(log.iter().filter(|event| event.starts_with("ChildAttemptFailed")).count(), 1);
        assert_eq!(host.in_memory(), 0, "asking does not bring it back");
        clock.advance(left(&clock, &open));
        until(|| attempts.came() == next as usize).await;
    }
    assert_eq!(guard(instance.result()).await.unwrap(), 3);
    assert_eq!(attempts.came(), 3, "each once");
}
