//! Tests of archives in blobs, on a blob store that counts and fails.

mod faults;
mod fence;
mod fixture;
mod model;
mod random;
mod requests;
mod rot;

use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};

use super::merge::due;
use super::{BlobArchive, BlobArchiveOptions};
use crate::archive::{Archive, Change, Earlier, Growth, Part, TurnRun};
use crate::journal::{JournalId, Position};
use crate::testkit::azure::blob_store::FakeBlobStore;
use crate::{InstanceState, InstanceSummary, ProviderError};

const JOURNAL: JournalId = JournalId(*b"the test journal");

/// Every other part makes it merge; each row has a block of its own, each instance a table.
const TINY: BlobArchiveOptions = BlobArchiveOptions {
    block_bytes: 1,
    table_bytes: 60,
    runs_per_level: 1,
    stretch_bytes: 200,
    turns_stretch_bytes: 30,
    cache_bytes: 1_000,
};

/// Changes of instances of one shard, and where they end in its journal.
#[derive(Clone, Debug)]
struct OwnedPart {
    shard: ShardId,
    end: Position,
    changes: Vec<(InstanceId, Change)>,
}

impl OwnedPart {
    fn absorb_into(&self, archive: &BlobArchive) -> Result<(), ProviderError> {
        self.absorb_into_within(archive, &|| true)
    }

    fn absorb_into_within(
        &self,
        archive: &BlobArchive,
        has_time: &dyn Fn() -> bool,
    ) -> Result<(), ProviderError> {
        let changes = self.changes.iter().map(|(instance, change)| (instance, change)).collect();
        archive.absorb(&Part { shard: self.shard, end: self.end, changes })?;
        archive.tidy(self.shard, has_time);
        Ok(())
    }
}

fn open(blob_store: &FakeBlobStore, shards: u32, options: BlobArchiveOptions) -> BlobArchive {
    BlobArchive::with_options(Arc::new(blob_store.clone()), JOURNAL, shards, options)
}

fn id(id: &str) -> InstanceId {
    InstanceId::new(id).unwrap()
}

fn end(sequence: u64) -> Position {
    Position { segment: 1 + sequence / 10, offset: 512 + sequence * 100, sequence }
}

fn summary(instance: &InstanceId, execution: u32, turns: u64) -> InstanceSummary {
    InstanceSummary {
        instance: instance.clone(),
        execution: ExecutionId(execution),
        name: Name::new("process_order").unwrap(),
        state: InstanceState::Running,
        created_at: Timestamp::from_micros(1_000),
        updated_at: Timestamp::from_micros(2_000 + turns),
        turns,
        events: turns * 2,
        wake_at: None,
        attributes: reenact_core::Attributes::default(),
    }
}

/// Turns of which each tells whose it is, and its number.
fn run(instance: &InstanceId, execution: u32, numbers: std::ops::Range<u64>) -> TurnRun {
    let bytes = |number| format!("turn {number} of {instance}/{execution}").into_bytes().into();
    let turns = numbers.clone().map(bytes).collect();
    TurnRun { execution: ExecutionId(execution), first: numbers.start, turns }
}

/// An instance that gets these turns.
fn grown(name: &str, execution: u32, numbers: std::ops::Range<u64>) -> (InstanceId, Change) {
    let instance = id(name);
    let summary = summary(&instance, execution, numbers.end);
    let run = run(&instance, execution, numbers);
    (
        instance,
        Change::Grown(Growth { summary, starts_anew: false, run, earlier: Earlier::default() }),
    )
}

/// The same, when it waits for a timer.
fn waking(change: (InstanceId, Change)) -> (InstanceId, Change) {
    let (instance, mut change) = change;
    if let Change::Grown(growth) = &mut change {
        growth.summary.wake_at = Some(Timestamp::from_micros(9));
    }
    (instance, change)
}

/// The same, when an earlier instance was purged before.
fn anew(change: (InstanceId, Change)) -> (InstanceId, Change) {
    let (instance, mut change) = change;
    if let Change::Grown(growth) = &mut change {
        growth.starts_anew = true;
    }
    (instance, change)
}

fn purged(name: &str) -> (InstanceId, Change) {
    (id(name), Change::Purged)
}

/// The next part of the only shard.
fn part(sequence: u64, mut changes: Vec<(InstanceId, Change)>) -> OwnedPart {
    changes.sort_by(|a, b| a.0.cmp(&b.0));
    OwnedPart { shard: ShardId(0), end: end(sequence), changes }
}

/// The blobs that are there, and those that some manifest names.
fn blobs(archive: &BlobArchive, blob_store: &FakeBlobStore) -> (Vec<String>, Vec<String>) {
    let mut named = Vec::new();
    for tree in archive.trees() {
        let view = tree.load().unwrap();
        named.extend(view.etag.as_ref().map(|_| tree.paths.manifest()));
        named.extend(view.manifest.tables().map(|info| tree.paths.run(info.number)));
    }
    named.sort();
    (blob_store.names(), named)
}

/// Whether no level has too many runs: whether the merges that were due have succeeded.
fn is_merged(archive: &BlobArchive) -> bool {
    let most = archive.options.runs_per_level;
    archive.trees().all(|tree| due(&tree.load().unwrap().manifest, most).is_none())
}

/// A history in which everything happens that can happen.
fn scenario() -> Vec<OwnedPart> {
    vec![
        part(1, vec![grown("a", 1, 0..2), waking(grown("b", 1, 0..1)), grown("c", 1, 0..3)]),
        part(2, vec![waking(grown("a", 1, 2..3)), grown("b", 1, 1..4), purged("never")]),
        part(3, vec![]),
        part(4, vec![purged("c"), grown("a", 2, 0..2), waking(grown("d", 1, 0..1))]),
        part(5, vec![grown("c", 1, 0..1), anew(grown("b", 1, 0..2)), purged("d")]),
        part(6, vec![waking(anew(grown("d", 3, 0..1))), grown("a", 2, 2..5)]),
        part(7, vec![grown("b", 1, 2..3), grown("e", 1, 0..1), purged("a")]),
    ]
}
