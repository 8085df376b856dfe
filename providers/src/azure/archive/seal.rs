//! Checksums that know where they belong.

use crate::journal::Identity;

/// Bytes of a checksum.
pub(super) const SUM_BYTES: usize = 4;

/// The parts of a run that have a checksum of their own. Never changed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Section {
    Rows = 1,
    Wake = 2,
    Index = 3,
}

/// Makes the checksums of one run, so that what belongs to another one, or elsewhere, is recognized.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seal(u32);

impl Seal {
    pub(super) fn new(identity: Identity, number: u64) -> Self {
        let sum = crc32c::crc32c(&identity.journal.0);
        let sum = crc32c::crc32c_append(sum, &identity.shard.0.to_le_bytes());
        Self(crc32c::crc32c_append(sum, &number.to_le_bytes()))
    }

    /// Puts the checksum after what begins at `from`, and is so far from the section's start.
    pub(super) fn close(self, bytes: &mut Vec<u8>, from: usize, section: Section, offset: u64) {
        let sum = self.sum(&bytes[from..], section, offset);
        bytes.extend_from_slice(&sum.to_le_bytes());
    }

    /// What is before the checksum; `None` when that does not fit.
    pub(super) fn open(self, bytes: &[u8], section: Section, offset: u64) -> Option<&[u8]> {
        let (payload, sum) = bytes.split_last_chunk::<SUM_BYTES>()?;
        (self.sum(payload, section, offset).to_le_bytes() == *sum).then_some(payload)
    }

    fn sum(self, payload: &[u8], section: Section, offset: u64) -> u32 {
        let sum = crc32c::crc32c_append(self.0, &[section as u8]);
        let sum = crc32c::crc32c_append(sum, &offset.to_le_bytes());
        crc32c::crc32c_append(sum, payload)
    }
}
