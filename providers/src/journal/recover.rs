//! Reads a journal back: the last checkpoint, and the tail of the log after it.

use std::io;
use std::sync::Arc;

use reenact_core::zoo::{self, Bug};

use super::body::{self, BodyError};
use super::checkpoint::MAX_STORED_BYTES;
use super::head::Head;
use super::position::HEAD_BYTES;
use super::scan::{Next, SegmentReader};
use super::{
    CHECKPOINT, Checkpoint, Checkpointer, Commit, Identity, Journal, JournalError, Location,
    MAX_KEPT_BUFFER, Options, Position, segment_name, segment_number, segment_numbers,
};
use crate::Epoch;
use crate::medium::{Medium, MediumError, Segment, Stretch};

/// A journal that is about to be read. Nothing is changed until it [begins](Recovered::begin).
#[derive(Debug)]
pub struct Recovery<M> {
    log: Log<M>,
    checkpoint: Option<Checkpoint>,
    /// The segments from the checkpoint on; none are missing.
    tail: Vec<u64>,
}

/// What reading the log goes by.
#[derive(Debug)]
struct Log<M> {
    medium: Arc<M>,
    identity: Identity,
}

/// A journal that was read. What it has shown is not to be acted upon before it
/// [begins](Self::begin): only then is it known to be durable.
#[derive(Debug)]
pub struct Recovered<M> {
    log: Log<M>,
    checkpoint: Position,
    end: Position,
    epoch: Epoch,
    /// There is no segment yet.
    is_new: bool,
    torn: Option<Location>,
    /// The last record of the last segment: nobody has lived to know whether it is durable.
    last: Option<Written>,
    /// The last segment, and the seed of its records.
    segment: Option<(Head, u32)>,
}

/// The place of a record.
#[derive(Clone, Copy, Debug)]
struct Written {
    segment: u64,
    from: u64,
    to: u64,
}

impl<M: Medium> Recovery<M> {
    /// Reads the checkpoint, and looks for the segments.
    ///
    /// # Errors
    /// - `Corrupt`: the checkpoint does not decode, or a segment is missing.
    /// - `Foreign`, `NewerFormat`, `Unavailable`.
    pub fn open(medium: Arc<M>, identity: Identity) -> Result<Self, JournalError> {
        let log = Log { medium, identity };
        let names = log.medium.list().map_err(|error| log.unreadable(error))?;
        let stored = log.medium.load(CHECKPOINT, MAX_STORED_BYTES);
        let stored = stored.map_err(|error| log.unreadable(error))?;
        let checkpoint = stored.map(|stored| Checkpoint::decode(&stored, identity)).transpose()?;

        let start = checkpoint.as_ref().map_or(Position::START, |checkpoint| checkpoint.position);
        let numbers = segment_numbers(&names);
        let tail: Vec<u64> = numbers.into_iter().filter(|n| *n >= start.segment).collect();
        if tail.is_empty() && checkpoint.is_some() {
            return Err(log.missing(start.segment));
        }
        if let Some((missing, _)) = (start.segment..).zip(&tail).find(|(n, found)| n != *found) {
            return Err(log.missing(missing));
        }
        let newest = log.medium.newest().map_err(|error| log.unreadable(error))?;
        if let Some(newest) = newest.and_then(|name| segment_number(&name))
            && tail.last().is_none_or(|last| *last < newest)
        {
            return Err(log.missing(newest));
        }
        Ok(Self { log, checkpoint, tail })
    }

    /// What was last checkpointed: what the archive must be complete up to.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref()
    }

    /// Reads the commits after the checkpoint, in order.
    ///
    /// # Errors
    /// - `Corrupt`: something in the log is not what was written, and it is not a last record
    ///   that was never complete.
    /// - `Foreign`, `NewerFormat`, `Unavailable`.
    /// - What `visit` returns.
    pub fn replay<E: From<JournalError>>(
        self,
        mut visit: impl FnMut(Commit<'_>) -> Result<(), E>,
    ) -> Result<Recovered<M>, E> {
        let start = self.checkpoint.map_or(Position::START, |checkpoint| checkpoint.position);
        let mut at = Recovered {
            log: self.log,
            checkpoint: start,
            end: start,
            epoch: Epoch(0),
            is_new: self.tail.is_empty(),
            torn: None,
            last: None,
            segment: None,
        };
        let mut opened = self.tail.first().map(|first| at.log.open_segment(*first)).transpose()?;
        for next in self.tail.iter().skip(1).map(Some).chain([None]) {
            let Some((segment, head, seed)) = opened else { break };
            at.enter(&head, Some(&head.number) == self.tail.first())?;
            at.segment = Some((head, seed));
            opened = next.map(|next| at.log.open_segment(*next)).transpose()?;
            // The segment after it tells where a segment ends; so that nothing can be lost there.
            let limit = opened.as_ref().map(|(_, next, _)| next.previous_end);
            let reader =
                SegmentReader::new(segment, seed).map_err(|error| at.log.unreadable(error))?;
            at.read_segment(reader, &head, limit, &mut visit)?;
        }
        Ok(at)
    }
}

impl<M: Medium> Recovered<M> {
    /// The newest ownership that has written; 0 when there was none.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The place at which the last commit ends.
    pub const fn end(&self) -> Position {
        self.end
    }

    /// Whether nothing was ever written.
    pub const fn is_new(&self) -> bool {
        self.is_new
    }

    /// The place at which a record was dropped that was never complete, and so never acknowledged.
    pub const fn torn(&self) -> Option<Location> {
        self.torn
    }

    /// Reads what the owner of the journal has written since. Something may have been freed
    /// that was not read: then this reader cannot go on, and the journal is to be read anew.
    ///
    /// # Errors
    /// - `Unavailable`, `Corrupt`: read the journal anew.
    /// - What `visit` returns.
    pub fn read_on<E: From<JournalError>>(
        &mut self,
        mut visit: impl FnMut(Commit<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some((head, seed)) = self.segment {
            // In this order: segments are freed from the oldest on, so while this one is there, one
            // that was not found after it had not been there.
            let next = self.log.find_segment(head.number + 1)?;
            let rest = self.log.rest_of(&head, self.end.offset)?;
            let reader =
                SegmentReader::new(rest, seed).map_err(|error| self.log.unreadable(error))?;
            let limit = next.as_ref().map(|(next, _)| next.previous_end);
            self.read_segment(reader, &head, limit, &mut visit)?;
            let Some((head, seed)) = next else { break };
            self.enter(&head, false)?;
            self.segment = Some((head, seed));
        }
        Ok(())
    }

    /// Goes on writing under a new ownership, in a segment of its own. What was read is durable
    /// when this returns. What was torn stays where it is: the new segment's head says where the
    /// log has ended before it.
    ///
    /// # Errors
    /// - `Conflict`: the epoch is not newer than all that have written.
    /// - `Full`, `Unavailable`, `Unknown`, `Fenced`: recover again.
    pub fn begin(
        self,
        epoch: Epoch,
        options: Options,
    ) -> Result<(Journal<M>, Checkpointer<M>), JournalError> {
        let Self { log: Log { medium, identity }, checkpoint, mut end, is_new, last, torn, .. } =
            self;
        if zoo::planted(Bug::RepairKeepsTornRecord) && torn.is_some() {
            end.sequence += 1;
        }
        if epoch <= self.epoch {
            let reason = format!("epoch {} is to follow on epoch {}", epoch.0, self.epoch.0);
            return Err(JournalError::Conflict { reason });
        }
        let name = last.as_ref().map(|last| segment_name(last.segment)).unwrap_or_default();
        let hardened =
            medium.harden(last.map(|Written { from, to, .. }| Stretch { name: &name, from, to }));
        hardened.map_err(|error| JournalError::of_medium(error, identity.shard, "made durable"))?;
        let checkpointer = Checkpointer::new(Arc::clone(&medium), identity, checkpoint);
        let end = (!is_new).then_some(end);
        let journal = Journal::begin(medium, identity, epoch, options, end)?;
        Ok((journal, checkpointer))
    }

    /// Goes on in a segment: the one that the checkpoint is in, or the one after the end so far.
    fn enter(&mut self, head: &Head, is_first: bool) -> Result<(), JournalError> {
        let corrupt = |reason| self.log.corrupt(head.number, 0, reason);
        if head.epoch < self.epoch {
            return Err(corrupt(format!(
                "it is of epoch {}, the one before it of epoch {}",
                head.epoch.0, self.epoch.0
            )));
        }
        let Position { offset, sequence, .. } = self.end;
        let is_within = is_first && offset != HEAD_BYTES;
        if is_within && head.first_sequence > sequence {
            return Err(corrupt("it begins after the checkpoint that is in it".to_owned()));
        }
        let previous_end = match (is_first, head.number) {
            (true, 1) => 0,
            // Of what is before the checkpoint nothing is known.
            (true, _) => head.previous_end,
            (false, _) => offset,
        };
        let follows = sequence.checked_add(1) == Some(head.first_sequence);
        if !is_within && (!follows || head.previous_end != previous_end) {
            return Err(corrupt(format!(
                "it follows on offset {} and begins with commit {}; what is before it ends at \
                 offset {previous_end} with commit {sequence}",
                head.previous_end, head.first_sequence,
            )));
        }
        if !is_within {
            self.end = Position { segment: head.number, offset: HEAD_BYTES, sequence };
        }
        self.epoch = head.epoch;
        Ok(())
    }

    /// Reads the records from the end so far on; up to `limit` exactly, when there is one.
    fn read_segment<S: Segment, E: From<JournalError>>(
        &mut self,
        mut reader: SegmentReader<S>,
        head: &Head,
        limit: Option<u64>,
        visit: &mut impl FnMut(Commit<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.last = None;
        let mut unpacked = Vec::new();
        while limit != Some(self.end.offset) {
            let offset = self.end.offset;
            let corrupt = |log: &Log<M>, reason| Err(log.corrupt(head.number, offset, reason));
            let next = reader.next(offset).map_err(|error| self.log.unreadable(error))?;
            let (index, end) = match next {
                Next::Record { index, end } => (index, end),
                Next::End { torn } if limit.is_none() => {
                    self.torn = torn.then(|| self.log.place(head.number, offset));
                    break;
                }
                Next::End { .. } => {
                    let reason = "the log ends here, and the next segment goes on".to_owned();
                    return corrupt(&self.log, reason).map_err(E::from);
                }
                Next::Rotten(reason) => return corrupt(&self.log, reason).map_err(E::from),
            };
            let sequence = head.first_sequence.saturating_add(index.into());
            if self.end.sequence.checked_add(1) != Some(sequence) {
                let reason = format!("commit {sequence} comes after commit {}", self.end.sequence);
                return corrupt(&self.log, reason).map_err(E::from);
            }
            if limit.is_some_and(|limit| end > limit) {
                let reason = "the next segment follows on the middle of a record".to_owned();
                return corrupt(&self.log, reason).map_err(E::from);
            }
            let position = Position { segment: head.number, offset: end, sequence };
            if unpacked.capacity() > MAX_KEPT_BUFFER {
                unpacked = Vec::new();
            }
            let entries = body::decode(reader.body(), &mut unpacked);
            let entries =
                entries.map_err(|error| self.log.undecoded(head.number, offset, error))?;
            visit(Commit { position, epoch: head.epoch, entries })?;
            self.last = Some(Written { segment: head.number, from: offset, to: end });
            self.end = position;
        }
        Ok(())
    }
}

impl<M: Medium> Log<M> {
    /// A segment with its head, and the seed of its records.
    fn open_segment(&self, number: u64) -> Result<(M::Segment, Head, u32), JournalError> {
        let segment = self.medium.open(&segment_name(number));
        let segment = segment.map_err(|error| self.unreadable(error))?;
        let mut stored = vec![0; HEAD_BYTES as usize];
        let read = segment.read_at(0, &mut stored).map_err(|error| self.unreadable(error))?;
        let (head, seed) = Head::decode(&stored[..read], self.identity, number)?;
        Ok((segment, head, seed))
    }

    /// The head of a segment that may be there, and the seed of its records.
    fn find_segment(&self, number: u64) -> Result<Option<(Head, u32)>, JournalError> {
        match self.medium.peek(&segment_name(number), HEAD_BYTES as usize) {
            Err(MediumError::Refused(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unreadable(error)),
            Ok(stored) => Head::decode(&stored, self.identity, number).map(Some),
        }
    }

    /// A segment from an offset on, up to which it was read before. A former owner may have begun one
    /// under the same name since it was freed: that does not go as far, or has another head.
    fn rest_of(&self, head: &Head, offset: u64) -> Result<M::Segment, JournalError> {
        let another = || self.corrupt(head.number, 0, "it is another one by now".to_owned());
        if offset == HEAD_BYTES
            && self.find_segment(head.number)?.is_none_or(|(found, _)| found != *head)
        {
            return Err(another());
        }
        let name = segment_name(head.number);
        let rest = self.medium.open_from(&name, offset - 1);
        let rest = rest.map_err(|error| self.unreadable(error))?;
        match rest.size().map_err(|error| self.unreadable(error))? {
            size if size < offset => Err(another()),
            _ => Ok(rest),
        }
    }

    fn place(&self, segment: u64, offset: u64) -> Location {
        Location::Segment { shard: self.identity.shard, segment, offset }
    }

    fn corrupt(&self, segment: u64, offset: u64, reason: String) -> JournalError {
        JournalError::Corrupt { at: self.place(segment, offset), reason }
    }

    fn missing(&self, segment: u64) -> JournalError {
        self.corrupt(segment, 0, "the segment is missing".to_owned())
    }

    fn undecoded(&self, segment: u64, offset: u64, error: BodyError) -> JournalError {
        match error {
            BodyError::NewerVersion(found) => JournalError::NewerFormat {
                at: self.place(segment, offset),
                found: found.into(),
                supported: body::VERSION.into(),
            },
            BodyError::Malformed(reason) => {
                self.corrupt(segment, offset, format!("a commit does not decode: {reason}"))
            }
        }
    }

    fn unreadable(&self, error: MediumError) -> JournalError {
        JournalError::of_medium(error, self.identity.shard, "read")
    }
}
