//! A start that comes with an event: both happen or none, and an instance that is there only gets the
//! event.

use crate::kit::{AppendFault, Faulty, events, guard, id, options, store, until_parked};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, HostBuilder};

/// The sum of what is added, up to the first zero.
#[orchestration]
async fn cart(ctx: OrchestrationContext, mut sum: u64) -> Result<u64, OrchestrationError> {
    let mut added = ctx.events::<u64>("Add");
    loop {
        match added.next().await? {
            0 => return Ok(sum),
            more => sum += more,
        }
    }
}

fn host(provider: impl Provider) -> HostBuilder {
    Host::builder().provider(provider).options(options()).orchestration(cart)
}

#[tokio::test]
async fn one_that_is_absent_is_started_and_has_the_event_before_its_code_runs() {
    let host = host(store().0).start().await.unwrap();
    let instance = guard(host.start_new(cart, 1).id("cart-7").and_raise("Add", 5)).await.unwrap();
    let log = events(&host, &id("cart-7")).await;
    assert_eq!(log[0], "ExecutionStarted `cart`");
    assert!(log[1].starts_with("TimerCreated #0"), "{log:?}");
    assert_eq!(log[2], "ExternalRaised `Add`");
    guard(instance.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 6);
}

#[tokio::test]
async fn one_that_runs_only_gets_the_event_in_memory_or_not() {
    let memory = store().0;
    let first = host(memory.clone()).start().await.unwrap();
    guard(first.start_new(cart, 1).id("c")).await.unwrap();
    guard(first.start_new(cart, 100).id("c").and_raise("Add", 2)).await.unwrap();
    guard(first.shutdown()).await.unwrap();
    let second = host(memory).start().await.unwrap();
    let instance = guard(second.start_new(cart, 100).id("c").and_raise("Add", 3)).await.unwrap();
    guard(instance.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 6);
}

#[tokio::test]
async fn many_at_a_time_start_one_and_all_of_them_count() {
    let host = host(store().0).start().await.unwrap();
    let starts = (0..50).map(|_| {
        let host = host.clone();
        tokio::spawn(
            async move { guard(host.start_new(cart, 0).id("c").and_raise("Add", 2)).await },
        )
    });
    for start in starts.collect::<Vec<_>>() {
        start.await.unwrap().unwrap();
    }
    let instance = host.instance::<u64>(&id("c"));
    guard(instance.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 100);
}

#[tokio::test]
async fn one_that_has_finished_is_an_error() {
    let host = host(store().0).start().await.unwrap();
    let ended = guard(host.start_new(cart, 1).id("c").and_raise("Add", 0)).await.unwrap();
    assert_eq!(guard(ended.result()).await.unwrap(), 1);
    let again = guard(host.start_new(cart, 1).id("c").and_raise("Add", 0)).await;
    assert!(matches!(again, Err(Error::Finished { instance }) if instance == id("c")));
}

#[tokio::test]
async fn without_an_id_of_the_callers_own_it_is_refused() {
    let host = host(store().0).start().await.unwrap();
    let refused = guard(host.start_new(cart, 1).and_raise("Add", 0)).await;
    assert!(matches!(refused, Err(Error::NoId { event }) if event.as_str() == "Add"));
    let refused = guard(host.start_new(cart, 1).id("c").and_raise("", 0)).await;
    assert!(matches!(refused, Err(Error::InvalidName(_))));
    assert_eq!(crate::kit::stored(&host).await, 0, "nothing was stored");
}

#[tokio::test]
async fn the_same_key_counts_once_whether_it_starts_or_not() {
    let host = host(store().0).start().await.unwrap();
    for _ in 0..3 {
        let start = host.start_new(cart, 0).id("c").and_raise("Add", 5).event_key("k");
        guard(start).await.unwrap();
    }
    let instance = host.instance::<u64>(&id("c"));
    guard(instance.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 5);
}

#[tokio::test]
async fn one_that_is_parked_keeps_it() {
    let memory = store().0;
    let first = host(memory.clone()).start().await.unwrap();
    guard(first.start_new(cart, 1).id("c")).await.unwrap();
    guard(first.abort()).await;
    let other = Host::builder().provider(memory).options(options());
    let other = other.register_orchestration("cart", |_ctx, sum: u64| async move { Ok(sum) });
    let other = other.start().await.unwrap();
    let start = || other.start_new_by_name::<u64>("cart", 1_u64).id("c").and_raise("Add", 1);
    guard(start()).await.unwrap();
    until_parked(&other, &id("c")).await;
    guard(start()).await.unwrap();
    let events = events(&other, &id("c")).await;
    let kept = events.iter().filter(|event| *event == "ExternalRaised `Add`");
    assert_eq!(kept.count(), 2, "{events:?}");
}

#[tokio::test]
async fn an_append_that_fails_leaves_neither_the_start_nor_the_event() {
    let faulty = Faulty::new(store().0);
    let host = host(faulty.clone()).start().await.unwrap();
    faulty.fail_appends([AppendFault::Fatal]);
    let failed = guard(host.start_new(cart, 1).id("c").and_raise("Add", 1)).await;
    assert!(matches!(failed, Err(Error::Store { .. } | Error::Interrupted { .. })), "{failed:?}");
    let looked = host.get_status(&id("c")).await;
    assert!(matches!(looked, Err(Error::NotFound { .. })));
}
