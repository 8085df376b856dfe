//! Disks, journals and entries that the tests of the journal share.

use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};
use reenact_providers::journal::{
    Checkpointer, Commit, Entry, EntryRef, Identity, Journal, JournalError, JournalId, Location,
    Options, Position, Recovered, Recovery, TurnRef,
};
use reenact_providers::medium::Directory;
use reenact_providers::{Epoch, InstanceState, InstanceSummary, TurnRecord};
use reenact_testkit::disk::FakeDisk;

pub(crate) const IDENTITY: Identity =
    Identity { journal: JournalId(*b"the test journal"), shard: SHARD };
pub(crate) const SHARD: ShardId = ShardId(3);

/// Segments so small that a few commits fill one.
pub(crate) const SMALL: Options =
    Options { first_segment_bytes: 2048, max_segment_bytes: 4096, compress: false };

pub(crate) type Medium = Directory<FakeDisk>;

/// A commit as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) position: Position,
    pub(crate) epoch: Epoch,
    pub(crate) bytes: Vec<u8>,
}

/// A journal that was opened, with what was read.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) seen: Vec<Seen>,
    pub(crate) journal: Journal<Medium>,
    pub(crate) checkpointer: Checkpointer<Medium>,
}

pub(crate) fn medium(disk: &FakeDisk) -> Arc<Medium> {
    Arc::new(Directory::new(disk.clone()))
}

/// Reads a journal, and changes nothing.
pub(crate) fn recover(disk: &FakeDisk) -> Result<(Vec<Seen>, Recovered<Medium>), JournalError> {
    let mut seen = Vec::new();
    let recovered = Recovery::open(medium(disk), IDENTITY)?.replay(|commit| {
        seen.push(Seen::of(&commit));
        Ok::<(), JournalError>(())
    })?;
    Ok((seen, recovered))
}

/// Reads a journal and goes on writing.
pub(crate) fn open(disk: &FakeDisk, options: Options) -> Result<Opened, JournalError> {
    let (seen, recovered) = recover(disk)?;
    let epoch = Epoch(recovered.epoch().0 + 1);
    let (journal, checkpointer) = recovered.begin(epoch, options)?;
    Ok(Opened { seen, journal, checkpointer })
}

/// A commit of one turn with these events.
pub(crate) fn commit_of(bytes: &[u8]) -> [Entry; 1] {
    [turn_of(Arc::from(bytes))]
}

/// A turn with these events, always of the same instance: the journal looks into neither.
pub(crate) fn turn_of(bytes: Arc<[u8]>) -> Entry {
    let summary = InstanceSummary {
        instance: InstanceId::new("i").unwrap(),
        execution: ExecutionId::FIRST,
        name: Name::new("n").unwrap(),
        state: InstanceState::Running,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
        turns: 1,
        events: 1,
        wake_at: None,
        attributes: reenact_core::Attributes::default(),
    };
    Entry::Turn(TurnRecord { number: 0, bytes, summary, has_drawn_id: false, keep: 0 })
}

/// Bytes that tell where they come from: never the same for two numbers.
pub(crate) fn bytes(number: u64, count: usize) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend((0..count).map(|i| (i as u64 * 7 + number) as u8));
    bytes
}

/// Begins a journal of one segment of this many bytes, and appends these commits.
pub(crate) fn written(segment_bytes: u64, commits: &[Vec<u8>]) -> (FakeDisk, Vec<Position>) {
    let disk = FakeDisk::new();
    let options = Options {
        first_segment_bytes: segment_bytes,
        max_segment_bytes: segment_bytes,
        compress: false,
    };
    let mut journal = open(&disk, options).unwrap().journal;
    let append = |commit: &Vec<u8>| journal.append(&commit_of(commit)).unwrap();
    let positions = commits.iter().map(append).collect();
    (disk, positions)
}

pub(crate) fn bytes_of(seen: &[Seen]) -> Vec<Vec<u8>> {
    seen.iter().map(|seen| seen.bytes.clone()).collect()
}

/// The place that a `Corrupt` of a segment names.
pub(crate) fn corrupt_at(error: &JournalError) -> (u64, u64) {
    match error {
        JournalError::Corrupt {
            at: Location::Segment { shard: SHARD, segment, offset }, ..
        } => (*segment, *offset),
        error => panic!("{error}"),
    }
}

pub(crate) fn segment(number: u64) -> String {
    format!("segment-{number:012}")
}

impl Seen {
    pub(crate) fn of(commit: &Commit<'_>) -> Self {
        let [EntryRef::Turn(TurnRef { bytes, .. })] = commit.entries[..] else {
            panic!("{commit:?} is not one of ours");
        };
        Self { position: commit.position, epoch: commit.epoch, bytes: bytes.to_vec() }
    }
}

/// Numbers that are the same in each run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.next() >> 40 & 1 == 1
    }
}
