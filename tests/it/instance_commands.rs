//! Instances that cancel, suspend, resume and terminate each other from code.

use crate::kit::{Faulty, events, guard, id, options, store, until_parked};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, HostBuilder, InstanceState};

/// Waits for a number.
#[orchestration]
async fn orders(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    Ok(ctx.wait_external("Number").await?)
}

/// Sends a command to `order`, and gives what became of it.
#[orchestration]
async fn asks(ctx: OrchestrationContext, command: String) -> Result<String, OrchestrationError> {
    let answer = match command.as_str() {
        "cancel" => ctx.cancel_instance("order", "recalled"),
        "terminate" => ctx.terminate_instance("order", "fraud"),
        "suspend" => ctx.suspend_instance("order", "audit"),
        _ => ctx.resume_instance("order"),
    };
    Ok(match answer.await {
        Ok(()) => "taken".into(),
        Err(CommandError::NotFound { to, .. }) => format!("`{to}` not found"),
        Err(CommandError::Finished { to, .. }) => format!("`{to}` finished"),
        Err(error) => return Err(error.into()),
    })
}

/// Suspends `order`, raises an event on it, and lets it go on.
#[orchestration]
async fn holds(ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
    ctx.suspend_instance("order", "audit").await?;
    drop(ctx.raise_event("order", "Number", &7));
    ctx.wait_external::<()>("Go").await?;
    ctx.resume_instance("order").await?;
    Ok(())
}

fn host(provider: impl Provider) -> HostBuilder {
    let host = Host::builder().provider(provider).options(options());
    host.orchestration(orders).orchestration(asks).orchestration(holds)
}

async fn ask(host: &Host, command: &str) -> String {
    let asking = guard(host.start_new(asks, command.into())).await.unwrap();
    guard(asking.result()).await.unwrap()
}

/// How often an event is in the log of an instance.
async fn count(host: &Host, of: &str, event: &str) -> usize {
    let events = events(host, &id(of)).await;
    events.iter().filter(|known| known.starts_with(event)).count()
}

#[tokio::test]
async fn a_cancel_from_code_is_the_cancel_of_a_client() {
    let host = host(store().0).start().await.unwrap();
    let order = guard(host.start_new(orders, ()).id("order")).await.unwrap();
    assert_eq!(ask(&host, "cancel").await, "taken");
    let ended = guard(order.result()).await.unwrap_err();
    assert!(matches!(&ended, Error::Cancelled { reason, .. } if reason == "recalled"), "{ended}");
}

#[tokio::test]
async fn a_terminate_from_code_ends_the_other_one_at_once() {
    let host = host(store().0).start().await.unwrap();
    let order = guard(host.start_new(orders, ()).id("order")).await.unwrap();
    assert_eq!(ask(&host, "terminate").await, "taken");
    let ended = guard(order.result()).await.unwrap_err();
    assert!(matches!(&ended, Error::Terminated { reason, .. } if reason == "fraud"), "{ended}");
}

#[tokio::test]
async fn one_that_code_has_suspended_goes_on_when_code_resumes_it() {
    let host = host(store().0).start().await.unwrap();
    let order = guard(host.start_new(orders, ()).id("order")).await.unwrap();
    let holding = guard(host.start_new(holds, ())).await.unwrap();
    guard(async {
        while count(&host, "order", "ExternalRaised").await == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(order.status().await.unwrap().state, InstanceState::Suspended);
    guard(holding.raise_event("Go", ())).await.unwrap();
    assert_eq!(guard(order.result()).await.unwrap(), 7);
    guard(holding.result()).await.unwrap();
}

#[tokio::test]
async fn what_changes_nothing_is_taken_and_what_cannot_be_is_refused_by_type() {
    let host = host(store().0).start().await.unwrap();
    for command in ["cancel", "terminate", "suspend", "resume"] {
        assert_eq!(ask(&host, command).await, "`order` not found");
    }
    let order = guard(host.start_new(orders, ()).id("order")).await.unwrap();
    assert_eq!(ask(&host, "resume").await, "taken");
    assert_eq!(ask(&host, "suspend").await, "taken");
    assert_eq!(ask(&host, "suspend").await, "taken");
    assert_eq!(count(&host, "order", "ExecutionSuspended").await, 1);
    assert_eq!(ask(&host, "resume").await, "taken");
    guard(order.raise_event("Number", 1)).await.unwrap();
    guard(order.result()).await.unwrap();
    for command in ["cancel", "terminate", "suspend", "resume"] {
        assert_eq!(ask(&host, command).await, "`order` finished");
    }
}

#[tokio::test]
async fn a_crash_before_each_append_of_a_command_changes_nothing() {
    for (command, recorded) in [
        ("cancel", "CancelRequested"),
        ("terminate", "ExecutionTerminated"),
        ("suspend", "ExecutionSuspended"),
    ] {
        for appends in 0..6 {
            let faulty = Faulty::new(store().0);
            let first = host(faulty.clone()).start().await.unwrap();
            guard(first.start_new(orders, ()).id("order")).await.unwrap();
            let before = faulty.appends.came();
            faulty.appends.close();
            (0..=appends).for_each(|_| faulty.appends.let_one_through());
            guard(first.start_new(asks, command.into()).id("asks")).await.unwrap();
            // The next one waits at the gate, or nothing is left.
            for _ in 0..10_000 {
                if faulty.appends.came() > before + 1 + appends {
                    break;
                }
                tokio::task::yield_now().await;
            }
            guard(first.abort()).await;
            faulty.appends.let_all_through();
            let second = host(faulty).start().await.unwrap();
            let answer = guard(second.instance::<String>(&id("asks")).result()).await.unwrap();
            assert_eq!(answer, "taken", "{command} after {appends}");
            assert_eq!(count(&second, "order", recorded).await, 1, "{command} after {appends}");
        }
    }
}

#[tokio::test]
async fn a_parked_instance_is_terminated_by_code_and_takes_nothing_else() {
    let memory = store().0;
    let first = host(memory.clone()).start().await.unwrap();
    guard(first.start_new(orders, ()).id("order")).await.unwrap();
    guard(first.abort()).await;

    // Without the code of the one that gets it.
    let second = Host::builder().provider(memory.clone()).options(options()).orchestration(asks);
    let second = second.start().await.unwrap();
    until_parked(&second, &id("order")).await;
    let cancels = guard(second.start_new(asks, "cancel".into())).await.unwrap();
    let resumes = guard(second.start_new(asks, "resume".into())).await.unwrap();
    assert_eq!(ask(&second, "terminate").await, "taken");
    let order = second.instance::<u64>(&id("order"));
    let ended = guard(order.result()).await.unwrap_err();
    assert!(matches!(ended, Error::Terminated { .. }), "{ended}");
    guard(second.abort()).await;

    // What was not taken is tried again, and the instance has finished by then.
    let third = host(memory).start().await.unwrap();
    for waiting in [cancels.id(), resumes.id()] {
        let answer = guard(third.instance::<String>(waiting).result()).await.unwrap();
        assert_eq!(answer, "`order` finished");
    }
}

#[tokio::test]
async fn the_terminate_of_a_parked_instance_is_answered_after_a_crash_too() {
    for appends in 0..4 {
        let memory = store().0;
        let first = host(memory.clone()).start().await.unwrap();
        guard(first.start_new(orders, ()).id("order")).await.unwrap();
        guard(first.abort()).await;
        let faulty = Faulty::new(memory);
        let without = || Host::builder().options(options()).orchestration(asks);
        let second = without().provider(faulty.clone()).start().await.unwrap();
        until_parked(&second, &id("order")).await;
        let before = faulty.appends.came();
        faulty.appends.close();
        (0..=appends).for_each(|_| faulty.appends.let_one_through());
        guard(second.start_new(asks, "terminate".into()).id("asks")).await.unwrap();
        for _ in 0..10_000 {
            if faulty.appends.came() > before + 1 + appends {
                break;
            }
            tokio::task::yield_now().await;
        }
        guard(second.abort()).await;
        faulty.appends.let_all_through();
        let third = without().provider(faulty).start().await.unwrap();
        let answer = guard(third.instance::<String>(&id("asks")).result()).await.unwrap();
        assert_eq!(answer, "taken", "after {appends}");
        assert_eq!(count(&third, "order", "ExecutionTerminated").await, 1);
    }
}
