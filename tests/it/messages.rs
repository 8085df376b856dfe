//! Events from one instance to another, and messages that are under way while everything else happens.

use crate::kit::{Faulty, events, guard, id, options, pass_time_until, store};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{HostBuilder, InstanceState};

/// Takes this many numbers, and gives them in the order in which they came.
#[orchestration]
async fn takes(ctx: OrchestrationContext, many: usize) -> Result<Vec<u64>, OrchestrationError> {
    let mut taken = Vec::new();
    while taken.len() < many {
        taken.push(ctx.wait_external("Number").await?);
    }
    Ok(taken)
}

/// Sends the numbers up to this one to `takes`, and is over at once.
#[orchestration]
async fn sends(ctx: OrchestrationContext, up_to: u64) -> Result<(), OrchestrationError> {
    for number in 0..up_to {
        drop(ctx.raise_event(&id("takes"), "Number", &number));
    }
    Ok(())
}

/// Sends one number and gives what became of it.
#[orchestration]
async fn asks(ctx: OrchestrationContext, to: String) -> Result<String, OrchestrationError> {
    match ctx.raise_event(&id(&to), "Number", &1).await {
        Ok(()) => Ok("delivered".into()),
        Err(why) => Ok(why.to_string()),
    }
}

/// Sends a number from each of its executions.
#[orchestration]
async fn renews(ctx: OrchestrationContext, left: u64) -> Result<(), OrchestrationError> {
    if left == 0 {
        return Ok(());
    }
    drop(ctx.raise_event(&id("takes"), "Number", &left));
    ctx.continue_as_new(renews, left - 1)
}

fn host(provider: impl Provider) -> HostBuilder {
    Host::builder()
        .provider(provider)
        .options(options())
        .orchestration(takes)
        .orchestration(sends)
        .orchestration(asks)
        .orchestration(renews)
}

async fn start_takes(host: &Host, many: usize) -> InstanceHandle<Vec<u64>> {
    guard(host.start_new(takes, many).id("takes")).await.unwrap()
}

/// Returns when all of the instance's messages are known to have arrived.
async fn until_all_arrived(host: &Host, instance: &InstanceId) {
    guard(async {
        while !is_over(host, instance).await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn is_over(host: &Host, instance: &InstanceId) -> bool {
    let page = host.list(&Default::default(), &Default::default()).await.unwrap();
    page.instances.iter().any(|summary| summary.instance == *instance && summary.is_over())
}

#[tokio::test]
async fn what_one_instance_sends_to_another_arrives_in_order() {
    for shards in [1, 16] {
        let host = host(store().0.with_shards(shards)).start().await.unwrap();
        let taking = start_takes(&host, 50).await;
        let sender = guard(host.start_new(sends, 50)).await.unwrap();
        guard(sender.result()).await.unwrap();
        assert_eq!(guard(taking.result()).await.unwrap(), (0..50).collect::<Vec<_>>());
        until_all_arrived(&host, sender.id()).await;
    }
}

#[tokio::test]
async fn what_became_of_an_event_is_reported_to_a_client_that_waits_for_it() {
    let host = host(store().0).start().await.unwrap();
    let ask = |to: &'static str| {
        let host = host.clone();
        async move {
            let asking = guard(host.start_new(asks, to.into())).await.unwrap();
            guard(asking.result()).await.unwrap()
        }
    };
    assert_eq!(
        ask("nobody").await,
        "external event `Number` was not delivered: instance `nobody` does not exist; start it first"
    );
    start_takes(&host, 1).await;
    assert_eq!(ask("takes").await, "delivered");
    guard(host.instance::<Vec<u64>>(&id("takes")).result()).await.unwrap();
    assert_eq!(
        ask("takes").await,
        "external event `Number` was not delivered: instance `takes` has finished"
    );
}

#[tokio::test]
async fn executions_that_follow_each_other_send_in_order_too() {
    let host = host(store().0).start().await.unwrap();
    let taking = start_takes(&host, 20).await;
    let renewing = guard(host.start_new(renews, 20)).await.unwrap();
    guard(renewing.result()).await.unwrap();
    assert_eq!(guard(taking.result()).await.unwrap(), (1..=20).rev().collect::<Vec<_>>());
    until_all_arrived(&host, renewing.id()).await;
}

#[tokio::test]
async fn a_sender_that_is_over_when_its_host_crashes_is_heard_all_the_same() {
    let faulty = Faulty::new(store().0);
    let first = host(faulty.clone()).start().await.unwrap();
    start_takes(&first, 3).await;
    let sender = guard(first.start_new(sends, 3).id("sends")).await.unwrap();
    // It has ended, and nothing that follows from its end may become durable any more; how far that
    // has come by now is not said.
    faulty.appends.close();
    guard(sender.result()).await.unwrap();
    guard(first.abort()).await;
    faulty.appends.let_all_through();

    let second = host(faulty).start().await.unwrap();
    let taking = second.instance::<Vec<u64>>(&id("takes"));
    assert_eq!(guard(taking.result()).await.unwrap(), [0, 1, 2]);
    until_all_arrived(&second, &id("sends")).await;
    assert_eq!(second.get_status(&id("sends")).await.unwrap().state, InstanceState::Completed);
}

#[tokio::test]
async fn a_crash_before_each_append_of_a_conversation_changes_nothing() {
    for appends in 0..8 {
        let faulty = Faulty::new(store().0);
        let first = host(faulty.clone()).start().await.unwrap();
        start_takes(&first, 3).await;
        let before = faulty.appends.came();
        faulty.appends.close();
        (0..=appends).for_each(|_| faulty.appends.let_one_through());
        guard(first.start_new(sends, 3).id("sends")).await.unwrap();
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
        let taking = second.instance::<Vec<u64>>(&id("takes"));
        assert_eq!(guard(taking.result()).await.unwrap(), [0, 1, 2], "after {appends}");
        until_all_arrived(&second, &id("sends")).await;
    }
}

#[tokio::test]
async fn an_event_for_a_parked_instance_is_kept_for_it_and_lets_its_sender_be_purged() {
    let memory = store().0;
    let first = host(memory.clone()).start().await.unwrap();
    start_takes(&first, 1).await;
    guard(first.abort()).await;

    // Without the code of the one that takes.
    let second = Host::builder().provider(memory.clone()).options(options()).orchestration(sends);
    let second = second.start().await.unwrap();
    crate::kit::until_parked(&second, &id("takes")).await;
    let sender = guard(second.start_new(sends, 1).id("sends")).await.unwrap();
    guard(sender.result()).await.unwrap();
    until_all_arrived(&second, &id("sends")).await;
    assert_eq!(
        events(&second, &id("takes")).await.last().map(String::as_str),
        Some("ExternalRaised `Number`")
    );
    guard(second.purge(&id("sends"))).await.unwrap();
    guard(second.abort()).await;

    let third = host(memory).start().await.unwrap();
    let taken = guard(third.instance::<Vec<u64>>(&id("takes")).result()).await;
    assert_eq!(taken.unwrap(), [0]);
}

#[tokio::test]
async fn what_a_parked_sender_has_to_send_is_sent_when_it_is_terminated() {
    let (memory, clock) = store();
    let first = host(memory.clone()).start().await.unwrap();
    start_takes(&first, 1).await;
    guard(first.abort()).await;

    // Without the code of the one that takes.
    let faulty = Faulty::new(memory.clone());
    let second = Host::builder().provider(faulty.clone()).options(options()).orchestration(asks);
    let second = second.start().await.unwrap();
    guard(async {
        while second.get_status(id("takes")).await.unwrap().state != InstanceState::Parked {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // The start is stored, and the event is not.
    faulty.appends.close();
    faulty.appends.let_one_through();
    guard(second.start_new(asks, "takes".into()).id("asks")).await.unwrap();
    guard(second.abort()).await;

    // Without the code of the one that sends.
    let third = Host::builder().provider(memory).options(options()).orchestration(takes);
    let third = third.start().await.unwrap();
    crate::kit::until_parked(&third, &id("asks")).await;
    guard(third.terminate(&id("asks"), "its code is gone")).await.unwrap();
    // It may come before the one that takes it goes on; then it comes again.
    let taking = third.instance::<Vec<u64>>(&id("takes"));
    let taken = pass_time_until(&clock, Duration::from_secs(1), taking.result()).await;
    assert_eq!(taken.unwrap(), [1]);
    until_all_arrived(&third, &id("asks")).await;
}

#[tokio::test]
async fn an_event_that_finds_no_room_is_tried_again_until_it_does() {
    let ballast = || "x".repeat(1_000_000);
    let hoards = |ctx: OrchestrationContext, ()| async move {
        let many: u64 = ctx.wait_external("Open").await?;
        for _ in 0..many {
            ctx.wait_external::<String>("Ballast").await?;
        }
        Ok(many)
    };
    let (memory, clock) = store();
    let host = host(memory).register_orchestration("hoards", hoards);
    let host =
        host.register_orchestration("adds", move |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.raise_event(&id("hoard"), "Ballast", &ballast()).await?)
        });
    let host = host.start().await.unwrap();
    let hoard = guard(host.start_new_by_name::<u64>("hoards", ()).id("hoard")).await.unwrap();
    let mut raised = 0_u64;
    while guard(hoard.raise_event("Ballast", ballast())).await.is_ok() {
        raised += 1;
    }
    let adding = guard(host.start_new_by_name::<()>("adds", ()).id("adds")).await.unwrap();
    // However often it is tried meanwhile.
    for _ in 0..100 {
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert_eq!(host.get_status(&id("adds")).await.unwrap().state, InstanceState::Running);
    guard(hoard.raise_event("Open", raised + 1)).await.unwrap();
    pass_time_until(&clock, Duration::from_secs(1), adding.result()).await.unwrap();
    assert_eq!(guard(hoard.result()).await.unwrap(), raised + 1);
}

#[tokio::test]
async fn an_event_that_was_taken_counts_once_although_its_sender_forgot() {
    let faulty = Faulty::new(store().0.with_shards(2));
    let first = host(faulty.clone()).start().await.unwrap();
    start_takes(&first, 2).await;
    let asking = guard(first.start_new(asks, "takes".into()).id("asks")).await.unwrap();
    guard(async {
        while !events(&first, &id("takes")).await.contains(&"ExternalRaised `Number`".into()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // Whether the sender knows is not said.
    guard(first.abort()).await;
    let second = host(faulty).start().await.unwrap();
    let asking = second.instance::<String>(asking.id());
    assert_eq!(guard(asking.result()).await.unwrap(), "delivered");
    until_all_arrived(&second, &id("asks")).await;
    let log = events(&second, &id("takes")).await;
    let raised = log.iter().filter(|event| event.starts_with("ExternalRaised")).count();
    assert_eq!(raised, 1, "{log:?}");
}
