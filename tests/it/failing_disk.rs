//! A host on a journaled store whose disk fails under it: what was acknowledged is
//! there, callers without an answer receive an error, and everything goes on once the disk is well.
#![cfg(feature = "local")]

use std::io::ErrorKind;
use std::sync::Arc;

use crate::kit::{guard, id, options, pass_time_until};
use reenact::prelude::*;
use reenact::providers::journal::JournalId;
use reenact::providers::journaled::{Journaled, Options};
use reenact::providers::medium::Directory;
use reenact::providers::{
    HistoryStore, Provider, ProviderError, ShardLease, Sharing, TimerScheduler,
};
use reenact::testing::ManualClock;
use reenact::{Error, InstanceFilter};
use reenact_testkit::archive::FakeArchive;
use reenact_testkit::disk::{Effect, FakeDisk, Fault, Op};

/// One shard on a disk, its archive on another.
struct Store {
    histories: Journaled<Directory<FakeDisk>, FakeArchive>,
    elsewhere: InMemory,
}

fn store(disk: &FakeDisk, clock: &ManualClock) -> Store {
    let elsewhere = InMemory::new().with_shards(1).with_clock(clock.clone());
    let (media, archive) = ([Directory::new(disk.clone())], FakeArchive::new(FakeDisk::new()));
    let mut options = Options::default();
    options.journal.first_segment_bytes = 64 * 1024;
    let clock = Arc::new(clock.clone());
    let histories = Journaled::open(JournalId([1; 16]), media, archive, clock, options).unwrap();
    Store { histories, elsewhere }
}

impl Provider for Store {
    fn shards(&self) -> u32 {
        self.histories.shards()
    }

    fn histories(&self) -> Arc<dyn HistoryStore> {
        Arc::new(self.histories.clone())
    }

    fn timers(&self) -> Arc<dyn TimerScheduler> {
        self.elsewhere.timers()
    }

    fn leases(&self) -> Arc<dyn ShardLease> {
        Arc::new(self.histories.clone())
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        self.elsewhere.sharing()
    }
}

#[activity]
async fn double(_ctx: ActivityContext, n: u64) -> Result<u64, ActivityError> {
    Ok(2 * n)
}

#[orchestration]
async fn doubled(ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    let go: u64 = ctx.wait_external("Go").await?;
    Ok(ctx.call_activity(double, n + go).await?)
}

async fn host(store: Store) -> Host {
    let host = Host::builder().provider(store).options(options());
    host.orchestration(doubled).activity(double).start().await.unwrap()
}

/// Starts ten instances before the fault, one into it, and ends all that there are after it.
async fn goes_on_after(fault: Fault) {
    let (disk, clock) = (FakeDisk::new(), ManualClock::default());
    let host = host(store(&disk, &clock)).await;
    for n in 0..10 {
        guard(host.start_new(doubled, n).id(n.to_string())).await.unwrap();
    }
    disk.fail(fault);
    let started = host.start_new(doubled, 10).id("10").into_future();
    let started = pass_time_until(&clock, crate::kit::HOUR, started).await;
    let Err(Error::Store { source }) = &started else { panic!("{started:?}") };
    assert!(matches!(**source, ProviderError::Unknown { .. }), "{source}");
    disk.heal();

    for n in 0..10 {
        let instance = host.instance::<u64>(&id(&n.to_string()));
        // The shard is coming up again.
        while let Err(error) = guard(instance.raise_event("Go", 1).key("go")).await {
            assert!(matches!(error, Error::Store { .. } | Error::Interrupted { .. }), "{error}");
            clock.advance(crate::kit::HOUR);
            tokio::task::yield_now().await;
        }
        let result = pass_time_until(&clock, crate::kit::HOUR, instance.result()).await.unwrap();
        assert_eq!(result, 2 * (n + 1));
    }
    let found = guard(host.count(&InstanceFilter::new())).await.unwrap();
    assert!(matches!(found, 10 | 11), "{found} instances");
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_sync_that_fails_leaves_its_turns_in_doubt_and_the_shard_goes_on_from_the_disk() {
    for effect in [Effect::Nothing, Effect::Half, Effect::Whole] {
        let error = ErrorKind::Other;
        goes_on_after(Fault { op: Op::Sync, at: 0, forever: false, error, effect }).await;
    }
}

#[tokio::test]
async fn a_write_that_finds_no_room_leaves_its_turns_in_doubt_and_the_shard_goes_on_with_room() {
    let (error, effect) = (ErrorKind::StorageFull, Effect::Half);
    goes_on_after(Fault { op: Op::Write, at: 0, forever: true, error, effect }).await;
}
