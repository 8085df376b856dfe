//! What it costs to ask an archive.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};
use rusqlite::{Connection, StatementStatus};

use super::read::{FROM, FROM_THE_FIRST};
use super::{SqliteArchive, row};
use crate::archive::{Archive, Change, Earlier, Growth, Part, Question, Span, TurnRun};
use crate::journal::{JournalId, Position};
use crate::{InstanceState, InstanceSummary};

fn id(number: u64) -> InstanceId {
    InstanceId::new(format!("order-{number}")).unwrap()
}

/// An instance that waits, with this number of turns.
fn grown(number: u64, turns: u64) -> (InstanceId, Change) {
    let summary = InstanceSummary {
        instance: id(number),
        execution: ExecutionId::FIRST,
        name: Name::new("process_order").unwrap(),
        state: InstanceState::Running,
        created_at: Timestamp::from_micros(1),
        updated_at: Timestamp::from_micros(2),
        turns,
        events: turns,
        wake_at: None,
        attributes: reenact_core::Attributes::default(),
    };
    let turns = (0..turns).map(|turn| Arc::from(turn.to_le_bytes())).collect();
    let run = TurnRun { execution: ExecutionId::FIRST, first: 0, turns };
    (
        id(number),
        Change::Grown(Growth { summary, starts_anew: false, run, earlier: Earlier::default() }),
    )
}

/// One that has come to its end, with a turn.
fn ended(number: u64) -> (InstanceId, Change) {
    let (instance, mut change) = grown(number, 1);
    if let Change::Grown(growth) = &mut change {
        growth.summary.state = InstanceState::Completed;
    }
    (instance, change)
}

fn absorb(archive: &SqliteArchive, sequence: u64, changes: &[(InstanceId, Change)]) {
    let mut changes: Vec<_> = changes.iter().map(|(id, change)| (id, change)).collect();
    changes.sort_unstable_by_key(|(instance, _)| *instance);
    let end = Position { sequence, ..Position::START };
    archive.absorb(&Part { shard: ShardId(0), end, changes }).unwrap();
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("reenact-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    fn archive(&self) -> SqliteArchive {
        SqliteArchive::create(&self.0.join("archive.db"), JournalId::random()).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn parsed_again(connection: &Connection, sql: &str) -> i32 {
    connection.prepare_cached(sql).unwrap().get_status(StatementStatus::RePrepare)
}

#[test]
fn a_statement_is_not_parsed_again_for_each_instance_that_is_read_or_absorbed() {
    let scratch = Scratch::new("parsed");
    let archive = scratch.archive();
    for sequence in 1..=2 {
        let changes: Vec<_> = (0..50).map(|n| grown(sequence * 1_000 + n, 3)).collect();
        absorb(&archive, sequence, &changes);
    }
    for number in 1_000..1_050 {
        for from in [0, 1] {
            let turns = Some(Span { execution: None, from, limit: 10 });
            let found = archive.ask(&[Question { instance: id(number), turns }]);
            let found = found.into_iter().next().unwrap().unwrap().unwrap();
            assert_eq!(found.stretch.unwrap().turns.len() as u64, 3 - from);
        }
    }
    let find = format!("SELECT {}, instance FROM instances WHERE id = ?", row::COLUMNS);
    let reader = archive.lookups.reader().unwrap();
    for sql in [find.as_str(), FROM, FROM_THE_FIRST] {
        assert_eq!(parsed_again(&reader, sql), 0, "{sql}");
    }
    assert_eq!(parsed_again(&writer(&archive), &find), 0);
}

#[test]
fn a_pack_is_opened_once_for_all_ids_that_it_does_not_have() {
    let scratch = Scratch::new("opened");
    let archive = scratch.archive();
    for sequence in 1..=4 {
        let changes: Vec<_> = (0..100).map(|n| ended(4 * n + sequence - 1)).collect();
        absorb(&archive, sequence, &changes);
    }
    assert_eq!(archive.look_up(&id(2_500)).unwrap(), None);
    // Opening a pack fails from here on.
    writer(&archive).execute("DELETE FROM packed", []).unwrap();
    let is_answered = |number| archive.look_up(&id(number)).is_ok_and(|found| found.is_none());
    let answered = (1_100..3_000).filter(|number| is_answered(*number)).count();
    assert!(answered > 1_850, "{answered} of 1,900");
    for number in 0..400 {
        assert!(archive.look_up(&id(number)).is_err(), "{number} is in a pack");
    }
}

fn writer(archive: &SqliteArchive) -> std::sync::MutexGuard<'_, rusqlite::Connection> {
    super::lock(archive.writer.as_ref().unwrap())
}
