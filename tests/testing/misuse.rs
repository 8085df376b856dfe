//! What is wrong with a test is said clearly.

use reenact::prelude::*;
use reenact::testing::{self, Double, TestHost, TestHostError, VirtualClock};

use crate::panic_of;

#[activity]
async fn charge(_ctx: ActivityContext, cents: u64) -> Result<String, ActivityError> {
    Ok(format!("receipt for {cents}"))
}

#[activity]
async fn refund(_ctx: ActivityContext, cents: u64) -> Result<u64, ActivityError> {
    Ok(cents)
}

#[orchestration]
async fn order(ctx: OrchestrationContext, cents: u64) -> Result<String, OrchestrationError> {
    Ok(ctx.call_activity(charge, cents).await?)
}

fn host() -> testing::TestHostBuilder {
    TestHost::of(Host::builder().orchestration(order).activity(charge))
}

/// Why a host does not start.
fn refused(host: testing::TestHostBuilder) -> String {
    testing::run(host.start()).unwrap_err().to_string()
}

#[test]
fn a_double_of_what_is_not_registered_is_refused() {
    assert_eq!(
        refused(host().mock(refund, Ok)),
        "there is a double for the activity `refund`, and the host has none of that name: register it, or correct the name; \
         it has `charge`"
    );
    let double = Double::<u64, u64, _>::child_named("ship").then(Ok);
    assert!(refused(host().double(double)).ends_with("it has `order`"));
    assert!(refused(host().mock_named::<(), ()>("", Ok)).contains("invalid name"));
}

#[test]
fn a_double_of_other_types_is_refused() {
    assert_eq!(
        refused(host().mock_named("charge", |cents: u32| Ok(cents))),
        "the double of the activity `charge` is (u32) -> u32, and what the host has is (u64) -> alloc::string::String: give \
         it the same types"
    );
    let double = Double::child_named("order").then(|cents: u64| Ok(cents));
    assert!(refused(host().double(double)).starts_with("the double of the orchestration `order`"));
}

#[test]
fn two_doubles_of_one_thing_are_refused() {
    let paid = |_| Ok(String::new());
    assert!(refused(host().mock(charge, paid).mock(charge, paid)).contains("has two doubles"));
}

#[test]
fn what_a_host_refuses_is_refused() {
    let twice = TestHost::of(Host::builder().activity(charge).activity(charge));
    assert!(refused(twice).starts_with("the host does not start: "));
}

#[test]
fn nothing_comes_after_then() {
    let panic = panic_of(|| Double::of(refund).then(Ok).fail(1, ActivityError::fatal("late")));
    assert_eq!(panic, "`then` answers all further calls, so nothing can come after it");
}

#[test]
fn calls_without_a_double_are_not_recorded() {
    let panic = panic_of(|| {
        testing::run(async {
            let host = host().start().await.unwrap();
            host.calls(charge)
        })
    });
    assert!(panic.starts_with("the activity `charge` has no double here"), "{panic}");
}

#[tokio::test]
async fn a_host_on_real_time_does_not_start() {
    let error = host().start().await.unwrap_err();
    assert!(matches!(error, TestHostError::NotVirtual { .. }));
    assert_eq!(
        error.to_string(),
        "a test host needs paused time; on this runtime a day takes a day: call it within `reenact::testing::run`, or in a test \
         with `#[tokio::test(start_paused = true)]`"
    );
    let panic = panic_of(|| testing::run(async {}));
    assert!(panic.contains("call it in a plain `#[test]`"), "{panic}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_host_on_several_threads_does_not_start() {
    let error = host().start().await.unwrap_err();
    assert!(error.to_string().contains("this one has several threads"), "{error}");
}

#[test]
fn a_clock_without_a_runtime_is_none() {
    let panic = panic_of(VirtualClock::new);
    assert!(panic.starts_with("a `VirtualClock` needs a runtime of tokio"), "{panic}");
}
