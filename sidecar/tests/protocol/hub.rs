//! Sidecars that share a store, each with workers of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reenact::prelude::*;
use reenact::providers::limits::LEASE_TIME;
use reenact::testing::ManualClock;
use reenact_sidecar::proto::{self, OrchestrationStatus as Status};

use crate::support::{Code, Ground, Worker, add, adds, soon};

const SHARDS: u32 = 4;
const ORDERS: usize = 20;
const STEPS: usize = 5;

async fn sidecar(store: &InMemory, name: &str) -> Ground {
    let options = HostOptions::new().host_name(name);
    Ground::of(Host::builder().provider(store.clone()).options(options)).await
}

/// Returns when each of the hosts has as many shards as the other.
async fn until_shared(ground: &Ground) {
    let is_shared = async || {
        let shards = ground.host.client().shards().await.unwrap();
        let of = |name| shards.iter().filter(|shard| shard.owner.as_deref() == Some(name)).count();
        of("first") == of("second") && of("first") > 0
    };
    let shared = async {
        while !is_shared().await {
            tokio::task::yield_now().await;
        }
    };
    soon("that both have shards", shared).await;
}

/// Lets time pass until it is so.
async fn pass_time_until<T>(
    clock: &ManualClock,
    what: &str,
    awaited: impl Future<Output = T>,
) -> T {
    let passing = async {
        loop {
            clock.advance(Duration::from_secs(1));
            // The hosts are on other threads: they could hardly ask a clock that is set all the time.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
    };
    let awaited = async {
        tokio::select! {
            biased;
            output = awaited => output,
            () = passing => unreachable!("time has no end"),
        }
    };
    soon(what, awaited).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_sidecar_serves_its_shards_and_one_goes_on_with_what_a_dead_one_had() {
    let clock = ManualClock::default();
    let store = InMemory::new().with_shards(SHARDS).with_clock(clock.clone()).shared();
    let first = sidecar(&store, "first").await;
    let second = sidecar(&store, "second").await;
    until_shared(&second).await;
    let (done_by_first, done_by_second) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counting = |done: &Arc<AtomicUsize>| {
        let done = done.clone();
        Code::default().decides(adds(STEPS)).acts(move |name, input| {
            done.fetch_add(1, Ordering::SeqCst);
            add(name, input)
        })
    };
    let _second_worker = Worker::with(&second.client, counting(&done_by_second)).await;
    // The worker of the first answers some of its work, and has the rest in hand when the sidecar dies.
    let mut work = first.client.work(proto::GetWorkItemsRequest::default()).await;
    let ids: Vec<_> = (0..ORDERS).map(|n| format!("order-{n}")).collect();
    for id in &ids {
        // Whatever shard it is in: what is not of this host goes through the store.
        let started = first.client.start(id, "sum", None);
        pass_time_until(&clock, "a start", started).await.unwrap();
    }
    for _ in 0..ORDERS {
        let item = work.message().await.unwrap().unwrap();
        crate::support::answer(&first.client, &counting(&done_by_first), item).await;
    }

    first.kill().await;
    clock.advance(LEASE_TIME);

    for id in &ids {
        let ended = pass_time_until(&clock, id, second.client.result(id)).await;
        let output = ended.output.as_deref();
        assert_eq!((ended.orchestration_status(), output), (Status::Completed, Some("5")), "{id}");
    }
    assert!(done_by_first.load(Ordering::SeqCst) > 0, "both have worked");
    let done = done_by_first.load(Ordering::SeqCst) + done_by_second.load(Ordering::SeqCst);
    assert!(done >= ORDERS * STEPS, "{done}");
    second.end().await;
}
