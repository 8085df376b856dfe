//! A journal on a disk that tears, loses, refuses and rots: nothing that was acknowledged is lost, nothing that was
//! read once is gone later, and rot is reported.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

use reenact::core::{InstanceId, ShardId};
use reenact::providers::Epoch;
use reenact::providers::journal::{
    Commit, Entry, EntryRef, Identity, Journal, JournalError, JournalId, Options, Recovered,
    Recovery,
};
use reenact::providers::medium::Directory;
use reenact::testing::simulation::Dice;
use reenact_testkit::disk::{Effect, FakeDisk, Fault, Op};

const IDENTITY: Identity = Identity { journal: JournalId(*b"the seeded check"), shard: ShardId(0) };

/// Segments so small that a few commits fill one.
const SMALL: Options =
    Options { first_segment_bytes: 2048, max_segment_bytes: 8192, compress: false };

const EFFECTS: [Effect; 3] = [Effect::Nothing, Effect::Half, Effect::Whole];

/// What was read back, by the numbers of the commits.
type Commits = BTreeMap<u64, Vec<String>>;

/// What was promised.
#[derive(Default)]
struct Promises {
    /// Commits that were acknowledged, or read back by somebody who went on from there.
    kept: Commits,
    /// A commit that may be there: its outcome is not known.
    in_doubt: Option<Vec<String>>,
    /// The last commit that a checkpoint may cover.
    checkpoint: u64,
    written: u64,
}

pub(super) fn run(seed: u64) -> Result<(), String> {
    let dice = Dice::new(seed, None);
    let (mut disk, mut promises) = (FakeDisk::new(), Promises::default());
    for _ in 0..2 + dice.below("lives", 4) {
        let goes_wrong = dice.below("goes wrong", 3);
        match goes_wrong {
            0 => disk.fail(fault(&dice)),
            1 => disk.die_at(dice.below("step", 40)),
            _ => {}
        }
        let lived = promises.live(&dice, &disk);
        if goes_wrong == 2 {
            lived?;
        }
        disk.heal();
        // A process that was to die later than it came does so now.
        if goes_wrong == 1 || dice.below("power", 2) == 0 {
            let survive = dice.below("how many survive", 11);
            disk = disk.after_crash(|| dice.below("survives", 10) < survive);
        }
    }
    promises.live(&dice, &disk)?;
    let disk = disk.after_crash(|| false);
    promises.compare(&disk)?;
    promises.rot(&dice, &disk)
}

/// One call fails, at some time.
fn fault(dice: &Dice) -> Fault {
    let ops = [Op::Write, Op::Sync, Op::Sync, Op::Rename, Op::SyncNames, Op::Create];
    let error = [ErrorKind::StorageFull, ErrorKind::Other][dice.below("error", 2) as usize];
    Fault {
        op: ops[dice.below("op", ops.len() as u64) as usize],
        at: dice.below("at", 12),
        forever: false,
        error,
        effect: EFFECTS[dice.below("effect", 3) as usize],
    }
}

impl Promises {
    /// One process: it reads what is there, and goes on writing, whatever fails.
    fn live(&mut self, dice: &Dice, disk: &FakeDisk) -> Result<(), String> {
        let read = self.compare(disk)?;
        let recovered = read_journal(disk, &mut Commits::new());
        let recovered = recovered.map_err(|error| format!("it cannot be read again: {error}"))?;
        let epoch = Epoch(recovered.epoch().0 + 1);
        let begun = recovered.begin(epoch, SMALL);
        let (mut journal, mut checkpointer) =
            begun.map_err(|error| format!("it cannot be gone on with: {error}"))?;
        // From here on, what was read is a promise, and what was not there is gone for good.
        self.kept.extend(read);
        self.in_doubt = None;
        let mut failed = None;
        for _ in 0..dice.below("commits", 12) {
            let appended = self.append(dice, &mut journal);
            failed = failed.or(appended.err());
            if dice.below("checkpoints", 6) == 0 && failed.is_none() {
                let position = journal.end();
                self.checkpoint = position.sequence;
                let freed = checkpointer.checkpoint(position).and_then(|()| checkpointer.trim());
                failed = freed.err().map(|error| error.to_string());
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn append(
        &mut self,
        dice: &Dice,
        journal: &mut Journal<Directory<FakeDisk>>,
    ) -> Result<(), String> {
        self.written += 1;
        let ids: Vec<String> = (0..1 + dice.below("entries", 8))
            .map(|entry| {
                let long = "-".repeat(dice.below("long", 180) as usize);
                format!("{}-{entry}{long}", self.written)
            })
            .collect();
        let entries = ids.iter().filter_map(|id| InstanceId::new(id.as_str()).ok());
        match journal.append(&entries.map(Entry::Purged).collect::<Vec<_>>()) {
            Ok(position) => {
                self.kept.insert(position.sequence, ids);
                self.in_doubt = None;
                Ok(())
            }
            Err(error) => {
                if matches!(error, JournalError::Unknown { .. }) {
                    self.in_doubt = Some(ids);
                }
                Err(error.to_string())
            }
        }
    }

    /// Reads everything; an error says what was promised and is not there, or is there and was not promised.
    fn compare(&self, disk: &FakeDisk) -> Result<Commits, String> {
        let mut read = Commits::new();
        read_journal(disk, &mut read).map_err(|error| format!("it cannot be read: {error}"))?;
        self.compare_with(&read)?;
        Ok(read)
    }

    fn compare_with(&self, read: &Commits) -> Result<(), String> {
        let last = self.kept.keys().next_back().copied().unwrap_or_default();
        let first = read.first_key_value().map_or(self.checkpoint + 1, |(first, _)| *first);
        if let Some(number) = (first..=last).find(|number| !read.contains_key(number)) {
            return Err(format!("commit {number} is lost"));
        }
        for (number, ids) in read {
            let may_be = self.kept.get(number).or(self.in_doubt.as_ref());
            if may_be != Some(ids) {
                return Err(format!("commit {number} is {ids:?}, and was {may_be:?}"));
            }
        }
        Ok(())
    }

    /// A bit of a commit that is there is another: either that is reported, or nothing is missing.
    fn rot(&self, dice: &Dice, disk: &FakeDisk) -> Result<(), String> {
        let names = disk.names();
        let names: Vec<_> = names.iter().filter(|name| name.starts_with("segment-")).collect();
        let name = names[dice.below("segment", names.len() as u64) as usize];
        let mut bytes = disk.contents(name).unwrap_or_default();
        let place = dice.below("place", bytes.len() as u64) as usize;
        bytes[place] ^= 1 << dice.below("bit", 8);
        disk.put(name, &bytes);
        let mut read = Commits::new();
        if read_journal(disk, &mut read).is_err() {
            return Ok(());
        }
        let lost = |why| format!("with a flipped bit in byte {place} of {name}: {why}");
        self.compare_with(&read).map_err(lost)
    }
}

/// Reads the commits after the last checkpoint.
fn read_journal(
    disk: &FakeDisk,
    read: &mut Commits,
) -> Result<Recovered<Directory<FakeDisk>>, JournalError> {
    let medium = Arc::new(Directory::new(disk.clone()));
    Recovery::open(medium, IDENTITY)?.replay(|commit: Commit<'_>| {
        let ids = commit.entries.iter().filter_map(|entry| match entry {
            EntryRef::Purged(instance) => Some(instance.to_string()),
            EntryRef::Turn(_) => None,
        });
        read.insert(commit.position.sequence, ids.collect());
        Ok::<(), JournalError>(())
    })
}
