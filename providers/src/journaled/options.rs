//! How a journaled store behaves.

use crate::journal;
use crate::limits::MEMORY_BYTES;

/// How a journaled store behaves.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The options of the journals.
    pub journal: journal::Options,
    /// Bytes that a shard holds in memory until they go into the archive. At twice as many, appends
    /// wait for that. 0 counts as 1.
    pub flush_bytes: usize,
    /// Bytes that all shards together hold in memory until the fullest of them, those that hold the
    /// average or more, give theirs to the archive. At twice as many, appends to those wait for that.
    /// What is on its way into the archive is in memory as well, and does not count. 0 counts as 1.
    pub memory_bytes: usize,
    /// Whose threads do what may wait for a disk.
    pub threads: Threads,
}

/// Whose threads do what may wait for a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Threads {
    /// Threads of the store, so that no task waits.
    #[default]
    Own,
    /// The threads of those who call it: whatever a call causes has been done when its future is ready. For
    /// simulations, which have one thread; a flush that has failed is tried again at the next call.
    Callers,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            journal: journal::Options::default(),
            flush_bytes: MEMORY_BYTES,
            memory_bytes: MEMORY_BYTES,
            threads: Threads::Own,
        }
    }
}
