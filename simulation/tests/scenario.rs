//! Scenarios as users write them: what holds, what fails and is made small, what never comes to rest.

use reenact::prelude::*;
use reenact::testing::{Effects, FaultKind, Scenario, ScenarioFailure, ScenarioStore};

#[activity]
async fn step(
    ctx: ActivityContext,
    State(effects): State<Effects>,
    number: u64,
) -> Result<u64, ActivityError> {
    effects.happen(&ctx, format!("step {number}")).await?;
    Ok(number)
}

/// Ten steps, one after the other.
#[orchestration]
async fn ten_steps(ctx: OrchestrationContext, first: u64) -> Result<u64, OrchestrationError> {
    let patient = step.with(ActivityOptions::new().retry(RetryPolicy::new(1_000)));
    let mut sum = 0;
    for number in first..first + 10 {
        sum += ctx.call_activity(patient, number).await?;
    }
    Ok(sum)
}

/// Waits for an event after an activity.
#[orchestration]
async fn waits(ctx: OrchestrationContext, _input: ()) -> Result<u64, OrchestrationError> {
    let patient = step.with(ActivityOptions::new().retry(RetryPolicy::new(1_000)));
    ctx.call_activity(patient, 1).await?;
    Ok(ctx.wait_external("Go").await?)
}

fn builder() -> reenact::HostBuilder {
    Host::builder().orchestration(ten_steps).orchestration(waits).activity(step)
}

#[test]
fn a_workflow_holds_whatever_goes_wrong() {
    let report = Scenario::new(ten_steps, 0, builder)
        .check(|result, effects| match result {
            Ok(45) if effects.all().len() == 10 => Ok(()),
            other => Err(format!("{other:?} with {:?}", effects.all())),
        })
        .run(100);
    assert_eq!(report.seeds, 100);
    assert!(report.kinds.len() * 2 > FaultKind::ALL.len(), "{report:?}");
}

/// As `ten_steps`, with activities that may not take long.
#[orchestration]
async fn impatient(ctx: OrchestrationContext, first: u64) -> Result<u64, OrchestrationError> {
    let limits = ActivityOptions::new().start_to_close(Duration::from_secs(30));
    let limited = step.with(limits.retry(RetryPolicy::new(1_000)));
    let mut sum = 0;
    for number in first..first + 10 {
        sum += ctx.call_activity(limited, number).await?;
    }
    Ok(sum)
}

/// Two steps that only some hosts can do.
#[orchestration]
async fn rare(ctx: OrchestrationContext, _input: ()) -> Result<u64, OrchestrationError> {
    let options = ActivityOptions::new().start_to_close(Duration::from_secs(30)).tag("gpu");
    let tagged = step.with(options.retry(RetryPolicy::new(1_000)));
    Ok(ctx.call_activity(tagged, 1).await? + ctx.call_activity(tagged, 2).await?)
}

#[test]
fn activities_with_a_tag_run_where_it_is_declared() {
    let scenario = || Scenario::new(rare, (), || builder().orchestration(rare));
    scenario()
        .tags(["gpu"])
        .check(|result, effects| match result {
            Ok(3) if effects.all().len() == 2 => Ok(()),
            other => Err(format!("{other:?} with {:?}", effects.all())),
        })
        .run(40);
    let undeclared = scenario().store(ScenarioStore::Memory).try_run(1).unwrap_err();
    let why = "it waits for the activity `step`, whose tag `gpu` no host declares";
    assert!(undeclared.to_string().contains(why), "{undeclared}");
}

#[test]
fn an_activity_that_takes_too_long_is_tried_again_and_counts_once() {
    let builder = || builder().orchestration(impatient);
    let report = Scenario::new(impatient, 0, builder)
        .check(|result, effects| match result {
            Ok(45) if effects.all().len() == 10 => Ok(()),
            other => Err(format!("{other:?} with {:?}", effects.all())),
        })
        .run(100);
    assert!(report.kinds.contains(&FaultKind::ActivitySlow), "{report:?}");
}

#[test]
fn a_workflow_in_a_directory_meets_torn_disks_and_one_in_memory_does_not() {
    let run = |store| Scenario::new(ten_steps, 0, builder).store(store).run(40).kinds;
    let (directory, memory) = (run(ScenarioStore::Directory), run(ScenarioStore::Memory));
    for kind in [FaultKind::PowerLoss, FaultKind::PowerLossInWrite, FaultKind::SyncFailed] {
        assert!(directory.contains(&kind) && !memory.contains(&kind), "{kind}");
    }
}

#[test]
fn events_come_once_each() {
    Scenario::new(waits, (), builder)
        .raise("Go", 7)
        .check(
            |result, _| {
                if result.as_ref() == Ok(&7) { Ok(()) } else { Err(format!("{result:?}")) }
            },
        )
        .run(50);
}

/// As `ten_steps`, with one try for each.
#[orchestration]
async fn hasty(ctx: OrchestrationContext, first: u64) -> Result<u64, OrchestrationError> {
    let mut sum = 0;
    for number in first..first + 10 {
        sum += ctx.call_activity(step, number).await?;
    }
    Ok(sum)
}

#[test]
fn a_failure_is_made_small_and_can_be_repeated() {
    let succeeds = |result: &Result<u64, String>, _: &Effects| match result {
        Ok(_) => Ok(()),
        Err(why) => Err(format!("there is no sum: {why}")),
    };
    let builder = || builder().orchestration(hasty);
    let scenario = Scenario::new(hasty, 0, builder).store(ScenarioStore::Memory).check(succeeds);
    let failure = scenario.try_run(200).expect_err("an activity fails at times");
    let text = failure.to_string();
    let ScenarioFailure::Failed { faults, why, .. } = failure else { panic!("{text}") };
    assert!(why.contains("the service"), "{why}");
    assert_eq!(faults.len(), 1, "one fault is enough: {text}");
    assert!(text.contains("; repeat it with REENACT_SCENARIO="), "{text}");
    assert!(!text.contains('\n'));
}

#[test]
fn what_can_never_come_to_rest_says_what_it_waits_for() {
    let failure = Scenario::new(waits, (), builder).try_run(1).expect_err("nobody raises it");
    let ScenarioFailure::Failed { why, faults, .. } = failure else { panic!("{failure}") };
    let expected = "it does not come to rest without faults: it waits for the event `Go`";
    assert_eq!((why.as_str(), faults.len()), (expected, 0));
}
