//! Rot: any flipped bit is reported with its place.

use reenact_providers::journal::{JournalError, Location};
use reenact_testkit::disk::FakeDisk;

use super::kit::{
    IDENTITY, SHARD, SMALL, bytes, bytes_of, commit_of, corrupt_at, medium, open, recover, segment,
    written,
};

/// Calls back with a copy of the disk for each bit of some bytes of a file, flipped.
fn flip_each(
    disk: &FakeDisk,
    name: &str,
    places: std::ops::Range<usize>,
    mut found: impl FnMut(usize, &FakeDisk),
) {
    let disk = disk.copy();
    let mut contents = disk.contents(name).unwrap();
    for at in places {
        for bit in 0..8 {
            contents[at] ^= 1 << bit;
            disk.put(name, &contents);
            found(at, &disk);
            contents[at] ^= 1 << bit;
        }
    }
}

/// Small and large ones; some full of zeros, as sectors are that were never written.
fn commits() -> Vec<Vec<u8>> {
    let sizes = [0, 3, 500, 30, 1100, 1, 520, 60, 0, 1600, 25, 490, 5, 80, 700, 44];
    let contents = |number: u64, size| match number % 3 {
        0 => vec![0; size],
        _ => bytes(number, size),
    };
    (0..).zip(sizes).map(|(number, size)| contents(number, size)).collect()
}

#[test]
fn each_flipped_bit_of_a_log_is_corrupt_at_the_record_it_is_in() {
    let commits = commits();
    let (disk, ends) = written(8 * 1024, &commits);
    let starts: Vec<u64> = [512].into_iter().chain(ends.iter().map(|end| end.offset)).collect();
    flip_each(&disk, &segment(1), 0..ends[15].offset as usize, |at, disk| {
        let before = disk.contents(&segment(1));
        let refused = recover(disk).unwrap_err();
        let start = starts.iter().rfind(|start| **start <= at as u64).copied();
        assert_eq!(corrupt_at(&refused), (1, start.unwrap_or(0)), "byte {at}: {refused}");
        assert!(refused.to_string().contains("shard 3, segment 1, offset "), "{refused}");
        assert_eq!(disk.contents(&segment(1)), before, "nothing is changed");
    });
}

#[test]
fn a_flipped_bit_after_the_log_takes_nothing_away() {
    let commits = commits();
    let (disk, ends) = written(8 * 1024, &commits);
    let end = ends[15].offset as usize;
    flip_each(&disk, &segment(1), end..end + 600, |at, disk| {
        let (seen, recovered) = recover(disk).unwrap();
        assert_eq!(bytes_of(&seen), commits, "byte {at}");
        assert!(recovered.torn().is_some());
    });
}

#[test]
fn each_flipped_bit_of_a_log_of_several_segments_is_corrupt() {
    let disk = FakeDisk::new();
    let mut journal = open(&disk, SMALL).unwrap().journal;
    let ends: Vec<_> =
        (0..12).map(|number| journal.append(&commit_of(&bytes(number, 450))).unwrap()).collect();
    let last = ends[11].segment;
    assert!(last > 2);
    for number in 1..=last {
        let end = ends.iter().rfind(|end| end.segment == number).unwrap().offset;
        flip_each(&disk, &segment(number), 0..end as usize, |at, disk| {
            let (found, offset) = corrupt_at(&recover(disk).unwrap_err());
            assert_eq!(found, number);
            assert!(offset <= at as u64);
        });
    }
}

/// Also one that turns the whole byte around, or sets it to what was never written.
#[test]
fn a_wrong_byte_in_the_middle_is_never_taken_for_the_end() {
    let (disk, ends) = written(8 * 1024, &commits());
    let contents = disk.contents(&segment(1)).unwrap();
    // All but the last record.
    for at in 512..ends[14].offset as usize {
        for wrong in [!contents[at], 0, 0xff, contents[at].wrapping_add(1)] {
            if wrong != contents[at] {
                let disk = disk.copy();
                let mut contents = contents.clone();
                contents[at] = wrong;
                disk.put(&segment(1), &contents);
                corrupt_at(&recover(&disk).unwrap_err());
            }
        }
    }
}

#[test]
fn lost_sectors_in_the_middle_are_never_taken_for_the_end() {
    let (disk, ends) = written(8 * 1024, &commits());
    let contents = disk.contents(&segment(1)).unwrap();
    let last_start = ends[14].offset as usize;
    for unit in [512, 4096] {
        for start in (0..last_start).step_by(unit) {
            let disk = disk.copy();
            let mut contents = contents.clone();
            contents[start..(start + unit).min(last_start)].fill(0);
            disk.put(&segment(1), &contents);
            let (_, offset) = corrupt_at(&recover(&disk).unwrap_err());
            assert!(offset < (start + unit) as u64);
        }
    }
}

#[test]
fn each_flipped_bit_of_a_checkpoint_is_corrupt() {
    let disk = FakeDisk::new();
    let mut opened = open(&disk, SMALL).unwrap();
    let position = opened.journal.append(&commit_of(b"one")).unwrap();
    opened.checkpointer.checkpoint(position).unwrap();
    let length = disk.contents("CHECKPOINT").unwrap().len();
    flip_each(&disk, "CHECKPOINT", 0..length, |at, disk| {
        let refused = reenact_providers::journal::Recovery::open(medium(disk), IDENTITY);
        assert!(
            matches!(
                refused,
                Err(JournalError::Corrupt { at: Location::Checkpoint { shard: SHARD }, .. })
            ),
            "byte {at}: {refused:?}"
        );
    });
}
