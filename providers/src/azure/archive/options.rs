//! How an archive in blobs is laid out: the sizes of its blobs, and how much one request reads.

use crate::limits::{
    ARCHIVE_BLOCK_BYTES, ARCHIVE_CACHE_BYTES, ARCHIVE_RUNS_PER_LEVEL, ARCHIVE_STRETCH_BYTES,
    ARCHIVE_TABLE_BYTES, ARCHIVE_TURNS_STRETCH_BYTES,
};

/// How an archive in blobs is laid out. What was written otherwise can be read all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobArchiveOptions {
    /// Size from which a block of rows is closed, in bytes.
    pub block_bytes: usize,
    /// Size from which merging begins the next blob, in bytes.
    pub table_bytes: usize,
    /// Most runs of one level. More are merged.
    pub runs_per_level: usize,
    /// Most bytes of rows that one request reads.
    pub stretch_bytes: u64,
    /// Most bytes of turns that one request reads, unless one chunk has more.
    pub turns_stretch_bytes: u64,
    /// About how many bytes that were read are kept.
    pub cache_bytes: usize,
}

impl Default for BlobArchiveOptions {
    fn default() -> Self {
        Self {
            block_bytes: ARCHIVE_BLOCK_BYTES,
            table_bytes: ARCHIVE_TABLE_BYTES,
            runs_per_level: ARCHIVE_RUNS_PER_LEVEL,
            stretch_bytes: ARCHIVE_STRETCH_BYTES,
            turns_stretch_bytes: ARCHIVE_TURNS_STRETCH_BYTES,
            cache_bytes: ARCHIVE_CACHE_BYTES,
        }
    }
}
