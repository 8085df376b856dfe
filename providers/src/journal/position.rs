//! Places in a journal.

use super::sector::SECTOR;

/// Bytes of a segment's head: one sector, which nothing else shares.
pub(super) const HEAD_BYTES: u64 = SECTOR;

/// A place between two commits of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The segment's number; the first is 1.
    pub segment: u64,
    /// Bytes from the segment's start.
    pub offset: u64,
    /// The sequence number of the commit that ends here; the first commit is 1, and 0 is before it.
    pub sequence: u64,
}

impl Position {
    /// The place before the first commit.
    pub const START: Self = Self { segment: 1, offset: HEAD_BYTES, sequence: 0 };
}
