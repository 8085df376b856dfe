//! Starts under an id that an instance has: refused, taken for it, or in its place.

use std::time::Duration;

use crate::kit::{
    AppendFault, Faulty, events, guard, id, options, pass_time_until, store, until_parked,
};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, HostBuilder, InstanceState, OrchestrationByName, ReusePolicy};

/// What it was given, and what is raised.
#[orchestration]
pub(crate) async fn adds(
    ctx: OrchestrationContext,
    number: u64,
) -> Result<u64, OrchestrationError> {
    ctx.set_status(&number);
    let more: u64 = ctx.wait_external("Add").await?;
    if more == 0 {
        return Err(OrchestrationError::new("nothing to add"));
    }
    Ok(number + more)
}

/// Calls one by an id of its own, and one that is abandoned.
#[orchestration]
async fn calls(ctx: OrchestrationContext, number: u64) -> Result<u64, OrchestrationError> {
    let left = ChildOptions::new().id("left").parent_close(ParentClose::Abandon);
    let left = ctx.schedule_orchestration(adds.with(left), number);
    let own = ctx.call_orchestration(adds.with(ChildOptions::new().id("own")), number).await?;
    Ok(own + left.await?)
}

/// Waits for a child, and says how it ended.
#[orchestration]
async fn looks(ctx: OrchestrationContext, child: String) -> Result<String, OrchestrationError> {
    let called = OrchestrationByName::new("adds", ChildOptions::new().id(child));
    match ctx.call_orchestration_by_name::<_, u64>(called, &1_u64).await {
        Ok(number) => Ok(number.to_string()),
        Err(error) => Ok(error.to_string()),
    }
}

fn host(provider: impl Provider) -> HostBuilder {
    let host = Host::builder().provider(provider).options(options());
    host.orchestration(adds).orchestration(calls).orchestration(looks)
}

const ENDED: [InstanceState; 4] = [
    InstanceState::Completed,
    InstanceState::Failed,
    InstanceState::Terminated,
    InstanceState::Cancelled,
];

async fn state(host: &Host, of: &str) -> InstanceState {
    host.get_status(&id(of)).await.unwrap().state
}

async fn end_as(host: &Host, of: &str, state: InstanceState) {
    guard(host.start_new(adds, 1).id(of)).await.unwrap();
    match state {
        InstanceState::Completed => guard(host.raise_event(of, "Add", 1)).await.unwrap(),
        InstanceState::Failed => guard(host.raise_event(of, "Add", 0)).await.unwrap(),
        InstanceState::Terminated => guard(host.terminate(of, "enough")).await.unwrap(),
        _ => guard(host.cancel(of, "enough")).await.unwrap(),
    }
    let _ = guard(host.instance::<u64>(of).result()).await;
    assert_eq!(self::state(host, of).await, state);
}

/// Returns when there is an instance of that id that was given that number.
async fn until_given(host: &Host, of: &str, number: u64) {
    guard(async {
        loop {
            let found = host.get_status(of).await;
            if found.is_ok_and(|found| found.custom_status_as() == Some(number)) {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn one_that_is_there_is_taken_whether_it_runs_or_has_ended() {
    let host = host(store().0).start().await.unwrap();
    let start = |number| host.start_new(adds, number).id("a").or_attach();
    guard(start(1)).await.unwrap();
    let second = guard(start(100)).await.unwrap();
    assert_eq!(second.id().as_str(), "a");
    guard(second.raise_event("Add", 2)).await.unwrap();
    assert_eq!(guard(second.result()).await.unwrap(), 3);
    let log = events(&host, &id("a")).await;
    assert_eq!(guard(guard(start(100)).await.unwrap().result()).await.unwrap(), 3);
    assert_eq!(events(&host, &id("a")).await, log, "nothing was stored");
}

#[tokio::test]
async fn of_many_at_the_same_time_one_starts_it_and_all_others_have_it() {
    let host = host(store().0).start().await.unwrap();
    let starts = (0..50).map(|number| {
        let host = host.clone();
        tokio::spawn(async move { guard(host.start_new(adds, number).id("a").or_attach()).await })
    });
    for start in starts.collect::<Vec<_>>() {
        start.await.unwrap().unwrap();
    }
    assert_eq!(crate::kit::stored(&host).await, 1);
}

#[tokio::test]
async fn in_each_end_state_it_begins_anew_if_the_policy_says_so_and_is_refused_if_not() {
    let host = host(store().0).start().await.unwrap();
    for state in ENDED {
        let name = format!("as-{state:?}");
        end_as(&host, &name, state).await;
        let others = ENDED.into_iter().filter(|other| *other != state);
        let refused = guard(host.start_new(adds, 5).id(&name).replacing(others)).await;
        assert!(matches!(refused, Err(Error::AlreadyExists { .. })), "{state:?}: {refused:?}");
        let before = host.get_status(&name).await.unwrap();
        let again = guard(host.start_new(adds, 5).id(&name).replacing([state])).await.unwrap();
        let now = host.get_status(&name).await.unwrap();
        assert_eq!(now.state, InstanceState::Running);
        assert!(now.created_at > before.created_at, "it is another one");
        guard(again.raise_event("Add", 6)).await.unwrap();
        assert_eq!(guard(again.result()).await.unwrap(), 11);
    }
}

#[tokio::test]
async fn one_that_runs_is_terminated_in_the_same_step_and_who_waits_for_it_learns_it() {
    let host = host(store().0).start().await.unwrap();
    let old = guard(host.start_new(adds, 1).id("a")).await.unwrap();
    let waits = tokio::spawn({
        let old = old.clone();
        async move { guard(old.result()).await }
    });
    tokio::task::yield_now().await;
    let running = [InstanceState::Running];
    let new = guard(host.start_new(adds, 10).id("a").replacing(running)).await.unwrap();
    let ended = waits.await.unwrap();
    assert!(matches!(ended, Err(Error::Terminated { .. })), "{ended:?}");
    assert_eq!(host.get_status("a").await.unwrap().execution.0, 2);
    guard(new.raise_event("Add", 1)).await.unwrap();
    assert_eq!(guard(new.result()).await.unwrap(), 11);
}

#[tokio::test]
async fn keys_of_events_are_those_of_the_new_one_only() {
    let host = host(store().0).start().await.unwrap();
    end_as(&host, "a", InstanceState::Completed).await;
    let ended = || host.start_new(adds, 1).id("a").replacing(ENDED);
    for sum in 1..=3 {
        let new = guard(ended()).await.unwrap();
        guard(new.raise_event("Add", sum).key("k")).await.unwrap();
        assert_eq!(guard(new.result()).await.unwrap(), 1 + sum);
    }
}

#[tokio::test]
async fn with_an_event_it_begins_anew_or_the_one_that_runs_has_the_event() {
    let host = host(store().0).start().await.unwrap();
    end_as(&host, "a", InstanceState::Failed).await;
    let start = || host.start_new(adds, 5).id("a").replacing([InstanceState::Failed]);
    let new = guard(start().and_raise("Add", 2)).await.unwrap();
    assert_eq!(guard(new.result()).await.unwrap(), 7);
    let refused = guard(start().and_raise("Add", 2)).await;
    assert!(matches!(refused, Err(Error::Finished { .. })), "{refused:?}");
    guard(host.start_new(adds, 1).id("b")).await.unwrap();
    let attached = host.start_new(adds, 9).id("b").or_attach().and_raise("Add", 2);
    assert_eq!(guard(guard(attached).await.unwrap().result()).await.unwrap(), 3);
}

#[tokio::test]
async fn children_go_by_their_policies_and_the_new_one_may_call_the_same_ids() {
    let host = host(store().0).start().await.unwrap();
    guard(host.start_new(calls, 1).id("parent")).await.unwrap();
    for child in ["own", "left"] {
        until_given(&host, child, 1).await;
    }
    let running = [InstanceState::Running];
    let new = guard(host.start_new(calls, 50).id("parent").replacing(running)).await.unwrap();
    for child in ["own", "left"] {
        until_given(&host, child, 50).await;
        guard(host.raise_event(child, "Add", 3)).await.unwrap();
    }
    assert_eq!(guard(new.result()).await.unwrap(), 106);
}

#[tokio::test]
async fn the_parent_of_one_that_makes_room_learns_that_it_was_terminated() {
    let host = host(store().0).start().await.unwrap();
    let parent = guard(host.start_new(looks, "child".to_string()).id("parent")).await.unwrap();
    until_given(&host, "child", 1).await;
    let running = [InstanceState::Running];
    guard(host.start_new(adds, 9).id("child").replacing(running)).await.unwrap();
    let learned = guard(parent.result()).await.unwrap();
    assert!(learned.contains("terminated"), "{learned}");
    assert_eq!(state(&host, "child").await, InstanceState::Running);
}

#[tokio::test]
async fn one_that_is_parked_or_suspended_makes_room_as_well() {
    let memory = store().0;
    let first = host(memory.clone()).start().await.unwrap();
    guard(first.start_new(adds, 1).id("a")).await.unwrap();
    guard(first.abort()).await;
    let other = Host::builder().provider(memory).options(options());
    let other = other.register_orchestration("adds", |_ctx, n: u64| async move { Ok(n) });
    let other = other.start().await.unwrap();
    until_parked(&other, &id("a")).await;
    let start = || other.start_new_by_name::<u64>("adds", 7_u64).id("a");
    let refused = guard(start()).await;
    assert!(matches!(refused, Err(Error::AlreadyExists { .. })), "{refused:?}");
    guard(start().or_attach()).await.unwrap();
    assert_eq!(state(&other, "a").await, InstanceState::Parked);
    let new = guard(start().replacing([InstanceState::Parked])).await.unwrap();
    assert_eq!(guard(new.result()).await.unwrap(), 7);

    let host = host(store().0).start().await.unwrap();
    let held = guard(host.start_new(adds, 1).id("b")).await.unwrap();
    guard(held.suspend("wait")).await.unwrap();
    let policy = ReusePolicy::new().replacing([InstanceState::Suspended]);
    let new = guard(host.start_new(adds, 2).id("b").reuse(policy)).await.unwrap();
    assert_eq!(state(&host, "b").await, InstanceState::Running);
    guard(new.raise_event("Add", 2)).await.unwrap();
    assert_eq!(guard(new.result()).await.unwrap(), 4);
}

#[tokio::test]
async fn an_append_that_fails_leaves_the_old_one_as_it_was() {
    let faulty = Faulty::new(store().0);
    let host = host(faulty.clone()).start().await.unwrap();
    guard(host.start_new(adds, 1).id("a")).await.unwrap();
    let log = events(&host, &id("a")).await;
    faulty.fail_appends([AppendFault::Fatal]);
    let failed = guard(host.start_new(adds, 9).id("a").replacing([InstanceState::Running])).await;
    assert!(matches!(failed, Err(Error::Store { .. } | Error::Interrupted { .. })), "{failed:?}");
    let found = guard(host.wait_for_status(&id("a"), |_| true)).await.unwrap();
    assert_eq!((found.execution.0, found.state), (1, InstanceState::Running));
    assert_eq!(events(&host, &id("a")).await, log);
}

#[tokio::test]
async fn it_survives_a_restart_with_what_it_had_to_tell_and_its_delay() {
    let (memory, clock) = store();
    let first = host(memory.clone()).start().await.unwrap();
    end_as(&first, "a", InstanceState::Completed).await;
    let later = Duration::from_secs(60);
    guard(first.start_new(adds, 3).id("a").replacing(ENDED).delay(later)).await.unwrap();
    guard(first.abort()).await;
    let second = host(memory).start().await.unwrap();
    let instance = second.instance::<u64>("a");
    guard(instance.raise_event("Add", 4)).await.unwrap();
    let result = pass_time_until(&clock, later, instance.result()).await;
    assert_eq!(result.unwrap(), 7);
}

#[tokio::test]
async fn a_delay_over_the_limit_is_refused_before_anything_is_stored() {
    let host = host(store().0).start().await.unwrap();
    end_as(&host, "a", InstanceState::Completed).await;
    let absurd = host.start_new(adds, 3).id("a").replacing(ENDED).delay(Duration::MAX);
    let refused = guard(absurd).await;
    assert!(matches!(refused, Err(Error::OverLimit { .. })), "{refused:?}");
    assert_eq!(state(&host, "a").await, InstanceState::Completed);
}

#[cfg(feature = "local")]
#[tokio::test]
async fn on_a_disk_the_new_one_is_there_after_the_directory_was_opened_again() {
    let directory = std::env::temp_dir().join(format!("reenact-reuse-{}", std::process::id()));
    let first = host(Local::open(&directory).unwrap()).start().await.unwrap();
    end_as(&first, "a", InstanceState::Failed).await;
    guard(first.start_new(adds, 1).id("b")).await.unwrap();
    for name in ["a", "b"] {
        let states = [InstanceState::Failed, InstanceState::Running];
        guard(first.start_new(adds, 20).id(name).replacing(states)).await.unwrap();
    }
    guard(first.shutdown()).await.unwrap();
    let second = host(Local::open(&directory).unwrap()).start().await.unwrap();
    for name in ["a", "b"] {
        let instance = second.instance::<u64>(name);
        assert_eq!(second.get_status(name).await.unwrap().execution.0, 2);
        guard(instance.raise_event("Add", 1)).await.unwrap();
        assert_eq!(guard(instance.result()).await.unwrap(), 21);
    }
    guard(second.shutdown()).await.unwrap();
    std::fs::remove_dir_all(directory).unwrap();
}
