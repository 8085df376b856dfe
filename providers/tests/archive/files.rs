//! The file of an archive: whose it is, who may read it, and what opening it leaves alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use reenact_providers::archive::Archive;
use reenact_providers::journal::JournalId;
use reenact_providers::local::{ArchiveError, SqliteArchive};
use rusqlite::Connection;

use crate::kit::{JOURNAL, SHARD, Scratch, end, grow, grown, read, run};

/// All that is in a directory, byte by byte.
fn contents(directory: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).ok()))
        .collect()
}

/// Opens what must not be opened, and looks whether anything was changed.
fn refused(scratch: &Scratch, name: &str) -> ArchiveError {
    let before = contents(scratch.directory());
    let error = SqliteArchive::open(&scratch.path(name), JOURNAL).unwrap_err();
    assert_eq!(contents(scratch.directory()), before, "{error}");
    let path = scratch.path(name).display().to_string();
    assert!(error.to_string().starts_with(&path), "{error}");
    error
}

#[test]
fn what_was_absorbed_is_there_after_reopening() {
    let scratch = Scratch::new();
    let path = scratch.path("archive.db");
    let archive = SqliteArchive::create(&path, JOURNAL).unwrap();
    grow(&archive, grown("a", run("a", 1, 0..3))).unwrap();
    drop(archive);
    assert_eq!(contents(scratch.directory()).len(), 1, "a closed archive is one file");
    for parts in 2..4 {
        let archive = SqliteArchive::open(&path, JOURNAL).unwrap();
        assert_eq!(archive.position(SHARD).unwrap(), end(parts - 1));
        assert_eq!(read(&archive, "a", 1, 0, 9).unwrap().1, parts + 1);
        grow(&archive, grown("a", run("a", 1, parts + 1..parts + 2))).unwrap();
    }
}

#[test]
fn a_path_may_have_any_characters() {
    let scratch = Scratch::new();
    for name in ["a?mode=ro#b", "100%41", "file:x", "a b'\"&=", "é🦀"] {
        let path = scratch.path(name);
        drop(SqliteArchive::create(&path, JOURNAL).unwrap());
        drop(SqliteArchive::open(&path, JOURNAL).unwrap());
        assert!(contents(scratch.directory()).contains_key(name), "{name}");
        fs::remove_file(path).unwrap();
        assert!(contents(scratch.directory()).is_empty(), "{name}");
    }
}

#[test]
fn a_missing_archive_is_not_made() {
    let scratch = Scratch::new();
    assert!(matches!(refused(&scratch, "archive.db"), ArchiveError::Missing { .. }));
    assert!(matches!(refused(&scratch, "no/archive.db"), ArchiveError::Missing { .. }));
}

#[test]
fn the_archive_of_another_store_is_left_alone() {
    let scratch = Scratch::new();
    let other = JournalId(*b"another journal!");
    drop(SqliteArchive::create(&scratch.path("archive.db"), other).unwrap());
    assert!(matches!(
        refused(&scratch, "archive.db"),
        ArchiveError::Foreign { found, expected: JOURNAL, .. } if found == other
    ));
}

#[test]
fn a_newer_format_is_left_alone() {
    let scratch = Scratch::new();
    let path = scratch.path("archive.db");
    drop(SqliteArchive::create(&path, JOURNAL).unwrap());
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch("PRAGMA user_version = 5; DROP TABLE meta").unwrap();
    drop(raw);
    assert!(matches!(
        refused(&scratch, "archive.db"),
        ArchiveError::NewerFormat { found: 5, supported: 4, .. }
    ));
}

#[test]
fn what_is_no_archive_is_left_alone() {
    let scratch = Scratch::new();
    fs::write(scratch.path("empty"), "").unwrap();
    fs::write(scratch.path("text"), "this is a text\n".repeat(1000)).unwrap();
    fs::write(scratch.path("short"), "SQLite format 3\0").unwrap();
    fs::create_dir(scratch.path("directory")).unwrap();
    let other = Connection::open(scratch.path("database")).unwrap();
    other.execute_batch("CREATE TABLE t (c); PRAGMA user_version = 1").unwrap();
    drop(other);
    drop(SqliteArchive::create(&scratch.path("lost"), JOURNAL).unwrap());
    let lost = Connection::open(scratch.path("lost")).unwrap();
    lost.execute_batch("DROP TABLE meta").unwrap();
    drop(lost);
    for name in ["empty", "text", "short", "directory", "database", "lost"] {
        let error = refused(&scratch, name);
        assert!(matches!(error, ArchiveError::NotAnArchive { .. }), "{error}");
    }
}

#[test]
fn creating_overwrites_nothing() {
    let scratch = Scratch::new();
    let path = scratch.path("archive.db");
    fs::write(&path, "precious").unwrap();
    let error = SqliteArchive::create(&path, JOURNAL).unwrap_err();
    assert!(matches!(error, ArchiveError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    let error = SqliteArchive::create(&scratch.path("no/archive.db"), JOURNAL).unwrap_err();
    assert!(matches!(error, ArchiveError::Refused { .. }), "{error}");
}

#[test]
fn what_an_interrupted_creation_has_left_is_no_hindrance() {
    let scratch = Scratch::new();
    fs::write(scratch.path("archive.db.new"), "half of it").unwrap();
    fs::write(scratch.path("archive.db.new-journal"), "half of it").unwrap();
    drop(SqliteArchive::create(&scratch.path("archive.db"), JOURNAL).unwrap());
    assert_eq!(contents(scratch.directory()).len(), 1);
}

/// A crash in the middle of writing the log to its place: the first page is newer than the rest.
#[test]
fn an_archive_that_is_shorter_than_it_says_is_opened_with_its_log() {
    let scratch = Scratch::new();
    let archive = SqliteArchive::create(&scratch.path("live"), JOURNAL).unwrap();
    let old = fs::read(scratch.path("live")).unwrap();
    for number in 0..20 {
        let name = format!("i{number}");
        grow(&archive, grown(&name, run(&name, 1, 0..500))).unwrap();
    }
    fs::copy(scratch.path("live-wal"), scratch.path("archive.db-wal")).unwrap();
    drop(archive);
    let new = fs::read(scratch.path("live")).unwrap();
    assert!(new.len() > old.len());
    fs::write(scratch.path("archive.db"), [&new[..512], &old[512..]].concat()).unwrap();

    let archive = SqliteArchive::open(&scratch.path("archive.db"), JOURNAL).unwrap();
    assert_eq!(read(&archive, "i19", 1, 0, 999).unwrap().1, 500);
}

#[cfg(unix)]
#[test]
fn its_files_are_readable_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let archive = SqliteArchive::create(&scratch.path("archive.db"), JOURNAL).unwrap();
    grow(&archive, grown("a", run("a", 1, 0..1))).unwrap();
    for name in ["archive.db", "archive.db-wal", "archive.db-shm"] {
        let mode = fs::metadata(scratch.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn what_an_execution_takes_the_place_of_leaves_no_row_and_no_growth() {
    let scratch = Scratch::new();
    let path = scratch.path("archive.db");
    let mut sizes = Vec::new();
    for opened in 0..3 {
        let archive = SqliteArchive::open(&path, JOURNAL)
            .or_else(|_| SqliteArchive::create(&path, JOURNAL))
            .unwrap();
        for execution in 1..=20 {
            grow(&archive, grown("a", run("a", opened * 20 + execution, 0..2_000))).unwrap();
        }
        drop(archive);
        let counted =
            Connection::open(&path)
                .unwrap()
                .query_row("SELECT sum(count) FROM turns", [], |row| row.get::<_, i64>(0));
        assert_eq!(counted.unwrap(), 2_000);
        sizes.push(fs::metadata(&path).unwrap().len());
    }
    assert_eq!(sizes[1], sizes[2], "{sizes:?}");
}

#[test]
fn the_log_of_changes_stays_small() {
    let scratch = Scratch::new();
    let archive = SqliteArchive::create(&scratch.path("archive.db"), JOURNAL).unwrap();
    let log = || fs::metadata(scratch.path("archive.db-wal")).unwrap().len();
    for round in 0..4 {
        for number in 0..20 {
            let name = format!("i{round}-{number}");
            grow(&archive, grown(&name, run(&name, 1, 0..20_000))).unwrap();
        }
        assert!(log() < 8 << 20, "{} bytes", log());
    }
}

/// Until then nobody knows whether what is in the log of changes is on the disk.
#[test]
fn an_archive_is_not_opened_before_its_log_of_changes_is_in_its_place() {
    let scratch = Scratch::new();
    let (living, dead) = (scratch.path("living.db"), scratch.path("dead.db"));
    let archive = SqliteArchive::create(&living, JOURNAL).unwrap();
    grow(&archive, grown("a", run("a", 1, 0..3))).unwrap();
    // What the process would leave if it died now.
    for ending in ["", "-wal"] {
        let from = scratch.path(&format!("living.db{ending}"));
        fs::copy(from, scratch.path(&format!("dead.db{ending}"))).unwrap();
    }
    let reader = Connection::open(&dead).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM instances;").unwrap();
    let error = SqliteArchive::open(&dead, JOURNAL).unwrap_err();
    assert!(matches!(error, ArchiveError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("another program"), "{error}");

    drop(reader);
    let archive = SqliteArchive::open(&dead, JOURNAL).unwrap();
    assert_eq!(fs::metadata(scratch.path("dead.db-wal")).map_or(0, |log| log.len()), 0);
    assert_eq!(read(&archive, "a", 1, 0, 9).unwrap().1, 3);
}
