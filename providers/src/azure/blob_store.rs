//! The trait of a container of blobs, as far as an archive needs it.

mod blobs;

pub(super) use blobs::ContainerStore;

use std::fmt::Debug;

use super::port::{Etag, Only};
use crate::ProviderError;

/// Blobs, each read and written in one request. Calls block; they come from several threads at a
/// time. A request costs money and some milliseconds, so the caller keeps them few.
pub trait BlobStore: Debug + Send + Sync + 'static {
    /// Reads `length` bytes of a blob from `from` on, fewer when it ends before; all of the rest when
    /// there is no length. `None` when there is no such blob.
    ///
    /// # Errors
    /// `Unavailable`, `Throttled`.
    fn get(
        &self,
        name: &str,
        from: u64,
        length: Option<u64>,
    ) -> Result<Option<Vec<u8>>, ProviderError>;

    /// Writes a blob as a whole. Its new etag.
    ///
    /// # Errors
    /// - `Conflict`: the condition does not hold. An earlier try of the same may be the cause.
    /// - `Unavailable`, `Throttled`, `TooLarge`: nothing was written.
    /// - `Unknown`: it may or may not have been written, and may yet be.
    fn put(&self, name: &str, bytes: Vec<u8>, only: &Only) -> Result<Etag, ProviderError>;

    /// Removes a blob. One that is not there is no error.
    ///
    /// # Errors
    /// `Unavailable`, `Throttled`, `Unknown`.
    fn delete(&self, name: &str) -> Result<(), ProviderError>;

    /// The names that begin so, in order.
    ///
    /// # Errors
    /// `Unavailable`, `Throttled`.
    fn list(&self, prefix: &str) -> Result<Vec<String>, ProviderError>;

    /// All of a small blob, and which version that is. `None` when there is no such blob.
    ///
    /// # Errors
    /// `Unavailable`, `Throttled`.
    fn load(&self, name: &str) -> Result<Option<(Vec<u8>, Etag)>, ProviderError>;
}
