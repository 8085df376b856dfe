//! Orchestrations that hold the locks of entities while they call them.

use crate::kit::{Faulty, guard, options, store};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, InstanceStatus, LockError};

use super::Account;

/// Moves cents under the locks of both, and waits in between; gives the sum of what both have then.
#[orchestration]
async fn locked_transfer(
    ctx: OrchestrationContext,
    (from, to, cents): (String, String, u64),
) -> Result<u64, OrchestrationError> {
    let (from, to) = (ctx.entity::<Account>(&from), ctx.entity::<Account>(&to));
    let lock = ctx.lock([to.recipient(), from.recipient()]).await?;
    ctx.set_status("locked");
    from.withdraw(cents).await?;
    let () = ctx.wait_external("Go").await?;
    let there = to.deposit(cents).await?;
    let left = from.balance().await?;
    lock.release();
    Ok(left + there)
}

/// Asks for the lock of an entity that cannot be.
#[orchestration]
async fn locks_nothing(ctx: OrchestrationContext) -> Result<bool, OrchestrationError> {
    let nobody = ctx.entity::<Account>("");
    let locked = ctx.lock([nobody.recipient()]).await;
    Ok(matches!(locked, Err(LockError::InvalidName(_))))
}

async fn host_on(provider: impl Provider) -> Host {
    let host = Host::builder().provider(provider).options(options()).entity::<Account>();
    let host = host.orchestration(locked_transfer).orchestration(locks_nothing);
    guard(host.start()).await.unwrap()
}

fn order(from: &str, to: &str, cents: u64) -> (String, String, u64) {
    (from.to_string(), to.to_string(), cents)
}

async fn cents_of(client: &Client, key: &str) -> u64 {
    guard(client.entity::<Account>(key).state()).await.unwrap().unwrap_or_default().cents
}

#[tokio::test]
async fn what_one_does_under_locks_nobody_sees_in_between() {
    let host = host_on(store().0).await;
    guard(host.entity::<Account>("ada").deposit(500)).await.unwrap();
    let start = host.start_new(locked_transfer, order("ada", "grace", 300)).id("t");
    let transfer = guard(start).await.unwrap();
    guard(async { while cents_of(&host, "ada").await != 200 {} }).await;
    let deposit = host.entity::<Account>("ada").deposit(1).into_future();
    let other = tokio::spawn(async move { guard(deposit).await.unwrap() });
    let second = host.start_new(locked_transfer, order("grace", "ada", 7)).id("u");
    let second = guard(second).await.unwrap();
    assert!(!other.is_finished());
    guard(second.raise_event("Go", ())).await.unwrap();
    guard(transfer.raise_event("Go", ())).await.unwrap();
    assert_eq!(guard(transfer.result()).await.unwrap(), 500, "nothing came in between");
    // Either may come first.
    let (other, sum) = (guard(other).await.unwrap(), guard(second.result()).await.unwrap());
    assert!([(201, 501), (208, 500)].contains(&(other, sum)), "{other}, {sum}");
    assert_eq!((cents_of(&host, "ada").await, cents_of(&host, "grace").await), (208, 293));
}

#[tokio::test]
async fn the_locks_of_one_that_is_terminated_cancelled_or_fails_go_to_the_next() {
    let host = host_on(store().0).await;
    guard(host.entity::<Account>("ada").deposit(500)).await.unwrap();
    for (id, cents) in [("terminated", 100), ("cancelled", 100), ("fails", 1_000)] {
        let start = host.start_new(locked_transfer, order("ada", "grace", cents)).id(id);
        let transfer = guard(start).await.unwrap();
        if id != "fails" {
            let is_locked = |status: &InstanceStatus| status.custom_status.is_some();
            guard(host.wait_for_status(id, is_locked)).await.unwrap();
        }
        match id {
            "terminated" => guard(transfer.terminate("enough")).await.unwrap(),
            "cancelled" => guard(transfer.cancel("enough")).await.unwrap(),
            _ => {}
        }
        guard(transfer.result()).await.unwrap_err();
        // It would wait for ever while the lock is held.
        for key in ["ada", "grace"] {
            guard(host.entity::<Account>(key).balance()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_entity_that_cannot_be_has_no_lock() {
    let host = host_on(store().0).await;
    let asked = guard(host.start_new(locks_nothing, ())).await.unwrap();
    assert!(guard(asked.result()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_the_host_dies_the_transfer_is_done_once_and_no_lock_stays() {
    for append in 0.. {
        let memory = store().0;
        let faulty = Faulty::new(memory.clone());
        let host = host_on(faulty.clone()).await;
        guard(host.entity::<Account>("ada").deposit(500)).await.unwrap();
        faulty.stop_at(faulty.appended() + append);
        let run = async |host: &Host| {
            match host.start_new(locked_transfer, order("ada", "grace", 300)).id("t").await {
                Ok(_) | Err(Error::AlreadyExists { .. }) => {}
                Err(error) => panic!("{error}"),
            }
            let transfer = host.instance::<u64>("t");
            transfer.raise_event("Go", ()).key("go").await.ok();
            transfer.result().await
        };
        let died = guard(async {
            tokio::select! {
                biased;
                () = faulty.stopped() => true,
                done = run(&host) => { assert_eq!(done.unwrap(), 500); false }
            }
        })
        .await;
        guard(host.abort()).await;
        let host = host_on(memory).await;
        assert_eq!(guard(run(&host)).await.unwrap(), 500, "before append {append}");
        for (key, cents) in [("ada", 200), ("grace", 300)] {
            let balance = guard(host.entity::<Account>(key).balance()).await;
            assert_eq!(balance.unwrap(), cents, "before append {append}");
        }
        if !died {
            assert!(append > 8, "{append}");
            return;
        }
    }
}
