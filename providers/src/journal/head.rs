//! The first sector of a segment: whose it is, and where it stands in the log.

use reenact_core::ShardId;

use super::position::{HEAD_BYTES, Position};
use super::{Identity, JournalError, JournalId, Location};
use crate::Epoch;
use crate::medium::ClaimMark;

/// The format of segments that is written, and the newest that is read.
const VERSION: u16 = 1;

/// How a segment begins in every version.
const MAGIC: [u8; 8] = *b"reenactJ";

/// Where the checksum is in every version, up to the head's end.
const CHECKSUM_AT: usize = HEAD_BYTES as usize - 4;

/// Where the last field of this version ends; from there to the checksum all is 0.
const FIELDS_END: usize = 80;

/// The head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) identity: Identity,
    /// The number of the segment in its journal; the first is 1.
    pub(super) number: u64,
    /// The ownership under which all of it is written.
    pub(super) epoch: Epoch,
    /// The sequence number of its first commit.
    pub(super) first_sequence: u64,
    /// The offset at which the last record of the segment before it ends. 0 in the first segment.
    pub(super) previous_end: u64,
    /// Of the claim under which it is written. Two claims never write the same head, although all else in it may be
    /// the same; nor the same record, whose checksum goes on from that of its head.
    pub(super) mark: ClaimMark,
}

impl Head {
    /// The head of the first segment of a journal.
    pub(super) const fn first(identity: Identity, epoch: Epoch, mark: ClaimMark) -> Self {
        let Position { segment, sequence, .. } = Position::START;
        let (number, first_sequence) = (segment, sequence + 1);
        Self { identity, number, epoch, first_sequence, previous_end: 0, mark }
    }

    /// The head of the segment after the one that `end` is in.
    pub(super) const fn after(
        end: Position,
        identity: Identity,
        epoch: Epoch,
        mark: ClaimMark,
    ) -> Self {
        let Position { segment, offset, sequence } = end;
        Self {
            identity,
            number: segment + 1,
            epoch,
            first_sequence: sequence + 1,
            previous_end: offset,
            mark,
        }
    }

    /// The position before the segment's first commit.
    pub(super) const fn start(&self) -> Position {
        Position { segment: self.number, offset: HEAD_BYTES, sequence: self.first_sequence - 1 }
    }

    /// The stored form, and the seed of the checksums of the segment's records.
    pub(super) fn encode(&self) -> ([u8; HEAD_BYTES as usize], u32) {
        let mut stored = [0; HEAD_BYTES as usize];
        stored[..8].copy_from_slice(&MAGIC);
        stored[8..10].copy_from_slice(&VERSION.to_le_bytes());
        stored[12..16].copy_from_slice(&self.identity.shard.0.to_le_bytes());
        stored[16..32].copy_from_slice(&self.identity.journal.0);
        stored[32..40].copy_from_slice(&self.number.to_le_bytes());
        stored[40..48].copy_from_slice(&self.epoch.0.to_le_bytes());
        stored[48..56].copy_from_slice(&self.first_sequence.to_le_bytes());
        stored[56..64].copy_from_slice(&self.previous_end.to_le_bytes());
        stored[64..FIELDS_END].copy_from_slice(&self.mark.0);
        let checksum = crc32c::crc32c(&stored[..CHECKSUM_AT]);
        stored[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        (stored, checksum)
    }

    /// Reads a head that must be of segment `number` of the journal `identity`; with the seed.
    pub(super) fn decode(
        stored: &[u8],
        identity: Identity,
        number: u64,
    ) -> Result<(Self, u32), JournalError> {
        let at = Location::Segment { shard: identity.shard, segment: number, offset: 0 };
        let corrupt =
            |reason: &str| JournalError::Corrupt { at, reason: format!("its head {reason}") };

        let stored: &[u8; HEAD_BYTES as usize] =
            stored.try_into().map_err(|_| corrupt("is cut off"))?;
        if stored[..8] != MAGIC {
            return Err(corrupt("is not that of a segment"));
        }
        // In this order: a wrong version under a right checksum is no flipped bit.
        let checksum = u32_at(stored, CHECKSUM_AT);
        if checksum != crc32c::crc32c(&stored[..CHECKSUM_AT]) {
            return Err(corrupt("has a wrong checksum"));
        }
        let version = u16_at(stored, 8);
        if version > VERSION {
            return Err(JournalError::NewerFormat { at, found: version, supported: VERSION });
        }
        if version < VERSION {
            return Err(corrupt("has the format version 0, which there never was"));
        }
        let head = Self {
            identity: Identity {
                shard: ShardId(u32_at(stored, 12)),
                journal: JournalId(array_at(stored, 16)),
            },
            number: u64_at(stored, 32),
            epoch: Epoch(u64_at(stored, 40)),
            first_sequence: u64_at(stored, 48),
            previous_end: u64_at(stored, 56),
            mark: ClaimMark(array_at(stored, 64)),
        };
        head.identity.check(identity, at)?;
        if head.number != number {
            return Err(corrupt(&format!("is that of segment {}", head.number)));
        }
        Ok((head, checksum))
    }
}

fn u16_at(stored: &[u8; HEAD_BYTES as usize], at: usize) -> u16 {
    u16::from_le_bytes(array_at(stored, at))
}

fn u32_at(stored: &[u8; HEAD_BYTES as usize], at: usize) -> u32 {
    u32::from_le_bytes(array_at(stored, at))
}

fn u64_at(stored: &[u8; HEAD_BYTES as usize], at: usize) -> u64 {
    u64::from_le_bytes(array_at(stored, at))
}

/// `N` bytes from a place that is known to be within the head.
fn array_at<const N: usize>(stored: &[u8; HEAD_BYTES as usize], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&stored[at..at + N]);
    array
}
