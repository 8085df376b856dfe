//! Errors that an instance fails with say which call they come from.

use crate::support::instance::{Instance, code, task};
use reenact_core::{
    ActivityError, ActivityOptions, NamedActivity, OrchestrationContext, RetryPolicy,
};

fn down() -> ActivityError {
    ActivityError::retryable("down")
}

#[test]
fn of_ten_calls_it_is_said_which_failed() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        for _ in 0..10 {
            task(&ctx, "ship").await?;
        }
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    (1..=3).for_each(|id| drop(instance.complete(id, 0)));
    instance.fail(4, down());
    assert_eq!(instance.failure().message(), "activity `ship` #4 failed: down");
    instance.assert_replays_from_every_point();
}

#[test]
fn it_is_said_after_how_many_attempts() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let options = ActivityOptions::new().retry(RetryPolicy::new(3));
        let ship = NamedActivity::new("ship").with(options);
        Ok(ctx.call_activity_by_name::<_, u64>(ship, &()).await?)
    });
    let mut instance = Instance::start(code, ());
    instance.fail(1, down());
    instance.pass(3_600);
    instance.fail(1, down());
    instance.pass(3_600);
    instance.fail(1, down());
    assert_eq!(instance.failure().message(), "activity `ship` #1 failed after 3 attempts: down");
    instance.assert_replays_from_every_point();
}

#[test]
fn the_error_itself_knows_the_activity_and_the_attempts() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let error = task(&ctx, "ship").await.expect_err("it is down");
        assert_eq!(error, down(), "the call makes it no other error");
        assert_eq!(error.to_string(), "down");
        let activity = error.activity().map(ToString::to_string);
        assert_eq!((activity.as_deref(), error.attempts()), (Some("ship"), Some(1)));
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    instance.fail(1, down());
    instance.output::<()>();
    assert_eq!((down().activity(), down().attempts()), (None, None));
}

#[test]
fn an_error_out_of_a_race_is_named_as_well() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let (one, other) = (task(&ctx, "one").into_output(), task(&ctx, "other").into_output());
        Ok(ctx.when_any([one, other]).await.output.into_task::<u64>()?)
    });
    let mut instance = Instance::start(code, ());
    instance.fail(2, down());
    assert_eq!(instance.failure().message(), "activity `other` #2 failed: down");
    instance.assert_replays_from_every_point();
}

#[test]
fn an_event_of_another_type_is_named() {
    let code =
        code(async |ctx: OrchestrationContext, ()| Ok(ctx.wait_external::<u32>("Go").await?));
    let mut instance = Instance::start(code, ());
    instance.raise("Go", "text");
    let message = instance.failure().message();
    assert!(message.contains("event `Go` #1: invalid type: string"), "{message}");
    instance.assert_replays_from_every_point();
}
