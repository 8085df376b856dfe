//! Instances that begin with the history of others: these stay as they are, and no effect of theirs happens twice.

mod appends;
#[cfg(any(feature = "azure", feature = "azure-legacy"))]
mod hub;
#[cfg(feature = "local")]
mod local;
mod shared;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::kit::{AppendFault, Faulty, HOUR, events, guard, id, options, store, until_parked};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, ErrorKind, ExecutionId, HostBuilder, InstanceState};

const ORDER: &str = "order";

/// Whether the bank works, and under which keys it and the stock were asked.
#[derive(Clone, Default)]
struct Shop {
    works: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Shop {
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Reserves, waits for "Go", charges; and says which instance it is.
async fn order(ctx: OrchestrationContext, input: u64) -> Result<String, OrchestrationError> {
    let reserved: u64 = ctx.call_activity_by_name("reserve", &input).await?;
    let extra: u64 = ctx.wait_external("Go").await?;
    let charged: u64 = ctx.call_activity_by_name("charge", &(reserved + extra)).await?;
    Ok(format!("{} {charged}", ctx.instance_id()))
}

fn host(provider: impl Provider, shop: &Shop) -> HostBuilder {
    let (stock, bank) = (shop.clone(), shop.clone());
    Host::builder()
        .provider(provider)
        .options(options())
        .register_activity("reserve", move |ctx, input: u64| {
            stock.asked.lock().unwrap().push(format!("reserve {}", ctx.idempotency_key()));
            async move { Ok(input + 1) }
        })
        .register_activity("charge", move |ctx, input: u64| {
            bank.asked.lock().unwrap().push(format!("charge {}", ctx.idempotency_key()));
            let works = bank.works.load(Ordering::SeqCst);
            async move {
                match works {
                    true => Ok(input * 100),
                    false => Err(ActivityError::fatal("the bank is down")),
                }
            }
        })
        .register_orchestration(ORDER, order)
}

async fn position_of(client: &Client, instance: &InstanceId, event: &str) -> u64 {
    let events = events(client, instance).await;
    events.iter().position(|found| found.starts_with(event)).unwrap() as u64
}

/// Starts an order, and lets it reach its wait.
async fn waiting_order(client: &Client, name: &str) -> InstanceHandle<String> {
    let instance = guard(client.start_new_by_name::<String>(ORDER, 1_u64).id(name)).await.unwrap();
    guard(async {
        while !events(client, instance.id()).await.iter().any(|e| e.starts_with("ExternalSub")) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    instance
}

/// Starts an order that fails, as the bank does not work.
async fn failed_order(client: &Client, name: &str) -> InstanceHandle<String> {
    let instance = guard(client.start_new_by_name::<String>(ORDER, 1_u64).id(name)).await.unwrap();
    guard(instance.raise_event("Go", 4)).await.unwrap();
    guard(instance.result()).await.unwrap_err();
    instance
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_order_is_tried_again_on_a_copy() {
    let (shop, (memory, _)) = (Shop::default(), store());
    let host = host(memory, &shop).start().await.unwrap();
    let failed = failed_order(&host, "order-7").await;
    let before = events(&host, failed.id()).await;
    shop.works.store(true, Ordering::SeqCst);
    let position = position_of(&host, failed.id(), "TaskFailed").await;
    let fork = failed.fork("order-8").before(position).reason("the bank is up again");
    let fork = guard(fork).await.unwrap();
    assert_eq!(guard(fork.result()).await.unwrap(), "order-8 600");

    assert_eq!(events(&host, failed.id()).await, before, "the other one is as it was");
    assert!(matches!(guard(failed.result()).await, Err(Error::Failed { .. })));
    let asked = shop.asked();
    assert_eq!(asked.len(), 3, "what was reserved is not reserved again: {asked:?}");
    assert!(asked[1].starts_with("charge order-7/"), "{asked:?}");
    assert!(asked[2].starts_with("charge order-8/"), "{asked:?}");
    let status = guard(fork.status()).await.unwrap();
    assert_eq!((status.execution, status.state), (ExecutionId(1), InstanceState::Completed));
    let log = events(&host, fork.id()).await;
    assert!(log.contains(&"ExecutionForked from `order-7`".to_owned()), "{log:#?}");
    assert!(
        log.contains(&"ExecutionRewound by 2 events: the bank is up again".to_owned()),
        "{log:#?}"
    );
    let view = guard(host.client().view("order-8")).await.unwrap();
    assert_eq!(view.execution.forked_from, Some(id("order-7")));
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_waits_is_forked_as_it_is_and_both_go_their_ways() {
    let (shop, (memory, _)) = (Shop::default(), store());
    shop.works.store(true, Ordering::SeqCst);
    let host = host(memory, &shop).start().await.unwrap();
    let order = waiting_order(&host, "order-7").await;
    let fork = guard(order.fork("order-8")).await.unwrap();
    guard(fork.raise_event("Go", 1)).await.unwrap();
    guard(order.raise_event("Go", 4)).await.unwrap();
    assert_eq!(guard(order.result()).await.unwrap(), "order-7 600");
    assert_eq!(guard(fork.result()).await.unwrap(), "order-8 300");
    let reserved = shop.asked().iter().filter(|key| key.starts_with("reserve")).count();
    assert_eq!(reserved, 1);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_parked_is_forked_and_goes_on_where_its_code_is() {
    let (shop, (memory, _)) = (Shop::default(), store());
    shop.works.store(true, Ordering::SeqCst);
    let first = host(memory.clone(), &shop).start().await.unwrap();
    waiting_order(&first, "order-7").await;
    guard(first.shutdown()).await.unwrap();
    let changed = async |ctx: OrchestrationContext, _: u64| {
        let changed: u64 = ctx.call_activity_by_name("changed", &1_u64).await?;
        Ok(changed)
    };
    let changed = Host::builder()
        .provider(memory.clone())
        .options(options())
        .register_activity("changed", |_ctx, input: u64| async move { Ok(input) })
        .register_orchestration(ORDER, changed)
        .start()
        .await
        .unwrap();
    until_parked(&changed, &id("order-7")).await;
    // The code does not fit the copy either.
    let fork = guard(changed.client().fork::<String>("order-7", "order-8")).await.unwrap();
    until_parked(&changed, fork.id()).await;
    guard(changed.shutdown()).await.unwrap();

    let next = host(memory, &shop).start().await.unwrap();
    for name in ["order-7", "order-8"] {
        let instance = next.instance::<String>(&id(name));
        guard(instance.raise_event("Go", 4)).await.unwrap();
        assert_eq!(guard(instance.result()).await.unwrap(), format!("{name} 600"));
    }
    guard(next.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_forked_is_refused_with_nothing_stored() {
    let (shop, (memory, _)) = (Shop::default(), store());
    let host = host(memory, &shop)
        .register_orchestration("parent", |ctx: OrchestrationContext, child: String| async move {
            let child = reenact::ChildOptions::new().id(&child);
            let ship = reenact::OrchestrationByName::new(ORDER, child);
            Ok(ctx.call_orchestration_by_name::<_, String>(ship, &1_u64).await?)
        })
        .start()
        .await
        .unwrap();
    let failed = failed_order(&host, "order-7").await;
    let parent = host.start_new_by_name::<String>("parent", "ship-7").id("parent-7");
    let parent = guard(parent).await.unwrap();
    let fork = |from: &str, to: &str| host.client().fork::<String>(from, to);

    let refused = guard(fork("nobody", "a")).await.unwrap_err();
    assert!(matches!(&refused, Error::NotFound { instance } if *instance == id("nobody")));
    let refused = guard(fork("order-7", "parent-7")).await.unwrap_err();
    assert!(matches!(refused, Error::AlreadyExists { .. }), "{refused}");
    let refused = guard(fork("order-7", "order-7")).await.unwrap_err();
    assert!(matches!(refused, Error::AlreadyExists { .. }), "{refused}");
    for position in [0, 1, 99] {
        let refused = guard(failed.fork("a").before(position)).await.unwrap_err();
        assert!(matches!(refused, Error::NoSuchPosition { .. }), "{refused}");
    }
    let refused = guard(fork("order-7", "@counter@a")).await.unwrap_err();
    assert!(matches!(refused, Error::Reserved { .. }), "{refused}");
    let refused = guard(fork("order-7", "")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument, "{refused}");
    let refused = guard(parent.fork("a")).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "instance `parent-7` cannot be forked there, as it waits for `ship-7`, or holds a lock of it; \
         fork it to before event 1"
    );
    let Error::NotForkable(waits) = refused else { panic!("it is typed") };
    assert_eq!(waits.others, [id("ship-7")]);
    let nothing = host.client().get_status("a").await.unwrap_err();
    assert!(matches!(nothing, Error::NotFound { .. }), "{nothing}");
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_fork_can_be_asked_for_again() {
    let (shop, (memory, _)) = (Shop::default(), store());
    shop.works.store(true, Ordering::SeqCst);
    let host = host(memory, &shop).start().await.unwrap();
    let order = waiting_order(&host, "order-7").await;
    let forks = (0..4).map(|_| order.fork("order-8").or_attach().into_future());
    let forks = guard(futures::future::join_all(forks)).await;
    assert!(forks.iter().all(Result::is_ok), "{forks:?}");
    let again = guard(order.fork("order-8")).await.unwrap_err();
    assert!(matches!(again, Error::AlreadyExists { .. }), "{again}");
    let log = events(&host, &id("order-8")).await;
    assert_eq!(log.iter().filter(|event| event.starts_with("ExecutionForked")).count(), 1);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_is_forked_rewound_ended_and_purged_as_any_other() {
    let (shop, (memory, _)) = (Shop::default(), store());
    let host = host(memory, &shop).start().await.unwrap();
    let order = waiting_order(&host, "order-7").await;
    let fork = guard(order.fork("order-8")).await.unwrap();
    guard(fork.raise_event("Go", 4)).await.unwrap();
    guard(fork.result()).await.unwrap_err();
    shop.works.store(true, Ordering::SeqCst);

    let third =
        guard(fork.fork("order-9").before(position_of(&host, fork.id(), "TaskFailed").await));
    assert_eq!(guard(third.await.unwrap().result()).await.unwrap(), "order-9 600");
    let copied = position_of(&host, fork.id(), "ExternalSubscribed").await;
    let refused = guard(fork.rewind(copied, "too far")).await.unwrap_err();
    assert!(matches!(refused, Error::NoSuchPosition { .. }), "{refused}");
    let failed = position_of(&host, fork.id(), "TaskFailed").await;
    guard(fork.rewind(failed, "again")).await.unwrap();
    assert_eq!(guard(fork.result()).await.unwrap(), "order-8 600");
    guard(order.terminate("no more")).await.unwrap();
    guard(host.purge("order-7")).await.unwrap();
    assert_eq!(
        guard(fork.result()).await.unwrap(),
        "order-8 600",
        "it needs the other one no more"
    );
    guard(host.purge("order-8")).await.unwrap();
    guard(host.shutdown()).await.unwrap();
}
