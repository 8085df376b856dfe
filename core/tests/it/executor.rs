//! `Executor::drive_to_completion`: an orchestration in a plain unit test, without a runtime.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::support::instance::{self, code, task};
use reenact_core::{
    ActivityError, ActivityErrorKind, ActivityOptions, ApplyError, DriveError, Executor,
    InvalidName, MachineConfig, NamedActivity, Orchestration, OrchestrationContext,
    OrchestrationError, OrchestrationErrorKind, Outcome, PayloadError, RetryPolicy,
};

struct Welcome;

impl Orchestration for Welcome {
    type Input = String;
    type Output = String;
    const NAME: &'static str = "welcome";

    async fn run(ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
        let greeting: String = ctx.call_activity_by_name("greet", &name).await?;
        ctx.timer(Duration::from_secs(60)).await;
        let go: String = ctx.wait_external("Go").await?;
        Ok(format!("{greeting} {go}"))
    }
}

#[test]
fn a_script_drives_a_typed_orchestration_to_its_end() {
    let run = Executor::of(Welcome)
        .expect("a name")
        .activity("greet", |name: String| Ok(format!("Hello, {name}!")))
        .event("Go", "now")
        .drive_to_completion("Ada")
        .expect("it ends");
    assert_eq!(run.output::<String>().as_deref(), Some("Hello, Ada! now"));
    assert_eq!(run.output::<u64>(), None, "it is no number");
    let kinds: Vec<_> = run.history.events().map(|event| event.event.kind().name()).collect();
    assert_eq!(
        kinds,
        [
            "ExecutionStarted",
            "TaskScheduled",
            "TaskCompleted",
            "TimerCreated",
            "TimerFired",
            "ExternalSubscribed",
            "ExternalRaised",
            "ExecutionCompleted"
        ]
    );
}

#[test]
fn activities_run_in_the_order_of_their_scheduling_and_may_keep_state() {
    let called = Rc::new(RefCell::new(Vec::new()));
    let log = called.clone();
    let code = code(async |ctx: OrchestrationContext, ()| {
        let calls = (1..=3_u64).map(|n| ctx.schedule_activity_by_name::<_, u64>("a", &n));
        let outputs = ctx.when_all(calls).await;
        Ok(outputs.into_iter().collect::<Result<Vec<_>, _>>()?)
    });
    let run = Executor::new(code)
        .activity("a", move |n: u64| {
            log.borrow_mut().push(n);
            Ok(n + log.borrow().len() as u64)
        })
        .drive_to_completion(&())
        .expect("it ends");
    assert_eq!(run.output::<Vec<u64>>(), Some(vec![2, 4, 6]));
    assert_eq!(*called.borrow(), [1, 2, 3]);
}

#[test]
fn the_clock_jumps_to_the_next_timer_when_nothing_else_can_be_done() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let late = ctx.schedule_timer(Duration::from_secs(365 * 24 * 60 * 60));
        let early = ctx.schedule_timer(Duration::from_secs(1));
        early.await;
        let after_early = ctx.now().as_micros();
        late.await;
        Ok((after_early, ctx.now().as_micros()))
    });
    let run = Executor::new(code).drive_to_completion(&()).expect("it ends");
    assert_eq!(run.output::<(u64, u64)>(), Some((1_000_000, 31_536_000_000_000)));
}

#[test]
fn each_event_comes_when_its_name_is_waited_for() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let b: u64 = ctx.wait_external("B").await?;
        let first: u64 = ctx.wait_external("A").await?;
        let second: u64 = ctx.wait_external("A").await?;
        Ok([b, first, second])
    });
    let run = Executor::new(code)
        .event("A", &1)
        .event("B", &3)
        .event("A", &2)
        .drive_to_completion(&())
        .expect("it ends");
    assert_eq!(run.output::<[u64; 3]>(), Some([3, 1, 2]));
}

#[test]
fn what_the_orchestration_calls_off_is_not_done() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        drop(task(&ctx, "never"));
        drop(ctx.timer(Duration::from_secs(1)));
        let first = ctx
            .when_any([
                ctx.schedule_wait::<()>("Go").into_output(),
                ctx.schedule_timer(Duration::from_secs(5)).into_output(),
            ])
            .await;
        Ok((first.index, ctx.now().as_micros()))
    });
    let run = Executor::new(code).drive_to_completion(&()).expect("it ends");
    assert_eq!(run.output::<(u64, u64)>(), Some((1, 5_000_000)));
}

#[test]
fn failures_of_scripted_activities_come_to_the_code() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let declined = task(&ctx, "declines").await.expect_err("it declines");
        let wrong_input = ctx.call_activity_by_name::<_, u64>("number", "text").await;
        let odd_output = task(&ctx, "odd").await;
        let kinds = [wrong_input, odd_output].map(|failed| failed.expect_err("it fails").kind());
        assert_eq!(kinds, [ActivityErrorKind::InvalidInput, ActivityErrorKind::InvalidOutput]);
        Err::<(), _>(declined.into())
    });
    let run = Executor::new(code)
        .activity("declines", |()| Err::<(), _>(ActivityError::fatal("declined")))
        .activity("number", |number: u64| Ok(number))
        .activity("odd", |()| Ok(BTreeMap::from([(vec![1_u8], 1)])))
        .drive_to_completion(&())
        .expect("it ends");
    let error = OrchestrationError::new("activity `declines` #1 failed: declined");
    assert_eq!(run.outcome, Outcome::Failed(error));
    assert_eq!(run.output::<()>(), None);
}

#[test]
fn an_activity_that_is_not_in_the_script_is_named() {
    let code = code(async |ctx: OrchestrationContext, ()| Ok(task(&ctx, "missing").await?));
    let error = Executor::new(code).drive_to_completion(&()).expect_err("it is missing");
    assert_eq!(error, DriveError::NoSuchActivity { activity: instance::name("missing") });
    assert_eq!(error.to_string(), "the script has no activity `missing`");
}

#[test]
fn a_wait_for_events_that_are_not_in_the_script_is_named() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let (a, b) = (ctx.wait_external::<()>("A"), ctx.wait_external::<()>("B"));
        a.await?;
        b.await?;
        Ok(())
    });
    let error = Executor::new(code).event("C", &()).drive_to_completion(&()).expect_err("stuck");
    let waits = vec![instance::name("A"), instance::name("B")];
    assert_eq!(error, DriveError::Stuck { waits });
    assert_eq!(
        error.to_string(),
        "the orchestration waits for `A`, `B`, and the script has no such event"
    );
}

#[test]
fn a_wait_that_was_dropped_is_not_among_those_that_are_missing() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        drop(ctx.wait_external::<()>("Dropped"));
        Ok(ctx.wait_external::<()>("Awaited").await?)
    });
    let error = Executor::new(code).drive_to_completion(&()).expect_err("stuck");
    assert_eq!(error, DriveError::Stuck { waits: vec![instance::name("Awaited")] });
}

#[test]
fn an_event_is_not_raised_for_a_wait_that_was_dropped() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        drop(ctx.wait_external::<u64>("Go"));
        ctx.timer(Duration::from_secs(1)).await;
        let before = ctx.now().as_micros();
        Ok((before, ctx.wait_external::<u64>("Go").await?))
    });
    let run = Executor::new(code).event("Go", &7).drive_to_completion(&()).expect("it ends");
    let kinds: Vec<_> = run.history.events().map(|event| event.event.kind().name()).collect();
    assert_eq!(kinds[4..6], ["TimerFired", "ExternalSubscribed"]);
    assert_eq!(run.output::<(u64, u64)>(), Some((1_000_000, 7)));
}

#[test]
fn code_that_cannot_be_replayed_is_an_error() {
    let code = code(async |_: OrchestrationContext, ()| {
        std::future::pending::<()>().await;
        Ok(())
    });
    let error = Executor::new(code).drive_to_completion(&()).expect_err("nothing durable");
    assert!(matches!(error, DriveError::Apply(ApplyError::Nondeterministic(_))));
}

#[test]
fn what_does_not_encode_or_has_no_name_is_an_error_of_the_script() {
    let odd = BTreeMap::from([(vec![1_u8], 1)]);
    let code = || code(async |_: OrchestrationContext, (): ()| Ok(()));
    let input = Executor::new(code()).drive_to_completion(&odd);
    assert!(matches!(input, Err(DriveError::Payload(PayloadError::Encode(_)))));
    let event = Executor::new(code()).event("Go", &odd).drive_to_completion(&());
    assert!(matches!(event, Err(DriveError::Payload(PayloadError::Encode(_)))));
    let unnamed = Executor::new(code()).event("", &()).drive_to_completion(&());
    assert!(matches!(unnamed, Err(DriveError::Name(InvalidName::Empty { .. }))));
}

#[test]
fn a_configuration_can_be_given_to_catch_panics() {
    let config = MachineConfig {
        catch_panic: |poll| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(poll))
                .map_err(|_| "caught".into())
        },
        ..MachineConfig::default()
    };
    let code = code(async |_: OrchestrationContext, ()| -> Result<(), _> { panic!("oh") });
    let run = Executor::new(code).config(config).drive_to_completion(&()).expect("it ends");
    let Outcome::Failed(error) = run.outcome else {
        panic!("not failed");
    };
    assert_eq!((error.kind(), error.message()), (OrchestrationErrorKind::Panicked, "caught"));
}

#[test]
fn a_scripted_cancel_comes_before_the_activity_or_the_event_that_it_names() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let booked = ctx.call_activity_by_name::<_, u64>("book", &()).await;
        let paid = ctx.wait_external::<u64>("Paid").await;
        ctx.shielded().timer(Duration::from_secs(60)).await;
        let late: u64 = ctx.shielded().wait_external("Paid").await?;
        Ok((booked.is_ok(), paid.is_ok(), late))
    });
    let run = |cancel_at: &str| {
        Executor::new(code.clone())
            .activity("book", |(): ()| Ok(1_u64))
            .event("Paid", &1)
            .event("Paid", &2)
            .cancel_at(cancel_at, "no stock")
            .drive_to_completion(&())
            .expect("it comes to an end")
    };
    assert_eq!(run("book").output(), Some((false, false, 1_u64)));
    assert_eq!(run("Paid").output(), Some((true, false, 1_u64)));
    assert_eq!(run("nothing of that name").output(), Some((true, true, 2_u64)));
    // Nobody waited for the event before.
    let history = run("Paid").history;
    let kinds: Vec<_> = history.events().map(|event| event.event.kind().name()).collect();
    let place = |kind| kinds.iter().position(|found| *found == kind).expect("it is there");
    assert!(place("TimerFired") < place("ExternalRaised"), "{kinds:?}");
}

#[test]
fn activities_are_tried_again_by_their_policy_and_the_clock_jumps() {
    let code = code(async |ctx: OrchestrationContext, attempts: u32| {
        let (policy, start) = (RetryPolicy::new(attempts), ctx.now());
        let flaky = NamedActivity::new("flaky").with(ActivityOptions::new().retry(policy));
        let result: Result<u32, _> = ctx.call_activity_by_name(flaky, &()).await;
        Ok((result.map_err(|error| error.to_string()), ctx.now().since(start).as_secs()))
    });
    let run = |attempts: u32| {
        let mut called = 0;
        let script = move |()| {
            called += 1;
            if called < 4 { Err(ActivityError::retryable("busy")) } else { Ok(called) }
        };
        let executor = Executor::new(code.clone()).activity("flaky", script);
        let run = executor.drive_to_completion(&attempts).expect("it ends");
        run.output::<(Result<u32, String>, u64)>().expect("an output")
    };
    assert_eq!(run(4), (Ok(4), 7));
    assert_eq!(run(3), (Err("busy".into()), 3));
}
