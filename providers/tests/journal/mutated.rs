//! Mutated bytes: the reader does not panic, reports the damage, and never returns what was not written.

use reenact_providers::journal::Recovery;
use reenact_testkit::disk::FakeDisk;

use super::kit::{
    IDENTITY, Random, SMALL, bytes, commit_of, medium, open, recover, segment, written,
};

/// Changes some bytes at random: single bits, bytes, runs, whole sectors, and what is moved.
fn mutate(contents: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(contents.len());
        let run = at..(at + 1 + random.below(600)).min(contents.len());
        match random.below(7) {
            0 => contents[at] ^= 1 << random.below(8),
            1 => contents[at] = random.next() as u8,
            2 => contents[run].fill(0),
            3 => contents[run].iter_mut().for_each(|byte| *byte = random.next() as u8),
            4 => contents.truncate(at + 1),
            5 => {
                let to = random.below(contents.len() - run.len() + 1);
                contents.copy_within(run, to);
            }
            _ => drop(contents.drain(run.start..run.end - 1)),
        }
    }
}

#[test]
fn a_mutated_segment_shows_a_part_of_what_was_written_or_is_refused() {
    let commits: Vec<_> = (0..12).map(|number| bytes(number, number as usize * 60)).collect();
    let (disk, _) = written(8 * 1024, &commits);
    let whole = disk.contents(&segment(1)).unwrap();
    let mut random = Random::new(11);
    let (mut refused, mut shorter) = (0, 0);
    for _ in 0..20_000 {
        let mut contents = whole.clone();
        mutate(&mut contents, &mut random);
        disk.put(&segment(1), &contents);
        match recover(&disk) {
            Err(_) => refused += 1,
            Ok((seen, _)) => {
                for (seen, commit) in seen.iter().zip(&commits) {
                    assert_eq!(seen.bytes, *commit);
                }
                shorter += usize::from(seen.len() < commits.len());
            }
        }
    }
    // Both happen: what is cut off is not rot.
    assert!(refused > 5_000 && shorter > 100, "{refused} refused, {shorter} shorter");
}

#[test]
fn a_mutated_segment_in_the_middle_of_others_is_refused_or_shows_everything() {
    let disk = FakeDisk::new();
    let mut journal = open(&disk, SMALL).unwrap().journal;
    let commits: Vec<_> = (0..9).map(|number| bytes(number, 600)).collect();
    for commit in &commits {
        journal.append(&commit_of(commit)).unwrap();
    }
    let whole = disk.contents(&segment(2)).unwrap();
    let mut random = Random::new(12);
    for _ in 0..5_000 {
        let mut contents = whole.clone();
        mutate(&mut contents, &mut random);
        disk.put(&segment(2), &contents);
        if let Ok((seen, _)) = recover(&disk) {
            assert_eq!(super::kit::bytes_of(&seen), commits);
        }
    }
}

#[test]
fn a_mutated_checkpoint_is_refused() {
    let disk = FakeDisk::new();
    let mut opened = open(&disk, SMALL).unwrap();
    let position = opened.journal.append(&commit_of(b"one")).unwrap();
    opened.checkpointer.checkpoint(position).unwrap();
    let whole = disk.contents("CHECKPOINT").unwrap();
    let mut random = Random::new(13);
    for _ in 0..20_000 {
        let mut contents = whole.clone();
        mutate(&mut contents, &mut random);
        disk.put("CHECKPOINT", &contents);
        let read = Recovery::open(medium(&disk), IDENTITY);
        assert!(read.is_err() || contents == whole);
    }
}
