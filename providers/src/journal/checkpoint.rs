//! Where recovery begins.

use reenact_core::ShardId;

use super::{Identity, JournalError, JournalId, Location, Position};

/// The format of checkpoints that is written, and the newest that is read.
const VERSION: u16 = 1;

/// How a checkpoint begins in every version.
const MAGIC: [u8; 8] = *b"reenactC";

/// Bytes of the fields.
const FIELDS: usize = 60;

/// Bytes of the checksum, which is the last thing in every version.
const CHECKSUM: usize = 4;

/// Most bytes after the fields. Earlier versions could store something of the archive's own there; no store ever
/// did. It is read over.
const MAX_RESERVED_BYTES: usize = 1024 * 1024;

/// Most bytes of a stored checkpoint.
pub(super) const MAX_STORED_BYTES: usize = FIELDS + MAX_RESERVED_BYTES + CHECKSUM;

/// What recovery begins with, instead of the beginning of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Everything before it is in the archive.
    pub position: Position,
}

impl Checkpoint {
    /// The stored form.
    pub(super) fn encode(&self, identity: Identity) -> Vec<u8> {
        let mut stored = Vec::with_capacity(FIELDS + CHECKSUM);
        stored.extend_from_slice(&MAGIC);
        stored.extend_from_slice(&VERSION.to_le_bytes());
        stored.extend_from_slice(&[0; 2]);
        stored.extend_from_slice(&identity.shard.0.to_le_bytes());
        stored.extend_from_slice(&identity.journal.0);
        for number in [self.position.segment, self.position.offset, self.position.sequence] {
            stored.extend_from_slice(&number.to_le_bytes());
        }
        // No reserved bytes follow.
        stored.extend_from_slice(&0_u32.to_le_bytes());
        let checksum = crc32c::crc32c(&stored);
        stored.extend_from_slice(&checksum.to_le_bytes());
        stored
    }

    /// Reads a checkpoint that must be of the journal `identity`.
    pub(super) fn decode(stored: &[u8], identity: Identity) -> Result<Self, JournalError> {
        let at = Location::Checkpoint { shard: identity.shard };
        let corrupt = |reason: &str| JournalError::Corrupt { at, reason: reason.to_owned() };

        if !stored.starts_with(&MAGIC) {
            return Err(corrupt("it does not begin like one"));
        }
        let (covered, checksum) =
            stored.split_last_chunk::<CHECKSUM>().ok_or_else(|| corrupt("it is cut off"))?;
        if u32::from_le_bytes(*checksum) != crc32c::crc32c(covered) {
            return Err(corrupt("its checksum is wrong"));
        }
        let cut_off = || corrupt("it is cut off");
        let mut fields = Fields(&covered[MAGIC.len()..]);
        // In this order: a wrong version under a right checksum is no flipped bit.
        let version = u16::from_le_bytes(fields.take().ok_or_else(cut_off)?);
        if version > VERSION {
            return Err(JournalError::NewerFormat { at, found: version, supported: VERSION });
        }
        if version < VERSION {
            return Err(corrupt("it has the format version 0, which there never was"));
        }
        let (found, position, length) = fields.version_1().ok_or_else(cut_off)?;
        found.check(identity, at)?;
        if fields.0.len() != length as usize {
            return Err(corrupt("it is not as long as it says"));
        }
        Ok(Self { position })
    }
}

/// What is still to be read.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// Reads the identity, the position, and how many reserved bytes follow.
    fn version_1(&mut self) -> Option<(Identity, Position, u32)> {
        let _zero: [u8; 2] = self.take()?;
        let shard = ShardId(u32::from_le_bytes(self.take()?));
        let journal = JournalId(self.take()?);
        let segment = u64::from_le_bytes(self.take()?);
        let offset = u64::from_le_bytes(self.take()?);
        let sequence = u64::from_le_bytes(self.take()?);
        let length = u32::from_le_bytes(self.take()?);
        Some((Identity { journal, shard }, Position { segment, offset, sequence }, length))
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
}
