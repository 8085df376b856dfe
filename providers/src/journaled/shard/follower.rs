//! How far the journal of a shard that others write was read.

use std::time::Duration;

use tokio::time::Instant;

use crate::journal::Recovered;

/// How far a journal was read that others write. What was read is in the layers of the shard.
#[derive(Debug)]
pub(super) struct Follower<M> {
    pub(super) read: Recovered<M>,
    pub(super) at: Instant,
    pub(super) fresh_for: Duration,
    /// The bytes that were in memory when the journal was read anew.
    pub(super) bytes: usize,
}
