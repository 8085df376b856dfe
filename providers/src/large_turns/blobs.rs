//! The trait of the place for large turns.

use std::sync::Arc;

use async_trait::async_trait;
use reenact_core::ShardId;

use crate::ProviderError;

/// A place for things that are too large for a journal. Each is written once, under a name that nobody has used
/// before, and never changed.
///
/// Names have at most 240 bytes: `a` to `z`, `0` to `9`, and `-._~`.
#[async_trait]
pub trait Blobs: Send + Sync + 'static {
    /// Writes a blob that consists of two parts. Durable when it returns.
    ///
    /// # Errors
    /// The errors of the medium: it may be there or not, as a whole or in part.
    async fn put(
        &self,
        shard: ShardId,
        name: &str,
        head: Vec<u8>,
        body: Arc<[u8]>,
    ) -> Result<(), ProviderError>;

    /// Reads a blob, or its first `limit` bytes. `None` when there is none.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn get(
        &self,
        shard: ShardId,
        name: &str,
        limit: Option<usize>,
    ) -> Result<Option<Vec<u8>>, ProviderError>;

    /// Removes blobs. One that is not there is no error.
    ///
    /// # Errors
    /// The errors of the medium: some may be gone, some not.
    async fn delete(&self, shard: ShardId, names: Vec<String>) -> Result<(), ProviderError>;

    /// The names of all blobs of a shard, in any order. It may have some that were never finished.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn list(&self, shard: ShardId) -> Result<Vec<String>, ProviderError>;
}

/// Longest name of a blob, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 240;
