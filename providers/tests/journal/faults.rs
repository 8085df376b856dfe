//! Each call to the disk fails, at each step of a scenario.

use std::io::ErrorKind;

use reenact_providers::journal::JournalError;
use reenact_testkit::disk::{Effect, FakeDisk, Fault, Op};

use super::kit::{Random, SMALL, bytes, commit_of, open};
use super::scenario::Promises;

const EFFECTS: [Effect; 3] = [Effect::Nothing, Effect::Half, Effect::Whole];
const ERRORS: [ErrorKind; 2] = [ErrorKind::StorageFull, ErrorKind::Other];

/// The scenario with one fault. Calls back with the error, if it was noticed at all.
fn play_with(fault: Fault, mut failed: impl FnMut(&FakeDisk, Promises, JournalError)) {
    let (disk, mut promises) = (FakeDisk::new(), Promises::default());
    disk.fail(fault);
    if let Err(error) = promises.play(&disk) {
        disk.heal();
        failed(&disk, promises, error);
    }
}

/// How often each kind of call is made in the scenario.
fn count(op: Op) -> u64 {
    let disk = FakeDisk::new();
    Promises::default().play(&disk).unwrap();
    disk.count(op)
}

fn each_fault(op: Op, mut found: impl FnMut(Fault)) {
    let count = count(op);
    assert!(count > 0, "the scenario makes no {op:?}");
    for at in 0..count {
        for forever in [false, true] {
            for error in ERRORS {
                for effect in EFFECTS {
                    found(Fault { op, at, forever, error, effect });
                }
            }
        }
    }
}

fn assert_typed(error: &JournalError, fault: &Fault) {
    match error {
        JournalError::Full { source, .. } => {
            assert_eq!(source.kind(), ErrorKind::StorageFull);
            assert_eq!(fault.error, ErrorKind::StorageFull);
        }
        JournalError::Unavailable { source, .. } | JournalError::Unknown { source, .. } => {
            assert_eq!(source.kind(), fault.error, "{fault:?}: {error}");
        }
        error => panic!("{fault:?}: {error}"),
    }
}

#[test]
fn whatever_fails_the_error_is_typed_and_work_goes_on_with_all_that_was_acknowledged() {
    let mut random = Random::new(5);
    for op in Op::ALL {
        each_fault(op, |fault| {
            play_with(fault, |disk, promises, error| {
                assert_typed(&error, &fault);
                // The process goes on, or has crashed and comes back.
                let crashed = [
                    disk.after_crash(|| false),
                    disk.after_crash(|| true),
                    disk.after_crash(|| random.coin()),
                ];
                for disk in crashed.iter().chain([disk]) {
                    promises.verify(disk);
                    let mut promises = promises.clone();
                    promises.go_on(disk).unwrap_or_else(|error| panic!("{fault:?}: {error}"));
                    promises.verify(&disk.after_crash(|| false));
                }
            });
        });
    }
}

/// A crash can take away the name of a segment and leave that of the next one.
#[test]
fn the_name_of_a_segment_that_was_found_is_durable_before_the_next_one_is_made() {
    let (disk, mut promises) = (FakeDisk::new(), Promises::default());
    let mut opened = promises.open(&disk, SMALL).unwrap();
    promises.append(&mut opened, 50).unwrap();
    drop(opened);
    for _ in 0..2 {
        disk.fail(Fault {
            op: Op::Rename,
            at: 0,
            forever: false,
            error: ErrorKind::Other,
            effect: Effect::Whole,
        });
        let Err(failed) = promises.open(&disk, SMALL) else { panic!("it is said to have failed") };
        assert!(matches!(failed, JournalError::Unknown { .. }), "{failed}");
    }
    for survivors in 0..1_u32 << disk.undecided() {
        let mut left = survivors;
        let found = disk.after_crash(|| {
            let survives = left % 2 == 1;
            left /= 2;
            survives
        });
        promises.verify(&found);
    }
}

/// Systems take what they could not write for written: it can be read, and a crash takes it away.
#[test]
fn what_was_read_after_a_failed_sync_is_made_durable_before_anything_is_built_on_it() {
    let (disk, mut promises) = (FakeDisk::new(), Promises::default());
    let mut opened = promises.open(&disk, SMALL).unwrap();
    promises.append(&mut opened, 50).unwrap();
    disk.fail(Fault {
        op: Op::Sync,
        at: 0,
        forever: false,
        error: ErrorKind::Other,
        effect: Effect::Nothing,
    });
    let failed = promises.append(&mut opened, 1200).unwrap_err();
    assert!(matches!(failed, JournalError::Unknown { .. }), "{failed}");
    assert_eq!(super::kit::recover(&disk.after_crash(|| false)).unwrap().0.len(), 1);

    let opened = promises.open(&disk, SMALL).unwrap();
    assert_eq!(opened.seen.len(), 2);
    promises.verify(&disk.after_crash(|| false));
}

#[test]
fn a_journal_whose_write_or_sync_has_failed_takes_nothing_more_until_it_is_opened_again() {
    for op in [Op::Write, Op::Sync] {
        for effect in EFFECTS {
            let disk = FakeDisk::new();
            let mut journal = open(&disk, SMALL).unwrap().journal;
            journal.append(&commit_of(b"before")).unwrap();
            let error = ErrorKind::Other;
            disk.fail(Fault { op, at: 0, forever: false, error, effect });
            let failed = journal.append(&commit_of(b"failed")).unwrap_err();
            assert!(matches!(failed, JournalError::Unknown { .. }), "{failed}");
            let steps = disk.steps();
            for _ in 0..2 {
                let refused = journal.append(&commit_of(b"after")).unwrap_err();
                assert!(matches!(refused, JournalError::Poisoned { .. }), "{refused}");
                assert!(refused.to_string().contains("opened again"), "{refused}");
                let refused = journal.append(&[]).unwrap_err();
                assert!(matches!(refused, JournalError::Poisoned { .. }), "{refused}");
            }
            assert_eq!(disk.steps(), steps, "a poisoned journal does not touch the disk");
            drop(journal);

            let mut opened = open(&disk, SMALL).unwrap();
            assert_eq!(
                opened.seen.len(),
                if effect == Effect::Whole || op == Op::Sync { 2 } else { 1 }
            );
            opened.journal.append(&commit_of(b"after")).unwrap();
        }
    }
}

/// Only a new segment needs room, and it is made before anything of the commit is written.
#[test]
fn a_full_disk_refuses_a_commit_and_takes_the_same_one_once_there_is_room() {
    for op in [Op::Create, Op::Write, Op::Sync] {
        let disk = FakeDisk::new();
        let mut journal = open(&disk, SMALL).unwrap().journal;
        journal.append(&commit_of(&bytes(1, 1200))).unwrap();
        let error = ErrorKind::StorageFull;
        disk.fail(Fault { op, at: 0, forever: true, error, effect: Effect::Half });
        for _ in 0..3 {
            let refused = journal.append(&commit_of(&bytes(2, 1200))).unwrap_err();
            assert!(matches!(refused, JournalError::Full { .. }), "{refused}");
            assert!(!disk.names().contains(&"spare".to_owned()), "it gives its room back");
        }
        disk.heal();
        journal.append(&commit_of(&bytes(2, 1200))).unwrap();
        assert_eq!(open(&disk.after_crash(|| false), SMALL).unwrap().seen.len(), 2);
    }
}
