//! Journals that are cut off anywhere: only the record at the cut is lost.

use reenact_providers::journal::Position;
use reenact_testkit::disk::FakeDisk;

use super::kit::{SMALL, bytes, bytes_of, commit_of, corrupt_at, open, recover, segment, written};

const HEAD: usize = 512;

/// Two ways in which the rest may be missing.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// The file ends.
    Off,
    /// The rest was never written.
    Blank,
}

fn cut(disk: &FakeDisk, name: &str, at: usize, how: Cut) -> FakeDisk {
    let disk = disk.copy();
    let mut contents = disk.contents(name).unwrap();
    match how {
        Cut::Off => contents.truncate(at),
        Cut::Blank => contents[at..].fill(0),
    }
    disk.put(name, &contents);
    disk
}

fn commits(count: u64) -> Vec<Vec<u8>> {
    let sizes = [0, 1, 30, 95, 120, 2, 40, 250];
    (1..=count).map(|number| bytes(number, sizes[number as usize % sizes.len()])).collect()
}

/// Asserts that of the first segment the whole records are there.
fn assert_kept(disk: &FakeDisk, commits: &[Vec<u8>], ends: &[Position], at: usize) -> usize {
    let kept = ends.iter().filter(|end| end.offset <= at as u64).count();
    let (seen, recovered) = recover(disk).unwrap();
    assert_eq!(bytes_of(&seen), commits[..kept], "cut at {at}");
    let start = kept.checked_sub(1).map_or(HEAD as u64, |last| ends[last].offset);
    // The first byte of a record at the start of a sector is the sector's mark.
    assert_eq!(recovered.torn().is_some(), at as u64 > start, "cut at {at}");
    kept
}

#[test]
fn a_cut_at_any_byte_drops_the_incomplete_record_and_nothing_else() {
    let commits = commits(64);
    let (disk, ends) = written(12 * 1024, &commits);
    let end = ends[63].offset as usize;
    for how in [Cut::Off, Cut::Blank] {
        for at in HEAD..=end {
            let disk = cut(&disk, &segment(1), at, how);
            let kept = assert_kept(&disk, &commits, &ends, at);

            // The next append survives a crash that takes along all that it can.
            let mut opened = open(&disk, SMALL).unwrap();
            opened.journal.append(&commit_of(b"next")).unwrap();
            let (seen, _) = recover(&disk.after_crash(|| false)).unwrap();
            assert_eq!(bytes_of(&seen[..kept]), commits[..kept]);
            assert_eq!(bytes_of(&seen[kept..]), [b"next"]);
        }
    }
}

#[test]
fn a_cut_at_any_byte_of_what_was_appended_after_a_cut_does_the_same_again() {
    let commits = commits(64);
    let (disk, ends) = written(12 * 1024, &commits);
    for (first, how) in [(5, Cut::Off), (30, Cut::Blank), (63, Cut::Off), (63, Cut::Blank)] {
        // In the middle of this record.
        let at = ends[first].offset as usize - 9;
        let disk = cut(&disk, &segment(1), at, how);
        let mut journal = open(&disk, SMALL).unwrap().journal;
        let later: Vec<_> = (100..104).map(|number| bytes(number, 150)).collect();
        let later_ends: Vec<_> =
            later.iter().map(|bytes| journal.append(&commit_of(bytes)).unwrap()).collect();
        for at in HEAD..=later_ends[3].offset as usize {
            let disk = cut(&disk, &segment(2), at, how);
            let kept = later_ends.iter().filter(|end| end.offset <= at as u64).count();
            let (seen, _) = recover(&disk).unwrap();
            assert_eq!(bytes_of(&seen), [&commits[..first], &later[..kept]].concat());

            let mut journal = open(&disk, SMALL).unwrap().journal;
            journal.append(&commit_of(b"again")).unwrap();
            let (seen, _) = recover(&disk.after_crash(|| false)).unwrap();
            assert_eq!(seen.len(), first + kept + 1);
        }
    }
}

/// It is durable before the segment has its name, so this is no crash.
#[test]
fn a_cut_in_the_head_of_a_segment_is_rot() {
    let (disk, _) = written(2048, &commits(1));
    for how in [Cut::Off, Cut::Blank] {
        for at in 0..HEAD {
            let refused = recover(&cut(&disk, &segment(1), at, how)).unwrap_err();
            assert_eq!(corrupt_at(&refused), (1, 0));
        }
    }
}

#[test]
fn a_cut_in_a_segment_that_others_follow_is_rot() {
    let disk = FakeDisk::new();
    let mut journal = open(&disk, SMALL).unwrap().journal;
    let ends: Vec<_> =
        (0..9).map(|number| journal.append(&commit_of(&bytes(number, 500))).unwrap()).collect();
    assert!(ends[8].segment > 2);
    let in_first = ends.iter().filter(|end| end.segment == 1);
    let starts: Vec<u64> =
        [HEAD as u64].into_iter().chain(in_first.map(|end| end.offset)).collect();
    let (end, starts) = starts.split_last().unwrap();
    for how in [Cut::Off, Cut::Blank] {
        for at in HEAD..*end as usize {
            let refused = recover(&cut(&disk, &segment(1), at, how)).unwrap_err();
            let start = starts.iter().rfind(|start| **start <= at as u64).unwrap();
            assert_eq!(corrupt_at(&refused), (1, *start), "cut at {at}");
        }
        // Nothing counts after its end.
        assert_eq!(recover(&cut(&disk, &segment(1), *end as usize, how)).unwrap().0.len(), 9);
    }
}
