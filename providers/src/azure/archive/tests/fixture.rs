//! An archive that was written by the first version of the format. It is read for ever.
//!
//! It holds what the scenario of these tests had written then. It is never written again: what matters is
//! that these very bytes can be read.

use std::fs;
use std::path::{Path, PathBuf};

use super::model::Model;
use super::{BlobArchiveOptions, TINY, open, scenario};
use crate::testkit::azure::blob_store::FakeBlobStore;

const PREFIX: &str = "archive/shard-0000/";

/// Two rows in a block, and runs of two levels.
const LAYOUT: BlobArchiveOptions =
    BlobArchiveOptions { block_bytes: 100, runs_per_level: 2, ..TINY };

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/blob_archive_v1")
}

#[test]
fn an_archive_of_the_first_version_is_read() {
    let blob_store = FakeBlobStore::new();
    for file in fs::read_dir(path()).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        blob_store.replace(&format!("{PREFIX}{name}"), fs::read(file.path()).unwrap());
    }
    let mut model = Model::new(1);
    scenario().iter().for_each(|part| model.apply(part));
    assert_eq!(Model::seen(&open(&blob_store, 1, LAYOUT)).unwrap(), model);
}
