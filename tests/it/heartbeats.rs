//! Activities that say how far they are: the next attempt knows, and one that falls silent fails.

use std::sync::{Arc, Mutex};

use crate::kit::{Gate, HOUR, events, guard, id, options, store, until};
use reenact::limits::{HEARTBEAT_RECORDED_EVERY, MAX_HEARTBEAT_BYTES};
use reenact::prelude::*;
use reenact::{HeartbeatError, OpenActivity};

/// What each attempt was given by the ones before it. Clones are the same.
type Given = Arc<Mutex<Vec<Option<u32>>>>;

fn retried() -> ActivityOptions {
    ActivityOptions::new().retry(RetryPolicy::new(5).first_delay(Duration::ZERO))
}

async fn host<F, R>(memory: &InMemory, with: ActivityOptions, work: F) -> Host
where
    F: Fn(ActivityContext) -> R + Send + Sync + 'static,
    R: Future<Output = Result<u32, ActivityError>> + Send + 'static,
{
    let host = Host::builder()
        .provider(memory.clone())
        .options(options())
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

async fn activity(host: &Host) -> OpenActivity {
    let mut activities = guard(host.get_status(&id("i"))).await.unwrap().activities;
    assert_eq!(activities.len(), 1);
    activities.remove(0)
}

/// Returns when the newest heartbeat that is recorded has these details.
async fn until_recorded(host: &Host, details: u32) {
    guard(async {
        while activity(host).await.heartbeat.and_then(|beat| beat.decode().ok()) != Some(details) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_attempt_gets_the_last_details_of_the_one_before() {
    let (memory, _) = store();
    let given = Given::default();
    let host = host(&memory, retried(), {
        let given = given.clone();
        move |ctx: ActivityContext| {
            let given = given.clone();
            async move {
                let before = ctx.heartbeat_details::<u32>();
                given.lock().unwrap().push(before);
                let done = before.unwrap_or(0);
                match ctx.attempt() {
                    // More often than is recorded: the last ones count all the same.
                    1 | 2 => {
                        (1..=10).try_for_each(|more| ctx.heartbeat(&(done + more)))?;
                        Err("no".into())
                    }
                    // Silent: what is known stays known.
                    3 => Err("no".into()),
                    _ => Ok(done),
                }
            }
        }
    })
    .await;
    assert_eq!(guard(start(&host).await.result()).await.unwrap(), 20);
    assert_eq!(*given.lock().unwrap(), [None, Some(10), Some(20), Some(20)]);
    let events = events(&host, &id("i")).await;
    let of = |kind: &str| events.iter().filter(|event| event.starts_with(kind)).count();
    assert_eq!((of("TaskHeartbeat"), of("TaskAttemptFailed"), events.len()), (1, 1, 7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_runs_again_after_a_crash_gets_what_was_recorded() {
    let (memory, _) = store();
    let (given, gate) = (Given::default(), Gate::closed());
    let work = || {
        let (given, gate) = (given.clone(), gate.clone());
        move |ctx: ActivityContext| {
            let (given, gate) = (given.clone(), gate.clone());
            async move {
                given.lock().unwrap().push(ctx.heartbeat_details());
                ctx.heartbeat(&7)?;
                gate.pass().await;
                Ok(ctx.attempt())
            }
        }
    };
    // Without a policy: what it says is recorded all the same.
    let crashing = host(&memory, ActivityOptions::new(), work()).await;
    start(&crashing).await;
    until_recorded(&crashing, 7).await;
    guard(crashing.abort()).await;
    gate.let_all_through();
    let host = host(&memory, ActivityOptions::new(), work()).await;
    assert_eq!(guard(host.instance::<u32>(&id("i")).result()).await.unwrap(), 1);
    assert_eq!(*given.lock().unwrap(), [None, Some(7)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_are_recorded_at_most_once_in_their_interval() {
    let (memory, clock) = store();
    let (gate, beats) = (Gate::closed(), Arc::new(Mutex::new(0_u32)));
    let host = host(&memory, ActivityOptions::new(), {
        let (gate, beats) = (gate.clone(), beats.clone());
        move |ctx: ActivityContext| {
            let (gate, beats) = (gate.clone(), beats.clone());
            async move {
                for beat in 1..=4 {
                    ctx.heartbeat(&beat)?;
                    *beats.lock().unwrap() = beat;
                    gate.pass().await;
                }
                Ok(0)
            }
        }
    })
    .await;
    let instance = start(&host).await;
    until_recorded(&host, 1).await;
    for (beat, passes, recorded) in [
        (2, HEARTBEAT_RECORDED_EVERY / 2, 1),
        (3, HEARTBEAT_RECORDED_EVERY / 2, 3),
        (4, HEARTBEAT_RECORDED_EVERY - Duration::from_micros(1), 3),
    ] {
        clock.advance(passes);
        gate.let_one_through();
        until(|| *beats.lock().unwrap() == beat).await;
        until_recorded(&host, recorded).await;
    }
    gate.let_all_through();
    guard(instance.result()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_falls_silent_fails_and_one_that_beats_does_not() {
    let (memory, clock) = store();
    let gate = Gate::closed();
    let with = retried().heartbeat(HOUR);
    let host = host(&memory, with, {
        let gate = gate.clone();
        move |ctx: ActivityContext| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                ctx.heartbeat(&1)?;
                gate.pass().await;
                Ok(ctx.attempt())
            }
        }
    })
    .await;
    let instance = start(&host).await;
    gate.until_came(1).await;
    clock.advance(HOUR - Duration::from_micros(1));
    gate.let_one_through();
    gate.until_came(2).await;
    // An hour since the start, and not since the heartbeat.
    clock.advance(Duration::from_micros(1));
    until_recorded(&host, 1).await;
    assert_eq!(activity(&host).await.attempt, 1);
    clock.advance(HOUR);
    gate.until_came(3).await;
    let second = activity(&host).await;
    assert_eq!(second.attempt, 2);
    assert_eq!(second.last_error.unwrap().message(), "heartbeat: there was none for 3600s");
    gate.let_all_through();
    assert_eq!(guard(instance.result()).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn details_that_are_too_large_are_refused_and_are_no_heartbeat() {
    let (memory, _) = store();
    let host = host(&memory, ActivityOptions::new(), |ctx: ActivityContext| async move {
        // With its two quotes it is just as large as may be.
        let largest = "x".repeat(MAX_HEARTBEAT_BYTES - 2);
        ctx.heartbeat(&largest)?;
        match ctx.heartbeat(&format!("{largest}x")) {
            Err(HeartbeatError::TooLarge { bytes, .. }) => Ok(u32::try_from(bytes).unwrap()),
            other => panic!("not refused: {other:?}"),
        }
    })
    .await;
    let bytes = guard(start(&host).await.result()).await.unwrap();
    assert_eq!(bytes as usize, MAX_HEARTBEAT_BYTES + 1);
}
