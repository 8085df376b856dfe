//! Segments and checkpoints in the wrong place, or of another journal, are reported.

use reenact_core::ShardId;
use reenact_providers::Epoch;
use reenact_providers::journal::{
    Identity, JournalError, JournalId, Location, Options, Position, Recovery,
};
use reenact_testkit::disk::FakeDisk;

use super::kit::{IDENTITY, SMALL, bytes, commit_of, corrupt_at, medium, open, recover, segment};

/// A journal of several segments; with the positions of its commits.
fn several_segments() -> (FakeDisk, Vec<Position>) {
    let disk = FakeDisk::new();
    let mut journal = open(&disk, SMALL).unwrap().journal;
    let ends: Vec<_> =
        (0..12).map(|number| journal.append(&commit_of(&bytes(number, 700))).unwrap()).collect();
    assert!(ends[11].segment >= 4);
    (disk, ends)
}

fn read_as(disk: &FakeDisk, identity: Identity) -> Result<(), JournalError> {
    let recovery = Recovery::open(medium(disk), identity)?;
    recovery.replay(|_| Ok::<(), JournalError>(())).map(drop)
}

/// Changes the head or the checkpoint as somebody would who knows how to make a checksum.
fn rewrite(disk: &FakeDisk, name: &str, change: impl FnOnce(&mut [u8])) {
    let mut contents = disk.contents(name).unwrap();
    let covered = if name == "CHECKPOINT" { contents.len() - 4 } else { 508 };
    change(&mut contents[..covered]);
    let checksum = crc32c::crc32c(&contents[..covered]);
    contents[covered..covered + 4].copy_from_slice(&checksum.to_le_bytes());
    disk.put(name, &contents);
}

#[test]
fn a_missing_segment_is_reported_whichever_it_is() {
    let (disk, ends) = several_segments();
    for missing in 1..=ends[11].segment {
        let disk = disk.copy();
        disk.take_away(&segment(missing));
        assert_eq!(corrupt_at(&recover(&disk).unwrap_err()), (missing, 0));
    }
}

#[test]
fn a_journal_without_any_of_its_segments_is_not_taken_for_a_new_one() {
    let (disk, ends) = several_segments();
    for number in 1..=ends[11].segment {
        disk.take_away(&segment(number));
    }
    assert_eq!(corrupt_at(&recover(&disk).unwrap_err()), (ends[11].segment, 0));
}

#[test]
fn a_journal_of_before_notes_its_newest_segment_from_now_on() {
    let (disk, ends) = several_segments();
    for note in [None, Some(&b"segment-000000000099 00000000\n"[..]), Some(b"seg")] {
        let disk = disk.copy();
        disk.take_away("NEWEST");
        if let Some(note) = note {
            disk.put("NEWEST", note);
        }
        assert_eq!(recover(&disk).unwrap().0.len(), ends.len(), "what has rotted says nothing");
        drop(open(&disk, SMALL).unwrap());
        let newest = ends[11].segment + 1;
        disk.take_away(&segment(newest));
        assert_eq!(corrupt_at(&recover(&disk).unwrap_err()), (newest, 0));
    }
}

#[test]
fn a_journal_that_was_trimmed_is_incomplete_without_its_checkpoint() {
    let (disk, ends) = several_segments();
    let mut opened = open(&disk, SMALL).unwrap();
    opened.checkpointer.checkpoint(ends[11]).unwrap();
    assert_eq!(opened.checkpointer.trim().unwrap() as u64, ends[11].segment - 1);
    assert_eq!(recover(&disk).unwrap().0, []);
    disk.take_away("CHECKPOINT");
    assert_eq!(corrupt_at(&recover(&disk).unwrap_err()), (1, 0));
}

#[test]
fn a_checkpoint_without_its_segments_is_reported() {
    let (disk, ends) = several_segments();
    let mut opened = open(&disk, SMALL).unwrap();
    opened.checkpointer.checkpoint(ends[5]).unwrap();
    for number in ends[5].segment..=opened.journal.end().segment {
        disk.take_away(&segment(number));
    }
    assert_eq!(corrupt_at(&recover(&disk).unwrap_err()), (ends[5].segment, 0));
}

#[test]
fn a_checkpoint_that_is_not_between_two_commits_is_reported() {
    let (disk, ends) = several_segments();
    let mut opened = open(&disk, SMALL).unwrap();
    opened.checkpointer.checkpoint(ends[1]).unwrap();
    assert_eq!(recover(&disk).unwrap().0.len(), 10);
    for at in [40, 48] {
        for change in [1, 7, u64::MAX - 7, u64::MAX] {
            let disk = disk.copy();
            rewrite(&disk, "CHECKPOINT", |contents| {
                let field = &mut contents[at..at + 8];
                let value = u64::from_le_bytes(field.try_into().unwrap()).wrapping_add(change);
                field.copy_from_slice(&value.to_le_bytes());
            });
            corrupt_at(&recover(&disk).unwrap_err());
        }
    }
}

#[test]
fn a_file_of_another_store_or_shard_is_foreign() {
    let (disk, _) = several_segments();
    open(&disk, SMALL).unwrap().checkpointer.checkpoint(Position::START).unwrap();
    let others = [
        Identity { journal: JournalId::random(), ..IDENTITY },
        Identity { shard: ShardId(4), ..IDENTITY },
    ];
    for other in others {
        let refused = read_as(&disk, other).unwrap_err();
        let at = Location::Checkpoint { shard: other.shard };
        assert!(matches!(&refused, JournalError::Foreign { at: found, .. } if *found == at));

        disk.take_away("CHECKPOINT");
        let refused = read_as(&disk, other).unwrap_err();
        let at = Location::Segment { shard: other.shard, segment: 1, offset: 0 };
        assert!(matches!(&refused, JournalError::Foreign { at: found, .. } if *found == at));
        open(&disk, SMALL).unwrap().checkpointer.checkpoint(Position::START).unwrap();
    }
}

#[test]
fn a_single_segment_of_another_store_is_foreign() {
    let (disk, _) = several_segments();
    let foreign = FakeDisk::new();
    let identity = Identity { journal: JournalId::random(), ..IDENTITY };
    let recovery = Recovery::open(medium(&foreign), identity).unwrap();
    let recovered = recovery.replay(|_| Ok::<(), JournalError>(())).unwrap();
    drop(recovered.begin(Epoch(1), SMALL).unwrap());
    let contents = foreign.contents(&segment(1)).unwrap();
    for number in 1..=4 {
        let disk = disk.copy();
        disk.put(&segment(number), &contents);
        assert!(matches!(recover(&disk).unwrap_err(), JournalError::Foreign { .. }));
    }
}

#[test]
fn a_segment_under_the_number_of_another_is_reported() {
    let (disk, ends) = several_segments();
    let last = ends[11].segment;
    for from in 1..=last {
        for to in (1..=last + 1).filter(|to| *to != from) {
            let disk = disk.copy();
            disk.put(&segment(to), &disk.contents(&segment(from)).unwrap());
            assert_eq!(corrupt_at(&recover(&disk).unwrap_err()), (to, 0));
        }
    }
}

/// Segments without records, so that a head can be changed and nothing else is wrong.
#[test]
fn a_head_that_does_not_continue_the_one_before_it_is_reported() {
    let disk = FakeDisk::new();
    for _ in 0..3 {
        open(&disk, SMALL).unwrap();
    }
    const EPOCH: usize = 40;
    const FIRST_SEQUENCE: usize = 48;
    const PREVIOUS_END: usize = 56;
    let changes = [
        // The number of a segment, a field, its value, and where it is noticed.
        (2, EPOCH, 0, 2),
        (2, EPOCH, 9, 3),
        (3, EPOCH, 1, 3),
        (1, FIRST_SEQUENCE, 0, 1),
        (1, FIRST_SEQUENCE, 2, 1),
        (2, FIRST_SEQUENCE, 0, 2),
        (2, FIRST_SEQUENCE, 2, 2),
        (2, FIRST_SEQUENCE, u64::MAX, 2),
        (1, PREVIOUS_END, 512, 1),
    ];
    for (number, field, value, noticed) in changes {
        let disk = disk.copy();
        rewrite(&disk, &segment(number), |contents| {
            contents[field..field + 8].copy_from_slice(&u64::to_le_bytes(value));
        });
        assert_eq!(corrupt_at(&recover(&disk).unwrap_err()), (noticed, 0), "{number} {field}");
    }
    // What is before a segment is read up to where it says that it ends.
    for value in [0, 511, 513, 1024, u64::MAX] {
        let disk = disk.copy();
        rewrite(&disk, &segment(2), |contents| {
            contents[PREVIOUS_END..PREVIOUS_END + 8].copy_from_slice(&u64::to_le_bytes(value));
        });
        assert_eq!(corrupt_at(&recover(&disk).unwrap_err()), (1, 512), "{value}");
    }
}

#[test]
fn an_epoch_that_is_not_newer_is_refused() {
    let disk = FakeDisk::new();
    for _ in 0..3 {
        open(&disk, SMALL).unwrap();
    }
    for epoch in [0, 2, 3].map(Epoch) {
        let (_, recovered) = recover(&disk).unwrap();
        assert_eq!(recovered.epoch(), Epoch(3));
        let steps = disk.steps();
        let refused = recovered.begin(epoch, SMALL).unwrap_err();
        assert!(matches!(refused, JournalError::Conflict { .. }), "{refused}");
        assert_eq!(disk.steps(), steps, "nothing is changed");
    }
}

#[test]
fn a_newer_format_is_reported_with_its_version() {
    let (disk, _) = several_segments();
    open(&disk, SMALL).unwrap().checkpointer.checkpoint(Position::START).unwrap();
    for name in ["CHECKPOINT".to_owned(), segment(1), segment(2)] {
        let disk = disk.copy();
        rewrite(&disk, &name, |contents| contents[8..10].copy_from_slice(&[2, 0]));
        let refused = recover(&disk).unwrap_err();
        assert!(
            matches!(refused, JournalError::NewerFormat { found: 2, supported: 1, .. }),
            "{refused}"
        );
    }
}

/// Somebody has put an old copy of the last segment back.
#[test]
fn a_segment_that_has_lost_its_end_is_reported_once_another_follows() {
    let disk = FakeDisk::new();
    let mut opened = open(&disk, SMALL).unwrap();
    opened.journal.append(&commit_of(b"one")).unwrap();
    let old = disk.contents(&segment(1)).unwrap();
    let end = opened.journal.append(&commit_of(b"two")).unwrap();
    open(&disk, SMALL).unwrap();
    disk.put(&segment(1), &old);
    let (found, offset) = corrupt_at(&recover(&disk).unwrap_err());
    assert!(found == 1 && offset < end.offset);
}

#[test]
fn other_files_are_left_alone() {
    let (disk, _) = several_segments();
    let names = ["notes.txt", "segment-1", "segment-000000000002.bak", "spare", "CHECKPOINT.new"];
    for name in names {
        disk.put(name, b"not ours");
    }
    let mut opened = open(&disk, Options::default()).unwrap();
    assert_eq!(opened.seen.len(), 12);
    opened.checkpointer.checkpoint(opened.journal.end()).unwrap();
    opened.checkpointer.trim().unwrap();
    assert_eq!(disk.contents("notes.txt").unwrap(), b"not ours");
    assert_eq!(disk.contents("segment-000000000002.bak").unwrap(), b"not ours");
}
