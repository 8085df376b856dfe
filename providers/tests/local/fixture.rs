//! A directory that an earlier version has written is read for ever.

use std::path::{Path, PathBuf};

use reenact_providers::InstanceState::{Completed, Running};
use reenact_providers::{InstanceFilter, Local, Provider};

use super::kit::{Owner, Scratch, history, options, turn};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/local_v1")
}

/// Some of it in the archive, some in a segment behind the checkpoint, some in the newest segment.
async fn write(path: &Path) {
    let owner = Owner::of(options(1).open(path).unwrap()).await;
    owner.append(&["done", "resting", "active"].map(|label| turn(label, 0, Running))).await;
    owner.append(&[turn("done", 1, Completed)]).await;
    drop(owner);
    let owner = Owner::of(options(usize::MAX / 2).open(path).unwrap()).await;
    owner.append(&[turn("active", 1, Running), turn("new", 0, Running)]).await;
    drop(owner);
    let owner = Owner::of(options(usize::MAX / 2).open(path).unwrap()).await;
    owner.append(&[turn("active", 2, Running)]).await;
}

async fn check(store: &Local) {
    for (label, turns) in [("done", 2), ("resting", 1), ("active", 3), ("new", 1)] {
        let expected: Vec<_> =
            (0..turns).map(|number| format!("{label}/{number}").into_bytes()).collect();
        assert_eq!(history(store, label).await, expected, "{label}");
        let instance = reenact_core::InstanceId::new(label).unwrap();
        let summary = store.histories().summary(&instance).await.unwrap().unwrap();
        let state = if label == "done" { Completed } else { Running };
        assert_eq!(summary, turn(label, turns - 1, state).summary);
    }
    assert_eq!(store.histories().count(&InstanceFilter::default()).await.unwrap(), 4);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn a_directory_of_the_first_version_is_read_and_goes_on() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    copy(&fixture(), &path);
    let store = options(1).open(&path).unwrap();
    check(&store).await;
    let owner = Owner::of(store).await;
    owner.append(&[turn("resting", 1, Completed)]).await;
    assert_eq!(history(&owner.store, "resting").await.len(), 2);
}

/// Writes the fixture, where it is not there and somebody asks for it:
/// `REENACT_WRITE_FIXTURES=1 cargo test -p reenact-providers --all-features --test local fixture`.
#[tokio::test]
async fn what_this_version_writes_reads_like_the_fixture() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    write(&path).await;
    check(&options(1).open(&path).unwrap()).await;
    if std::env::var_os("REENACT_WRITE_FIXTURES").is_some() && !fixture().exists() {
        write(&fixture()).await;
        std::fs::remove_file(fixture().join("LOCK")).unwrap();
    }
}
