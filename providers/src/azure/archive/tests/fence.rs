//! One writes to a shard at a time; many may read.

use reenact_core::ShardId;

use super::model::Model;
use super::{TINY, blobs, grown, id, open, part, scenario};
use crate::ProviderError;
use crate::archive::Archive;
use crate::journal::Position;
use crate::testkit::azure::blob_store::{FakeBlobStore, Fault};

const SHARD: ShardId = ShardId(0);

#[test]
fn a_process_that_has_lost_a_shard_is_fenced_and_destroys_nothing() {
    for taken in 1..scenario().len() {
        let blob_store = FakeBlobStore::new();
        let (old, new) = (open(&blob_store, 1, TINY), open(&blob_store, 1, TINY));
        let mut model = Model::new(1);
        for part in &scenario()[..taken] {
            part.absorb_into(&old).unwrap();
            model.apply(part);
        }
        assert_eq!(new.position(SHARD).unwrap(), model.positions[0]);
        let next = part(30, vec![grown("new", 1, 0..1)]);
        next.absorb_into(&new).unwrap();
        model.apply(&next);

        let stale = part(31, vec![grown("stale", 1, 0..1)]);
        for _ in 0..2 {
            let error = stale.absorb_into(&old).unwrap_err();
            assert!(matches!(error, ProviderError::Fenced { shard: SHARD }), "{error}");
            assert_eq!(Model::seen(&open(&blob_store, 1, TINY)).unwrap(), model);
        }
        // It goes on undisturbed, and in the end nothing of the other is left.
        let next = part(32, vec![grown("new", 1, 1..2)]);
        next.absorb_into(&new).unwrap();
        model.apply(&next);
        assert_eq!(Model::seen(&new).unwrap(), model);
        let last = open(&blob_store, 1, TINY);
        part(33, vec![grown("last", 1, 0..1)]).absorb_into(&last).unwrap();
        let (there, named) = blobs(&last, &blob_store);
        assert_eq!(there, named);
    }
}

#[test]
fn a_process_that_owns_a_shard_again_goes_on_after_the_other() {
    let blob_store = FakeBlobStore::new();
    let (one, other) = (open(&blob_store, 1, TINY), open(&blob_store, 1, TINY));
    part(1, vec![grown("a", 1, 0..1)]).absorb_into(&one).unwrap();
    other.position(SHARD).unwrap();
    part(2, vec![grown("a", 1, 1..2)]).absorb_into(&other).unwrap();
    part(3, vec![grown("a", 1, 1..2)]).absorb_into(&one).unwrap_err();
    assert_eq!(one.position(SHARD).unwrap().sequence, 2);
    part(3, vec![grown("a", 1, 2..3)]).absorb_into(&one).unwrap();
    assert_eq!(one.look_up(&id("a")).unwrap().unwrap().length, 3);
}

/// A process to which the service said wrongly that another had written took no more, however often it
/// claimed the shard.
#[test]
fn a_process_that_claims_a_shard_that_nobody_else_has_written_goes_on() {
    let mut fenced = 0;
    for others in 0.. {
        let blob_store = FakeBlobStore::new();
        let archive = open(&blob_store, 1, TINY);
        part(1, vec![grown("a", 1, 0..1)]).absorb_into(&archive).unwrap();
        let next = part(2, vec![grown("a", 1, 1..2)]);
        blob_store.fail(others, Fault::Contradicted);
        let absorbed = next.absorb_into(&archive);
        if !blob_store.has_failed() {
            break;
        }
        if let Err(ProviderError::Fenced { .. }) = absorbed {
            fenced += 1;
            next.absorb_into(&archive).expect_err("it has not claimed the shard again");
        }
        archive.position(SHARD).unwrap();
        next.absorb_into(&archive).unwrap();
        assert_eq!(archive.look_up(&id("a")).unwrap().unwrap().length, 2);
    }
    assert!(fenced > 0, "one of the requests writes the manifest");
}

#[test]
fn a_part_of_what_another_has_archived_already_is_fenced() {
    let blob_store = FakeBlobStore::new();
    let archive = open(&blob_store, 1, TINY);
    part(5, vec![grown("a", 1, 0..1)]).absorb_into(&archive).unwrap();
    let earlier = part(4, vec![grown("b", 1, 0..1)]);
    let mut same = part(5, vec![grown("b", 1, 0..1)]);
    same.end.segment += 1;
    for part in [earlier, same] {
        let error = part.absorb_into(&archive).unwrap_err();
        assert!(matches!(error, ProviderError::Fenced { .. }), "{error}");
    }
    let mut nothing = part(5, vec![]);
    nothing.end = Position { segment: 9, offset: 64, sequence: 5 };
    nothing.absorb_into(&archive).unwrap();
    assert_eq!(archive.position(SHARD).unwrap(), nothing.end);
}

#[test]
fn a_reader_whose_runs_were_merged_reads_the_newer_ones() {
    let blob_store = FakeBlobStore::new();
    let (writer, reader) = (open(&blob_store, 1, TINY), open(&blob_store, 1, TINY));
    let mut model = Model::new(1);
    for part in scenario() {
        assert_eq!(Model::seen(&reader).unwrap(), model);
        part.absorb_into(&writer).unwrap();
        model.apply(&part);
        for (instance, row) in &model.instances {
            let stretch = reader.read(instance, row.summary.execution, 0, 99);
            stretch.expect("what is gone is somewhere else");
        }
    }
    assert_eq!(Model::seen(&reader).unwrap(), model);
}
