//! Crashes and failures at each step of what a shard does, with its archive.

mod crash;
mod faults;
mod look_ups;
mod model;
mod scenario;
mod watched;

use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};

use super::ids::Ids;
use super::shard::{Opened, Shard};
use crate::journal::{Identity, JournalId, Options};
use crate::medium::Directory;
use crate::testkit::archive::FakeArchive;
use crate::testkit::disk::FakeDisk;
use crate::{InstanceState, InstanceSummary, ProviderError, TurnRecord};

const IDENTITY: Identity = Identity { journal: JournalId([7; 16]), shard: ShardId(0) };

/// Segments so small that a few commits fill one.
const SMALL: Options =
    Options { first_segment_bytes: 2048, max_segment_bytes: 4096, compress: true };

type FakeShard = Shard<Directory<FakeDisk>, FakeArchive>;
type FakeOpened = Opened<Directory<FakeDisk>, FakeArchive>;

/// What is there after the process has gone: one disk for the journal and the archive.
#[derive(Clone)]
struct World {
    disk: FakeDisk,
    archive: FakeArchive,
}

impl World {
    fn new() -> Self {
        let disk = FakeDisk::new();
        Self { archive: FakeArchive::new(disk.clone()), disk }
    }

    /// The same on the disk that is left after a crash.
    fn on(&self, disk: FakeDisk) -> Self {
        Self { archive: self.archive.on(disk.clone()), disk }
    }

    fn shard(&self) -> Arc<FakeShard> {
        let medium = Arc::new(Directory::new(self.disk.clone()));
        let ids = Arc::new(Ids::default());
        let archive = Arc::new(self.archive.clone());
        ids.tend(&archive);
        Shard::new(IDENTITY, medium, archive, ids, SMALL)
    }

    fn open(&self) -> Result<(Arc<FakeShard>, FakeOpened), ProviderError> {
        let shard = self.shard();
        let opened = shard.begin(shard.read_journal()?)?;
        shard.state().ownership.acquire("test", Timestamp::EPOCH)?;
        Ok((shard, opened))
    }
}

fn id(label: &str) -> InstanceId {
    InstanceId::new(label).unwrap()
}

/// A turn whose bytes no other turn has.
fn turn(label: &str, execution: u32, number: u64, state: InstanceState) -> TurnRecord {
    let bytes = format!("{label}/{execution}/{number}/{}", "x".repeat(number as usize * 90 % 400));
    let summary = InstanceSummary {
        instance: id(label),
        execution: ExecutionId(execution),
        name: Name::new("orchestration").unwrap(),
        state,
        created_at: Timestamp::from_micros(1),
        updated_at: Timestamp::from_micros(2 + number),
        turns: number + 1,
        events: 3 * number,
        wake_at: None,
        attributes: reenact_core::Attributes::default(),
    };
    TurnRecord { number, bytes: bytes.into_bytes().into(), summary, has_drawn_id: false, keep: 0 }
}
