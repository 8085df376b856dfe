//! The lock of an entity, as orchestrations ask for it: what entities do with such requests.

use crate::kit::{guard, options, store};
use reenact::prelude::*;
use reenact::{Error, UpdateError, limits};
use serde_json::{Value, json};

use super::{Account, ada, host_on};

const ADA: &str = "@account@ada";

/// Sends the entity what an orchestration sends.
async fn send(host: &Client, name: &str, request: Value) -> Result<Value, UpdateError<Value>> {
    guard(host.update(ADA, name, request)).await
}

async fn lock(host: &Client, lock: &str) {
    assert_eq!(send(host, "@op", json!({"lock": lock})).await.unwrap(), Value::Null);
}

async fn unlock(host: &Client, lock: &str) {
    let unlock = json!({"by": lock, "unlock": true});
    guard(host.raise_event(ADA, "@held", unlock).key(format!("unlock {lock}"))).await.unwrap();
}

async fn deposit_under(host: &Client, lock: &str, cents: u64) -> Result<Value, UpdateError<Value>> {
    send(host, "@held", json!({"by": lock, "op": "deposit", "input": [cents]})).await
}

/// Sends an operation in the background, and returns when it is in the log.
async fn sent(host: &Client, request: Value) -> tokio::task::JoinHandle<Value> {
    let before = guard(host.get_status(ADA)).await.unwrap().history_length;
    let update = host.update::<_, Value, Value>(ADA, "@op", request).into_future();
    let waiting = tokio::spawn(async move { guard(update).await.unwrap() });
    guard(async {
        while host.get_status(ADA).await.unwrap().history_length == before {
            tokio::task::yield_now().await;
        }
    })
    .await;
    waiting
}

#[tokio::test]
async fn while_the_lock_is_held_only_its_owner_gets_through_and_the_others_wait_in_order() {
    let host = host_on(store().0).await;
    guard(ada(&host).deposit(1)).await.unwrap();
    lock(&host, "one").await;
    let deposit = sent(&host, json!({"op": "deposit", "input": [10]})).await;
    let second = sent(&host, json!({"lock": "two"})).await;
    let last = sent(&host, json!({"op": "deposit", "input": [1000]})).await;
    assert_eq!(deposit_under(&host, "one", 1).await.unwrap(), json!(2));
    let refused = deposit_under(&host, "two", 1).await.unwrap_err();
    assert!(
        matches!(&refused, UpdateError::Refused(why) if why["failed"]["kind"] == "not_locked"),
        "{refused:?}"
    );
    assert!(!deposit.is_finished() && !second.is_finished());
    assert_eq!(guard(ada(&host).state()).await.unwrap().unwrap().cents, 2, "a read does not wait");

    unlock(&host, "one").await;
    assert_eq!(guard(deposit).await.unwrap(), json!(12));
    assert_eq!(guard(second).await.unwrap(), Value::Null);
    assert!(!last.is_finished());
    assert_eq!(deposit_under(&host, "two", 100).await.unwrap(), json!(112));
    assert!(deposit_under(&host, "one", 1).await.is_err(), "it has given it back");
    unlock(&host, "two").await;
    assert_eq!(guard(last).await.unwrap(), json!(1112));
}

#[tokio::test]
async fn a_request_that_is_given_back_before_its_turn_never_gets_the_lock() {
    let host = host_on(store().0).await;
    guard(ada(&host).deposit(1)).await.unwrap();
    lock(&host, "one").await;
    let update = host.update::<_, Value, Value>(ADA, "@op", json!({"lock": "two"})).into_future();
    let second = tokio::spawn(async move { guard(update).await });
    let deposit = sent(&host, json!({"op": "deposit", "input": [10]})).await;
    unlock(&host, "two").await;
    unlock(&host, "never asked for").await;
    unlock(&host, "one").await;
    assert_eq!(guard(deposit).await.unwrap(), json!(11));
    let second = guard(second).await.unwrap();
    assert!(matches!(second, Err(UpdateError::Dropped { .. })), "{second:?}");
    assert_eq!(guard(ada(&host).deposit(1)).await.unwrap(), 12, "it is free");
}

#[tokio::test]
async fn the_lock_and_those_who_wait_for_it_survive_crashes_and_short_logs() {
    let memory = store().0;
    let host = host_on(memory.clone()).await;
    guard(ada(&host).deposit(1)).await.unwrap();
    lock(&host, "one").await;
    let request = json!({"op": "deposit", "input": [10]});
    let key = || host.update::<_, Value, Value>(ADA, "@op", request.clone()).key("waits");
    let length = guard(host.get_status(ADA)).await.unwrap().history_length;
    let deposit = tokio::spawn(key().into_future());
    guard(async {
        while host.get_status(ADA).await.unwrap().history_length == length {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for _ in 0..limits::ENTITY_SNAPSHOT_OPERATIONS + 1 {
        deposit_under(&host, "one", 0).await.unwrap();
    }
    assert!(guard(host.get_status(ADA)).await.unwrap().execution.0 > 1);
    guard(host.abort()).await;
    assert!(guard(deposit).await.unwrap().is_err());

    let host = host_on(memory).await;
    assert_eq!(deposit_under(&host, "one", 1).await.unwrap(), json!(2));
    unlock(&host, "one").await;
    let again = host.update::<_, Value, Value>(ADA, "@op", request.clone()).key("waits");
    assert_eq!(guard(again).await.unwrap(), json!(12));
}

#[tokio::test]
async fn an_entity_that_holds_a_lock_can_be_purged() {
    let host = Host::builder().provider(store().0).options(options()).entity::<Account>();
    let host = guard(host.start()).await.unwrap();
    guard(ada(&host).deposit(1)).await.unwrap();
    lock(&host, "one").await;
    let waiting = tokio::spawn(ada(&host).deposit(1).into_future());
    guard(ada(&host).purge()).await.unwrap();
    match guard(waiting).await.unwrap() {
        // It came before or after.
        Err(reenact::EntityError::Call(
            Error::NoAnswer { .. } | Error::Finished { .. } | Error::NotFound { .. },
        ))
        | Ok(1) => {}
        other => panic!("{other:?}"),
    }
}
