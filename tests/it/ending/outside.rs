//! Hosts that are dropped outside of their runtime.

use reenact::prelude::*;
use reenact::{Error, InMemory};
use tokio::runtime::{Builder, Runtime};

use super::scene::{Scratch, echo, host, waits, works};
use crate::kit::{Gate, guard, id};

fn runtimes() -> [Runtime; 2] {
    let one = Builder::new_current_thread().enable_all().build().unwrap();
    let two = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    [one, two]
}

/// A host with something that waits and something that runs, and how one waits for it.
async fn busy(scratch: &Scratch, gate: &Gate) -> (Host, InstanceHandle<u64>) {
    let host = host(scratch.open().unwrap(), gate).start().await.unwrap();
    let waiting = host.start_new(waits, ()).id("waits").await.unwrap();
    host.start_new(works, ()).await.unwrap();
    gate.until_came(1).await;
    (host, waiting)
}

#[test]
fn a_host_that_is_dropped_outside_of_its_runtime_ends_and_frees_its_directory() {
    for runtime in runtimes() {
        let (scratch, gate) = (Scratch::new(), Gate::closed());
        let (host, waiting) = runtime.block_on(busy(&scratch, &gate));
        drop(host);
        drop(scratch.open().expect("the directory is free"));
        let answer = runtime.block_on(guard_in(waiting.result()));
        assert!(matches!(answer, Err(Error::ShuttingDown)), "{answer:?}");
        let answer = runtime.block_on(guard_in(waiting.status()));
        assert!(matches!(answer, Err(Error::ShuttingDown)), "{answer:?}");

        let next = runtime.block_on(async {
            let next = host_again(&scratch).await;
            next.raise_event("waits", "Go", 3_u64).await.unwrap();
            assert_eq!(guard(next.instance::<u64>(&id("waits")).result()).await.unwrap(), 3);
            next
        });
        drop(next);
    }
}

async fn guard_in<T>(what: impl Future<Output = T>) -> T {
    guard(what).await
}

async fn host_again(scratch: &Scratch) -> Host {
    host(scratch.open().unwrap(), &Gate::open()).start().await.unwrap()
}

#[test]
fn a_host_that_outlives_its_runtime_can_be_dropped() {
    for runtime in runtimes() {
        let (scratch, gate) = (Scratch::new(), Gate::closed());
        let (host, waiting) = runtime.block_on(busy(&scratch, &gate));
        let client = host.client().clone();
        drop(runtime);
        drop(host);
        drop(scratch.open().expect("the directory is free"));
        drop((client, waiting));
    }
}

#[test]
fn a_host_that_is_dropped_on_another_runtime_ends() {
    let [one, two] = runtimes();
    for (its, other) in [(&one, &two), (&two, &one)] {
        let (scratch, gate) = (Scratch::new(), Gate::closed());
        let (host, _waiting) = its.block_on(busy(&scratch, &gate));
        other.block_on(async { drop(host) });
        drop(scratch.open().expect("the directory is free"));
    }
}

#[test]
fn the_shards_of_a_store_that_goes_on_are_free_after_a_drop_outside_of_a_runtime() {
    for runtime in runtimes() {
        let memory = InMemory::new();
        let (before, gate) = (memory.clone(), Gate::open());
        drop(runtime.block_on(async { host(before, &gate).start().await.unwrap() }));
        runtime.block_on(async {
            let host = host(memory, &gate).start().await.expect("nobody holds them");
            assert_eq!(guard(host.start_new(echo, 4).await.unwrap().result()).await.unwrap(), 4);
        });
    }
}
