//! Directories that earlier versions have written are read for ever. The first one has an archive and
//! journals of version 1; the second one has an archive of version 2, and journals with commits of
//! version 2.

use std::path::{Path, PathBuf};

use reenact_providers::InstanceState::{Completed, Running};
use reenact_providers::{InstanceFilter, Local, Provider};

use super::kit::{Owner, Scratch, history, options, turn};

pub(crate) fn fixture(version: u32) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fixtures.join(format!("local_v{version}"))
}

/// Instances of the second version that ended before they were archived: of each of two shards this many
/// that they are stored together.
const TOGETHER: usize = 100;

fn together() -> impl Iterator<Item = String> {
    (0..TOGETHER).map(|number| format!("together-{number:03}"))
}

/// Some of it in the archive, some in a segment after the checkpoint, some in the newest segment.
async fn write(path: &Path) {
    let owner = Owner::of(options(1).open(path).unwrap()).await;
    owner.append(&["done", "resting", "active"].map(|label| turn(label, 0, Running))).await;
    owner.append(&[turn("done", 1, Completed)]).await;
    let at_once: Vec<_> = together().map(|label| turn(&label, 0, Completed)).collect();
    owner.append(&at_once).await;
    drop(owner);
    let owner = Owner::of(options(usize::MAX / 2).open(path).unwrap()).await;
    owner.append(&[turn("active", 1, Running), turn("new", 0, Running)]).await;
    drop(owner);
    let owner = Owner::of(options(usize::MAX / 2).open(path).unwrap()).await;
    owner.append(&[turn("active", 2, Running)]).await;
}

async fn check(store: &Local, version: u32) {
    for (label, turns) in [("done", 2), ("resting", 1), ("active", 3), ("new", 1)] {
        let expected: Vec<_> =
            (0..turns).map(|number| format!("{label}/{number}").into_bytes()).collect();
        assert_eq!(history(store, label).await, expected, "{label}");
        let instance = reenact_core::InstanceId::new(label).unwrap();
        let summary = store.histories().summary(&instance).await.unwrap().unwrap();
        let state = if label == "done" { Completed } else { Running };
        assert_eq!(summary, turn(label, turns - 1, state).summary);
    }
    let count = if version == 1 { 4 } else { 4 + TOGETHER as u64 };
    assert_eq!(store.histories().count(&InstanceFilter::new()).await.unwrap(), count);
    for label in together().filter(|_| version > 1) {
        assert_eq!(history(store, &label).await, [format!("{label}/0").into_bytes()]);
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
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

async fn assert_is_read_and_goes_on(version: u32) {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    copy(&fixture(version), &path);
    let store = options(1).open(&path).unwrap();
    check(&store, version).await;
    let owner = Owner::of(store).await;
    owner.append(&[turn("resting", 1, Completed)]).await;
    assert_eq!(history(&owner.store, "resting").await.len(), 2);
    drop(owner);
    check_rest(&options(1).open(&path).unwrap(), version).await;
}

/// What is as it was in the fixture once that has gone on.
async fn check_rest(store: &Local, version: u32) {
    assert_eq!(history(store, "active").await.len(), 3);
    for label in together().filter(|_| version > 1) {
        assert_eq!(history(store, &label).await.len(), 1);
    }
}

#[tokio::test]
async fn a_directory_of_the_first_version_is_read_and_goes_on() {
    assert_is_read_and_goes_on(1).await;
}

#[tokio::test]
async fn a_directory_of_the_second_version_is_read_and_goes_on() {
    assert_is_read_and_goes_on(2).await;
}

/// Earlier versions made a queue of messages that nothing ever put anything into.
#[tokio::test]
async fn the_messages_of_an_earlier_version_are_left_alone_whatever_is_in_the_file() {
    let scratch = Scratch::new();
    let of_the_fixture = std::fs::read(fixture(2).join("messages.db")).unwrap();
    for (label, messages) in
        [("whole", Some(&*of_the_fixture)), ("rotten", Some(b"rot")), ("none", None)]
    {
        let path = scratch.join(label);
        copy(&fixture(2), &path);
        std::fs::remove_file(path.join("messages.db")).unwrap();
        if let Some(messages) = messages {
            std::fs::write(path.join("messages.db"), messages).unwrap();
        }
        check(&options(1).open(&path).unwrap(), 2).await;
        assert_eq!(std::fs::read(path.join("messages.db")).ok().as_deref(), messages, "{label}");
    }
}

/// Writes the fixture, where it is not there and somebody asks for it:
/// `REENACT_WRITE_FIXTURES=1 cargo test -p reenact-providers --all-features --test local fixture`.
#[tokio::test]
async fn what_this_version_writes_reads_like_the_fixture() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    write(&path).await;
    check(&options(1).open(&path).unwrap(), 2).await;
    if std::env::var_os("REENACT_WRITE_FIXTURES").is_some() && !fixture(2).exists() {
        write(&fixture(2)).await;
        std::fs::remove_file(fixture(2).join("LOCK")).unwrap();
    }
}
