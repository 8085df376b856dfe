//! Activities are counted by name: attempts where they run, ends where they are durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::of_activity;
use crate::kit::{Gate, HOUR, guard, options, pass_time_until, store, until};
use reenact::prelude::*;
use reenact::testing::ManualClock;

/// Three attempts, a minute apart, of at most an hour each.
fn policy() -> ActivityOptions {
    let retry = RetryPolicy::new(3).first_delay(HOUR / 60).max_delay(HOUR / 60);
    ActivityOptions::new().retry(retry).start_to_close(HOUR)
}

/// Calls the activity of this name.
async fn calls(ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    let activity = NamedActivity::new(&name).with(policy());
    let output = ctx.call_activity_by_name::<_, ()>(activity, &()).await;
    Ok(output.map_or_else(|error| format!("{:?}", error.kind()), |()| "done".to_owned()))
}

/// Calls the activity of this name as a local one, for at most an hour.
async fn calls_in_place(
    ctx: OrchestrationContext,
    name: String,
) -> Result<String, OrchestrationError> {
    let local = ctx.call_local_by_name::<_, ()>(&*name, &());
    Ok(if ctx.timeout(HOUR, local).await.is_ok() { "done" } else { "too late" }.to_owned())
}

struct Scene {
    host: Host,
    clock: ManualClock,
    gate: Gate,
}

/// "fails" fails each time, "recovers" at the first time, "panics" panics, "hangs" waits at the gate.
async fn scene(options: HostOptions) -> Scene {
    let (memory, clock) = store();
    let (gate, runs) = (Gate::closed(), Arc::new(AtomicU64::new(0)));
    let at = gate.clone();
    let host = Host::builder()
        .provider(memory)
        .options(options)
        .register_orchestration("calls", calls)
        .register_orchestration("calls in place", calls_in_place)
        .register_activity("fails", |_ctx, ()| async {
            Err::<(), _>(ActivityError::retryable("it never works"))
        })
        .register_activity("recovers", move |_ctx, ()| {
            let run = runs.fetch_add(1, Ordering::SeqCst);
            async move { if run == 0 { Err(ActivityError::retryable("not yet")) } else { Ok(()) } }
        })
        .register_activity("panics", |_ctx, ()| async {
            if true {
                panic!("it panics");
            }
            Ok(())
        })
        .register_activity("hangs", move |_ctx, ()| {
            let gate = at.clone();
            async move {
                gate.pass().await;
                Ok(())
            }
        });
    let host = host.start().await.unwrap();
    Scene { host, clock, gate }
}

impl Scene {
    async fn call_in_place(&self, name: &str) -> InstanceHandle<String> {
        self.host.start_new_by_name("calls in place", name).await.unwrap()
    }

    async fn call(&self, name: &str) -> InstanceHandle<String> {
        self.host.start_new_by_name("calls", name).await.unwrap()
    }

    async fn end(&self, instance: &InstanceHandle<String>) -> String {
        pass_time_until(&self.clock, HOUR / 240, instance.result()).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_fails_each_time_has_three_attempts_two_retries_and_one_end() {
    let scene = scene(options()).await;
    let instance = scene.call("fails").await;
    scene.end(&instance).await;
    let metrics = scene.host.metrics();
    let of = of_activity(&metrics, "fails");
    assert_eq!((of.attempts, of.retries), (3, 2));
    assert_eq!((of.completed, of.failed, of.timed_out, of.panicked), (0, 1, 0, 0));
    assert_eq!(of.attempt_seconds.count(), 3);
    assert_eq!(of.wait_seconds.count(), 3);
    assert_eq!(of_activity(&metrics, "recovers").attempts, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_recovers_is_completed_after_one_retry() {
    let scene = scene(options()).await;
    let instance = scene.call("recovers").await;
    assert_eq!(scene.end(&instance).await, "done");
    let metrics = scene.host.metrics();
    let of = of_activity(&metrics, "recovers");
    assert_eq!((of.attempts, of.retries, of.completed, of.failed), (2, 1, 1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panics_and_time_outs_are_ends_of_their_own() {
    let scene = scene(options()).await;
    for name in ["panics", "hangs"] {
        let instance = scene.call(name).await;
        scene.end(&instance).await;
    }
    let metrics = scene.host.metrics();
    let panics = of_activity(&metrics, "panics");
    assert_eq!((panics.panicked, panics.failed, panics.completed), (1, 0, 0));
    let hangs = of_activity(&metrics, "hangs");
    assert_eq!((hangs.timed_out, hangs.failed, hangs.cancelled), (1, 0, 0));
    let late = hangs.attempt_seconds.sum;
    assert!(late >= 3.0 * 3_600.0, "each of three attempts took an hour, and not {late} s in all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_and_what_waits_for_a_place_is_seen_while_it_does() {
    let scene = scene(options().max_activities(1)).await;
    let first = scene.call("hangs").await;
    scene.gate.until_came(1).await;
    let second = scene.call("hangs").await;
    until(|| of_activity(&scene.host.metrics(), "hangs").waiting == 1).await;
    let metrics = scene.host.metrics();
    let of = of_activity(&metrics, "hangs");
    assert_eq!((of.running, of.attempts), (1, 1));

    scene.clock.advance(Duration::from_secs(7));
    scene.gate.let_all_through();
    for instance in [first, second] {
        guard(instance.result()).await.unwrap();
    }
    until(|| of_activity(&scene.host.metrics(), "hangs").running == 0).await;
    let metrics = scene.host.metrics();
    let of = of_activity(&metrics, "hangs");
    assert_eq!((of.waiting, of.attempts, of.completed), (0, 2, 2));
    assert_eq!((of.wait_seconds.count(), of.wait_seconds.sum), (2, 7.0), "one waited for 7 s");
    assert_eq!(of.attempt_seconds.sum, 7.0, "one ran for 7 s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_cancelled_with_its_instance_is_counted_once() {
    let scene = scene(options()).await;
    let instance = scene.call("hangs").await;
    scene.gate.until_came(1).await;
    instance.terminate("not wanted").await.unwrap();
    assert!(guard(instance.result()).await.is_err());
    let metrics = scene.host.metrics();
    let of = of_activity(&metrics, "hangs");
    assert_eq!((of.cancelled, of.completed, of.failed), (1, 0, 0));
    scene.gate.let_all_through();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_call_is_counted_once_when_its_instance_or_its_caller_cancels_it() {
    let scene = scene(options()).await;
    let terminated = scene.call_in_place("hangs").await;
    scene.gate.until_came(1).await;
    terminated.terminate("not wanted").await.unwrap();
    assert!(guard(terminated.result()).await.is_err());
    let of = of_activity(&scene.host.metrics(), "hangs").clone();
    assert_eq!((of.attempts, of.cancelled, of.completed, of.failed), (1, 1, 0, 0));

    let dropped = scene.call_in_place("hangs").await;
    scene.gate.until_came(2).await;
    assert_eq!(scene.end(&dropped).await, "too late");
    let of = of_activity(&scene.host.metrics(), "hangs").clone();
    assert_eq!((of.attempts, of.cancelled, of.completed, of.failed), (2, 2, 0, 0));
    scene.gate.let_all_through();
}
