//! What can go wrong in a store, told apart by what the caller can do.

use std::time::Duration;

use reenact_core::{InstanceId, ShardId};

/// A failure of a provider. The variants tell what the caller can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// Another owner has the shard. Drop everything of it that is in memory; write nothing more
    /// under this epoch.
    #[error("shard {shard} has another owner now; nothing was written")]
    Fenced {
        /// The shard that was lost.
        shard: ShardId,
    },
    /// What is stored is not what the caller expected: a turn out of place, an id that exists, a
    /// lease that another holds. Nothing was written. Read again, then decide.
    #[error("conflict: {reason}; nothing was written")]
    Conflict {
        /// What was expected and what is there.
        reason: String,
    },
    /// There is no such instance.
    #[error("instance {instance} does not exist")]
    NotFound {
        /// Its id.
        instance: InstanceId,
    },
    /// A batch, a message or a list is over a limit of the medium. Make it smaller.
    #[error("{what} has the size {size}; this store takes at most {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size, in bytes or in what it is a list of.
        size: usize,
        /// How large it may be.
        limit: usize,
    },
    /// The medium asks for patience. Try the same again after the delay.
    #[error("the store asks to wait {retry_after:?} before the next try")]
    Throttled {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The medium cannot be reached or refuses for now, and nothing was written. Try again later.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// What failed.
        reason: String,
        /// The failure underneath.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Stored bytes are not what was written. Stop, keep the data, look at the place.
    #[error("stored data is corrupt at {place}: {reason}")]
    Corrupt {
        /// Where.
        place: Place,
        /// What is wrong there.
        reason: String,
    },
    /// The outcome of a write is not known. Read back before anything else.
    #[error("the outcome of a write is not known: {reason}")]
    Unknown {
        /// What failed.
        reason: String,
        /// The failure underneath.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

/// A place in a store, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(pub String);

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl ProviderError {
    /// Whether the same call may succeed later, with nothing to repair in between.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unavailable { .. })
    }
}
