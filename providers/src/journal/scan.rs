//! Reads the records of one segment, and tells its end from rot.

use reenact_core::zoo::{self, Bug};

use super::record::{self, Read};
use super::sector;
use crate::medium::{MediumError, Segment};

/// Bytes that are read at a time. A longer record is read by itself.
const WINDOW: u64 = 256 * 1024;

/// What is at some place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A whole record. Its body is there until the next call.
    Record {
        /// Its number in the segment.
        index: u32,
        /// Where the next one begins.
        end: u64,
    },
    /// The records end here.
    End {
        /// Whether something was being written here that is not complete.
        torn: bool,
    },
    /// Neither; for this reason.
    Rotten(String),
}

/// Reads a segment from front to back.
#[derive(Debug)]
pub(super) struct SegmentReader<S> {
    segment: S,
    size: u64,
    seed: u32,
    window: Vec<u8>,
    window_at: u64,
    /// The record that was read last: first as it is stored, then its body.
    record: Vec<u8>,
}

impl<S: Segment> SegmentReader<S> {
    /// The records' checksums grow from `seed`.
    pub(super) fn new(segment: S, seed: u32) -> Result<Self, MediumError> {
        let size = segment.size()?;
        Ok(Self { segment, size, seed, window: Vec::new(), window_at: 0, record: Vec::new() })
    }

    /// The body of the record that was read last.
    pub(super) fn body(&self) -> &[u8] {
        &self.record
    }

    /// Reads what is at `offset`, where a record ends or the first one should begin.
    pub(super) fn next(&mut self, offset: u64) -> Result<Next, MediumError> {
        if offset >= self.size {
            return Ok(Next::End { torn: false });
        }
        match self.record_at(offset)? {
            Read::Whole((index, end)) => Ok(Next::Record { index, end }),
            Read::Incomplete => self.end(offset),
            Read::Rotten(_) if zoo::planted(Bug::TailCutAtAnyError) => Ok(Next::End { torn: true }),
            Read::Rotten(reason) => Ok(Next::Rotten(reason.to_owned())),
        }
    }

    /// Nothing whole begins at `offset`, and something of it was never written. That is the end,
    /// unless a whole record is after it: a record is written only when the one before it is
    /// durable, so that one was, and has lost a part since.
    fn end(&mut self, offset: u64) -> Result<Next, MediumError> {
        let mut torn = !sector::is_blank(self.read(offset, (offset + 1).min(self.size))?);
        let mut at = offset + 1;
        while at < self.size {
            let to = (at + WINDOW).min(self.size);
            let chunk = self.read(at, to)?;
            if !sector::is_blank(chunk) {
                torn = true;
                for candidate in candidates(chunk, at) {
                    if candidate > offset && matches!(self.record_at(candidate)?, Read::Whole(_)) {
                        return Ok(Next::Rotten(format!(
                            "a record is not whole, and the one at offset {candidate} is"
                        )));
                    }
                }
            }
            at = to;
        }
        Ok(Next::End { torn })
    }

    /// The number of the record at `offset`, and its end.
    fn record_at(&mut self, offset: u64) -> Result<Read<(u32, u64)>, MediumError> {
        let (seed, size) = (self.seed, self.size);
        let head_end = record::head_end(offset);
        if head_end > size {
            return Ok(Read::Incomplete);
        }
        let head = match record::read_head(self.read(offset, head_end)?, seed, offset) {
            Read::Whole(head) => head,
            Read::Incomplete => return Ok(Read::Incomplete),
            Read::Rotten(reason) => return Ok(Read::Rotten(reason)),
        };
        let end = head.end(offset);
        if end > size {
            // The file was cut off. Nothing is allocated for what is not there.
            return Ok(Read::Incomplete);
        }
        self.load(offset, end)?;
        Ok(match record::read_body(&mut self.record, &head, offset) {
            Read::Whole(()) => Read::Whole((head.index, end)),
            Read::Incomplete => Read::Incomplete,
            Read::Rotten(reason) => Read::Rotten(reason),
        })
    }

    /// Puts stored bytes where a record is taken apart.
    fn load(&mut self, from: u64, to: u64) -> Result<(), MediumError> {
        let count = (to - from) as usize;
        if self.record.capacity() > 2 * WINDOW as usize {
            // That of a large record, which is done with.
            self.record = Vec::new();
        }
        let mut record = std::mem::take(&mut self.record);
        record.clear();
        if count as u64 <= WINDOW {
            record.extend_from_slice(self.read(from, to)?);
        } else {
            record.reserve_exact(count);
            record.resize(count, 0);
            fill(&self.segment, from, &mut record)?;
        }
        self.record = record;
        Ok(())
    }

    /// Stored bytes. They must be within the segment, and no more than a window.
    fn read(&mut self, from: u64, to: u64) -> Result<&[u8], MediumError> {
        let window_end = self.window_at + self.window.len() as u64;
        if from < self.window_at || to > window_end {
            let count = WINDOW.min(self.size - from) as usize;
            self.window.clear();
            self.window.resize(count, 0);
            self.window_at = from;
            fill(&self.segment, from, &mut self.window)?;
        }
        let start = (from - self.window_at) as usize;
        Ok(&self.window[start..start + (to - from) as usize])
    }
}

/// Reads all that is asked for.
fn fill(segment: &impl Segment, from: u64, into: &mut [u8]) -> Result<(), MediumError> {
    if segment.read_at(from, into)? < into.len() {
        return Err(MediumError::Refused(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(())
}

/// The offsets within a chunk of a segment at which a record may begin.
fn candidates(chunk: &[u8], at: u64) -> Vec<u64> {
    let places = (at..).zip(chunk).filter(|(_, byte)| record::may_begin_with(**byte));
    places
        .filter_map(|(place, _)| match place % sector::SECTOR {
            // The mark of a sector.
            0 => None,
            // Whatever ended before it has ended with the sector before it.
            1 => Some(place - 1),
            _ => Some(place),
        })
        .collect()
}
