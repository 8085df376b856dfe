//! Locks of other instances, through a host: given back whatever becomes of the one that holds them.

mod hosts;

use std::collections::BTreeMap;

use crate::kit::{Faulty, events, guard, id, options, store, until_parked};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{HostBuilder, LockError, Recipient};

type Fields = BTreeMap<String, serde_json::Value>;

/// Gives its lock to one after the other, in the order in which they ask, and takes it back.
#[orchestration]
pub(crate) async fn lockable(ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
    let mut asked = ctx.updates::<Fields, (), String>("@op");
    let mut given_back = ctx.events::<Fields>("@held");
    let mut early = Vec::new();
    loop {
        let ask = asked.next().await?;
        let lock = ask.request()["lock"].clone();
        ask.reply(&());
        while !early.contains(&lock) {
            early.push(given_back.next().await?["by"].clone());
        }
    }
}

/// Locks `a` and `b`, says so, and ends as it is asked to.
#[orchestration]
pub(crate) async fn locks(
    ctx: OrchestrationContext,
    how: String,
) -> Result<u64, OrchestrationError> {
    let of = ["b", "a"].map(|of| Recipient::new(of).or_start(lockable, &()));
    let guard = ctx.lock(of).await?;
    ctx.set_status("holds");
    match how.as_str() {
        "completes" => return Ok(1),
        "fails" => return Err(OrchestrationError::new("on purpose")),
        "parks" => ctx.call_activity_by_name("unregistered", &()).await?,
        "parks later" => {
            let _: u64 = ctx.wait_external("Go").await?;
            ctx.call_activity_by_name("unregistered", &()).await?
        }
        "releases" => {
            guard.release();
            ctx.set_status("released");
        }
        _ => {}
    }
    Ok(ctx.wait_external("Go").await?)
}

/// Asks for one lock while it holds another.
#[orchestration]
async fn nests(ctx: OrchestrationContext) -> Result<String, OrchestrationError> {
    let one = Recipient::new("a").or_start(lockable, &());
    let _guard = ctx.lock([&one]).await?;
    match ctx.lock([&one]).await {
        Err(error @ LockError::Nested) => Ok(error.to_string()),
        _ => Ok("locked".into()),
    }
}

fn host(provider: impl Provider) -> HostBuilder {
    code(Host::builder().provider(provider).options(options()))
}

/// With the code of these tests.
pub(crate) fn code(host: HostBuilder) -> HostBuilder {
    host.orchestration(lockable).orchestration(locks).orchestration(nests)
}

async fn until_it_holds(host: &Host, of: &str) {
    guard(async {
        while host.get_status(of).await.unwrap().custom_status.is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn begun(host: &Host, of: &str, how: &str) -> InstanceHandle<u64> {
    guard(host.start_new(locks, how.into()).id(of)).await.unwrap()
}

#[tokio::test]
async fn the_next_one_has_the_locks_whatever_becomes_of_the_one_before() {
    for how in ["completes", "fails", "releases", "cancel", "terminate", "parks"] {
        let host = host(store().0).start().await.unwrap();
        let first = begun(&host, "first", how).await;
        match how {
            "completes" | "fails" => drop(guard(first.result()).await),
            "parks" => drop(until_parked(&host, &id("first")).await),
            _ => until_it_holds(&host, "first").await,
        }
        match how {
            "cancel" => guard(first.cancel("enough")).await.unwrap(),
            "terminate" => guard(first.terminate("enough")).await.unwrap(),
            _ => {}
        }
        begun(&host, "second", "waits").await;
        until_it_holds(&host, "second").await;
    }
}

#[tokio::test]
async fn many_that_want_the_same_locks_have_them_one_after_the_other() {
    let host = host(store().0).start().await.unwrap();
    let mut all = Vec::new();
    for number in 0..20 {
        all.push(begun(&host, &format!("i-{number}"), "completes").await);
    }
    for one in all {
        assert_eq!(guard(one.result()).await.unwrap(), 1);
    }
    let given = events(&host, &id("a")).await;
    assert_eq!(given.iter().filter(|event| event.starts_with("UpdateAnswered")).count(), 20);
}

#[tokio::test]
async fn a_lock_inside_a_lock_is_an_error_and_records_nothing() {
    let host = host(store().0).start().await.unwrap();
    let nested = guard(host.start_new(nests, ())).await.unwrap();
    let error = guard(nested.result()).await.unwrap();
    assert!(error.starts_with("a lock inside a lock"), "{error}");
    let asked = events(&host, nested.id()).await;
    assert_eq!(asked.iter().filter(|event| event.contains("asked for")).count(), 1, "{asked:?}");
}

#[tokio::test]
async fn a_crash_before_each_append_leaves_no_lock_held() {
    for appends in 0..12 {
        let faulty = Faulty::new(store().0);
        let first = host(faulty.clone()).start().await.unwrap();
        let before = faulty.appends.came();
        faulty.appends.close();
        (0..=appends).for_each(|_| faulty.appends.let_one_through());
        begun(&first, "first", "parks").await;
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
        until_parked(&second, &id("first")).await;
        begun(&second, "second", "waits").await;
        until_it_holds(&second, "second").await;
    }
}
