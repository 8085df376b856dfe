//! Entities that continue as new, to keep their logs short, while an orchestration holds their lock.

use crate::kit::{Faulty, guard, options, store};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, InstanceStatus, limits};
use serde_json::Value;

use super::{Account, ada};

const ADA: &str = "@account@ada";

/// Reads the balance so often under the lock, waits, and reads it once more before it gives the lock back. The first and
/// the last that it has read.
#[orchestration]
async fn reads_locked(
    ctx: OrchestrationContext,
    times: usize,
) -> Result<(u64, u64), OrchestrationError> {
    let ada = ctx.entity::<Account>("ada");
    let lock = ctx.lock([ada.recipient()]).await?;
    let first = ada.balance().await?;
    for _ in 1..times {
        ada.balance().await?;
    }
    ctx.set_status("read");
    let () = ctx.wait_external("Go").await?;
    let last = ada.balance().await?;
    lock.release();
    Ok((first, last))
}

async fn host_on(provider: impl Provider) -> Host {
    let host = Host::builder().provider(provider).options(options()).entity::<Account>();
    guard(host.orchestration(reads_locked).start()).await.unwrap()
}

/// Who has the lock, as everybody can read it.
async fn owner(host: &Host) -> Option<String> {
    let lock: Option<Value> = guard(host.query(ADA, "@lock")).await.unwrap();
    lock.map(|lock| lock["owner"].as_str().expect("the id of its owner").to_string())
}

#[tokio::test]
async fn the_lock_stays_with_its_owner_while_the_entity_continues_as_new_and_its_host_crashes() {
    let memory = store().0;
    let host = host_on(memory.clone()).await;
    guard(ada(&host).deposit(5)).await.unwrap();
    let many = limits::ENTITY_SNAPSHOT_OPERATIONS + 1;
    guard(host.start_new(reads_locked, many).id("t")).await.unwrap();
    let has_read = |status: &InstanceStatus| status.custom_status.is_some();
    guard(host.wait_for_status("t", has_read)).await.unwrap();
    assert!(guard(host.get_status(ADA)).await.unwrap().execution.0 > 1);
    assert_eq!(owner(&host).await.as_deref(), Some("t"));
    let deposit = tokio::spawn(ada(&host).deposit(10).key("other").into_future());
    guard(host.abort()).await;
    let _ = guard(deposit).await;

    let host = host_on(memory).await;
    let deposit = tokio::spawn(ada(&host).deposit(10).key("other").into_future());
    let withdrawn = tokio::spawn(ada(&host).withdraw(100).into_future());
    assert_eq!(owner(&host).await.as_deref(), Some("t"));
    assert!(!deposit.is_finished() && !withdrawn.is_finished());
    let transfer = host.instance::<(u64, u64)>("t");
    guard(transfer.raise_event("Go", ())).await.unwrap();
    assert_eq!(guard(transfer.result()).await.unwrap(), (5, 5), "nothing came in between");
    assert_eq!(guard(deposit).await.unwrap().unwrap(), 15);
    assert!(guard(withdrawn).await.unwrap().is_err());
    assert_eq!(owner(&host).await, None);
}

/// An entity with so large a state continues as new after fewer operations than this.
const STATE_BYTES: usize = 120 * 1024;
const FEW: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_the_host_dies_while_a_locked_entity_continues_as_new_nobody_gets_in_between() {
    const { assert!(STATE_BYTES * (FEW - 1) > limits::ENTITY_SNAPSHOT_BYTES) };
    for append in 0.. {
        let memory = store().0;
        let faulty = Faulty::new(memory.clone());
        let host = host_on(faulty.clone()).await;
        guard(ada(&host).fill(STATE_BYTES)).await.unwrap();
        faulty.stop_at(faulty.appended() + append);
        let run = async |host: &Host| {
            match host.start_new(reads_locked, FEW).id("t").await {
                Ok(_) | Err(Error::AlreadyExists { .. }) => {}
                Err(error) => panic!("{error}"),
            }
            let transfer = host.instance::<(u64, u64)>("t");
            transfer.raise_event("Go", ()).key("go").await.ok();
            let deposit = ada(host).deposit(10).key("other").into_future();
            tokio::join!(transfer.result(), deposit)
        };
        let died = guard(async {
            tokio::select! {
                biased;
                () = faulty.stopped() => true,
                (read, deposited) = run(&host) => {
                    assert_eq!(deposited.unwrap(), 10);
                    let (first, last) = read.unwrap();
                    assert_eq!(first, last);
                    false
                }
            }
        })
        .await;
        guard(host.abort()).await;
        let host = host_on(memory).await;
        let (read, deposited) = guard(run(&host)).await;
        let (first, last) = read.unwrap();
        assert_eq!(first, last, "somebody came in between, before append {append}");
        assert_eq!(deposited.unwrap(), 10, "before append {append}");
        assert_eq!(guard(ada(&host).balance()).await.unwrap(), 10, "before append {append}");
        assert_eq!(owner(&host).await, None, "before append {append}");
        assert!(guard(host.get_status(ADA)).await.unwrap().execution.0 > 1);
        if !died {
            assert!(append > FEW, "{append}");
            return;
        }
    }
}
