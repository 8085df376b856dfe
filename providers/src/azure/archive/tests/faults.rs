//! Whatever request goes wrong, a part is taken over as a whole or not at all, and can be given again.

use std::cell::Cell;

use super::model::Model;
use super::{BlobArchiveOptions, OwnedPart, TINY, blobs, is_merged, open, part, purged, scenario};
use crate::ProviderError;
use crate::testkit::azure::blob_store::{FakeBlobStore, Fault};

/// Who tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    TheSame,
    /// After a crash.
    Another,
}

/// Gives a part until it is taken.
fn absorb(
    blob_store: &FakeBlobStore,
    archive: &mut super::BlobArchive,
    part: &OwnedPart,
    model: &mut Model,
    again: Again,
) {
    let mut tries = 0;
    loop {
        let before = model.clone();
        let outcome = part.absorb_into(archive);
        let seen = Model::seen(&open(&blob_store.copy(), 1, archive.options)).unwrap();
        let mut after = before.clone();
        after.apply(part);
        match outcome {
            Ok(()) => {
                assert_eq!(seen, after, "what was taken over is all there");
                *model = after;
                return;
            }
            Err(ProviderError::Unavailable { .. } | ProviderError::Unknown { .. }) => {
                assert!(seen == before || seen == after, "all of it or nothing: {seen:#?}");
            }
            Err(error) => panic!("{error}"),
        }
        tries += 1;
        assert!(tries < 3, "it goes on once the fault is over");
        if again == Again::Another {
            *archive = open(blob_store, 1, archive.options);
        }
    }
}

/// Goes through the scenario with one fault. Whether it came to that.
fn happened(fault: Fault, others: u64, again: Again, options: BlobArchiveOptions) -> bool {
    let blob_store = FakeBlobStore::new();
    let mut archive = open(&blob_store, 1, options);
    let mut model = Model::new(1);
    blob_store.fail(others, fault);
    for part in scenario() {
        absorb(&blob_store, &mut archive, &part, &mut model, again);
    }
    if !blob_store.has_failed() {
        return false;
    }

    // Two parts later, nothing that is worthless is left, no matter which owner goes on.
    for sequence in [20, 21] {
        part(sequence, vec![purged("b")]).absorb_into(&archive).unwrap();
        archive = open(&blob_store, 1, options);
    }
    let (there, named) = blobs(&archive, &blob_store);
    assert_eq!(there, named, "{fault:?} of request {others}");
    assert!(is_merged(&archive), "what could not be merged is, in the end");
    true
}

#[test]
fn a_fault_of_any_request_leaves_all_of_a_part_or_nothing() {
    for options in [TINY, BlobArchiveOptions::default()] {
        for fault in [Fault::Refused, Fault::Lost, Fault::Late] {
            for again in [Again::TheSame, Again::Another] {
                let mut others = 0;
                while happened(fault, others, again, options) {
                    others += 1;
                }
                assert!(others > 14, "two requests for each part at least, not {others}");
            }
        }
    }
}

/// Goes through the scenario while putting in order is broken off at the question of that number, each
/// time. Whether it came to that.
fn broken_off(at: usize) -> bool {
    let blob_store = FakeBlobStore::new();
    let archive = open(&blob_store, 1, TINY);
    let (mut model, mut was_broken_off) = (Model::new(1), false);
    for part in scenario() {
        let asked = Cell::new(0);
        let has_time = || {
            asked.set(asked.get() + 1);
            asked.get() <= at
        };
        part.absorb_into_within(&archive, &has_time).unwrap();
        was_broken_off |= asked.get() > at;
        model.apply(&part);
        assert_eq!(Model::seen(&open(&blob_store.copy(), 1, TINY)).unwrap(), model);
    }
    // With time, nothing that is worthless is left.
    part(20, vec![purged("b")]).absorb_into(&archive).unwrap();
    assert!(is_merged(&archive));
    let (there, named) = blobs(&archive, &blob_store);
    assert_eq!(there, named, "broken off at {at}");
    was_broken_off
}

#[test]
fn a_merge_that_is_broken_off_loses_nothing_and_is_made_up_for() {
    let mut at = 0;
    while broken_off(at) {
        at += 1;
    }
    assert!(at > 5, "in the middle of merges too, not {at} times only");
}
