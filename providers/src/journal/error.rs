//! What can go wrong with a journal, by what the caller can do about it.

use std::fmt;
use std::io;

use reenact_core::ShardId;

use crate::medium::MediumError;
use crate::{Place, ProviderError};

/// A failure of a journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// What is stored is not what was written. Nothing was changed. Keep a copy of the files, and
    /// put back what is known to be good.
    #[error("the journal is corrupt at {at}: {reason}; nothing was changed")]
    Corrupt {
        /// The place.
        at: Location,
        /// What is wrong there.
        reason: String,
    },
    /// What is stored is whole, but of another store or another shard. Nothing was changed. Put
    /// it back where it came from.
    #[error("{at} does not belong here: {reason}; nothing was changed")]
    Foreign {
        /// The place.
        at: Location,
        /// The store that it is of, and the one that it should be of.
        reason: String,
    },
    /// A newer reenact has written it. Nothing was changed. Open it with that one.
    #[error("{at} has format version {found}, this reenact reads up to {supported}")]
    NewerFormat {
        /// The place.
        at: Location,
        /// The version that is there.
        found: u16,
        /// The newest version that can be read.
        supported: u16,
    },
    /// The commit or the checkpoint is over a limit. Nothing was written. Make it smaller.
    #[error("{what} has {size}; a journal takes at most {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// How large it may be.
        limit: usize,
    },
    /// What is asked for does not fit what is there: an epoch or a position is not in its place.
    /// Nothing was written.
    #[error("conflict: {reason}; nothing was written")]
    Conflict {
        /// What was expected and what came.
        reason: String,
    },
    /// There is no room on the medium. Nothing was written. Make room, and do the same again.
    #[error("there is no room for the journal of shard {shard}: {source}; nothing was written")]
    Full {
        /// The shard.
        shard: ShardId,
        /// The failure underneath.
        #[source]
        source: io::Error,
    },
    /// The medium refused. Nothing was written. The same may succeed later.
    #[error("the journal of shard {shard} cannot be {doing}: {source}; nothing was written")]
    Unavailable {
        /// The shard.
        shard: ShardId,
        /// What was tried.
        doing: &'static str,
        /// The failure underneath.
        #[source]
        source: io::Error,
    },
    /// The medium failed in the middle of a write, and what it has written is not known. The
    /// journal acknowledges nothing more. Open it again: recovery decides.
    #[error("whether the journal of shard {shard} was {doing} is not known: {source}")]
    Unknown {
        /// The shard.
        shard: ShardId,
        /// What was tried.
        doing: &'static str,
        /// The failure underneath.
        #[source]
        source: io::Error,
    },
    /// An earlier write has failed, so nothing is written any more. Open the journal again:
    /// recovery decides what is there.
    #[error("the journal of shard {shard} takes nothing more until it is opened again: {cause}")]
    Poisoned {
        /// The shard.
        shard: ShardId,
        /// What went wrong then.
        cause: String,
    },
    /// The directory of the journal is no longer where it was opened. Nothing was written. Put it back,
    /// or end the process and look which one is right.
    #[error(
        "the journal of shard {shard} is no longer at {place}: its directory was renamed, removed or \
         replaced while it was in use; nothing was written"
    )]
    Moved {
        /// The shard.
        shard: ShardId,
        /// Where it was opened.
        place: String,
    },
    /// Another owner has the shard. Drop everything of it that is in memory.
    #[error("shard {shard} has another owner now; this call wrote nothing")]
    Fenced {
        /// The shard.
        shard: ShardId,
    },
}

/// A place in the journal of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// A place in a segment.
    Segment {
        /// The shard.
        shard: ShardId,
        /// The segment's number.
        segment: u64,
        /// Bytes from the segment's start.
        offset: u64,
    },
    /// The checkpoint.
    Checkpoint {
        /// The shard.
        shard: ShardId,
    },
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment { shard, segment, offset } => {
                write!(f, "shard {shard}, segment {segment}, offset {offset}")
            }
            Self::Checkpoint { shard } => write!(f, "shard {shard}, the checkpoint"),
        }
    }
}

impl JournalError {
    /// Makes the error of a medium one of the journal, when the journal of `shard` was to be `doing`.
    pub(crate) fn of_medium(error: MediumError, shard: ShardId, doing: &'static str) -> Self {
        match error {
            MediumError::Refused(source) if is_full(&source) => Self::Full { shard, source },
            MediumError::Refused(source) => Self::Unavailable { shard, doing, source },
            MediumError::Unknown(source) => Self::Unknown { shard, doing, source },
            MediumError::Held { by } => {
                Self::Conflict { reason: format!("{by} holds shard {shard}") }
            }
            MediumError::Moved { place } => Self::Moved { shard, place },
            MediumError::Fenced => Self::Fenced { shard },
        }
    }

    /// Whether the journal can go on as if nothing had happened.
    pub(super) const fn is_harmless(&self) -> bool {
        !matches!(self, Self::Unknown { .. } | Self::Fenced { .. })
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl From<JournalError> for ProviderError {
    fn from(error: JournalError) -> Self {
        let reason = error.to_string();
        match error {
            JournalError::Corrupt { at, reason } => {
                Self::Corrupt { place: Place(at.to_string()), reason }
            }
            JournalError::Foreign { at, .. } | JournalError::NewerFormat { at, .. } => {
                Self::Corrupt { place: Place(at.to_string()), reason }
            }
            JournalError::TooLarge { what, size, limit } => Self::TooLarge { what, size, limit },
            JournalError::Conflict { reason } => Self::Conflict { reason },
            JournalError::Full { source, .. } | JournalError::Unavailable { source, .. } => {
                Self::Unavailable { reason, source: Some(Box::new(source)) }
            }
            JournalError::Moved { place, .. } => Self::Moved { place: Place(place) },
            JournalError::Unknown { source, .. } => {
                Self::Unknown { reason, source: Some(Box::new(source)) }
            }
            // To the caller that appends, a poisoned journal is a shard that was lost: only a new owner
            // can write, even if it is the same host.
            JournalError::Poisoned { shard, .. } | JournalError::Fenced { shard } => {
                Self::Fenced { shard }
            }
        }
    }
}
