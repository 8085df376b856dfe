//! Rot in an archive is reported with its place.

use std::path::{Path, PathBuf};

use reenact_core::{ExecutionId, InstanceId};
use reenact_providers::archive::{Archive, Change, Growth};
use reenact_providers::local::SqliteArchive;
use reenact_providers::{InstanceFilter, ProviderError};
use rusqlite::Connection;

use crate::kit::{JOURNAL, SHARD, Scratch, absorb, grow, grown, id, run};

/// An archive of an instance of 2,001 turns in three chunks, changed by hand.
fn changed(scratch: &Scratch, sql: &str) -> (PathBuf, SqliteArchive) {
    let path = scratch.path("archive.db");
    let archive = SqliteArchive::create(&path, JOURNAL).unwrap();
    grow(&archive, grown("order 7", run("order 7", 1, 0..2000))).unwrap();
    grow(&archive, grown("order 7", run("order 7", 1, 2000..2001))).unwrap();
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
fn turns_that_have_rotted_are_reported() {
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
fn turns_of_another_instance_are_reported() {
    let scratch = Scratch::new();
    let (path, archive) = changed(&scratch, "");
    grow(&archive, grown("order 8", run("order 8", 1, 0..2001))).unwrap();
    change(
        &path,
        "DELETE FROM turns WHERE instance = (SELECT instance FROM instances WHERE id = 'order 8');
         UPDATE turns SET instance = (SELECT instance FROM instances WHERE id = 'order 8')",
    );
    assert_corrupt(read_all(&archive, &id("order 8")), "instance order 8");
    assert_corrupt(read_all(&archive, &id("order 7")), "instance order 7");
}

/// The row of the instance says how many there should be.
#[test]
fn turns_that_are_gone_at_the_end_are_reported() {
    for (sql, left) in [
        ("DELETE FROM turns WHERE first = 2000", 2000),
        ("DELETE FROM turns WHERE first >= 1024", 1024),
        ("DELETE FROM turns", 0),
    ] {
        let scratch = Scratch::new();
        let (_, archive) = changed(&scratch, sql);
        let read = |from| archive.read(&id("order 7"), ExecutionId::FIRST, from, usize::MAX);
        for from in [0, left, 2000] {
            assert_corrupt(read(from), "instance order 7, execution 1");
        }
    }
}

#[test]
fn turns_after_the_last_one_are_reported() {
    let scratch = Scratch::new();
    let (path, archive) = changed(&scratch, "CREATE TABLE before AS SELECT * FROM instances");
    grow(&archive, grown("order 7", run("order 7", 1, 2001..2002))).unwrap();
    change(&path, "DELETE FROM instances; INSERT INTO instances SELECT * FROM before");
    assert_corrupt(read_all(&archive, &id("order 7")), "instance order 7, execution 1");
}

/// Whether another value is a sensible one or not.
#[test]
fn an_instance_of_which_anything_has_rotted_is_reported() {
    for change in [
        "id = 'order 6'",
        "shard = 2",
        "execution = 2",
        "execution = -1",
        "name = 'process_ordes'",
        "name = ''",
        "name = CAST(x'ff' AS TEXT)",
        "state = 1",
        "state = 9",
        "created_at = created_at + 1",
        "updated_at = updated_at + 1",
        "turns = turns - 1",
        "events = -events",
        "wake_at = 0",
        "length = length - 1",
        "checksum = checksum + 1",
        "checksum = -1",
    ] {
        let scratch = Scratch::new();
        let (_, archive) = changed(&scratch, &format!("UPDATE instances SET {change}"));
        let name = if change.starts_with("id") { "order 6" } else { "order 7" };
        let place = format!("instance {name}");
        assert_corrupt(archive.look_up(&id(name)), &place);
        assert_corrupt(archive.list(&InstanceFilter::new(), None, 1), &place);
        assert_corrupt(read_all(&archive, &id(name)), &place);
    }
}

#[test]
fn an_instance_that_is_to_wake_and_has_rotted_is_reported() {
    let scratch = Scratch::new();
    let (_, archive) = changed(&scratch, "UPDATE instances SET wake_at = 0");
    assert_corrupt(archive.to_wake(SHARD), "instance order 7");
}

/// Or the rot would get a checksum that fits.
#[test]
fn an_instance_that_has_rotted_neither_grows_nor_is_removed() {
    let scratch = Scratch::new();
    let (path, archive) = changed(&scratch, "UPDATE instances SET events = events + 1");
    let before = archive.position(SHARD).unwrap();
    let further = grown("order 7", run("order 7", 1, 2001..2002));
    let anew = Growth { starts_anew: true, ..grown("order 7", run("order 7", 1, 0..1)) };
    for change in [Change::Grown(further.clone()), Change::Grown(anew), Change::Purged] {
        let absorbed = absorb(&archive, 3, vec![(id("order 7"), change)]);
        assert_corrupt(absorbed, "instance order 7");
        assert_eq!(archive.position(SHARD).unwrap(), before);
    }
    change(&path, "UPDATE instances SET events = events - 1");
    grow(&archive, further).unwrap();
}

#[test]
fn a_file_that_has_rotted_is_reported() {
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
        "CREATE TRIGGER broken BEFORE INSERT ON turns WHEN new.execution = 2
         BEGIN SELECT RAISE(ABORT, 'broken'); END",
    );
    let before = archive.position(SHARD).unwrap();
    let further = || grown("order 7", run("order 7", 1, 2001..3000));
    let refused = grown("order 7", run("order 7", 2, 0..1));
    let error = grow(&archive, refused.clone()).unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error}");
    assert_eq!(archive.position(SHARD).unwrap(), before);
    let read = archive.read(&id("order 7"), ExecutionId::FIRST, 0, 9_000).unwrap().unwrap();
    assert_eq!((read.turns.len(), read.length), (2001, 2001), "what it was to replace is there");

    grow(&archive, further()).unwrap();
    change(&path, "DROP TRIGGER broken");
    grow(&archive, refused).unwrap();
    assert_eq!(archive.look_up(&id("order 7")).unwrap().unwrap().length, 1);
}
