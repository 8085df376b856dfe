//! A store made of journals and an archive keeps the contract, whether its instances are in memory, in the archive
//! or in both.
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]

#[path = "journaled/faults.rs"]
mod faults;
#[path = "journaled/model.rs"]
mod model;

use std::sync::Arc;

use reenact_providers::journal::{JournalId, Options as JournalOptions};
use reenact_providers::journaled::{Journaled, Options};
use reenact_providers::medium::Directory;
use reenact_providers::{
    HistoryStore, InMemory, ManualClock, OpenError, Provider, ShardLease, Sharing, TimerScheduler,
};
use reenact_testkit::archive::FakeArchive;
use reenact_testkit::conformance::Hub;
use reenact_testkit::disk::FakeDisk;

type Histories = Journaled<Directory<FakeDisk>, FakeArchive>;

/// The data of a store: a disk for each shard, one for the archive, and messages elsewhere.
struct Disks {
    shards: [FakeDisk; 3],
    archive: FakeArchive,
    messages: InMemory,
    clock: ManualClock,
    flush_bytes: usize,
}

struct Store {
    histories: Histories,
    messages: InMemory,
}

impl Disks {
    fn new(clock: ManualClock, flush_bytes: usize) -> Self {
        Self {
            shards: [FakeDisk::new(), FakeDisk::new(), FakeDisk::new()],
            archive: FakeArchive::new(FakeDisk::new()),
            messages: InMemory::new().with_shards(3).with_clock(clock.clone()),
            clock,
            flush_bytes,
        }
    }

    fn store(&self) -> Store {
        self.open().unwrap()
    }

    fn open(&self) -> Result<Store, OpenError> {
        let media = self.shards.clone().map(Directory::new);
        let journal =
            JournalOptions { first_segment_bytes: 4096, max_segment_bytes: 65_536, compress: true };
        let options = Options { journal, flush_bytes: self.flush_bytes, ..Options::default() };
        let clock = Arc::new(self.clock.clone());
        let id = JournalId([3; 16]);
        let histories = Journaled::open(id, media, self.archive.clone(), clock, options)?;
        Ok(Store { histories, messages: self.messages.clone() })
    }
}

impl Disks {
    /// Only what is durable is left. Not while the store is open.
    fn crash(&mut self) {
        for disk in &mut self.shards {
            *disk = disk.after_crash(|| false);
        }
        self.archive = self.archive.after_crash();
    }
}

impl Hub for Disks {
    type Provider = Store;

    async fn open(&self) -> Store {
        self.store()
    }
}

impl Provider for Store {
    fn shards(&self) -> u32 {
        self.histories.shards()
    }

    fn histories(&self) -> Arc<dyn HistoryStore> {
        Arc::new(self.histories.clone())
    }

    fn timers(&self) -> Arc<dyn TimerScheduler> {
        self.messages.timers()
    }

    fn leases(&self) -> Arc<dyn ShardLease> {
        Arc::new(self.histories.clone())
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        self.messages.sharing()
    }
}

mod all_of_it_in_memory {
    reenact_testkit::conformance_tests!(
        |clock| async move { super::Disks::new(clock, usize::MAX / 2) }
    );
}

mod all_of_it_in_the_archive {
    reenact_testkit::conformance_tests!(|clock| async move { super::Disks::new(clock, 1) });
}
