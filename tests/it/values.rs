//! Values come out as they went in, live and after a restart; what would not is refused before it is
//! stored, with an error that says so.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::kit::{guard, options, store};
use reenact::prelude::*;
use reenact::{
    ActivityErrorKind, ActivityOptions, Error, HostBuilder, OrchestrationErrorKind, PayloadError,
    RetryPolicy,
};
use serde::{Deserialize, Serialize};

#[activity]
async fn ratio(_ctx: ActivityContext, parts: (f64, f64)) -> Result<f64, ActivityError> {
    Ok(parts.0 / parts.1)
}

#[orchestration]
async fn share(ctx: OrchestrationContext, parts: (f64, f64)) -> Result<u64, OrchestrationError> {
    let part = ctx.call_activity(ratio, parts).await?;
    let go: f64 = ctx.wait_external("Go").await?;
    assert_eq!(part.to_bits(), go.to_bits());
    Ok(part.to_bits())
}

#[orchestration]
async fn eternal(ctx: OrchestrationContext, at: (u32, f64)) -> Result<f64, OrchestrationError> {
    match at {
        (0, float) => Ok(float),
        (left, float) => ctx.continue_as_new(eternal, (left - 1, float)),
    }
}

fn host(memory: &InMemory) -> HostBuilder {
    Host::builder()
        .provider(memory.clone())
        .options(options())
        .orchestration(share)
        .orchestration(eternal)
        .activity(ratio)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_float_is_the_same_through_activities_events_restarts_and_executions() {
    let (memory, _) = store();
    let first = host(&memory).start().await.unwrap();
    first.start_new(share, (41.0, 100.000_000_3)).id("i").await.unwrap();
    guard(first.shutdown()).await.unwrap();
    let second = host(&memory).start().await.unwrap();
    let instance = second.instance::<u64>("i");
    guard(instance.raise_event("Go", 41.0 / 100.000_000_3)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), (41.0 / 100.000_000_3_f64).to_bits());

    let odd = f64::from_bits(0x3fda_3d70_a3d7_0a3e);
    let out = guard(second.run_to_completion("e", eternal, (50, odd))).await.unwrap();
    assert_eq!(out.to_bits(), odd.to_bits());
    guard(second.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_that_does_not_decode_is_a_failure_of_the_activity() {
    let (memory, _) = store();
    let host = host(&memory).start().await.unwrap();
    let failed = guard(host.run_to_completion("i", share, (0.0, 0.0))).await.unwrap_err();
    let Error::Failed { source: error, .. } = &failed else { panic!("{failed}") };
    assert_eq!(error.kind(), OrchestrationErrorKind::Failed);
    assert!(
        error
            .message()
            .starts_with("activity `ratio` #1 failed: the activity's output is not valid"),
        "{error}"
    );
    let events = crate::kit::events(&host, &crate::kit::id("i")).await;
    assert!(events.iter().any(|event| event.starts_with("TaskFailed")), "{events:?}");
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_input_that_does_not_decode_starts_nothing() {
    let (memory, _) = store();
    let host = host(&memory).start().await.unwrap();
    let refused = host.start_new(eternal, (1, f64::NAN)).id("i").await.unwrap_err();
    assert!(
        matches!(&refused, Error::InvalidPayload { source: PayloadError::NotReadable(_), .. }),
        "{refused}"
    );
    assert_eq!(crate::kit::stored(&host).await, 0);

    #[derive(Serialize)]
    struct Deep(Vec<Deep>);
    let deep = (0..500).fold(Deep(Vec::new()), |inner, _| Deep(vec![inner]));
    let started = host.start_new(share, (1.0, 1.0)).id("j").await.unwrap();
    let refused = started.raise_event("Go", deep).await.unwrap_err();
    assert!(
        matches!(&refused, Error::InvalidPayload { source: PayloadError::TooDeep, .. }),
        "{refused}"
    );
    // By name nobody knows the type that will be asked for.
    let refused = started.raise_event("Go", vec![Some(1.0), Some(f64::NAN)]).await.unwrap_err();
    assert!(
        matches!(&refused, Error::InvalidPayload { source: PayloadError::NotFinite, .. }),
        "{refused}"
    );
    guard(host.shutdown()).await.unwrap();
}

#[derive(Serialize, Deserialize)]
struct Lookup {
    id: u64,
    #[serde(skip)]
    fresh: bool,
}

#[orchestration]
async fn looks_up(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    let lookup = ctx.side_effect(|| Lookup { id: 7, fresh: true }).await;
    let inner: Option<Option<u8>> = ctx.side_effect(|| Some(None)).await;
    if lookup.fresh || inner.is_some() {
        ctx.timer(Duration::from_secs(1)).await;
    }
    let go: u64 = ctx.wait_external("Go").await?;
    Ok(format!("{} {go}", lookup.id))
}

#[orchestration]
async fn not_a_number(ctx: OrchestrationContext, _: ()) -> Result<f64, OrchestrationError> {
    Ok(ctx.side_effect(|| f64::NAN).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_side_effect_is_the_same_live_and_after_a_restart() {
    let (memory, _) = store();
    let host = || {
        let builder = Host::builder().provider(memory.clone()).options(options());
        builder.orchestration(looks_up).orchestration(not_a_number).start()
    };
    let first = host().await.unwrap();
    first.start_new(looks_up, ()).id("i").await.unwrap();
    let failed = guard(first.run_to_completion("nan", not_a_number, ())).await.unwrap_err();
    let Error::Failed { source: error, .. } = &failed else { panic!("{failed}") };
    assert_eq!(error.kind(), OrchestrationErrorKind::InvalidValue);
    guard(first.shutdown()).await.unwrap();
    let second = host().await.unwrap();
    guard(second.raise_event("i", "Go", 1)).await.unwrap();
    assert_eq!(guard(second.instance::<String>("i").result()).await.unwrap(), "7 1");
    guard(second.shutdown()).await.unwrap();
}

#[derive(Serialize)]
struct Progress {
    step: &'static str,
    done: HashMap<&'static str, bool>,
}

#[orchestration]
async fn polled(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    for _ in 0..4 {
        let done = [("charged", true), ("packed", true), ("sent", false)].into();
        ctx.set_status(&Progress { step: "waiting", done });
        let _: u64 = ctx.wait_external("Poll").await?;
    }
    Ok(ctx.wait_external("Go").await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_with_a_map_is_the_same_after_a_restart() {
    for _ in 0..10 {
        let (memory, _) = store();
        let host = || {
            let builder = Host::builder().provider(memory.clone()).options(options());
            builder.orchestration(polled).start()
        };
        let first = host().await.unwrap();
        first.start_new(polled, ()).id("i").await.unwrap();
        for _ in 0..4 {
            guard(first.raise_event("i", "Poll", 1)).await.unwrap();
        }
        guard(first.shutdown()).await.unwrap();
        let second = host().await.unwrap();
        guard(second.raise_event("i", "Go", 1)).await.unwrap();
        assert_eq!(guard(second.instance::<u64>("i").result()).await.unwrap(), 1);
        guard(second.shutdown()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_fails_says_which_activity_failed_and_how_often() {
    let (memory, clock) = store();
    let tried = Arc::new(AtomicU32::new(0));
    let count = tried.clone();
    let host = Host::builder()
        .provider(memory)
        .options(options())
        .register_orchestration("order", |ctx: OrchestrationContext, _: ()| async move {
            let policy = RetryPolicy::new(3).first_delay(Duration::from_secs(1));
            let options = ActivityOptions::new().retry(policy);
            let ship = NamedActivity::new("ship").with(options);
            let shipped: Result<u64, ActivityError> = ctx.call_activity_by_name(ship, &()).await;
            assert_eq!(
                shipped.as_ref().map_err(ActivityError::kind),
                Err(ActivityErrorKind::Retryable)
            );
            Ok(shipped?)
        })
        .register_activity("ship", move |_ctx, _: ()| {
            count.fetch_add(1, Ordering::Relaxed);
            async move { Err::<u64, _>(ActivityError::retryable("down")) }
        })
        .start()
        .await
        .unwrap();
    let order = host.start_new_by_name::<u64>("order", ()).id("o").await.unwrap();
    let failed = crate::kit::pass_time_until(&clock, Duration::from_secs(1), order.result()).await;
    assert_eq!(
        failed.unwrap_err().to_string(),
        "instance `o` failed: activity `ship` #1 failed after 3 attempts: down"
    );
    assert_eq!(tried.load(Ordering::Relaxed), 3);
    guard(host.shutdown()).await.unwrap();
}
