//! Activities that are tried again, on a clock that the test moves: through crashes, passivation and
//! time-outs, the right attempt begins at the right time.

mod time_limits;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::kit::{Gate, HOUR, events, guard, id, options, pass_time_until, store, until};
use futures::future::BoxFuture;
use reenact::prelude::*;
use reenact::providers::{Provider, TimerScheduler};
use reenact::testing::ManualClock;
use reenact::{ActivityErrorKind, CorrelationId, OpenActivity, Timestamp};

/// A minute, two, four and so on between the attempts.
fn policy(attempts: u32) -> ActivityOptions {
    let policy = RetryPolicy::new(attempts).first_delay(HOUR / 60).max_delay(HOUR * 24);
    ActivityOptions::new().retry(policy)
}

/// The attempts that began: their numbers, idempotency keys and times. Clones are the same.
#[derive(Clone)]
struct Attempts {
    began: Arc<Mutex<Vec<(u32, String, Timestamp)>>>,
    clock: ManualClock,
}

impl Attempts {
    fn new(clock: &ManualClock) -> Self {
        Self { began: Arc::default(), clock: clock.clone() }
    }

    fn note(&self, ctx: &ActivityContext) {
        let attempt = (ctx.attempt(), ctx.idempotency_key(), self.clock.now());
        self.began.lock().unwrap().push(attempt);
    }

    fn numbers(&self) -> Vec<u32> {
        self.began.lock().unwrap().iter().map(|(number, ..)| *number).collect()
    }

    fn came(&self) -> usize {
        self.began.lock().unwrap().len()
    }

    /// The time from each to the next.
    fn delays(&self) -> Vec<Duration> {
        let began = self.began.lock().unwrap();
        began.windows(2).map(|two| two[1].2.since(two[0].2)).collect()
    }

    fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> =
            self.began.lock().unwrap().iter().map(|(_, key, _)| key.clone()).collect();
        keys.dedup();
        keys
    }
}

/// A host whose orchestration calls one activity with these options. The activity fails until its
/// attempt has that number.
async fn host(
    provider: impl Provider,
    attempts: &Attempts,
    with: ActivityOptions,
    succeeds: u32,
) -> Host {
    host_of(provider, options().passivate_after(HOUR / 3_600), with, {
        let attempts = attempts.clone();
        move |ctx| {
            let attempts = attempts.clone();
            async move {
                attempts.note(&ctx);
                match ctx.attempt() {
                    number if number < succeeds => {
                        Err(ActivityError::retryable(format!("no {number}")))
                    }
                    number => Ok(number),
                }
            }
        }
    })
    .await
}

async fn host_of<F, R>(
    provider: impl Provider,
    options: HostOptions,
    with: ActivityOptions,
    work: F,
) -> Host
where
    F: Fn(ActivityContext) -> R + Send + Sync + 'static,
    R: Future<Output = Result<u32, ActivityError>> + Send + 'static,
{
    let host = Host::builder()
        .provider(provider)
        .options(options)
        .register_orchestration("calls", move |ctx: OrchestrationContext, ()| async move {
            let work = NamedActivity::new("work").with(with);
            Ok(ctx.call_activity_by_name::<_, u32>(work, &()).await?)
        })
        .register_activity("work", move |ctx, (): ()| work(ctx));
    guard(host.start()).await.unwrap()
}

async fn start(host: &Host) -> InstanceHandle<u32> {
    guard(host.start_new_by_name("calls", ()).id("i")).await.unwrap()
}

async fn activities(host: &Host) -> Vec<OpenActivity> {
    guard(host.get_status(&id("i"))).await.unwrap().activities
}

/// Returns when that attempt is the next one, and waits for its time; how it is then.
async fn until_next_is(host: &Host, attempt: u32) -> OpenActivity {
    guard(async {
        loop {
            match activities(host).await.pop() {
                Some(open) if open.attempt == attempt => return open,
                _ => tokio::task::yield_now().await,
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_tried_again_after_growing_delays_under_one_key() {
    let (memory, clock) = store();
    let attempts = Attempts::new(&clock);
    let host = host(memory, &attempts, policy(5), 4).await;
    let instance = start(&host).await;
    for next in 2..=4 {
        let open = until_next_is(&host, next).await;
        clock.advance(open.retry_at.unwrap().since(clock.now()));
        until(|| attempts.came() == next as usize).await;
    }
    assert_eq!(guard(instance.result()).await.unwrap(), 4);
    let minutes =
        attempts.delays().iter().map(Duration::as_secs).map(|s| s / 60).collect::<Vec<_>>();
    assert_eq!(minutes, [1, 2, 4]);
    assert_eq!(attempts.keys().len(), 1);
    let events = events(&host, &id("i")).await;
    let [started, scheduled, configured, failed, done, ended] = &events[..] else {
        panic!("the schedule, the options, the last failure, the outcome: {events:#?}");
    };
    assert_eq!(
        [started, scheduled, configured, done, ended],
        [
            "ExecutionStarted `calls`",
            "TaskScheduled #1 `work`",
            "TaskConfigured #1",
            "TaskCompleted #1",
            "ExecutionCompleted"
        ]
    );
    assert!(failed.starts_with("TaskAttemptFailed #1, attempt 3"), "{failed}");
    assert_eq!(guard(instance.status()).await.unwrap().history_length, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_runs_before_its_time() {
    let (memory, clock) = store();
    let attempts = Attempts::new(&clock);
    let host = host(memory, &attempts, policy(5), 2).await;
    let instance = start(&host).await;
    let open = until_next_is(&host, 2).await;
    let left = open.retry_at.unwrap().since(clock.now());
    clock.advance(left - Duration::from_micros(1));
    // Later work has gone all the way, and the attempt has not begun.
    let other = host.start_new_by_name::<u32>("calls", ()).await.unwrap();
    until(|| attempts.came() == 2).await;
    assert_eq!(attempts.numbers(), [1, 1]);
    guard(other.terminate("enough")).await.unwrap();
    clock.advance(Duration::from_micros(1));
    assert_eq!(guard(instance.result()).await.unwrap(), 2);
}

/// Fails twice; then crashes in the delay, and goes on with another host on the same store.
async fn crash_in_a_delay<P: Provider>(clock: &ManualClock, open: impl Fn() -> P) {
    let attempts = Attempts::new(clock);
    let provider = open();
    let crashing = host(provider, &attempts, policy(5), 3).await;
    start(&crashing).await;
    let next = until_next_is(&crashing, 2).await;
    clock.advance(next.retry_at.unwrap().since(clock.now()));
    let before = until_next_is(&crashing, 3).await;
    guard(crashing.abort()).await;

    let provider = open();
    let host = host(provider, &attempts, policy(5), 3).await;
    let instance = host.instance::<u32>(&id("i"));
    assert_eq!(activities(&host).await.first(), Some(&before), "it is as it was");
    let left = before.retry_at.unwrap().since(clock.now());
    clock.advance(left - Duration::from_micros(1));
    assert_eq!(attempts.numbers(), [1, 2], "not at once, and not from the beginning");
    clock.advance(Duration::from_micros(1));
    assert_eq!(guard(instance.result()).await.unwrap(), 3);
    assert_eq!(attempts.numbers(), [1, 2, 3]);
    assert_eq!(attempts.keys().len(), 1);
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
    let name = format!("retry-{}", std::process::id());
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
    assert_eq!(attempts.numbers(), [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_a_crash_cut_off_runs_again_under_its_number() {
    let (memory, clock) = store();
    let (attempts, gate) = (Attempts::new(&clock), Gate::closed());
    let work = || {
        let (attempts, gate) = (attempts.clone(), gate.clone());
        move |ctx: ActivityContext| {
            let (attempts, gate) = (attempts.clone(), gate.clone());
            async move {
                attempts.note(&ctx);
                if ctx.attempt() == 1 {
                    return Err(ActivityError::retryable("no"));
                }
                gate.pass().await;
                Ok(ctx.attempt())
            }
        }
    };
    let crashing = host_of(memory.clone(), options(), policy(5), work()).await;
    start(&crashing).await;
    until_next_is(&crashing, 2).await;
    clock.advance(HOUR);
    gate.until_came(1).await;
    guard(crashing.abort()).await;
    gate.let_all_through();
    let host = host_of(memory, options(), policy(5), work()).await;
    assert_eq!(guard(host.instance::<u32>(&id("i")).result()).await.unwrap(), 2);
    assert_eq!(attempts.numbers(), [1, 2, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_goes_from_memory_in_a_delay_and_comes_back_for_the_attempt() {
    let (memory, clock) = store();
    let attempts = Attempts::new(&clock);
    let slow = ActivityOptions::new()
        .retry(RetryPolicy::new(3).first_delay(HOUR * 10_000).max_delay(HOUR * 10_000));
    let host = host(memory, &attempts, slow, 3).await;
    let instance = start(&host).await;
    for next in 2..=3 {
        let open = until_next_is(&host, next).await;
        let emptied = until(|| host.in_memory() == 0);
        pass_time_until(&clock, Duration::from_secs(1), emptied).await;
        assert_eq!(activities(&host).await.first(), Some(&open), "its log says the same");
        assert_eq!(host.in_memory(), 0, "asking does not bring it back");
        clock.advance(open.retry_at.unwrap().since(clock.now()));
        until(|| attempts.came() == next as usize).await;
    }
    assert_eq!(guard(instance.result()).await.unwrap(), 3);
    assert_eq!(attempts.numbers(), [1, 2, 3], "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_shows_the_attempt_its_last_error_and_when_the_next_begins() {
    let (memory, clock) = store();
    let attempts = Attempts::new(&clock);
    let host = host(memory, &attempts, policy(5), 9).await;
    start(&host).await;
    let open = until_next_is(&host, 2).await;
    assert_eq!((open.id, open.name.as_str()), (CorrelationId(1), "work"));
    assert_eq!(open.last_error.unwrap().message(), "no 1");
    assert_eq!(open.retry_at, Some(clock.now() + HOUR / 60));
    guard(host.terminate(&id("i"), "enough")).await.unwrap();
    assert!(activities(&host).await.is_empty());
    clock.advance(HOUR * 100);
    let other = host.start_new_by_name::<u32>("calls", ()).await.unwrap();
    until(|| attempts.came() == 2).await;
    assert_eq!(attempts.numbers(), [1, 1], "nothing of it runs any more");
    drop(other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_without_attempts_is_refused_with_nothing_stored() {
    let (memory, clock) = store();
    let attempts = Attempts::new(&clock);
    for bad in [policy(0), ActivityOptions::new().start_to_close(Duration::ZERO)] {
        let host = host(memory.clone(), &attempts, bad, 1).await;
        let instance = host.start_new_by_name::<u32>("calls", ()).await.unwrap();
        let failure = guard(instance.result()).await.unwrap_err().to_string();
        assert!(failure.contains("the activity's options are not valid"), "{failure}");
        let events = events(&host, instance.id()).await;
        assert_eq!(events.len(), 2, "{events:?}");
        guard(host.shutdown()).await.unwrap();
    }
    assert_eq!(attempts.came(), 0);
}

/// What the macro makes has options as well.
#[activity]
async fn third_time(ctx: ActivityContext, _: ()) -> Result<u32, ActivityError> {
    if ctx.attempt() < 3 { Err("not yet".into()) } else { Ok(ctx.attempt()) }
}

#[orchestration]
async fn patient(ctx: OrchestrationContext, many: u32) -> Result<u32, OrchestrationError> {
    let options = ActivityOptions::new().retry(RetryPolicy::new(3).first_delay(Duration::ZERO));
    let calls: Vec<_> =
        (0..many).map(|_| ctx.schedule_activity(third_time.with(options), ())).collect();
    let results = ctx.when_all(calls).await;
    Ok(results.into_iter().filter_map(Result::ok).sum())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wide_fan_out_whose_branches_are_all_tried_again() {
    let (memory, _) = store();
    let host = Host::builder().provider(memory).options(options());
    let host = host.orchestration(patient).activity(third_time).start().await.unwrap();
    let instance = host.start_new(patient, 1_000).id("i").await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 3_000);
    // The start and the end; and of each branch the schedule, options, last failure and outcome.
    assert_eq!(guard(instance.status()).await.unwrap().history_length, 4_002);
}

#[tokio::test]
async fn an_attempt_that_comes_where_the_activity_is_missing_parks_and_is_not_used_up() {
    let (memory, clock) = store();
    let orchestration = |ctx: OrchestrationContext, ()| async move {
        let charge = NamedActivity::new("charge").with(policy(2));
        Ok(ctx.call_activity_by_name::<_, u64>(charge, &()).await?)
    };
    let builder = || {
        let builder = Host::builder().provider(memory.clone()).options(options());
        builder.register_orchestration("order", orchestration)
    };
    let fails = |_: ActivityContext, ()| async { Err::<u64, _>(ActivityError::retryable("busy")) };
    let first = builder().register_activity("charge", fails).start().await.unwrap();
    guard(first.start_new_by_name::<u64>("order", ()).id("i")).await.unwrap();
    guard(async {
        while !events(&first, &id("i")).await.iter().any(|e| e.starts_with("TaskAttemptFailed")) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    guard(first.abort()).await;

    let without = builder().start().await.unwrap();
    clock.advance(HOUR);
    crate::kit::until_parked(&without, &id("i")).await;
    guard(without.abort()).await;

    let works = |_: ActivityContext, ()| async { Ok(7_u64) };
    let with = builder().register_activity("charge", works).start().await.unwrap();
    assert_eq!(guard(with.instance::<u64>(&id("i")).result()).await.unwrap(), 7);
}
