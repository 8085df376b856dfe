//! Stores that are only read: nothing in their directories is changed, and all that was written is seen.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use reenact_core::{InstanceId, ShardId};
use reenact_providers::InstanceState::{Completed, Running};
use reenact_providers::{
    Batch, Epoch, InstanceFilter, Lease, Local, OpenError, PageRequest, Provider, ProviderError,
};

use super::kit::{Owner, Scratch, history, options, turn};

const LABELS: [&str; 4] = ["a", "b", "c", "d"];
const TURNS: u64 = 40;

/// Files with their bytes and the times of their last change; the lock among them.
fn everything(path: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    let mut left = vec![path.to_owned()];
    while let Some(path) = left.pop() {
        let changed = fs::metadata(&path).unwrap().modified().unwrap();
        if path.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            found.insert(path, (Vec::new(), changed));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.insert(path, (bytes, changed));
        }
    }
    found
}

async fn written(path: &Path, flush_bytes: usize) -> Local {
    let owner = Owner::of(options(flush_bytes).open(path).unwrap()).await;
    for number in 0..TURNS {
        let state = if number + 1 == TURNS { Completed } else { Running };
        owner.append(&LABELS.map(|label| turn(label, number, state))).await;
    }
    owner.store
}

/// A directory as a process leaves it that is killed: copied while the store is in use.
fn left_by_a_killed_process(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        if from.is_dir() {
            left_by_a_killed_process(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// Asserts that all that was written is seen, by each way of reading.
async fn is_all_seen(path: &Path) {
    let store = Local::open_read_only(path).unwrap();
    let histories = store.histories();
    for label in LABELS {
        let expected: Vec<_> = (0..TURNS).map(|n| format!("{label}/{n}").into_bytes()).collect();
        assert_eq!(history(&store, label).await, expected);
        let instance = InstanceId::new(label).unwrap();
        let summary = histories.summary(&instance).await.unwrap().unwrap();
        assert_eq!((summary.turns, summary.state), (TURNS, Completed));
        let loaded = histories.load(&instance, 1_000).await.unwrap().unwrap();
        assert_eq!(loaded.summary, summary);
    }
    let page = PageRequest::new().limit(10);
    let listed = histories.list(&InstanceFilter::new(), &page).await.unwrap();
    let ids: Vec<_> = listed.instances.iter().map(|found| found.instance.as_str()).collect();
    assert_eq!(ids, LABELS);
    assert_eq!(histories.count(&InstanceFilter::new()).await.unwrap(), 4);
}

#[tokio::test]
async fn all_that_was_written_is_seen_and_not_one_byte_is_changed() {
    let scratch = Scratch::new();
    // In the archive; partly in the journal; all in the journal.
    for flush_bytes in [1, 2_000, usize::MAX / 2] {
        let path = scratch.join(&format!("store-{flush_bytes}"));
        drop(written(&path, flush_bytes).await);
        let before = everything(&path);
        is_all_seen(&path).await;
        is_all_seen(&path).await;
        assert!(everything(&path) == before, "nothing is changed, made or touched");
    }
}

#[tokio::test]
async fn what_a_killed_process_has_left_is_seen_and_left_as_it_is() {
    let scratch = Scratch::new();
    for flush_bytes in [1, 2_000, usize::MAX / 2] {
        let path = scratch.join(&format!("store-{flush_bytes}"));
        let store = written(&path, flush_bytes).await;
        let left = scratch.join(&format!("left-{flush_bytes}"));
        left_by_a_killed_process(&path, &left);
        drop(store);
        if flush_bytes == 1 {
            let log = fs::metadata(left.join("archive.db-wal")).unwrap();
            assert!(log.len() > 0, "the log of the archive is part of what is tested");
        }
        let before = everything(&left);
        is_all_seen(&left).await;
        assert!(everything(&left) == before, "nothing is changed, made or touched");
        // And a host mends it as always.
        drop(options(1).open(&left).unwrap());
        is_all_seen(&left).await;
    }
}

#[tokio::test]
async fn a_torn_record_is_neither_seen_nor_mended() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    drop(written(&path, usize::MAX / 2).await);
    let segment = path.join("shard-0000").join("segment-000000000001");
    let mut bytes = fs::read(&segment).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    // The last record was not written to its end.
    bytes[end] = 0;
    bytes[end - 1] = 0;
    fs::write(&segment, bytes).unwrap();
    let before = everything(&path);
    let store = Local::open_read_only(&path).unwrap();
    let last: Vec<usize> = {
        let mut counts = Vec::new();
        for label in LABELS {
            counts.push(history(&store, label).await.len());
        }
        counts
    };
    assert!(last.contains(&(TURNS as usize - 1)), "the torn record is not seen: {last:?}");
    drop(store);
    assert!(everything(&path) == before);
}

#[tokio::test]
async fn the_log_of_the_archive_needs_the_file_beside_it() {
    let scratch = Scratch::new();
    let (path, left) = (scratch.join("store"), scratch.join("left"));
    let store = written(&path, 1).await;
    left_by_a_killed_process(&path, &left);
    drop(store);
    fs::remove_file(left.join("archive.db-shm")).unwrap();
    let before = everything(&left);
    let refused = Local::open_read_only(&left).unwrap_err();
    assert!(refused.to_string().contains("archive.db-shm"), "{refused}");
    assert!(everything(&left) == before);
}

#[tokio::test]
async fn every_change_is_refused_with_what_to_do() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    drop(written(&path, 2_000).await);
    let before = everything(&path);
    let store = Local::open_read_only(&path).unwrap();
    let (shard, epoch) = (ShardId(0), Epoch(1));
    let lease = Lease { shard, epoch, owner: "test".to_owned(), expires: None };
    let batch = Batch { shard, epoch, turns: Vec::new() };
    let refusals = [
        store.leases().acquire(shard, "test").await.unwrap_err(),
        store.histories().append(batch.into()).await.unwrap_err(),
        store.histories().purge(&[], &lease).await.unwrap_err(),
    ];
    for refused in refusals {
        assert!(matches!(refused, ProviderError::ReadOnly { .. }), "{refused}");
        assert!(refused.to_string().contains(path.to_str().unwrap()), "{refused}");
        assert!(!refused.is_transient());
    }
    drop(store);
    assert!(everything(&path) == before);
}

#[tokio::test]
async fn readers_are_side_by_side_and_keep_writers_out_and_writers_them() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    let writer = written(&path, 2_000).await;
    let refused = Local::open_read_only(&path).unwrap_err();
    let OpenError::InUse { holder, .. } = &refused else { panic!("{refused}") };
    assert!(holder.contains(&std::process::id().to_string()), "{holder}");
    drop(writer);
    let readers = [Local::open_read_only(&path).unwrap(), Local::open_read_only(&path).unwrap()];
    let refused = options(1).open(&path).unwrap_err();
    let OpenError::InUse { holder, .. } = &refused else { panic!("{refused}") };
    assert!(holder.contains("read"), "{holder}");
    drop(readers);
    drop(options(1).open(&path).unwrap());
}

#[test]
fn a_store_knows_its_directory() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    assert_eq!(options(1).open(&path).unwrap().directory(), Some(path.clone()));
    assert_eq!(Local::open_read_only(&path).unwrap().directory(), Some(path));
    assert_eq!(reenact_providers::InMemory::new().directory(), None);
}

#[tokio::test]
async fn what_is_no_store_that_can_be_read_is_refused_and_left_as_it_is() {
    let scratch = Scratch::new();
    let absent = scratch.join("absent");
    let refused = Local::open_read_only(&absent).unwrap_err();
    assert!(matches!(refused, OpenError::NoStore { .. }), "{refused}");
    assert!(!absent.exists(), "it is not made");

    let other = scratch.join("photos");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("cat.jpg"), "a cat").unwrap();
    let refused = Local::open_read_only(&other).unwrap_err();
    assert!(matches!(refused, OpenError::NoStore { .. }), "{refused}");
    assert!(refused.to_string().contains("cat.jpg"), "{refused}");
    assert!(!other.join("LOCK").exists());

    let newer = scratch.join("newer");
    drop(written(&newer, 1).await);
    let text = "reenact store\nformat 2\nand more\n";
    let text = format!("{text}checksum {:08x}\n", crc32c::crc32c(text.as_bytes()));
    fs::write(newer.join("STORE"), text).unwrap();
    let before = everything(&newer);
    let refused = Local::open_read_only(&newer).unwrap_err();
    assert!(matches!(refused, OpenError::NewerFormat { found: 2, .. }), "{refused}");
    assert!(everything(&newer) == before);

    let older = scratch.join("older");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/local_v1");
    left_by_a_killed_process(&fixture, &older);
    fs::write(older.join("LOCK"), "").unwrap();
    let before = everything(&older);
    let refused = Local::open_read_only(&older).unwrap_err();
    assert!(matches!(refused, OpenError::OlderFormat { found: 1, .. }), "{refused}");
    assert!(everything(&older) == before);
    // Once it was opened for writing, it can be read.
    drop(Local::open(&older).unwrap());
    drop(Local::open_read_only(&older).unwrap());

    let damaged = scratch.join("damaged");
    drop(written(&damaged, usize::MAX / 2).await);
    let segment = damaged.join("shard-0000").join("segment-000000000001");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[700] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let before = everything(&damaged);
    let refused = Local::open_read_only(&damaged).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
    assert!(everything(&damaged) == before);
}

#[cfg(unix)]
#[tokio::test]
async fn a_directory_without_any_right_to_write_can_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let path = scratch.join("store");
    drop(written(&path, 2_000).await);
    let all: Vec<_> = everything(&path).into_keys().collect();
    let allow = |file: u32, directory: u32| {
        for path in &all {
            let mode = if path.is_dir() { directory } else { file };
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    allow(0o400, 0o500);
    is_all_seen(&path).await;
    allow(0o600, 0o700);
}
