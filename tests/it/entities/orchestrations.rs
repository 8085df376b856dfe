//! Entities as orchestrations call them, and the signals of entities.

use crate::hosts::scene::{shared_store, until_held};
use crate::kit::{Faulty, HOUR, guard, options, store};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{EntityCallError, EntityFailureKind, Error};
use serde::{Deserialize, Serialize};

use super::Account;

/// Moves cents, and says what both have then; or why not.
#[orchestration]
async fn transfer(
    ctx: OrchestrationContext,
    (from, to, cents): (String, String, u64),
) -> Result<Result<(u64, u64), String>, OrchestrationError> {
    let left = match ctx.entity::<Account>(&from).withdraw(cents).await {
        Ok(left) => left,
        Err(EntityCallError::Refused(why)) => return Ok(Err(why)),
        Err(error) => return Err(error.into()),
    };
    let there = ctx.entity::<Account>(&to).deposit(cents).await?;
    Ok(Ok((left, there)))
}

/// What becomes of calls that cannot be done.
#[orchestration]
async fn mistakes(ctx: OrchestrationContext, _: ()) -> Result<Vec<String>, OrchestrationError> {
    let mut found = Vec::new();
    match ctx.entity::<Account>("ada").explode(3).await {
        Err(EntityCallError::Failed(failure)) if failure.kind() == EntityFailureKind::Panicked => {}
        other => found.push(format!("{other:?}")),
    }
    for key in ["", "a\nb"] {
        match ctx.entity::<Account>(key).deposit(1).await {
            Err(EntityCallError::Call(CallUpdateError::InvalidName(_))) => {}
            other => found.push(format!("{key:?}: {other:?}")),
        }
        match ctx.entity::<Account>(key).signal().deposit(1).await {
            Err(SendError::InvalidName(_)) => {}
            other => found.push(format!("{key:?}: {other:?}")),
        }
    }
    Ok(found)
}

#[orchestration]
async fn signals(ctx: OrchestrationContext, many: u64) -> Result<(), OrchestrationError> {
    let account = ctx.entity::<Account>("ada");
    for cents in 1..=many {
        account.signal().deposit(cents).await?;
    }
    account.signal().after(HOUR).deposit(1_000).await?;
    Ok(())
}

/// Passes on what it gets.
#[derive(Default, Serialize, Deserialize)]
struct Relay {
    passed: u64,
}

#[entity]
impl Relay {
    fn pass(&mut self, ctx: EntityContext, to: String, cents: u64) {
        self.passed += 1;
        // Without an await: it leaves with the turn.
        drop(ctx.signal::<Account>(&to).deposit(cents));
    }
}

async fn host_on(provider: impl Provider, name: &str) -> Host {
    let host = Host::builder()
        .provider(provider)
        .options(options().host_name(name))
        .entity::<Account>()
        .entity::<Relay>()
        .orchestration(transfer)
        .orchestration(mistakes)
        .orchestration(signals);
    guard(host.start()).await.unwrap()
}

fn order(from: &str, to: &str, cents: u64) -> (String, String, u64) {
    (from.to_string(), to.to_string(), cents)
}

async fn cents_of(client: &Client, key: &str) -> u64 {
    guard(client.entity::<Account>(key).state()).await.unwrap().unwrap_or_default().cents
}

#[tokio::test]
async fn an_orchestration_calls_entities_and_makes_those_that_are_not_there() {
    let host = host_on(store().0, "host").await;
    guard(host.entity::<Account>("ada").deposit(500)).await.unwrap();
    let moved = guard(host.start_new(transfer, order("ada", "grace", 300))).await.unwrap();
    assert_eq!(guard(moved.result()).await.unwrap(), Ok((200, 300)));
    let refused = guard(host.start_new(transfer, order("ada", "grace", 300))).await.unwrap();
    assert_eq!(guard(refused.result()).await.unwrap(), Err("200 left".to_string()));
    assert_eq!((cents_of(&host, "ada").await, cents_of(&host, "grace").await), (200, 300));
}

#[tokio::test]
async fn calls_that_cannot_be_done_have_typed_errors() {
    let host = host_on(store().0, "host").await;
    let found = guard(host.start_new(mistakes, ())).await.unwrap();
    assert_eq!(guard(found.result()).await.unwrap(), Vec::<String>::new());
    assert_eq!(cents_of(&host, "ada").await, 0);
}

#[tokio::test]
async fn signals_come_in_their_order_and_at_their_time() {
    let (memory, clock) = store();
    let host = host_on(memory, "host").await;
    let sent = guard(host.start_new(signals, 10)).await.unwrap();
    guard(sent.result()).await.unwrap();
    let account = host.entity::<Account>("ada");
    assert_eq!(guard(account.balance()).await.unwrap(), 55);
    clock.advance(HOUR);
    guard(async { while account.balance().await.unwrap() < 1_055 {} }).await;
    let relay = host.entity::<Relay>("one");
    guard(relay.pass("grace".to_string(), 7)).await.unwrap();
    guard(async { while cents_of(&host, "grace").await != 7 {} }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_transfers_at_a_time_lose_and_make_nothing_on_any_host() {
    let (store, _) = shared_store();
    let first = guard(host_on(store.clone(), "first")).await;
    let second = guard(host_on(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    let keys = ["ada", "grace", "edsger"];
    for key in keys {
        guard(first.entity::<Account>(key).deposit(100)).await.unwrap();
    }
    let mut started = Vec::new();
    for n in 0..12 {
        let client = if n % 2 == 0 { &first } else { &second };
        let order = order(keys[n % 3], keys[(n + 1 + n % 2) % 3], 7 * n as u64);
        started.push(guard(client.start_new(transfer, order)).await.unwrap());
    }
    for handle in started {
        let _ = guard(handle.result()).await.unwrap();
    }
    let mut sum = 0;
    for key in keys {
        sum += cents_of(&second, key).await;
    }
    assert_eq!(sum, 300);
}

/// Wherever the host dies, the transfer is done once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_is_done_once_wherever_the_host_dies() {
    for append in 0.. {
        let memory = store().0;
        let faulty = Faulty::new(memory.clone());
        let host = host_on(faulty.clone(), "first").await;
        guard(host.entity::<Account>("ada").deposit(500)).await.unwrap();
        faulty.stop_at(faulty.appended() + append);
        let died = {
            let done = async {
                let start = host.start_new(transfer, order("ada", "grace", 300)).id("i");
                start.await.unwrap().result().await.unwrap()
            };
            guard(async {
                tokio::select! {
                    biased;
                    () = faulty.stopped() => true,
                    done = done => { assert_eq!(done, Ok((200, 300))); false }
                }
            })
            .await
        };
        guard(host.abort()).await;
        let host = host_on(memory, "second").await;
        match guard(host.start_new(transfer, order("ada", "grace", 300)).id("i")).await {
            Ok(_) | Err(Error::AlreadyExists { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        let done = guard(host.instance::<Result<(u64, u64), String>>("i").result()).await.unwrap();
        assert_eq!(done, Ok((200, 300)), "before append {append}");
        assert_eq!((cents_of(&host, "ada").await, cents_of(&host, "grace").await), (200, 300));
        if !died {
            assert!(append > 3, "{append}");
            return;
        }
    }
}
