//! What is stored and not what was written is reported, with its place, or disturbs nothing.

use std::fmt::Debug;

use reenact_core::{ExecutionId, ShardId};

use super::{BlobArchive, BlobArchiveOptions, TINY, id, open, scenario};
use crate::archive::Archive;
use crate::testkit::azure::blob_store::FakeBlobStore;
use crate::{InstanceFilter, ProviderError};

/// All answers of an archive, as texts; of an error, its place.
fn answers(archive: &BlobArchive) -> Vec<Result<String, String>> {
    fn answer<T: Debug>(outcome: Result<T, ProviderError>) -> Result<String, String> {
        match outcome {
            Ok(answer) => Ok(format!("{answer:?}")),
            Err(ProviderError::Corrupt { place, .. }) => Err(place.0),
            Err(error) => panic!("{error}"),
        }
    }
    let all = InstanceFilter::new();
    let mut answers = vec![
        answer(archive.position(ShardId(0))),
        answer(archive.list(&all, None, 99)),
        answer(archive.list(&all, Some(&id("b")), 1)),
        answer(archive.count(&all)),
        answer(archive.to_wake(ShardId(0))),
    ];
    for name in ["a", "b", "c", "d", "e", "never"] {
        answers.push(answer(archive.look_up(&id(name))));
        for execution in [1, 3] {
            answers.push(answer(archive.read(&id(name), ExecutionId(execution), 0, 99)));
        }
    }
    answers
}

fn written(options: BlobArchiveOptions) -> FakeBlobStore {
    let blob_store = FakeBlobStore::new();
    let archive = open(&blob_store, 1, options);
    scenario().iter().for_each(|part| part.absorb_into(&archive).unwrap());
    blob_store
}

/// Compares what is answered with what was before one blob was changed. Whether that was reported.
fn was_reported(
    blob_store: &FakeBlobStore,
    options: BlobArchiveOptions,
    blob: &str,
    bytes: Vec<u8>,
    before: &[Result<String, String>],
) -> bool {
    let changed = blob_store.copy();
    changed.replace(blob, bytes);
    let mut reported = false;
    for (after, before) in answers(&open(&changed, 1, options)).into_iter().zip(before) {
        match after {
            Ok(answer) => assert_eq!(Ok(&answer), before.as_ref(), "{blob}"),
            Err(place) => {
                assert!(place.contains(blob), "{place} is not {blob}");
                reported = true;
            }
        }
    }
    reported
}

/// Large blocks, and small ones.
const LAYOUTS: [BlobArchiveOptions; 2] = [
    BlobArchiveOptions { runs_per_level: 2, block_bytes: 1000, ..TINY },
    BlobArchiveOptions { runs_per_level: 99, ..TINY },
];

#[test]
fn every_flipped_bit_is_reported_or_disturbs_nothing() {
    for options in LAYOUTS {
        let blob_store = written(options);
        let before = answers(&open(&blob_store, 1, options));
        assert!(before.iter().all(Result::is_ok));
        for blob in blob_store.names() {
            let bytes = blob_store.bytes(&blob).unwrap();
            let mut reported = 0;
            for at in 0..bytes.len() {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << (at % 8);
                reported +=
                    usize::from(was_reported(&blob_store, options, &blob, flipped, &before));
            }
            // What nobody can see any more is not looked at.
            assert!(reported > 100, "{reported} of {} bytes of {blob}", bytes.len());
        }
    }
}

#[test]
fn every_cut_is_reported_or_disturbs_nothing() {
    let options = LAYOUTS[0];
    let blob_store = written(options);
    let before = answers(&open(&blob_store, 1, options));
    for blob in blob_store.names() {
        let bytes = blob_store.bytes(&blob).unwrap();
        for end in 0..bytes.len() {
            let cut = bytes[..end].to_vec();
            assert!(was_reported(&blob_store, options, &blob, cut, &before), "{blob} cut at {end}");
        }
    }
}

#[test]
fn a_run_in_the_place_of_another_is_reported() {
    let options = LAYOUTS[1];
    let blob_store = written(options);
    let before = answers(&open(&blob_store, 1, options));
    let names = blob_store.names();
    for pair in names.windows(2) {
        let bytes = blob_store.bytes(&pair[0]).unwrap();
        assert!(was_reported(&blob_store, options, &pair[1], bytes, &before), "{pair:?}");
    }
}

#[test]
fn a_run_that_is_missing_is_reported_and_so_is_a_manifest_that_was_there() {
    use crate::azure::blob_store::BlobStore;
    let blob_store = written(LAYOUTS[1]);
    let archive = open(&blob_store, 1, LAYOUTS[1]);
    archive.position(ShardId(0)).unwrap();
    let run = blob_store.names().pop().unwrap();
    blob_store.delete(&run).unwrap();
    let error = archive.count(&InstanceFilter::new()).unwrap_err();
    assert!(error.to_string().contains(&run), "{error}");

    blob_store.delete("archive/shard-0000/MANIFEST").unwrap();
    let error = archive.position(ShardId(0)).unwrap_err();
    assert!(matches!(error, ProviderError::Corrupt { .. }), "{error}");
}

#[test]
fn what_has_rotted_is_never_merged_into_what_has_not() {
    for options in [LAYOUTS[0], TINY] {
        let mut blob_store = written(options);
        let blob = blob_store.names().pop().unwrap();
        let mut bytes = blob_store.bytes(&blob).unwrap();
        bytes[8] ^= 1;
        blob_store.replace(&blob, bytes);
        let archive = open(&blob_store, 1, options);
        for sequence in 20..26 {
            // A part is taken over, or what has rotted is in its way.
            let _ = super::part(sequence, vec![super::grown("x", 1, 0..1)]).absorb_into(&archive);
        }
        blob_store = blob_store.copy();
        assert!(blob_store.names().contains(&blob), "it is there for a person to look at");
    }
}
