//! External events: delivered once, in order of arrival per name, before or after somebody waits.

use crate::kit::{events, guard, id, options, store};
use reenact::prelude::*;
use reenact::{Error, limits};

/// Takes events of the names in its input, one after the other; begins when "Begin" comes.
#[orchestration]
async fn taking(
    ctx: OrchestrationContext,
    names: Vec<String>,
) -> Result<Vec<u32>, OrchestrationError> {
    ctx.wait_external::<()>("Begin").await?;
    let mut taken = Vec::new();
    for name in names {
        taken.push(ctx.wait_external(&name).await?);
    }
    Ok(taken)
}

async fn host() -> Host {
    let host = Host::builder().provider(store().0).options(options()).orchestration(taking);
    host.start().await.unwrap()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn events_that_come_before_anybody_waits_are_kept_in_order_for_each_name() {
    let host = host().await;
    let instance = host.start_new(taking, names(&["b", "a", "a", "b", "c"])).await.unwrap();
    for (name, number) in [("a", 1), ("b", 2), ("a", 3), ("c", 4), ("b", 5)] {
        instance.raise_event(name, number).await.unwrap();
    }
    instance.raise_event("Begin", ()).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), [2, 1, 3, 5, 4]);
}

#[tokio::test]
async fn events_that_come_while_somebody_waits_are_taken_at_once() {
    let host = host().await;
    let instance = host.start_new(taking, names(&["a", "a", "a"])).await.unwrap();
    instance.raise_event("Begin", ()).await.unwrap();
    for number in 1..=3 {
        instance.raise_event("a", number).await.unwrap();
    }
    assert_eq!(guard(instance.result()).await.unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn waits_of_one_name_are_served_in_the_order_in_which_they_began() {
    let host = Host::builder().provider(store().0).register_orchestration(
        "three",
        |ctx: OrchestrationContext, ()| async move {
            let waits: Vec<_> = (0..3).map(|_| ctx.schedule_wait::<u32>("a")).collect();
            let mut got = Vec::new();
            for number in ctx.when_all(waits).await {
                got.push(number?);
            }
            Ok(got)
        },
    );
    let host = host.start().await.unwrap();
    let instance = host.start_new_by_name::<Vec<u32>>("three", ()).await.unwrap();
    for number in 1..=3 {
        instance.raise_event("a", number).await.unwrap();
    }
    assert_eq!(guard(instance.result()).await.unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn of_events_with_one_key_the_first_counts() {
    let host = host().await;
    let instance = host.start_new(taking, names(&["a", "a"])).id("i").await.unwrap();
    for number in 1..=5 {
        instance.raise_event("a", number).key("once").await.unwrap();
    }
    instance.raise_event("a", 6).key("another").await.unwrap();
    instance.raise_event("Begin", ()).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), [1, 6]);
    let events = events(&host, &id("i")).await;
    assert_eq!(events.iter().filter(|event| event.contains("Raised `a`")).count(), 2);
}

#[tokio::test]
async fn an_event_that_nobody_ever_waits_for_does_no_harm() {
    let host = host().await;
    let instance = host.start_new(taking, Vec::new()).await.unwrap();
    instance.raise_event("nobody wants it", ()).await.unwrap();
    instance.raise_event("Begin", ()).await.unwrap();
    assert!(guard(instance.result()).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_event_of_another_type_than_is_waited_for_is_an_error_that_can_be_handled() {
    let host = Host::builder().provider(store().0).register_orchestration(
        "lenient",
        |ctx: OrchestrationContext, ()| async move {
            let mut refused = 0;
            loop {
                match ctx.wait_external::<u32>("a").await {
                    Ok(number) => return Ok((number, refused)),
                    Err(_) => refused += 1,
                }
            }
        },
    );
    let host = host.start().await.unwrap();
    let instance = host.start_new_by_name::<(u32, u32)>("lenient", ()).await.unwrap();
    instance.raise_event("a", "no number").await.unwrap();
    instance.raise_event("a", -1).await.unwrap();
    instance.raise_event("a", 7).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), (7, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_takes_no_more_events_than_it_may_keep() {
    let host = host().await;
    let instance = host.start_new(taking, names(&["a"])).await.unwrap();
    let raise = |number: usize| instance.raise_event("a", number).into_future();
    let kept = futures::future::join_all((0..limits::MAX_BUFFERED_EVENTS).map(raise));
    for raised in guard(kept).await {
        raised.unwrap();
    }
    let refused = guard(raise(0)).await.unwrap_err();
    assert!(matches!(refused, Error::TooManyEvents { limit: 10_000, .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_waits_for_does_not_keep_out_what_the_code_waits_for() {
    let host = Host::builder()
        .provider(store().0)
        .register_orchestration("waiting", |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.wait_external::<u32>("Go").await?)
        });
    let host = host.start().await.unwrap();
    let instance = host.start_new_by_name::<u32>("waiting", ()).await.unwrap();
    let noise = |_| instance.raise_event("Noise", ()).into_future();
    let kept = futures::future::join_all((0..limits::MAX_BUFFERED_EVENTS).map(noise));
    guard(kept).await.into_iter().for_each(Result::unwrap);
    let refused = guard(noise(0)).await.unwrap_err();
    assert!(matches!(refused, Error::TooManyEvents { .. }), "{refused}");
    guard(instance.raise_event("Go", 7).into_future()).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 7);
}
