//! A panic that is not the user's: in a store, or in a clock. The shard that it hits starts again from its log,
//! and the others do not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kit::{
    AppendFault, Faulty, HOUR, guard, id, on_the_tests_runtime, options, store, until,
};
use async_trait::async_trait;
use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::providers::{Provider, TimerScheduler};
use reenact::testing::ManualClock;
use reenact::{Error, HostBuilder, Timestamp};

const SHARDS: u32 = 2;

/// Waits for "Go", sleeps for an hour, and gives what came.
#[orchestration]
async fn sleeps(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    let came = ctx.wait_external("Go").await?;
    ctx.schedule_timer(HOUR).await;
    Ok(came)
}

fn host(provider: impl Provider, options: HostOptions) -> HostBuilder {
    Host::builder().provider(provider).options(options).orchestration(sleeps)
}

fn in_shard(shard: u32) -> InstanceId {
    let mut ids = (0..).map(|number| id(&format!("i-{number}")));
    ids.find(|id| ShardId::of(id, SHARDS) == ShardId(shard)).unwrap()
}

/// Raises "Go" until that is not interrupted.
async fn raise(host: &Host, instance: &InstanceId) {
    guard(async {
        while let Err(error) = host.raise_event(instance, "Go", 7).await {
            assert!(matches!(error, Error::Interrupted { .. }), "{error}");
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// An append panics, at once or after a wait, and the other shard goes on meanwhile.
async fn an_append_panics(waits: bool) {
    let (memory, clock) = store();
    let faulty = Faulty::new(memory.with_shards(SHARDS));
    let host = host(faulty.clone(), options()).start().await.unwrap();
    let [hit, other] = [in_shard(0), in_shard(1)];
    for id in [&hit, &other] {
        guard(host.start_new(sleeps, ()).id(id)).await.unwrap();
    }
    faulty.fail_appends([AppendFault::Panics]);
    let came = faulty.appends.came();
    if waits {
        faulty.appends.close();
    }
    let let_through = async {
        if waits {
            faulty.appends.until_came(came + 1).await;
            faulty.appends.let_all_through();
        }
    };
    let raised = host.raise_event(&hit, "Go", 7).into_future();
    let (raised, ()) = guard(futures::future::join(raised, let_through)).await;
    let interrupted = raised.unwrap_err();
    assert!(matches!(interrupted, Error::Interrupted { .. }), "{interrupted}");
    // The other one has not gone from memory.
    assert!(host.in_memory() >= 1);
    guard(host.raise_event(&other, "Go", 7)).await.expect("nothing happened to its shard");
    raise(&host, &hit).await;
    clock.advance(HOUR);
    for id in [&hit, &other] {
        assert_eq!(guard(host.instance::<u64>(id).result()).await.unwrap(), 7);
    }
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_shard_whose_append_panics_starts_again() {
    an_append_panics(false).await;
}

#[tokio::test]
async fn a_shard_whose_append_panics_after_a_wait_starts_again() {
    an_append_panics(true).await;
}

/// Panics this many times when somebody wants to sleep.
#[derive(Clone)]
struct Panicky {
    clock: ManualClock,
    panics: Arc<AtomicUsize>,
}

#[async_trait]
impl TimerScheduler for Panicky {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let panics =
            self.panics.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        assert!(panics.is_err(), "as ordered");
        self.clock.sleep_until(at).await;
    }
}

#[tokio::test]
async fn timers_fire_though_the_clock_panicked_as_they_were_set() {
    let clock = Panicky { clock: ManualClock::default(), panics: Arc::default() };
    let memory = InMemory::new().with_shards(1).with_clock(clock.clone());
    let host = host(memory, options()).start().await.unwrap();
    let instance = guard(host.start_new(sleeps, ()).id("i")).await.unwrap();
    clock.panics.store(1, Ordering::SeqCst);
    raise(&host, instance.id()).await;
    until(|| clock.panics.load(Ordering::SeqCst) == 0).await;
    clock.clock.advance(HOUR);
    assert_eq!(guard(instance.result()).await.unwrap(), 7);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_shard_starts_again_when_the_renewal_of_its_lease_panics() {
    let (memory, clock) = store();
    let faulty = Faulty::new(memory.with_shards(1));
    let host = host(faulty.clone(), on_the_tests_runtime()).start().await.unwrap();
    let instance = guard(host.start_new(sleeps, ()).id("i")).await.unwrap();
    faulty.panic_at_renewals(1);
    faulty.acquisitions.until_came(faulty.acquisitions.came() + 1).await;
    raise(&host, instance.id()).await;
    clock.advance(HOUR);
    assert_eq!(guard(instance.result()).await.unwrap(), 7);
    guard(host.shutdown()).await.unwrap();
}
