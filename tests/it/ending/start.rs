//! Hosts that do not start.

use std::error::Error as _;
use std::sync::Arc;

use async_trait::async_trait;
use futures::poll;
use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::providers::{
    HistoryStore, Lease, Provider, ProviderError, ShardLease, Sharing, TimerScheduler,
};
use reenact::{Error, InMemory};

use super::scene::{Scratch, echo, host};
use crate::kit::{Gate, guard, options};

#[test]
fn a_runtime_without_time_is_refused_before_anything_is_acquired() {
    let scratch = Scratch::new();
    let timeless = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let refused = timeless.block_on(host(scratch.open().unwrap(), &Gate::open()).start());
    let refused = refused.expect_err("it has no time");
    assert!(matches!(refused, Error::NoRuntime { .. }), "{refused:?}");
    assert!(refused.to_string().contains("enable_time()"), "{refused}");
    assert!(scratch.open().is_ok());
}

#[test]
fn a_start_outside_of_a_runtime_is_refused() {
    let scratch = Scratch::new();
    let refused = futures::executor::block_on(host(scratch.open().unwrap(), &Gate::open()).start());
    let refused = refused.expect_err("there is no runtime");
    assert!(matches!(refused, Error::NoRuntime { .. }), "{refused:?}");
    assert!(scratch.open().is_ok());
}

/// A directory of which one shard cannot be had.
struct Broken(Local);

struct BrokenLeases(Arc<dyn ShardLease>);

impl Provider for Broken {
    fn shards(&self) -> u32 {
        self.0.shards()
    }

    fn histories(&self) -> Arc<dyn HistoryStore> {
        self.0.histories()
    }

    fn timers(&self) -> Arc<dyn TimerScheduler> {
        self.0.timers()
    }

    fn leases(&self) -> Arc<dyn ShardLease> {
        Arc::new(BrokenLeases(self.0.leases()))
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        self.0.sharing()
    }
}

#[async_trait]
impl ShardLease for BrokenLeases {
    async fn acquire(&self, shard: ShardId, owner: &str) -> Result<Lease, ProviderError> {
        if shard.0 == 1 {
            let reason = "the plug is out".to_owned();
            return Err(ProviderError::Unavailable { reason, source: None });
        }
        self.0.acquire(shard, owner).await
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, ProviderError> {
        self.0.renew(lease).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), ProviderError> {
        self.0.release(lease).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_does_not_start_says_why_once_and_frees_the_directory() {
    for _ in 0..10 {
        let scratch = Scratch::new();
        let broken = Broken(scratch.open().unwrap());
        let refused = guard(host(broken, &Gate::open()).start()).await.unwrap_err();
        assert!(scratch.open().is_ok());
        assert_eq!(
            refused.to_string(),
            "the host could not be started: shard 1: the store is unavailable: the plug is out; \
             start it again when the store can be reached"
        );
        let source =
            refused.source().and_then(|source| source.downcast_ref::<Arc<ProviderError>>());
        assert!(matches!(source.map(|s| &**s), Some(ProviderError::Unavailable { .. })));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_with_a_wrong_option_frees_the_directory() {
    let scratch = Scratch::new();
    let wrong = options().max_activities_of("unheard-of", 1);
    let refused = host(scratch.open().unwrap(), &Gate::open()).options(wrong).start().await;
    assert!(matches!(refused.err(), Some(Error::UnknownActivity { .. })));
    assert!(scratch.open().is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_the_shards_is_named_with_what_to_do() {
    let memory = InMemory::new();
    let first = host(memory.clone(), &Gate::open()).start().await.unwrap();
    let refused = host(memory, &Gate::open()).start().await.unwrap_err().to_string();
    assert!(!refused.contains("Actor"), "{refused}");
    assert!(refused.contains("holds shard"), "{refused}");
    assert!(refused.contains("lease_patience"), "{refused}");
    guard(first.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_given_up_half_way_frees_the_directory() {
    for polls in 0..6 {
        let scratch = Scratch::new();
        let mut starting = Box::pin(host(scratch.open().unwrap(), &Gate::open()).start());
        for _ in 0..polls {
            if poll!(&mut starting).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(starting);
        let store = scratch.open().unwrap_or_else(|error| panic!("after {polls}: {error}"));
        let host = host(store, &Gate::open()).start().await.unwrap();
        assert_eq!(guard(host.start_new(echo, 4).await.unwrap().result()).await.unwrap(), 4);
    }
}
