//! Packs: finished instances that are stored together are read as if each were a row.

use std::path::Path;

use reenact_core::{ExecutionId, InstanceId, Name};
use reenact_providers::archive::{Archive, Change, Growth};
use reenact_providers::local::SqliteArchive;
use reenact_providers::{InstanceFilter, InstanceState, InstanceSummary, ProviderError, TimeRange};
use reenact_testkit::archive::FakeArchive;
use reenact_testkit::disk::FakeDisk;
use rusqlite::Connection;

use crate::kit::{JOURNAL, SHARD, Scratch, absorb, at, grow, grown, id, run, summary};

fn completed(instance: &str, turns: u64) -> Growth {
    let mut growth = grown(instance, run(instance, 1, 0..turns));
    growth.summary.state = InstanceState::Completed;
    growth
}

fn change(growth: Growth) -> (InstanceId, Change) {
    (growth.summary.instance.clone(), Change::Grown(growth))
}

fn name(number: u64) -> String {
    format!("order {number:03}")
}

/// An archive with a pack of 100 instances.
fn archive(path: &Path) -> SqliteArchive {
    let archive = SqliteArchive::create(path, JOURNAL).unwrap();
    let changes = (0..100).map(|number| change(completed(&name(number), number % 4 + 1)));
    absorb(&archive, 1, changes.collect()).unwrap();
    archive
}

fn rows(path: &Path, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    Connection::open(path).unwrap().query_row(&sql, [], |row| row.get(0)).unwrap()
}

fn purge(archive: &SqliteArchive, numbers: impl Iterator<Item = u64>) {
    let sequence = archive.position(SHARD).unwrap().sequence + 1;
    let changes = numbers.map(|number| (id(&name(number)), Change::Purged));
    absorb(archive, sequence, changes.collect()).unwrap();
}

#[test]
fn many_that_began_and_ended_between_two_parts_are_one_row() {
    let scratch = Scratch::new();
    let path = scratch.path("archive.db");
    let archive = archive(&path);
    assert_eq!([rows(&path, "packs"), rows(&path, "instances"), rows(&path, "turns")], [1, 0, 0]);
    let found = archive.look_up(&id("order 007")).unwrap().unwrap();
    assert_eq!((found.summary, found.length), (completed("order 007", 4).summary, 4));
    let page = archive.read(&id("order 007"), ExecutionId::FIRST, 1, 2).unwrap().unwrap();
    assert_eq!(page.turns.iter().map(|turn| turn.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(archive.look_up(&id("order 0071")).unwrap(), None);
}

#[test]
fn what_has_not_ended_or_has_something_left_to_do_is_a_row() {
    let scratch = Scratch::new();
    let path = scratch.path("archive.db");
    let archive = SqliteArchive::create(&path, JOURNAL).unwrap();
    let with = |number: u64, set: fn(&mut InstanceSummary)| {
        let mut growth = completed(&name(number), 1);
        set(&mut growth.summary);
        change(growth)
    };
    let mut changes: Vec<_> = (0..40).map(|number| with(number, |_| ())).collect();
    changes.push(with(50, |summary| summary.state = InstanceState::Running));
    changes.push(with(51, |summary| summary.state = InstanceState::Failed));
    changes.push(with(52, |summary| summary.wake_at = Some(at(0))));
    changes.push(with(53, |summary| summary.updated_at = at(u64::MAX)));
    absorb(&archive, 1, changes).unwrap();
    assert_eq!([rows(&path, "packs"), rows(&path, "instances")], [1, 4]);
    assert_eq!(archive.count(&InstanceFilter::new()).unwrap(), 44);
    assert_eq!(archive.to_wake(SHARD).unwrap().len(), 1);
}

#[test]
fn a_purged_one_is_gone_and_a_pack_goes_with_its_last_one() {
    let scratch = Scratch::new();
    let path = scratch.path("archive.db");
    let archive = archive(&path);
    purge(&archive, 0..99);
    assert_eq!(archive.count(&InstanceFilter::new()).unwrap(), 1);
    assert_eq!(archive.look_up(&id("order 098")).unwrap(), None);
    assert_eq!(archive.read(&id("order 098"), ExecutionId::FIRST, 0, 1).unwrap(), None);
    purge(&archive, 99..100);
    assert_eq!([rows(&path, "packs"), rows(&path, "packed")], [0, 0]);
}

#[test]
fn one_that_goes_on_becomes_a_row() {
    let scratch = Scratch::new();
    let path = scratch.path("archive.db");
    let archive = archive(&path);
    grow(&archive, grown("order 007", run("order 007", 1, 4..6))).unwrap();
    assert_eq!([rows(&path, "packs"), rows(&path, "instances")], [1, 1]);
    let read = archive.read(&id("order 007"), ExecutionId::FIRST, 0, 9).unwrap().unwrap();
    assert_eq!((read.turns.len(), read.length), (6, 6));
    assert_eq!(archive.count(&InstanceFilter::new()).unwrap(), 100);
    // What does not follow on what is in a pack is refused, as it is elsewhere.
    let refused = grow(&archive, grown("order 011", run("order 011", 1, 5..6))).unwrap_err();
    assert!(matches!(refused, ProviderError::Corrupt { .. }), "{refused}");
    assert_eq!(archive.look_up(&id("order 011")).unwrap().unwrap().length, 4);
}

#[test]
fn what_has_rotted_is_reported_with_its_place() {
    for sql in [
        "UPDATE packs SET live = 99",
        "UPDATE packs SET first = 'order 001'",
        "UPDATE packs SET gone = x'01'",
        "UPDATE packs SET checksum = checksum + 1",
        "UPDATE packs SET name = NULL",
        "UPDATE packed SET heads = CAST(substr(heads, 1, 99) || x'00' || substr(heads, 101) AS BLOB)",
        "UPDATE packed SET heads = turns",
        "DELETE FROM packed",
    ] {
        let scratch = Scratch::new();
        let path = scratch.path("archive.db");
        let archive = archive(&path);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let instance = id("order 007");
        let purged = absorb(&archive, 2, vec![(instance.clone(), Change::Purged)]);
        for result in [
            archive.look_up(&instance).map(drop),
            archive.read(&instance, ExecutionId::FIRST, 0, 9).map(drop),
            archive.list(&InstanceFilter::new(), None, 9).map(drop),
            purged,
        ] {
            let Err(ProviderError::Corrupt { place, .. }) = result else {
                panic!("{sql}: {result:?}")
            };
            assert!(place.0.contains("archive.db, pack 1"), "{place}");
        }
    }
}

#[test]
fn turns_that_have_rotted_are_reported_where_they_are_read() {
    let scratch = Scratch::new();
    let path = scratch.path("archive.db");
    let archive = archive(&path);
    let sql = "UPDATE packed SET turns = CAST(substr(turns, 1, 99) || x'00' || substr(turns, 101) AS BLOB)";
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    assert!(archive.look_up(&id("order 007")).is_ok());
    let refused = archive.read(&id("order 007"), ExecutionId::FIRST, 0, 9).unwrap_err();
    assert!(refused.to_string().contains("order 007"), "{refused}");
}

/// A pack is full at some size; lists and filters go across several that lie beside and over each other.
#[test]
fn packs_say_what_rows_would_say() {
    let mut random = 88_172_645_463_325_252_u64;
    let mut below = move |end: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % end
    };
    let scratch = Scratch::new();
    let archive = SqliteArchive::create(&scratch.path("archive.db"), JOURNAL).unwrap();
    let archive = archive.packed_from(3);
    let model = FakeArchive::new(FakeDisk::new());
    for part in 1..=40_u64 {
        let mut changes = std::collections::BTreeMap::new();
        for _ in 0..below(30) + 1 {
            let instance = id(&name(below(200)));
            let known = model.look_up(&instance).unwrap();
            let kind = below(10);
            let change = match known {
                Some(_) if kind < 3 => Change::Purged,
                Some(_) if kind < 4 => {
                    let run = run(instance.as_str(), 1, 0..2);
                    let anew = completed(instance.as_str(), 2);
                    Change::Grown(Growth { starts_anew: true, run, ..anew })
                }
                Some(known) => {
                    let (execution, end) = (known.summary.execution.0, known.length);
                    Change::Grown(grown(
                        instance.as_str(),
                        run(instance.as_str(), execution, end..end + 2),
                    ))
                }
                None => {
                    let mut growth = completed(instance.as_str(), below(6) + 1);
                    growth.summary.created_at = at(part * 1_000 + below(500));
                    growth.summary.updated_at = at(part * 1_000 + 500 + below(900));
                    growth.summary.name = Name::new(["one", "two"][below(2) as usize]).unwrap();
                    let states =
                        [InstanceState::Completed, InstanceState::Running, InstanceState::Failed];
                    growth.summary.state = states[(below(8) as usize).saturating_sub(5)];
                    Change::Grown(growth)
                }
            };
            changes.insert(instance, change);
        }
        let changes: Vec<_> = changes.into_iter().collect();
        absorb(&model, part, changes.clone()).unwrap();
        absorb(&archive, part, changes).unwrap();
        let range =
            |from: u64, length| TimeRange { from: Some(at(from)), until: Some(at(from + length)) };
        for _ in 0..20 {
            let mut filter = InstanceFilter::new()
                .states(
                    [vec![], vec![InstanceState::Completed], vec![InstanceState::Failed]]
                        [below(3) as usize]
                        .clone(),
                )
                .created(if below(3) == 0 {
                    range(below(40_000), 9_000)
                } else {
                    TimeRange::default()
                })
                .finished(if below(3) == 0 {
                    range(below(40_000), 9_000)
                } else {
                    TimeRange::default()
                });
            filter.name = (below(3) == 0).then(|| Name::new("one").unwrap());
            filter.id_prefix = (below(3) == 0).then(|| format!("order {}", below(3)));
            let after = (below(2) == 0).then(|| id(&name(below(200))));
            let limit = below(40) as usize + 1;
            let lists =
                |archive: &dyn Archive| archive.list(&filter, after.as_ref(), limit).unwrap();
            assert_eq!(lists(&archive), lists(&model), "{filter:?} {after:?} {limit}");
            assert_eq!(
                archive.count(&filter).unwrap(),
                model.count(&filter).unwrap(),
                "{filter:?}"
            );
            let instance = id(&name(below(210)));
            assert_eq!(archive.look_up(&instance).unwrap(), model.look_up(&instance).unwrap());
            let read =
                |archive: &dyn Archive| archive.read(&instance, ExecutionId::FIRST, 1, 3).unwrap();
            assert_eq!(read(&archive), read(&model));
        }
    }
    assert!(rows(&scratch.path("archive.db"), "packs") > 10);
}

/// An older reenact must not go on in it: it would not see what is in packs.
#[test]
fn an_archive_of_before_is_of_the_newer_version_before_anything_is_packed() {
    let scratch = Scratch::new();
    let path = scratch.path("archive.db");
    drop(SqliteArchive::create(&path, JOURNAL).unwrap());
    let sql = "DROP TABLE packs; DROP TABLE packed; DROP TABLE attributes; DROP TABLE executions;
         ALTER TABLE instances DROP COLUMN attributes; PRAGMA user_version = 1";
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let archive = SqliteArchive::open(&path, JOURNAL).unwrap();
    // The file itself, without its log of changes.
    let stored = std::fs::read(&path).unwrap();
    assert_eq!(stored[60..64], 4_u32.to_be_bytes());
    let changes = (0..100).map(|number| change(completed(&name(number), 1)));
    absorb(&archive, 1, changes.collect()).unwrap();
    assert_eq!(archive.count(&InstanceFilter::new()).unwrap(), 100);
    assert_eq!(archive.look_up(&summary("order 050").instance).unwrap().unwrap().length, 1);
}

/// What the process would leave if it died after an absorb, and one that was broken off in it.
#[test]
fn a_pack_is_there_as_a_whole_after_a_crash_or_not_at_all() {
    let scratch = Scratch::new();
    let archive = archive(&scratch.path("archive.db"));
    let whole = std::fs::metadata(scratch.path("archive.db-wal")).unwrap().len();
    for cut in [0, 1, 4_096, whole - 24, whole] {
        let path = scratch.path(&format!("left {cut}.db"));
        std::fs::copy(scratch.path("archive.db"), &path).unwrap();
        let log = scratch.path(&format!("left {cut}.db-wal"));
        std::fs::copy(scratch.path("archive.db-wal"), &log).unwrap();
        std::fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(whole - cut).unwrap();
        let left = SqliteArchive::open(&path, JOURNAL).unwrap();
        let count = left.count(&InstanceFilter::new()).unwrap();
        let is_there = left.position(SHARD).unwrap().sequence == 1;
        assert_eq!(count, if is_there { 100 } else { 0 }, "without the last {cut} bytes");
        assert_eq!(is_there, cut == 0, "without the last {cut} bytes");
        assert_eq!(left.look_up(&id("order 050")).unwrap().is_some(), is_there);
    }
    drop(archive);
}

/// What was packed before attributes came stays readable, and instances with attributes are no part of a pack.
#[test]
fn an_archive_of_version_2_gets_attributes_and_keeps_what_it_has() {
    let scratch = Scratch::new();
    let path = scratch.path("archive.db");
    let archive = SqliteArchive::create(&path, JOURNAL).unwrap();
    let changes = (0..100).map(|number| change(completed(&name(number), 1)));
    absorb(&archive, 1, changes.collect()).unwrap();
    drop(archive);
    let sql = "DROP TABLE executions; DROP TABLE attributes; ALTER TABLE instances DROP COLUMN attributes;
         PRAGMA user_version = 2";
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let archive = SqliteArchive::open(&path, JOURNAL).unwrap();
    let with_attributes = |number| {
        let mut growth = completed(&name(number), 1);
        growth.summary.attributes.set("number", number as i64).unwrap();
        change(growth)
    };
    absorb(&archive, 2, (100..200).map(with_attributes).collect()).unwrap();
    assert_eq!(archive.count(&InstanceFilter::new()).unwrap(), 200);
    let few = InstanceFilter::new().attribute_within("number", 150..160);
    assert_eq!(archive.list(&few, None, 99).unwrap().len(), 10);
    let look_up = |number| archive.look_up(&summary(&name(number)).instance).unwrap().unwrap();
    assert!(look_up(50).summary.attributes.is_empty());
    assert_eq!(look_up(150).summary.attributes.to_string(), "number=150");
    drop(archive);
    assert_eq!(rows(&path, "instances"), 100);
}

/// The first page, a count, and the newest are found by an index among many instances: of the statements of SQLite,
/// none goes through them all.
#[test]
fn an_attribute_that_few_have_is_found_among_many() {
    let scratch = Scratch::new();
    let archive = SqliteArchive::create(&scratch.path("archive.db"), JOURNAL).unwrap();
    let with_attributes = |number: u64| {
        let mut growth = completed(&name(number), 1);
        growth.summary.attributes.set("customer", format!("c{}", number % 4_000)).unwrap();
        growth.summary.attributes.set("region", "eu").unwrap();
        change(growth)
    };
    for part in 0..12 {
        let changes = (part * 1_000..(part + 1) * 1_000).map(with_attributes);
        absorb(&archive, part + 1, changes.collect()).unwrap();
    }
    let one = InstanceFilter::new().attribute("customer", "c7");
    assert_eq!(archive.list(&one, None, 100).unwrap().len(), 3);
    assert_eq!(archive.count(&one).unwrap(), 3);
    let all = InstanceFilter::new().attribute("region", "eu");
    assert_eq!(archive.list(&all, None, 100).unwrap().len(), 100);
    assert_eq!(archive.count(&all).unwrap(), 12_000);
    let both = all.attribute("customer", "c8");
    assert_eq!(archive.list(&both, None, 100).unwrap().len(), 3);
}
