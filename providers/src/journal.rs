//! The journal of one shard: what makes a commit durable.
//!
//! A journal is a sequence of segments, a segment is a sequence of records, and a record is one
//! commit: all of it or nothing. [`Recovery`] reads the last checkpoint and the commits after it,
//! a [`Journal`] appends further ones, and a [`Checkpointer`] frees what the archive has taken
//! over. `JOURNAL.md` beside this crate's sources describes the stored form byte by byte, and why
//! it tells a torn tail from rot.
//!
//! Nothing here knows about files: the [`Medium`] does. All calls block.
//!
//! ```
//! # use std::sync::Arc;
//! use reenact_core::{InstanceId, ShardId};
//! use reenact_providers::Epoch;
//! use reenact_providers::journal::{
//!     Commit, Entry, Identity, JournalError, JournalId, Options, Recovery,
//! };
//! # fn main() -> Result<(), JournalError> {
//! # let disk = reenact_testkit::disk::FakeDisk::new();
//! # let medium = Arc::new(reenact_providers::medium::Directory::new(disk));
//! let identity = Identity { journal: JournalId::random(), shard: ShardId(0) };
//!
//! let recovered = Recovery::open(Arc::clone(&medium), identity)?
//!     .replay(|_commit: Commit<'_>| Ok::<(), JournalError>(()))?;
//! let epoch = Epoch(recovered.epoch().0 + 1);
//! let (mut journal, mut checkpointer) = recovered.begin(epoch, Options::default())?;
//!
//! let purged = InstanceId::new("order-7").expect("a valid id");
//! let position = journal.append(&[Entry::Purged(purged)])?; // durable when it returns
//! // Once the archive holds everything up to there:
//! checkpointer.checkpoint(position)?;
//! checkpointer.trim()?;
//! # Ok(())
//! # }
//! ```

pub(crate) mod body;
mod checkpoint;
mod checkpointer;
mod commit;
mod error;
#[cfg(test)]
mod fuzz;
mod head;
mod identity;
mod position;
mod record;
mod recover;
mod scan;
mod sector;
mod spare;

pub use checkpoint::Checkpoint;
pub use checkpointer::Checkpointer;
pub use commit::{Commit, Entry, EntryRef, TurnRef};
pub use error::{JournalError, Location};
pub use identity::{Identity, InvalidJournalId, JournalId};
pub use position::Position;
pub use recover::{Recovered, Recovery};

use std::sync::Arc;

use reenact_core::zoo::{self, Bug};

use self::commit::Source;
use self::head::Head;
use self::position::HEAD_BYTES;
use self::spare::SpareSlot;
use crate::limits::{FIRST_SEGMENT_BYTES, MAX_COMMIT_BYTES, MAX_COMMIT_ENTRIES, MAX_SEGMENT_BYTES};
use crate::medium::{Medium, MediumError, Segment};
use crate::{Epoch, TurnRecord};

/// How many of its largest commits a segment is to have room for.
const COMMITS_PER_SEGMENT: u64 = 64;

/// Largest buffer that is kept for the next commit, in bytes.
const MAX_KEPT_BUFFER: usize = 4 * 1024 * 1024;

/// The name of the checkpoint.
const CHECKPOINT: &str = "CHECKPOINT";

/// How the names of segments begin; their number follows.
const SEGMENT: &str = "segment-";

/// How a journal is written: how large segments are, in bytes, and in which form commits are stored.
/// A commit that is larger than a segment gets one of its own size.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The first one of this opening. Each further one is as large, or twice as large as the one before
    /// it if that had no room for 64 commits as large as its largest.
    pub first_segment_bytes: u64,
    /// The size from which on they grow no further.
    pub max_segment_bytes: u64,
    /// Whether commits are compressed. A reenact that is too old to read them refuses the journal as
    /// one of a newer format, so hosts that share a journal with older ones must not.
    pub compress: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            first_segment_bytes: FIRST_SEGMENT_BYTES,
            max_segment_bytes: MAX_SEGMENT_BYTES,
            compress: true,
        }
    }
}

/// A journal that is open for writing, under one ownership of its shard.
#[derive(Debug)]
pub struct Journal<M: Medium> {
    medium: Arc<M>,
    identity: Identity,
    options: Options,
    epoch: Epoch,
    open: OpenSegment<M::Segment>,
    end: Position,
    spare: SpareSlot<M>,
    /// What went wrong when the outcome of a write became unknown.
    poison: Option<String>,
    /// Kept, so that an append allocates nothing.
    body: Vec<u8>,
    stored: Vec<u8>,
}

/// The segment that is written to.
#[derive(Debug)]
struct OpenSegment<S> {
    segment: S,
    /// The records' checksums grow from it.
    seed: u32,
    /// Bytes that there is room for.
    size: u64,
    first_sequence: u64,
    /// Bytes of its largest commit.
    largest: u64,
}

impl<M: Medium> Journal<M> {
    /// Goes on after `end`, in a new segment. `None`: there is nothing yet.
    fn begin(
        medium: Arc<M>,
        identity: Identity,
        epoch: Epoch,
        options: Options,
        end: Option<Position>,
    ) -> Result<Self, JournalError> {
        let head = match end {
            Some(end) => Head::after(end, identity, epoch, medium.mark()),
            None => Head::first(identity, epoch, medium.mark()),
        };
        let failed = |error| JournalError::of_medium(error, identity.shard, "begun");
        let size = options.first_segment_bytes.max(HEAD_BYTES);
        let spare = medium.prepare(size).map_err(failed)?;
        let open = OpenSegment::create(&*medium, spare, size, &head).map_err(failed)?;
        Ok(Self {
            medium,
            identity,
            options,
            epoch,
            open,
            end: head.start(),
            spare: SpareSlot::default(),
            poison: None,
            body: Vec::new(),
            stored: Vec::new(),
        })
    }

    /// Appends one commit: all of the entries or none. Durable when it returns. Without entries,
    /// nothing is written.
    ///
    /// # Errors
    /// - `TooLarge`, `Full`, `Unavailable`: nothing was written. The same may be tried again.
    /// - `Unknown`, `Fenced`: the journal takes nothing more.
    /// - `Poisoned`: it did not take this any more.
    pub fn append(&mut self, entries: &[Entry]) -> Result<Position, JournalError> {
        self.append_from(entries.iter().map(Source::from))
    }

    /// Appends one commit of turns. See [`append`](Self::append).
    ///
    /// # Errors
    /// Those of [`append`](Self::append).
    pub fn append_turns(&mut self, turns: &[TurnRecord]) -> Result<Position, JournalError> {
        self.append_from(turns.iter().map(Source::Turn))
    }

    fn append_from<'a>(
        &mut self,
        entries: impl ExactSizeIterator<Item = Source<'a>> + Clone,
    ) -> Result<Position, JournalError> {
        self.check_health()?;
        if entries.len() == 0 {
            return Ok(self.end);
        }
        let written = self.encode(entries).and_then(|()| self.write());
        if let Err(error) = &written
            && !error.is_harmless()
            && !zoo::planted(Bug::FailedSyncForgiven)
        {
            self.poison = Some(error.to_string());
        }
        self.forget_large_buffers();
        written
    }

    /// The ownership under which it writes.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The place at which the last commit ends.
    pub const fn end(&self) -> Position {
        self.end
    }

    /// Whether it is time to prepare the next segment: three quarters of the open one are full.
    pub fn wants_spare(&self) -> bool {
        self.spare.is_empty() && self.end.offset > self.open.size - self.open.size / 4
    }

    /// Prepares the next segment on another thread, so that no commit waits for it.
    pub fn prepare_in_background(&mut self) {
        self.spare.fill_in_background(&self.medium, self.next_size());
    }

    /// Prepares the next segment on this thread.
    pub fn prepare(&mut self) {
        self.spare.fill(&*self.medium, self.next_size());
    }

    fn check_health(&self) -> Result<(), JournalError> {
        match &self.poison {
            Some(cause) => {
                let shard = self.identity.shard;
                Err(JournalError::Poisoned { shard, cause: cause.clone() })
            }
            None => Ok(()),
        }
    }

    /// Puts the stored form of the entries into the buffer.
    fn encode<'a>(
        &mut self,
        entries: impl ExactSizeIterator<Item = Source<'a>> + Clone,
    ) -> Result<(), JournalError> {
        check("the list of entries of a commit", entries.len(), MAX_COMMIT_ENTRIES)?;
        // Before anything is copied: the same bytes may stand in many entries.
        let bytes = entries.clone().map(Source::size).fold(0, usize::saturating_add);
        check("a commit", bytes, MAX_COMMIT_BYTES)?;
        self.body.clear();
        if self.options.compress {
            body::encode_compact(&mut self.body, &mut self.stored, entries);
        } else {
            body::encode(&mut self.body, entries);
        }
        check("a commit", self.body.len(), MAX_COMMIT_BYTES)
    }

    /// Writes what is in the buffer as a record.
    fn write(&mut self) -> Result<Position, JournalError> {
        let has_room = record::end_of(self.end.offset, self.body.len()) <= self.open.size;
        if !has_room || self.open.segment.is_full() {
            self.roll()?;
        }
        let Position { segment, offset, sequence } = self.end;
        let sequence = sequence + 1;
        // Lossless: a segment has no room for as many records.
        let index = (sequence - self.open.first_sequence) as u32;
        self.stored.clear();
        record::write(&mut self.stored, self.open.seed, offset, index, &self.body);
        self.medium.check_place().map_err(|error| self.failed(error, "appended to"))?;
        let appended = self.open.segment.append(offset, &self.stored);
        appended.map_err(|error| self.failed(error, "appended to"))?;
        let count = self.stored.len() as u64;
        self.open.largest = self.open.largest.max(count);
        self.end = Position { segment, offset: offset + count, sequence };
        Ok(self.end)
    }

    /// Goes on in the next segment, which has room for what is in the buffer.
    fn roll(&mut self) -> Result<(), JournalError> {
        let needed = record::end_of(HEAD_BYTES, self.body.len());
        let size = self.next_size().max(needed.next_multiple_of(sector::SECTOR));
        let prepared = match self.spare.take(needed) {
            Some(prepared) => Ok(prepared),
            None => self.medium.prepare(size).map(|spare| (spare, size)),
        };
        let head = Head::after(self.end, self.identity, self.epoch, self.medium.mark());
        let open = prepared
            .and_then(|(spare, size)| OpenSegment::create(&*self.medium, spare, size, &head));
        self.open = open.map_err(|error| self.failed(error, "continued in a new segment"))?;
        self.end = head.start();
        Ok(())
    }

    /// Small ones, so that few zeros are written that nothing takes the place of; but not so small that
    /// to begin the next one costs more than the commits.
    fn next_size(&self) -> u64 {
        let Options { first_segment_bytes: least, max_segment_bytes: most, .. } = self.options;
        let wanted = (self.open.largest * COMMITS_PER_SEGMENT).next_power_of_two();
        wanted.min(self.open.size * 2).max(least).min(most)
    }

    fn failed(&self, error: MediumError, doing: &'static str) -> JournalError {
        JournalError::of_medium(error, self.identity.shard, doing)
    }

    /// One large commit does not keep its memory for ever.
    fn forget_large_buffers(&mut self) {
        for buffer in [&mut self.body, &mut self.stored] {
            if buffer.capacity() > MAX_KEPT_BUFFER {
                *buffer = Vec::new();
            }
        }
    }
}

impl<S: Segment> OpenSegment<S> {
    fn create<M: Medium<Segment = S>>(
        medium: &M,
        spare: M::Spare,
        size: u64,
        head: &Head,
    ) -> Result<Self, MediumError> {
        let (stored, seed) = head.encode();
        let segment = medium.create(&segment_name(head.number), spare, &stored)?;
        Ok(Self { segment, seed, size, first_sequence: head.first_sequence, largest: 0 })
    }
}

fn check(what: &'static str, size: usize, limit: usize) -> Result<(), JournalError> {
    if size > limit {
        return Err(JournalError::TooLarge { what, size, limit });
    }
    Ok(())
}

pub(crate) fn segment_name(number: u64) -> String {
    format!("{SEGMENT}{number:012}")
}

/// The number of a segment; `None` for what is called otherwise.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix(SEGMENT)?.parse().ok()?;
    (number > 0 && segment_name(number) == name).then_some(number)
}

/// The numbers of all segments among some names, in order. Other names are left out.
fn segment_numbers(names: &[String]) -> Vec<u64> {
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| segment_number(name)).collect();
    numbers.sort_unstable();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_called_as_a_segment_is_one() {
        let names = [
            "segment-000000000010",
            "segment-000000000002",
            "segment-2",
            "segment-000000000000",
            "segment-000000000003.bak",
            "segment-+00000000004",
            "spare",
            CHECKPOINT,
        ];
        assert_eq!(segment_numbers(&names.map(str::to_owned)), [2, 10]);
        assert_eq!(segment_name(u64::MAX), "segment-18446744073709551615");
    }
}
