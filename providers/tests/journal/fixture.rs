//! Journals that were written in each version of the format. They are read for ever.
//!
//! Earlier versions of this test wrote them. They have what is no longer written as well: notes, and a word of
//! the archive in the checkpoint.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId, Name, Timestamp};
use reenact_providers::journal::{Commit, Entry, EntryRef, JournalError, Recovery};
use reenact_providers::medium::{Directory, RealDisk};
use reenact_providers::{Epoch, InstanceState, InstanceSummary, TurnRecord};

use super::kit::IDENTITY;

/// The versions of the bodies of commits.
#[derive(Clone, Copy, PartialEq)]
enum Version {
    Plain,
    Compact,
}

fn path(version: Version) -> PathBuf {
    let name = match version {
        Version::Plain => "journal_v1",
        Version::Compact => "journal_v2",
    };
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The number of the commits that are before the checkpoint.
const CHECKPOINTED: usize = 2;

/// The commits. `None` stands for notes, which are no longer written.
fn commits(version: Version) -> Vec<Vec<Entry>> {
    let last = match version {
        Version::Plain => "Zoë",
        Version::Compact => "0190a5d0-ac96-7000-8000-00000000000f",
    };
    let purged = |id| Entry::Purged(InstanceId::new(id).unwrap());
    vec![
        vec![turn("order-1", 0, InstanceState::Running, Some(0))],
        vec![],
        vec![
            turn("order-1", 1, InstanceState::Running, None),
            turn("order-2", 0, InstanceState::Running, Some(1_767_229_200_000_000)),
            turn("order-1", 2, InstanceState::Completed, None),
        ],
        vec![],
        vec![turn("order-2", 1, InstanceState::Failed, None), purged("order-1")],
        vec![turn(last, 0, InstanceState::Terminated, None)],
        vec![],
    ]
}

fn turn(id: &str, number: u64, state: InstanceState, wake_at: Option<u64>) -> Entry {
    let created_at = Timestamp::from_micros(1_767_225_600_000_000);
    let summary = InstanceSummary {
        instance: InstanceId::new(id).unwrap(),
        execution: ExecutionId(number as u32 / 2 + 1),
        name: Name::new("process_order").unwrap(),
        state,
        created_at,
        updated_at: Timestamp::from_micros(created_at.as_micros() + 1_000 * number),
        turns: number + 1,
        events: 3 * number + 1,
        wake_at: wake_at.map(Timestamp::from_micros),
        attributes: reenact_core::Attributes::default(),
    };
    let bytes = format!("the events of turn {number} of {id}").into_bytes();
    Entry::Turn(TurnRecord { number, bytes: bytes.into(), summary, has_drawn_id: false, keep: 0 })
}

fn recovery(version: Version) -> Recovery<Directory<RealDisk>> {
    let disk = RealDisk::open(path(version)).unwrap();
    Recovery::open(Arc::new(Directory::new(disk)), IDENTITY).unwrap()
}

fn assert_same(written: &[Entry], read: &[EntryRef<'_>]) {
    assert_eq!(written.len(), read.len());
    for pair in written.iter().zip(read) {
        match pair {
            (Entry::Turn(turn), EntryRef::Turn(read)) => {
                assert_eq!((turn.number, &turn.summary), (read.number, &read.summary));
                assert_eq!(*turn.bytes, *read.bytes);
            }
            (Entry::Purged(id), EntryRef::Purged(read)) => assert_eq!(id, read),
            pair => panic!("{pair:?}"),
        }
    }
}

fn assert_is_read(version: Version) {
    let recovery = recovery(version);
    let checkpoint = recovery.checkpoint().unwrap();
    assert_eq!(checkpoint.position.sequence, CHECKPOINTED as u64);

    let commits = commits(version);
    let expected = &commits[CHECKPOINTED..];
    let mut read = 0;
    let recovered = recovery.replay(|Commit { position, epoch, entries }| {
        assert_same(&expected[read], &entries);
        read += 1;
        assert_eq!(position.sequence as usize, CHECKPOINTED + read);
        assert_eq!(epoch, Epoch(if read == expected.len() { 2 } else { 1 }));
        Ok::<(), JournalError>(())
    });
    let recovered = recovered.unwrap();
    assert_eq!(read, expected.len());
    assert_eq!(recovered.epoch(), Epoch(2));
    let end = recovered.end();
    assert_eq!(end.sequence, commits.len() as u64);
    assert!(recovered.torn().is_some(), "the fixture ends with a record that is not whole");
}

#[test]
fn a_journal_of_the_first_version_is_read() {
    assert_is_read(Version::Plain);
}

#[test]
fn a_journal_of_the_second_version_is_read() {
    assert_is_read(Version::Compact);
}
