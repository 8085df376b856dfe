//! What is stored and not what was written is told, with its place.

use std::path::{Path, PathBuf};

use reenact_core::{ExecutionId, InstanceId};
use reenact_providers::ProviderError;
use reenact_providers::archive::Archive;
use reenact_providers::local::SqliteArchive;
use rusqlite::Connection;

use crate::kit::{JOURNAL, SHARD, Scratch, grow, grown, id, run};

/// An archive of an instance of 2,001 turns in three chunks, changed by hand.
fn changed(scratch: &Scratch, sql: &str) -> (PathBuf, SqliteArchive) {
    let path = scratch.path("archive.db");
    let archive = SqliteArchive::create(&path, JOURNAL).unwrap();
    grow(&archive, grown("order 7", vec![run("order 7", 1, 0..2000)])).unwrap();
    grow(&archive, grown("order 7", vec![run("order 7", 1, 2000..2001)])).unwrap();
    drop(archive);
    change(&path, sql);
    let archive = SqliteArchive::open(&path, JOURNAL).unwrap();
    (path, archive)
}

fn change(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

fn assert_corrupt<T: std::fmt::Debug>(result: Result<T, ProviderError>, place: &str) {
    match result {
        Err(ProviderError::Corrupt { place: found, .. }) => {
            assert!(found.0.contains("archive.db"), "{found}");
            assert!(found.0.contains(place), "{found}");
        }
        other => panic!("{other:?}"),
    }
}

fn read_all(archive: &SqliteArchive, instance: &InstanceId) -> Result<(), ProviderError> {
    archive.read(instance, ExecutionId::FIRST, 0, usize::MAX).map(drop)
}

#[test]
fn turns_that_have_rotted_are_told() {
    for sql in [
        "UPDATE turns SET bytes = CAST(substr(bytes, 1, 99) || x'00' || substr(bytes, 101) AS BLOB)
         WHERE first = 1024",
        "UPDATE turns SET bytes = substr(bytes, 1, length(bytes) - 1) WHERE first = 1024",
        "UPDATE turns SET bytes = x'' WHERE first = 1024",
        "UPDATE turns SET count = count - 1 WHERE first = 1024",
        "UPDATE turns SET count = 9223372036854775807 WHERE first = 0",
        "UPDATE turns SET first = first + 1 WHERE first = 1024",
        "UPDATE turns SET bytes = (SELECT bytes FROM turns WHERE first = 0) WHERE first = 1024",
        "UPDATE turns SET bytes = CAST(x'02' || substr(bytes, 2) AS BLOB) WHERE first = 1024",
        "DELETE FROM turns WHERE first = 1024",
        "DELETE FROM turns WHERE first = 0",
    ] {
        let scratch = Scratch::new();
        let (_, archive) = changed(&scratch, sql);
        assert_corrupt(read_all(&archive, &id("order 7")), "instance order 7, execution 1");
    }
}

#[test]
fn turns_before_those_that_have_rotted_can_be_read() {
    let scratch = Scratch::new();
    let (_, archive) = changed(&scratch, "UPDATE turns SET bytes = x'00' WHERE first = 1024");
    let read = archive.read(&id("order 7"), ExecutionId::FIRST, 1000, 24).unwrap().unwrap();
    assert_eq!(read.turns.len(), 24);
    assert_corrupt(archive.read(&id("order 7"), ExecutionId::FIRST, 1000, 25), "order 7");
    assert!(archive.read(&id("order 7"), ExecutionId::FIRST, 2000, 25).is_ok());
}

#[test]
fn turns_of_another_instance_are_told() {
    let scratch = Scratch::new();
    let (path, archive) = changed(&scratch, "");
    grow(&archive, grown("order 8", vec![run("order 8", 1, 0..1)])).unwrap();
    drop(archive);
    change(&path, "UPDATE instances SET id = 'order 9' WHERE id = 'order 8'");
    let archive = SqliteArchive::open(&path, JOURNAL).unwrap();
    assert_corrupt(read_all(&archive, &id("order 9")), "instance order 9");
}

#[test]
fn an_instance_that_does_not_decode_is_told() {
    for sql in [
        "UPDATE instances SET state = 9",
        "UPDATE instances SET state = -1",
        "UPDATE instances SET name = ''",
        "UPDATE instances SET execution = -1",
        "UPDATE instances SET name = CAST(x'ff' AS TEXT)",
    ] {
        let scratch = Scratch::new();
        let (_, archive) = changed(&scratch, sql);
        assert_corrupt(archive.look_up(&id("order 7")), "");
        assert_corrupt(archive.list(&Default::default(), None, 1), "");
    }
}

#[test]
fn a_file_that_has_rotted_is_told() {
    let scratch = Scratch::new();
    let (path, archive) = changed(&scratch, "");
    drop(archive);
    let mut bytes = std::fs::read(&path).unwrap();
    // All but the pages that say whose it is.
    bytes[4 * 8192..].fill(0x55);
    std::fs::write(&path, bytes).unwrap();
    let archive = SqliteArchive::open(&path, JOURNAL).unwrap();
    assert_corrupt(archive.look_up(&id("order 7")), "");
    assert_corrupt(read_all(&archive, &id("order 7")), "");
}

/// As when the disk is full: the same succeeds later.
#[test]
fn what_sqlite_refuses_is_unavailable_and_leaves_no_trace() {
    let scratch = Scratch::new();
    let (path, archive) = changed(&scratch, "");
    change(
        &path,
        "CREATE TRIGGER broken BEFORE INSERT ON turns WHEN new.first = 3000
         BEGIN SELECT RAISE(ABORT, 'broken'); END",
    );
    let before = archive.position(SHARD).unwrap();
    let further = || grown("order 7", vec![run("order 7", 1, 2001..3000)]);
    let [first, last] = [2001..3000, 3000..3001].map(|numbers| run("order 7", 1, numbers));
    let mut refused = grown("order 7", vec![first, last, run("order 7", 2, 0..1)]);
    let error = grow(&archive, refused.clone()).unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error}");
    assert_eq!(archive.position(SHARD).unwrap(), before);
    let read = archive.read(&id("order 7"), ExecutionId::FIRST, 2001, 1).unwrap().unwrap();
    assert_eq!((read.turns, read.length), (vec![], 2001));

    grow(&archive, further()).unwrap();
    change(&path, "DROP TRIGGER broken");
    refused.runs.remove(0);
    grow(&archive, refused).unwrap();
    assert_eq!(archive.look_up(&id("order 7")).unwrap().unwrap().length, 1);
}
