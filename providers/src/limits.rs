//! Every limit of the stores, with its unit. Each is checked before anything is stored.

use std::time::Duration;

use reenact_core::InstanceId;
use reenact_core::limits::{MAX_LARGE_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES};

use crate::{Batch, Message, ProviderError};

/// Most turn bytes in one batch. It also bounds a single turn.
pub const MAX_BATCH_BYTES: usize = 64 * 1024 * 1024;

/// Most bytes in one routed message: the largest payload, with room for what goes around it.
pub const MAX_ROUTED_BYTES: usize = MAX_PAYLOAD_BYTES + 64 * 1024;

/// Most turn bytes in one batch for a store that [takes large payloads](crate::HistoryStore::takes_large_payloads).
/// It also bounds a single turn.
pub const MAX_LARGE_BATCH_BYTES: usize = 512 * 1024 * 1024;

/// Most bytes in one routed message of a store that takes large payloads.
pub const MAX_LARGE_ROUTED_BYTES: usize = MAX_LARGE_PAYLOAD_BYTES + 64 * 1024;

/// Most bytes of a turn that is stored in the journal of a store that takes large payloads; a larger one is
/// stored in a blob.
pub const MAX_INLINE_TURN_BYTES: usize = 1024 * 1024;

/// A page of turns ends with the turn in which it has taken this many bytes out of blobs.
pub const LARGE_TURNS_PAGE_BYTES: usize = 64 * 1024 * 1024;

/// Longest name of a [codec](crate::codec::Codec::name), in bytes.
pub const MAX_CODEC_NAME_BYTES: usize = 64;

/// Longest id of a key of an [encryption](crate::codec), in bytes of UTF-8.
pub const MAX_KEY_ID_BYTES: usize = 64;

/// Most executions before the newest one that a store keeps of an instance. When its archive is put in order, all that is
/// kept of one instance is in memory at once.
pub const MAX_KEPT_EXECUTIONS: u32 = 32;

/// Most instances in one purge.
pub const MAX_PURGED_AT_ONCE: usize = 4_096;

/// Longest key of a routed message, in bytes of UTF-8.
pub const MAX_ROUTED_KEY_BYTES: usize = 1024;

/// Longest details of a message in quarantine, in bytes; longer ones are left out.
pub const MAX_QUARANTINE_DETAILS_BYTES: usize = 4 * 1024;

/// Most messages in the queue of one shard, those being handled included.
pub const MAX_QUEUED_MESSAGES: usize = 100_000;

/// How long a sender is asked to wait when a queue is full.
pub const FULL_QUEUE_RETRY: Duration = Duration::from_secs(1);

/// The number of shards of a new store when nobody chooses another.
pub const DEFAULT_SHARDS: u32 = 4;

/// The number of shards of a new local store when nobody chooses another: each has a disk sync of
/// its own under way, and one machine has one disk.
pub const DEFAULT_LOCAL_SHARDS: u32 = 2;

/// Most shards of one store.
pub const MAX_SHARDS: u32 = 4096;

/// Most bytes in one commit of a journal, with everything that goes around the turns. Room for the
/// largest turn; and with it, all that reading a journal takes stays below 64 MiB.
pub const MAX_COMMIT_BYTES: usize = 48 * 1024 * 1024;

/// Most entries (turns, purges) in one commit of a journal.
pub const MAX_COMMIT_ENTRIES: usize = 16_384;

/// Most bytes of a commit that are compressed; a larger one is stored as it is, so that what reading
/// takes of memory stays bounded.
pub const MAX_COMPRESSED_BYTES: usize = 16 * 1024 * 1024;

/// Size of the first segment of each opening of a journal, in bytes. Each further one is as large, or
/// twice as large as the one before it where commits are large, so that small stores stay small.
pub const FIRST_SEGMENT_BYTES: u64 = 1024 * 1024;

/// Size from which segments grow no further, in bytes. Holds the largest commit.
pub const MAX_SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes that all shards of a journaled store together hold in memory until the fullest of them go into
/// the archive, where nobody chooses another number. At twice as many, appends wait for that.
pub const MEMORY_BYTES: usize = 32 * 1024 * 1024;

/// Most blocks in one segment of a journal on append blobs: reading one takes the service some
/// milliseconds for each, and 50,000 is the most that it takes.
pub const MAX_BLOCKS_PER_SEGMENT: u32 = 128;

/// Size of the segments of a journal on append blobs, in bytes. Holds several large commits; a larger
/// commit gets a segment of its own.
pub const MAX_BLOB_SEGMENT_BYTES: u64 = 32 * 1024 * 1024;

/// Shortest name of a hub, in bytes.
pub const MIN_HUB_NAME_BYTES: usize = 3;

/// Longest name of a hub, in bytes: the names of its queues begin with it.
pub const MAX_HUB_NAME_BYTES: usize = 40;

/// Shortest lease time of a hub: requests must have time to arrive.
pub const SHORTEST_LEASE_TIME: Duration = Duration::from_secs(1);

/// Shortest time for which a message that somebody has in hand is hidden from others: the service
/// counts in seconds.
pub const SHORTEST_VISIBILITY_TIME: Duration = Duration::from_secs(1);

/// The number of shards of a new hub in Azure when nobody chooses another.
pub const DEFAULT_AZURE_SHARDS: u32 = 16;

/// Size from which a block of rows of an archive in blobs is closed, in bytes. A row is read with its
/// block.
pub const ARCHIVE_BLOCK_BYTES: usize = 32 * 1024;

/// Size from which merging an archive in blobs begins the next blob, in bytes. A merge holds this much
/// in memory, and a read buffer for each run that it merges; one instance with more makes a larger one.
pub const ARCHIVE_TABLE_BYTES: usize = 16 * 1024 * 1024;

/// Most runs of one level of an archive in blobs; more are merged into one run of the next level.
pub const ARCHIVE_RUNS_PER_LEVEL: usize = 8;

/// Most bytes of rows of an archive in blobs that one request reads where many are needed.
pub const ARCHIVE_STRETCH_BYTES: u64 = 512 * 1024;

/// Most bytes of turns of an archive in blobs that one request reads; a chunk may be larger.
pub const ARCHIVE_TURNS_STRETCH_BYTES: u64 = 4 * 1024 * 1024;

/// About how many bytes of rows and turns that were read an archive in blobs keeps in memory.
pub const ARCHIVE_CACHE_BYTES: usize = 32 * 1024 * 1024;

/// How long a shard's lease holds unless it is renewed.
pub const LEASE_TIME: Duration = Duration::from_secs(15);

/// How long a delivered message stays hidden unless it is acknowledged.
pub const VISIBILITY_TIME: Duration = Duration::from_secs(30);

/// `TooLarge` when the batch is over [`MAX_BATCH_BYTES`], or over [`MAX_LARGE_BATCH_BYTES`] where large payloads
/// are taken.
pub(crate) fn check_batch(batch: &Batch, takes_large: bool) -> Result<(), ProviderError> {
    // The same bytes may stand in many turns, so the sum can be larger than the memory.
    let bytes = batch.turns.iter().fold(0_usize, |sum, turn| sum.saturating_add(turn.bytes.len()));
    check("the batch", bytes, if takes_large { MAX_LARGE_BATCH_BYTES } else { MAX_BATCH_BYTES })
}

/// `TooLarge` when the message is over [`MAX_ROUTED_BYTES`], or over [`MAX_LARGE_ROUTED_BYTES`] where large payloads
/// are taken, or its key over [`MAX_ROUTED_KEY_BYTES`].
pub(crate) fn check_message(message: &Message, takes_large: bool) -> Result<(), ProviderError> {
    check("the message's key", message.key.len(), MAX_ROUTED_KEY_BYTES)?;
    let limit = if takes_large { MAX_LARGE_ROUTED_BYTES } else { MAX_ROUTED_BYTES };
    check("the message", message.bytes.len(), limit)
}

/// `TooLarge` when more instances are to be purged than [`MAX_PURGED_AT_ONCE`].
pub(crate) fn check_purge(instances: &[InstanceId]) -> Result<(), ProviderError> {
    check("a list of instances to purge", instances.len(), MAX_PURGED_AT_ONCE)
}

fn check(what: &'static str, size: usize, limit: usize) -> Result<(), ProviderError> {
    if size > limit {
        return Err(ProviderError::TooLarge { what, size, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_message_may_be_as_large_as_the_limits_and_no_larger() {
        let message = |key: usize, bytes: usize| Message {
            key: "k".repeat(key),
            to: InstanceId::new("i").unwrap(),
            bytes: Arc::from(vec![0; bytes]),
        };
        assert!(check_message(&message(MAX_ROUTED_KEY_BYTES, MAX_ROUTED_BYTES), false).is_ok());
        assert!(matches!(
            check_message(&message(MAX_ROUTED_KEY_BYTES + 1, 0), false),
            Err(ProviderError::TooLarge { what: "the message's key", size: 1025, limit: 1024 })
        ));
        assert!(matches!(
            check_message(&message(1, MAX_ROUTED_BYTES + 1), false),
            Err(ProviderError::TooLarge { what: "the message", .. })
        ));
        assert!(check_message(&message(1, MAX_LARGE_ROUTED_BYTES), true).is_ok());
        assert!(matches!(
            check_message(&message(1, MAX_LARGE_ROUTED_BYTES + 1), true),
            Err(ProviderError::TooLarge { limit: MAX_LARGE_ROUTED_BYTES, .. })
        ));
    }
}
