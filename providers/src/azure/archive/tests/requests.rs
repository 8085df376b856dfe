//! What is asked of the service: each request is paid.

use reenact_core::{ExecutionId, InstanceId, ShardId};

use super::{BlobArchive, BlobArchiveOptions, end, id, open, run, summary};
use crate::InstanceFilter;
use crate::archive::{Archive, Change, Earlier, Growth, Part};
use crate::testkit::azure::blob_store::{FakeBlobStore, Requests};

const SHARD: ShardId = ShardId(0);

/// Instances whose ids are spread among those of other parts.
fn names(part: u64, count: u64) -> Vec<InstanceId> {
    let mut names: Vec<_> =
        (0..count).map(|number| id(&format!("order-{:06}", number * 64 + part))).collect();
    names.sort_unstable();
    names
}

/// Gives new instances of two turns, or lets them grow by two.
fn absorb(archive: &BlobArchive, sequence: u64, names: &[InstanceId], first: u64) {
    let change = |name: &InstanceId| {
        let run = run(name, 1, first..first + 2);
        Change::Grown(Growth {
            summary: summary(name, 1, first + 2),
            starts_anew: false,
            run,
            earlier: Earlier::default(),
        })
    };
    let changes: Vec<_> = names.iter().map(|name| (name, change(name))).collect();
    let changes = changes.iter().map(|(name, change)| (*name, change)).collect();
    archive.absorb(&Part { shard: SHARD, end: end(sequence), changes }).unwrap();
    archive.tidy(SHARD, &|| true);
}

/// What something costs.
fn cost(blob_store: &FakeBlobStore, what: impl FnOnce()) -> Requests {
    let before = blob_store.requests();
    what();
    let after = blob_store.requests();
    Requests {
        gets: after.gets - before.gets,
        puts: after.puts - before.puts,
        deletes: after.deletes - before.deletes,
        lists: after.lists - before.lists,
        loads: after.loads - before.loads,
    }
}

/// Eight runs of 1,000 instances each, of which the ends are known and nothing else.
fn filled() -> (FakeBlobStore, BlobArchive) {
    let (blob_store, archive) = unknown();
    assert_eq!(archive.position(SHARD).unwrap(), end(8));
    assert_eq!(archive.look_up(&names(33, 9)[5]).unwrap(), None);
    (blob_store, archive)
}

/// The same, in a process that has asked nothing yet.
fn unknown() -> (FakeBlobStore, BlobArchive) {
    let blob_store = FakeBlobStore::new();
    let archive = open(&blob_store, 1, BlobArchiveOptions::default());
    (1..=8).for_each(|part| absorb(&archive, part, &names(part, 1_000), 0));
    let archive = open(&blob_store, 1, BlobArchiveOptions::default());
    (blob_store, archive)
}

/// Of nine runs their rows and their turns are read; one run is written, and one manifest.
const MERGE: Requests = Requests { gets: 9 * 2, puts: 2, deletes: 9, lists: 0, loads: 0 };

const NONE: Requests = Requests { gets: 0, puts: 0, deletes: 0, lists: 0, loads: 0 };

#[test]
fn a_part_costs_two_requests_and_the_first_one_of_a_process_two_more() {
    let blob_store = FakeBlobStore::new();
    let archive = open(&blob_store, 1, BlobArchiveOptions::default());
    let first = cost(&blob_store, || absorb(&archive, 1, &names(1, 1_000), 0));
    assert_eq!(first, Requests { puts: 2, lists: 1, loads: 1, ..NONE });
    let new = cost(&blob_store, || absorb(&archive, 2, &names(2, 1_000), 0));
    assert_eq!(new, Requests { puts: 2, ..NONE });
    let nothing = cost(&blob_store, || absorb(&archive, 3, &[], 0));
    assert_eq!(nothing, Requests { puts: 1, ..NONE });
}

#[test]
fn instances_that_grow_are_looked_up_together() {
    let (blob_store, archive) = filled();
    let growing = cost(&blob_store, || absorb(&archive, 9, &names(3, 1_000), 2));
    // The rows that they have so far are read once, for the merge as well.
    assert_eq!(growing, Requests { puts: 2 + MERGE.puts, lists: 1, ..MERGE });
}

#[test]
fn ids_that_are_nowhere_cost_nothing() {
    let (blob_store, archive) = filled();
    let unknown = names(33, 1_000);
    let looked_up = cost(&blob_store, || {
        for name in &unknown {
            assert_eq!(archive.look_up(name).unwrap(), None);
        }
    });
    assert!(looked_up.all() <= 5, "{looked_up:?}");
}

#[test]
fn another_process_reads_the_manifest_and_the_end_of_each_run_once() {
    let (blob_store, archive) = unknown();
    let first = cost(&blob_store, || assert_eq!(archive.look_up(&names(33, 9)[5]).unwrap(), None));
    assert_eq!(first, Requests { loads: 1, gets: 8, ..NONE });
    let second = cost(&blob_store, || assert_eq!(archive.look_up(&names(34, 9)[5]).unwrap(), None));
    assert_eq!(second, NONE);
}

#[test]
fn what_is_there_costs_one_request_and_its_turns_another() {
    let (blob_store, archive) = filled();
    let name = &names(3, 1_000)[500];
    let found = cost(&blob_store, || assert!(archive.look_up(name).unwrap().is_some()));
    assert_eq!(found, Requests { gets: 1, ..NONE });
    let read = cost(&blob_store, || {
        let stretch = archive.read(name, ExecutionId::FIRST, 0, 99).unwrap().unwrap();
        assert_eq!(stretch.turns.len(), 2);
    });
    assert_eq!(read, Requests { gets: 1, ..NONE }, "the row is known by now");
}

#[test]
fn a_page_costs_one_request_for_each_run_and_the_next_one_less() {
    let (blob_store, archive) = filled();
    let filter = InstanceFilter::new();
    let mut last = None;
    let first = cost(&blob_store, || {
        last = archive.list(&filter, None, 100).unwrap().pop();
    });
    assert_eq!(first, Requests { gets: 8, ..NONE });
    let second = cost(&blob_store, || {
        let after = last.map(|last| last.instance);
        assert_eq!(archive.list(&filter, after.as_ref(), 100).unwrap().len(), 100);
    });
    assert_eq!(second, NONE);
    let counted = cost(&blob_store, || assert_eq!(archive.count(&filter).unwrap(), 8_000));
    assert!(counted.gets <= 16, "{counted:?}");
}

#[test]
fn what_must_wake_is_found_without_looking_at_what_is_finished() {
    let (blob_store, archive) = filled();
    let woken = cost(&blob_store, || assert_eq!(archive.to_wake(SHARD).unwrap(), []));
    assert_eq!(woken, NONE, "no run has anything that wakes, or that hides such");
}

#[test]
fn merging_reads_and_writes_each_byte_in_few_requests() {
    let (blob_store, archive) = filled();
    let merge = cost(&blob_store, || absorb(&archive, 9, &names(9, 1_000), 0));
    assert_eq!(merge, Requests { puts: 2 + MERGE.puts, lists: 1, ..MERGE });
    let looked_up = cost(&blob_store, || {
        for name in &names(33, 1_000) {
            assert_eq!(archive.look_up(name).unwrap(), None);
        }
    });
    assert!(looked_up.all() <= 5, "{looked_up:?}");
}
