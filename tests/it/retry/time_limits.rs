//! Time limits: of one attempt, and of a call with all of its attempts.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_takes_too_long_is_notified_dropped_and_tried_again() {
    let (memory, clock) = store();
    let (attempts, gate) = (Attempts::new(&clock), Gate::closed());
    let work = {
        let (attempts, gate) = (attempts.clone(), gate.clone());
        move |ctx: ActivityContext| {
            let (attempts, gate) = (attempts.clone(), gate.clone());
            async move {
                attempts.note(&ctx);
                if ctx.attempt() < 3 {
                    gate.pass().await;
                }
                Ok(ctx.attempt())
            }
        }
    };
    let with = policy(3).start_to_close(HOUR);
    let host = host_of(memory, options(), with, work).await;
    let instance = start(&host).await;
    for attempt in 1..=2 {
        gate.until_came(attempt).await;
        clock.advance(HOUR);
        let open = until_next_is(&host, attempt as u32 + 1).await;
        let error = open.last_error.unwrap();
        assert_eq!(error.kind(), ActivityErrorKind::TimedOut);
        assert_eq!(error.message(), "start-to-close: it ran for 3600s");
        clock.advance(HOUR);
    }
    assert_eq!(guard(instance.result()).await.unwrap(), 3);
    assert_eq!(attempts.numbers(), [1, 2, 3]);
}

/// One of those that are alive.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn one_of(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self(alive.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_took_too_long_and_goes_on_all_the_same_ends_with_its_host() {
    let (memory, clock) = store();
    let (gate, alive) = (Gate::closed(), Arc::new(AtomicUsize::new(0)));
    let work = {
        let (gate, alive) = (gate.clone(), alive.clone());
        move |_| {
            let (gate, one) = (gate.clone(), Alive::one_of(&alive));
            async move {
                gate.pass().await;
                drop(one);
                Ok(1)
            }
        }
    };
    let (memory, with) = (memory.with_shards(1), ActivityOptions::new().start_to_close(HOUR));
    let host = host_of(memory, options(), with, work).await;
    let instance = start(&host).await;
    gate.until_came(1).await;
    clock.advance(HOUR);
    let failure = guard(instance.result()).await.unwrap_err().to_string();
    assert!(failure.contains("start-to-close"), "{failure}");
    // After this, nothing of the shard knows of it any more.
    guard(host.start_new_by_name::<u32>("calls", ())).await.unwrap();
    gate.until_came(2).await;
    assert_eq!(alive.load(Ordering::SeqCst), 2, "the first has its grace");
    guard(host.abort()).await;
    until(|| alive.load(Ordering::SeqCst) == 0).await;
}

/// An activity that waits at the gate, and returns the number of its attempt.
fn waits_at(
    gate: &Gate,
) -> impl Fn(ActivityContext) -> BoxFuture<'static, Result<u32, ActivityError>> + use<> {
    let gate = gate.clone();
    move |ctx| {
        let gate = gate.clone();
        Box::pin(async move {
            gate.pass().await;
            Ok(ctx.attempt())
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_in_the_queue_is_no_time_of_the_run() {
    let (memory, clock) = store();
    let gate = Gate::closed();
    let work = waits_at(&gate);
    let one = options().max_activities(1)
// It gives its place up as soon as it has timed out.
.cancellation_grace(Duration::ZERO);
    let with = ActivityOptions::new().start_to_close(HOUR);
    let host = host_of(memory, one, with, work).await;
    let first = start(&host).await;
    let second = host.start_new_by_name::<u32>("calls", ()).id("j").await.unwrap();
    gate.until_came(1).await;
    clock.advance(HOUR);
    let failure = guard(first.result()).await.unwrap_err().to_string();
    assert!(failure.contains("start-to-close"), "{failure}");
    gate.until_came(2).await;
    clock.advance(HOUR - Duration::from_micros(1));
    gate.let_all_through();
    assert_eq!(guard(second.result()).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedule_to_close_ends_it_also_while_it_waits_for_a_place() {
    let (memory, clock) = store();
    let gate = Gate::closed();
    let work = waits_at(&gate);
    let one = options().max_activities(1)
// The one that timed out keeps its place as long as the other waits.
.cancellation_grace(2 * HOUR);
    let host = host_of(memory, one, ActivityOptions::new().schedule_to_close(HOUR), work).await;
    let running = start(&host).await;
    gate.until_came(1).await;
    clock.advance(HOUR / 2);
    let waiting = host.start_new_by_name::<u32>("calls", ()).id("j").await.unwrap();
    for instance in [running, waiting] {
        clock.advance(HOUR / 2);
        let failure = guard(instance.result()).await.unwrap_err().to_string();
        assert!(failure.contains("schedule-to-close: not complete after 3600s"), "{failure}");
    }
    gate.let_all_through();
    assert_eq!(gate.came(), 1, "the other never ran");
}
