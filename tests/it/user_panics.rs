//! User code may panic wherever it runs, destructors, wakers and the payloads of panics included: that is
//! the end of one call or one instance, and costs the host nothing, no place among the activities either.

mod hooks;

use std::time::Duration;

use crate::kit::{events, guard, id, options, pass_time_until, store};
use hooks::{Hook, with_hooks};
use reenact::prelude::*;
use reenact::testing::ManualClock;
use reenact::{InstanceStatus, OrchestrationErrorKind};

const SECOND: Duration = Duration::from_secs(1);

/// A host with one place for activities, and code that panics in every hook.
async fn host() -> (Host, ManualClock) {
    let (memory, clock) = store();
    let options = options().max_activities(1);
    let host = Host::builder().provider(memory.with_shards(1)).options(options);
    (with_hooks(host).start().await.unwrap(), clock)
}

/// Runs an instance whose code panics in a hook, up to its end.
async fn run(host: &Host, clock: &ManualClock, name: &str, hook: Hook, kind: u8) -> InstanceStatus {
    let instance = host.start_new_by_name::<()>("bad", (hook, kind)).id(name).await.unwrap();
    if hook.waits_for_an_event() {
        // One that panics at once takes none.
        let _ = guard(instance.raise_event("Go", kind)).await;
    }
    if hook.waits_for_its_end() {
        pass_time_until(clock, SECOND, instance.terminate("enough").into_future()).await.unwrap();
    }
    let _ = pass_time_until(clock, SECOND, instance.result()).await;
    instance.status().await.unwrap()
}

/// Proves that the host is alive, and has its place for activities.
async fn assert_is_alive(host: &Host, clock: &ManualClock, probe: &str) {
    let probed = host.run_to_completion(id(probe), hooks::probe, 7);
    assert_eq!(pass_time_until(clock, SECOND, probed).await.unwrap(), 7);
}

#[tokio::test]
async fn every_hook_may_panic_and_the_host_lives_on() {
    let (host, clock) = host().await;
    for hook in Hook::ALL {
        for kind in 0..hooks::KINDS {
            let name = format!("{hook:?} {kind}");
            let status = run(&host, &clock, &name, hook, kind).await;
            assert!(status.state.is_finished(), "{name}: {status:?}");
            assert_is_alive(&host, &clock, &format!("probe of {name}")).await;
        }
    }
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn random_panics_at_a_time_lose_nothing() {
    for seed in 1..=4_u64 {
        let (host, clock) = host().await;
        let mut random = seed;
        for round in 0..12 {
            let mut draw = |below: usize| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (random >> 33) as usize % below
            };
            let bad = (0..4).map(|number| {
                let (hook, kind) = (Hook::ALL[draw(Hook::ALL.len())], draw(3) as u8);
                let name = format!("{round}.{number} {hook:?} {kind}");
                let (host, clock) = (&host, &clock);
                async move {
                    let status = run(host, clock, &name, hook, kind).await;
                    assert!(status.state.is_finished(), "seed {seed}, {name}: {status:?}");
                }
            });
            futures::future::join_all(bad.collect::<Vec<_>>()).await;
            assert_is_alive(&host, &clock, &format!("probe {round}")).await;
        }
        guard(host.shutdown()).await.unwrap();
    }
}

#[tokio::test]
async fn an_activity_that_panics_when_it_is_cut_off_gives_its_place_back() {
    let (host, clock) = host().await;
    for (hook, name) in [(Hook::CutOff, "cut off"), (Hook::Dropped, "dropped")] {
        for kind in 0..hooks::KINDS {
            run(&host, &clock, &format!("{name} {kind}"), hook, kind).await;
            assert_is_alive(&host, &clock, &format!("after {name} {kind}")).await;
        }
    }
}

#[tokio::test]
async fn a_payload_that_panics_when_it_is_dropped_ends_the_call_like_every_other_panic() {
    let (host, clock) = host().await;
    run(&host, &clock, "i", Hook::Activity, hooks::STUBBORN).await;
    let events = events(&host, &id("i")).await;
    let failed = "TaskFailed #1: the activity panicked: a panic without a message";
    assert!(events.iter().any(|event| event == failed), "{events:#?}");

    let status = run(&host, &clock, "j", Hook::Body, hooks::STUBBORN).await;
    assert_eq!(status.failure().unwrap().kind(), OrchestrationErrorKind::Panicked);
}

#[tokio::test]
async fn a_waker_of_the_codes_own_that_panics_fails_its_instance() {
    let (host, clock) = host().await;
    let status = run(&host, &clock, "i", Hook::Waker, 0).await;
    let failure = status.failure().unwrap();
    assert_eq!((failure.kind(), failure.message()), (OrchestrationErrorKind::Panicked, "a text"));
    let history = host.history("i").await.unwrap();
    assert!(history.events().any(|event| event.event.to_string().contains("a text")));
}

#[tokio::test]
async fn a_future_that_panics_when_it_is_let_go_after_its_result_is_an_activity_that_panicked() {
    let (host, clock) = host().await;
    let status = run(&host, &clock, "i", Hook::AfterTheResult, 0).await;
    let message = "activity `after the result` #1 failed: the activity panicked: a text";
    assert_eq!(status.failure().unwrap().message(), message);
}
