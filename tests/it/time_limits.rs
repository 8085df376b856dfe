//! How long an instance may take: at the limit it fails, whatever its code does, and wherever it is.

use std::time::Duration;

use crate::kit::{HOUR, events, guard, id, options, pass_time_until, store};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, HostBuilder, InstanceState, OrchestrationByName, OrchestrationErrorKind};

/// Waits for an event, and goes on as new with what it brings until that is nothing.
#[orchestration]
pub(crate) async fn waits(
    ctx: OrchestrationContext,
    _round: u64,
) -> Result<u64, OrchestrationError> {
    match ctx.wait_external::<u64>("Go").await? {
        0 => Ok(7),
        more => ctx.continue_as_new(waits, more),
    }
}

/// Calls a child with a limit, and says of which kind its failure was.
#[orchestration]
async fn parent(ctx: OrchestrationContext, child: String) -> Result<String, OrchestrationError> {
    let options = ChildOptions::new().id(child).timeout(HOUR);
    let called = OrchestrationByName::new("waits", options);
    match ctx.call_orchestration_by_name::<_, u64>(called, &0_u64).await {
        Err(ChildError::Failed { error, .. }) => Ok(format!("{:?}", error.kind())),
        other => Ok(format!("{other:?}")),
    }
}

/// Waits for children of its own: one that goes with it, and one that stays.
#[orchestration]
async fn calls(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    let stays = ChildOptions::new().id("stays").parent_close(ParentClose::Abandon);
    let stays = ctx.schedule_orchestration(waits.with(stays), 0);
    let goes = ctx.call_orchestration(waits.with(ChildOptions::new().id("goes")), 0).await?;
    Ok(goes + stays.await?)
}

fn host(provider: impl Provider) -> HostBuilder {
    let host = Host::builder().provider(provider).options(options());
    host.orchestration(waits).orchestration(parent).orchestration(calls)
}

fn assert_timed_out<T: std::fmt::Debug>(ended: Result<T, Error>) {
    let Err(Error::Failed { source, .. }) = ended else { panic!("it failed: {ended:?}") };
    assert_eq!(source.kind(), OrchestrationErrorKind::TimedOut, "{source}");
}

async fn until_state(host: &Host, of: &str, state: InstanceState) {
    guard(async {
        while host.get_status(of).await.map(|status| status.state).ok() != Some(state) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn at_the_limit_who_waits_gets_a_failure_of_its_own_kind() {
    let (memory, clock) = store();
    let host = host(memory).start().await.unwrap();
    let instance = guard(host.start_new(waits, 0).id("a").timeout(HOUR)).await.unwrap();
    assert_timed_out(pass_time_until(&clock, HOUR, instance.result()).await);
    let log = events(&host, &id("a")).await;
    assert_eq!(log[log.len() - 2], "TimeLimit of an execution passed");
    assert_eq!(host.get_status("a").await.unwrap().state, InstanceState::Failed);
}

#[tokio::test]
async fn one_that_is_out_of_memory_or_suspended_or_on_a_host_that_has_died_ends_at_it_as_well() {
    let (memory, clock) = store();
    let first = host(memory.clone()).start().await.unwrap();
    for name in ["a", "b"] {
        guard(first.start_new(waits, 0).id(name).timeout(HOUR)).await.unwrap();
    }
    guard(first.suspend("b", "wait")).await.unwrap();
    guard(first.abort()).await;
    clock.advance(HOUR);
    let second = host(memory).start().await.unwrap();
    for name in ["a", "b"] {
        assert_timed_out(guard(second.instance::<u64>(name).result()).await);
    }
}

#[tokio::test]
async fn an_event_that_comes_after_the_limit_is_too_late() {
    let (memory, clock) = store();
    let host = host(memory).start().await.unwrap();
    let instance = guard(host.start_new(waits, 0).timeout(HOUR)).await.unwrap();
    clock.advance(HOUR);
    let _ = guard(instance.raise_event("Go", 0)).await;
    assert_timed_out(guard(instance.result()).await);
}

#[tokio::test]
async fn of_an_execution_it_begins_anew_and_in_all_it_does_not() {
    let (memory, clock) = store();
    let host = host(memory).start().await.unwrap();
    let each = guard(host.start_new(waits, 0).id("each").timeout(2 * HOUR)).await.unwrap();
    let all = guard(host.start_new(waits, 0).id("all").total_timeout(2 * HOUR)).await.unwrap();
    for round in 2..=4 {
        clock.advance(HOUR - Duration::from_secs(60));
        for instance in [&each, &all] {
            let _ = guard(instance.raise_event("Go", 1)).await;
        }
        guard(host.wait_for_status(&id("each"), |now| now.execution.0 == round)).await.unwrap();
    }
    assert_timed_out(guard(all.result()).await);
    guard(each.raise_event("Go", 0)).await.unwrap();
    assert_eq!(guard(each.result()).await.unwrap(), 7);
}

#[tokio::test]
async fn a_parent_gets_it_and_goes_on() {
    let (memory, clock) = store();
    let host = host(memory).start().await.unwrap();
    let asking = guard(host.start_new(parent, "child".to_string())).await.unwrap();
    let kind = pass_time_until(&clock, HOUR, asking.result()).await.unwrap();
    assert_eq!(kind, "TimedOut");
    assert_timed_out(guard(host.instance::<u64>("child").result()).await);
}

#[tokio::test]
async fn children_go_by_their_policies() {
    let (memory, clock) = store();
    let host = host(memory).start().await.unwrap();
    let instance = guard(host.start_new(calls, ()).timeout(HOUR)).await.unwrap();
    for child in ["goes", "stays"] {
        until_state(&host, child, InstanceState::Running).await;
    }
    assert_timed_out(pass_time_until(&clock, HOUR, instance.result()).await);
    until_state(&host, "goes", InstanceState::Cancelled).await;
    assert_eq!(host.get_status("stays").await.unwrap().state, InstanceState::Running);
}

#[tokio::test]
async fn a_rewind_gives_it_its_time_again() {
    let (memory, clock) = store();
    let host = host(memory).start().await.unwrap();
    let instance = guard(host.start_new(waits, 0).id("a").total_timeout(HOUR)).await.unwrap();
    assert_timed_out(pass_time_until(&clock, HOUR, instance.result()).await);
    let log = events(&host, &id("a")).await;
    guard(host.rewind("a", log.len() as u64 - 2, "more time")).await.unwrap();
    guard(instance.raise_event("Go", 0)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 7);
}

#[tokio::test]
async fn one_that_begins_anew_has_the_limits_of_its_own_start() {
    let (memory, clock) = store();
    let host = host(memory).start().await.unwrap();
    guard(host.start_new(waits, 0).id("a").timeout(HOUR)).await.unwrap();
    let start = host.start_new(waits, 0).id("a").timeout(3 * HOUR);
    let new = guard(start.replacing([InstanceState::Running])).await.unwrap();
    clock.advance(2 * HOUR);
    guard(new.suspend("look")).await.unwrap();
    assert_eq!(host.get_status("a").await.unwrap().state, InstanceState::Suspended);
    assert_timed_out(pass_time_until(&clock, HOUR, new.result()).await);
}

#[tokio::test]
async fn no_time_and_too_much_of_it_are_refused_and_nothing_is_stored() {
    let host = host(store().0).start().await.unwrap();
    for limit in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        for start in [
            host.start_new(waits, 0).id("a").timeout(limit),
            host.start_new(waits, 0).id("a").total_timeout(limit),
        ] {
            let refused = guard(start).await;
            assert!(matches!(refused, Err(Error::InvalidOptions(_))), "{limit:?}: {refused:?}");
        }
    }
    assert_eq!(crate::kit::stored(&host).await, 0);
}

#[cfg(feature = "local")]
#[tokio::test]
async fn on_a_disk_it_goes_on_while_no_host_runs() {
    let directory = std::env::temp_dir().join(format!("reenact-limits-{}", std::process::id()));
    let first = host(Local::open(&directory).unwrap()).start().await.unwrap();
    let limit = Duration::from_millis(5);
    guard(first.start_new(waits, 0).id("a").timeout(limit)).await.unwrap();
    guard(first.shutdown()).await.unwrap();
    let second = host(Local::open(&directory).unwrap()).start().await.unwrap();
    assert_timed_out(guard(second.instance::<u64>("a").result()).await);
    guard(second.shutdown()).await.unwrap();
    std::fs::remove_dir_all(directory).unwrap();
}
