//! Attempts, time limits, and what becomes of one that panics or is not there.

use super::*;

/// Retried in place: the first two attempts fail.
#[orchestration]
async fn retried(ctx: OrchestrationContext) -> Result<u32, OrchestrationError> {
    let policy = RetryPolicy::new(3).first_delay(Duration::ZERO).jitter(0.0);
    let flaky = NamedActivity::new("flaky").with(ActivityOptions::new().retry(policy));
    Ok(ctx.call_local_by_name(flaky, &()).await?)
}

#[tokio::test]
async fn attempts_are_made_again_in_place() {
    let faulty = one_shard();
    let host = Host::builder()
        .provider(faulty.clone())
        .options(on_the_tests_runtime())
        .orchestration(retried);
    let flaky = |ctx: ActivityContext, ()| async move {
        match ctx.attempt() {
            3 => Ok(ctx.attempt()),
            _ => Err(ActivityError::retryable("busy")),
        }
    };
    let host = guard(host.register_activity("flaky", flaky).start()).await.unwrap();
    let instance = guard(host.start_new(retried, ()).id("i")).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 3);
    assert_eq!(faulty.appended(), 1);
}

/// With a time limit for each attempt, and one for all.
#[orchestration]
async fn limited(ctx: OrchestrationContext, all: bool) -> Result<String, OrchestrationError> {
    let limit = Duration::from_millis(20);
    let options = match all {
        true => ActivityOptions::new().schedule_to_close(limit),
        false => ActivityOptions::new().start_to_close(limit),
    };
    let work = NamedActivity::new("work").with(options);
    let late = ctx.call_local_by_name::<_, u64>(work, &1).await.expect_err("it is too slow");
    assert_eq!(late.kind(), ActivityErrorKind::TimedOut);
    Ok(late.to_string())
}

#[tokio::test]
async fn time_limits_hold_in_place() {
    for (all, what) in [(false, "start-to-close"), (true, "schedule-to-close")] {
        let (memory, clock) = store();
        let faulty = Faulty::new(memory.with_shards(1));
        let work = Work::slow();
        let host = Host::builder().provider(faulty.clone()).options(on_the_tests_runtime());
        let host = guard(work.on(host.orchestration(limited)).start()).await.unwrap();
        let started = tokio::spawn(host.start_new(limited, all).id("i").into_future());
        work.until_run(1).await;
        clock.advance(Duration::from_millis(20));
        let instance = guard(started).await.unwrap().unwrap();
        let late = guard(instance.result()).await.unwrap();
        assert!(late.contains(what), "{late}");
        assert_eq!(faulty.appended(), 1);
        until(|| *work.cancelled.lock().unwrap() == [1]).await;
    }
}

/// Beside a durable timer, by which the code goes on.
#[orchestration]
async fn raced(ctx: OrchestrationContext) -> Result<bool, OrchestrationError> {
    Ok(ctx.timeout(Duration::from_secs(9), local(&ctx, 1)).await.is_err())
}

#[tokio::test]
async fn a_time_limit_of_the_code_drops_one_that_is_too_slow() {
    let (memory, clock) = store();
    let work = Work::slow();
    let host =
        Host::builder().provider(memory).options(on_the_tests_runtime()).orchestration(raced);
    let host = guard(work.on(host).start()).await.unwrap();
    // Its timer is not held up.
    let instance = guard(host.start_new(raced, ()).id("i")).await.unwrap();
    work.until_run(1).await;
    clock.advance(Duration::from_secs(9));
    assert!(guard(instance.result()).await.unwrap());
    until(|| *work.cancelled.lock().unwrap() == [1]).await;
}

#[tokio::test]
async fn one_that_panics_fails_and_one_that_is_not_there_is_parked() {
    #[orchestration]
    async fn either(ctx: OrchestrationContext, name: String) -> Result<(), OrchestrationError> {
        ctx.wait_external::<()>("Go").await?;
        Ok(ctx.call_local_by_name(&name, &()).await?)
    }
    let (memory, _) = store();
    let host =
        Host::builder().provider(memory).options(on_the_tests_runtime()).orchestration(either);
    let panics = |_ctx: ActivityContext, ()| async move {
        if true {
            panic!("by design");
        }
        Ok(())
    };
    let host = guard(host.register_activity("panics", panics).start()).await.unwrap();
    let panics = guard(host.start_new(either, "panics".into())).await.unwrap();
    guard(panics.raise_event("Go", ())).await.unwrap();
    let failed = guard(panics.result()).await.unwrap_err();
    assert!(failed.to_string().contains("by design"), "{failed}");

    let missing = guard(host.start_new(either, "missing".into()).id("i")).await.unwrap();
    guard(missing.raise_event("Go", ())).await.unwrap();
    let parked = until_parked(host.client(), &id("i")).await.parked.unwrap();
    assert!(
        matches!(&parked, ParkReason::UnknownActivity { name } if name.as_str() == "missing"),
        "{parked}"
    );
}
