//! Appending, checkpoints and limits, where nothing fails.

use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId, Name, Timestamp};
use reenact_providers::journal::{
    Commit, Entry, EntryRef, JournalError, Options, Recovery, TurnRef,
};
use reenact_providers::limits::{MAX_COMMIT_BYTES, MAX_COMMIT_ENTRIES};
use reenact_providers::{InstanceState, InstanceSummary, ProviderError, TurnRecord};
use reenact_testkit::disk::{FakeDisk, Op};

use super::kit::{
    IDENTITY, SMALL, bytes, bytes_of, commit_of, medium, open, recover, segment, turn_of,
};

fn turn(id: &str, number: u64) -> TurnRecord {
    let summary = InstanceSummary {
        instance: InstanceId::new(id).unwrap(),
        execution: ExecutionId::FIRST,
        name: Name::new("orchestration").unwrap(),
        state: InstanceState::Running,
        created_at: Timestamp::from_micros(1_767_225_600_000_000),
        updated_at: Timestamp::from_micros(1_767_225_600_000_000 + number),
        turns: number + 1,
        events: 2 * number + 2,
        wake_at: Some(Timestamp::EPOCH),
        attributes: reenact_core::Attributes::default(),
    };
    TurnRecord { number, bytes: bytes(number, 100).into(), summary, has_drawn_id: false, keep: 0 }
}

#[test]
fn turns_and_purges_come_back_as_they_were_appended() {
    let disk = FakeDisk::new();
    let mut journal = open(&disk, SMALL).unwrap().journal;
    let first = [Entry::Turn(turn("a", 0)), Entry::Turn(turn("b", 0)), Entry::Turn(turn("a", 1))];
    let second = [Entry::Purged(InstanceId::new("a").unwrap())];
    let ends = [journal.append(&first).unwrap(), journal.append(&second).unwrap()];
    assert_eq!([ends[0].sequence, ends[1].sequence], [1, 2]);

    let mut commits = 0;
    let recovery = Recovery::open(medium(&disk), IDENTITY).unwrap();
    let recovered = recovery.replay(|Commit { position, entries, .. }| {
        assert_eq!(position, ends[commits]);
        commits += 1;
        match &entries[..] {
            [EntryRef::Turn(a), EntryRef::Turn(b), EntryRef::Turn(c)] => {
                assert_same(a, &turn("a", 0));
                assert_same(b, &turn("b", 0));
                assert_same(c, &turn("a", 1));
            }
            [EntryRef::Purged(id)] => assert_eq!(id.as_str(), "a"),
            entries => panic!("{entries:?}"),
        }
        Ok::<(), JournalError>(())
    });
    assert_eq!(recovered.unwrap().end(), ends[1]);
    assert_eq!(commits, 2);
}

fn assert_same(read: &TurnRef<'_>, written: &TurnRecord) {
    assert_eq!(read.summary, written.summary);
    assert_eq!(read.to_stored().number, written.number);
    assert_eq!(read.to_stored().bytes, written.bytes);
}

#[test]
fn an_append_is_one_write_and_one_sync() {
    let disk = FakeDisk::new();
    let mut journal = open(&disk, SMALL).unwrap().journal;
    let before = (disk.count(Op::Write), disk.count(Op::Sync), disk.steps());
    journal.append(&commit_of(&bytes(1, 900))).unwrap();
    let after = (disk.count(Op::Write), disk.count(Op::Sync), disk.steps());
    assert_eq!(after, (before.0 + 1, before.1 + 1, before.2 + 2));
    journal.append(&[]).unwrap();
    assert_eq!(disk.steps(), after.2, "nothing is written for nothing");
}

#[test]
fn a_prepared_segment_leaves_little_to_do_when_it_is_needed() {
    let disk = FakeDisk::new();
    let mut journal = open(&disk, SMALL).unwrap().journal;
    assert!(!journal.wants_spare());
    journal.append(&commit_of(&bytes(1, 1000))).unwrap();
    assert!(journal.wants_spare());
    journal.prepare_in_background();
    assert!(!journal.wants_spare(), "one at a time");
    journal.append(&commit_of(&bytes(2, 2000))).unwrap();
    assert_eq!(journal.end().segment, 2);
    // And the note of the newest.
    assert_eq!(disk.count(Op::Create), 2 + 1, "the second segment is the one that was prepared");

    // A prepared one that is too small is not used, and does no harm.
    journal.prepare_in_background();
    let end = journal.append(&commit_of(&bytes(3, 9000))).unwrap();
    let size = disk.contents(&segment(end.segment)).unwrap().len() as u64;
    assert_eq!(size, end.offset.next_multiple_of(512), "it was prepared for the large commit");
    assert_eq!(bytes_of(&recover(&disk).unwrap().0)[2], bytes(3, 9000));
}

#[test]
fn recovery_begins_at_the_checkpoint() {
    let disk = FakeDisk::new();
    let mut opened = open(&disk, SMALL).unwrap();
    for number in 0..6 {
        let end = opened.journal.append(&commit_of(&bytes(number, 900))).unwrap();
        opened.checkpointer.checkpoint(end).unwrap();
        opened.checkpointer.trim().unwrap();
        let recovery = Recovery::open(medium(&disk), IDENTITY).unwrap();
        let checkpoint = recovery.checkpoint().unwrap();
        assert_eq!(checkpoint.position, end);
        assert_eq!(recover(&disk).unwrap().0, []);
    }
    let earlier = opened.checkpointer.position();
    opened.journal.append(&commit_of(b"tail")).unwrap();
    assert_eq!(bytes_of(&recover(&disk).unwrap().0), [b"tail"]);
    let end = opened.journal.append(&commit_of(b"tail")).unwrap();
    opened.checkpointer.checkpoint(end).unwrap();
    let refused = opened.checkpointer.checkpoint(earlier).unwrap_err();
    assert!(matches!(refused, JournalError::Conflict { .. }), "{refused}");
}

#[test]
fn what_is_over_a_limit_is_refused_and_what_is_at_it_is_not() {
    let disk = FakeDisk::new();
    let mut opened = open(&disk, Options::default()).unwrap();
    let large: Arc<[u8]> = vec![0; MAX_COMMIT_BYTES - 32].into();
    opened.journal.append(&[turn_of(Arc::clone(&large))]).unwrap();
    let over = [turn_of(Arc::clone(&large)), turn_of(Arc::from([0; 32]))];
    assert_too_large(opened.journal.append(&over).map(drop));
    // The sum is far more than there is memory for.
    assert_too_large(opened.journal.append(&vec![turn_of(large); 10_000]).map(drop));
    let many = vec![turn_of(Arc::from([1])); MAX_COMMIT_ENTRIES];
    opened.journal.append(&many).unwrap();
    let too_many = [&many[..], &many[..1]].concat();
    assert_too_large(opened.journal.append(&too_many).map(drop));
}

fn assert_too_large(refused: Result<(), JournalError>) {
    let refused = refused.unwrap_err();
    assert!(matches!(refused, JournalError::TooLarge { .. }), "{refused}");
    assert!(matches!(ProviderError::from(refused), ProviderError::TooLarge { .. }));
}
