//! One scenario that does everything that a journal can do, and what must hold after each step.

use std::collections::BTreeMap;

use reenact_providers::journal::{JournalError, Options, Position, Recovery};
use reenact_testkit::disk::FakeDisk;

use super::kit::{IDENTITY, Opened, SMALL, bytes, commit_of, medium, open, recover};

/// What was promised so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promises {
    /// Commits that were acknowledged, or seen by an opening that succeeded. By sequence.
    durable: BTreeMap<u64, Vec<u8>>,
    /// A commit that was tried and not acknowledged. It may be there, as a whole.
    in_doubt: Option<Vec<u8>>,
    /// The last checkpoint.
    checkpoint: Option<Position>,
    /// One that was tried after it.
    tried_checkpoint: Option<Position>,
    /// The newest epoch that was acknowledged.
    epoch: u64,
    /// Counts commits, so that each has its own bytes.
    number: u64,
    /// Whether commits are compressed.
    is_compressed: bool,
}

impl Promises {
    /// Of commits that are compressed.
    pub(crate) fn compressed() -> Self {
        Self { is_compressed: true, ..Self::default() }
    }

    fn options(&self) -> Options {
        Options { compress: self.is_compressed, ..SMALL }
    }

    /// Opens the journal and makes commits, checkpoints and trims, twice; over several segments.
    pub(crate) fn play(&mut self, disk: &FakeDisk) -> Result<(), JournalError> {
        for _ in 0..2 {
            let mut opened = self.open(disk, self.options())?;
            for size in [10, 700, 300, 520, 1000, 1900] {
                self.append(&mut opened, size)?;
            }
            self.checkpoint(&mut opened)?;
            self.append(&mut opened, 900)?;
            opened.checkpointer.trim()?;
            for size in [600, 1700, 2500] {
                self.append(&mut opened, size)?;
            }
        }
        Ok(())
    }

    /// Opens and does one of each: what a process does that comes after a crash.
    pub(crate) fn go_on(&mut self, disk: &FakeDisk) -> Result<(), JournalError> {
        let mut opened = self.open(disk, self.options())?;
        self.append(&mut opened, 100)?;
        self.checkpoint(&mut opened)?;
        opened.checkpointer.trim()?;
        self.append(&mut opened, 1700)
    }

    pub(crate) fn open(
        &mut self,
        disk: &FakeDisk,
        options: Options,
    ) -> Result<Opened, JournalError> {
        let opened = open(disk, options)?;
        // What it has shown is a promise from now on, and what it has not shown is gone for good.
        for seen in &opened.seen {
            self.durable.insert(seen.position.sequence, seen.bytes.clone());
        }
        self.in_doubt = None;
        self.checkpoint = Some(opened.checkpointer.position());
        self.tried_checkpoint = None;
        self.epoch = opened.journal.epoch().0;
        Ok(opened)
    }

    pub(crate) fn append(&mut self, opened: &mut Opened, size: usize) -> Result<(), JournalError> {
        self.number += 1;
        let bytes = bytes(self.number, size);
        self.in_doubt = Some(bytes.clone());
        let position = opened.journal.append(&commit_of(&bytes))?;
        self.in_doubt = None;
        self.durable.insert(position.sequence, bytes);
        Ok(())
    }

    fn checkpoint(&mut self, opened: &mut Opened) -> Result<(), JournalError> {
        let position = opened.journal.end();
        self.tried_checkpoint = Some(position);
        opened.checkpointer.checkpoint(position)?;
        self.checkpoint = Some(position);
        self.tried_checkpoint = None;
        Ok(())
    }

    /// Nothing that was acknowledged is lost, and nothing half done can be seen.
    pub(crate) fn verify(&self, disk: &FakeDisk) {
        let recovery = Recovery::open(medium(disk), IDENTITY).unwrap();
        let checkpoint = recovery.checkpoint().map(|checkpoint| checkpoint.position);
        let is_known = checkpoint == self.checkpoint
            || checkpoint == self.tried_checkpoint
            || (checkpoint.is_none() && self.checkpoint == Some(Position::START));
        assert!(is_known, "{checkpoint:?} is not one of {self:?}");

        let (seen, recovered) = recover(disk).unwrap();
        assert!(recovered.epoch().0 >= self.epoch);
        let mut sequence = checkpoint.map_or(0, |checkpoint| checkpoint.sequence);
        let last = self.durable.keys().next_back().copied().unwrap_or_default();
        for seen in &seen {
            sequence += 1;
            assert_eq!(seen.position.sequence, sequence);
            let expected = self.durable.get(&sequence);
            let expected = expected.or(self.in_doubt.as_ref().filter(|_| sequence == last + 1));
            assert_eq!(Some(&seen.bytes), expected, "commit {sequence}");
        }
        assert!(sequence >= last, "commit {last} was acknowledged, {sequence} is the last");
    }
}

#[test]
fn the_scenario_rolls_trims_and_keeps_its_promises() {
    let (disk, mut promises) = (FakeDisk::new(), Promises::default());
    promises.play(&disk).unwrap();
    promises.verify(&disk);
    promises.verify(&disk.after_crash(|| false));
    assert_eq!(promises.durable.len(), 20);
    let names = disk.names();
    assert!(!names.contains(&"segment-000000000001".to_owned()), "{names:?}");
    assert!(names.len() >= 3, "{names:?}");
    promises.go_on(&disk).unwrap();
    promises.verify(&disk.after_crash(|| false));
}
