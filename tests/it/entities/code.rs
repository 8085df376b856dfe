//! Whether the code of operations runs again, and what becomes of an entity whose code has changed.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kit::{HOUR, guard, id, options, store, until_parked};
use reenact::prelude::*;
use serde::{Deserialize, Serialize};

use super::{ada, host_on};

static COUNTED: AtomicUsize = AtomicUsize::new(0);

/// Counts how often its code runs.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Counted {
    runs: usize,
}

#[entity]
impl Counted {
    pub(crate) fn count(&mut self) -> usize {
        self.runs = COUNTED.fetch_add(1, Ordering::SeqCst) + 1;
        self.runs
    }

    fn runs(&self) -> usize {
        self.runs
    }
}

/// The same type, with other code and a new field, as the next binary has it.
mod next {
    use super::*;

    #[derive(Default, Serialize, Deserialize)]
    #[serde(default)]
    pub(super) struct Account {
        cents: u64,
        currency: Option<String>,
    }

    #[entity]
    impl Account {
        fn deposit(&mut self, cents: u64) -> u64 {
            self.cents += cents * 100;
            self.cents
        }

        async fn charge(&mut self, ctx: EntityContext, cents: u64) -> Result<u64, String> {
            ctx.timer(HOUR).await;
            Ok(cents)
        }
    }
}

#[tokio::test]
async fn what_an_operation_did_is_taken_from_the_log_also_by_other_code() {
    let memory = store().0;
    let host = host_on(memory.clone()).await;
    for n in 1..=3 {
        assert_eq!(guard(ada(&host).deposit(1)).await.unwrap(), n);
    }
    guard(host.abort()).await;
    let next = Host::builder().provider(memory).options(options()).entity::<next::Account>();
    let next = guard(next.start()).await.unwrap();
    let account = next.entity::<next::Account>("ada");
    assert_eq!(guard(account.deposit(1)).await.unwrap(), 103);
    assert!(guard(next.get_status("@account@ada")).await.unwrap().parked.is_none());
}

#[tokio::test]
async fn an_operation_that_called_something_is_run_again_and_parks_where_its_code_has_changed() {
    let memory = store().0;
    let host = host_on(memory.clone()).await;
    assert_eq!(guard(ada(&host).charge(5)).await.unwrap(), 5);
    guard(host.abort()).await;
    let next =
        Host::builder().provider(memory.clone()).options(options()).entity::<next::Account>();
    let next = guard(next.start()).await.unwrap();
    let account = next.entity::<next::Account>("ada");
    guard(account.signal().deposit(1)).await.unwrap();
    until_parked(&next, &id("@account@ada")).await;
    assert!(guard(account.state()).await.unwrap().is_some(), "its state can be read all the same");
    guard(next.abort()).await;
    // With the code that fits, it goes on, and what came meanwhile is done.
    let host = host_on(memory).await;
    guard(host.resume("@account@ada")).await.unwrap();
    assert_eq!(guard(ada(&host).balance()).await.unwrap(), 6);
}

#[tokio::test]
async fn an_operation_that_calls_nothing_runs_once() {
    let memory = store().0;
    let builder =
        |memory| Host::builder().provider(memory).options(options()).entity::<Counted>().start();
    let host = guard(builder(memory.clone())).await.unwrap();
    let counted = host.entity::<Counted>("once");
    let first = guard(counted.count()).await.unwrap();
    let second = guard(counted.count()).await.unwrap();
    assert!(second > first);
    guard(host.abort()).await;
    let host = guard(builder(memory)).await.unwrap();
    assert_eq!(guard(host.entity::<Counted>("once").runs()).await.unwrap(), second);
}

#[tokio::test]
async fn random_numbers_are_other_ones_for_each_operation() {
    let memory = store().0;
    let host = host_on(memory.clone()).await;
    let mut dice = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let (one, other) = guard(ada(&host).dice()).await.unwrap();
        assert!(dice.insert(one) && dice.insert(other));
    }
    guard(host.abort()).await;
    let host = host_on(memory).await;
    let (one, other) = guard(ada(&host).dice()).await.unwrap();
    assert!(dice.insert(one) && dice.insert(other), "after the replay they go on");
}
