//! What can go wrong in a store, by what the caller can do about it.

use std::time::Duration;

use reenact_core::{InstanceId, ShardId};

/// A failure of a provider. The variants say what the caller can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// Another owner has the shard, or its log takes nothing more before it is acquired again. Drop
    /// everything of it that is in memory; write nothing more under this epoch.
    #[error("shard {shard} must be acquired again, by its owner; this call wrote nothing")]
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
        /// The place.
        place: Place,
        /// What is wrong there.
        reason: String,
    },
    /// Stored bytes are encoded, and the codec of the store cannot decode them. Open it with the codec and the
    /// keys that it was written with; until then write nothing to that instance.
    #[error("{place} cannot be decoded: {reason}")]
    Undecodable {
        /// The place.
        place: Place,
        /// Why not.
        reason: String,
    },
    /// What was opened is no longer at its path: it was renamed, removed or replaced while it was in use.
    /// Nothing was written, neither there nor in what is at the path now. Put it back, or end the
    /// process and look which of the two is right.
    #[error(
        "{place} is no longer the store that was opened: it was renamed, removed or replaced while it \
         was in use; nothing was written; put it back, or end this process and see which one is right"
    )]
    Moved {
        /// The path.
        place: Place,
    },
    /// The store was opened to read it only. Nothing was written. Open it to write, once nobody else has
    /// it open.
    #[error(
        "{place} was opened to read it only, and nothing was written; to change it, open it for writing, \
         with a host"
    )]
    ReadOnly {
        /// The store.
        place: Place,
    },
    /// The store encodes what is in it, and does not show attributes: it cannot filter by them. Leave the condition
    /// out, or let the store show them: [`Encoded::showing_attributes`](crate::Encoded::showing_attributes).
    #[error(
        "this store is encoded and does not show attributes, so it cannot filter by them; leave the condition out, or \
         open the store with `Encoded::showing_attributes`"
    )]
    NoAttributes,
    /// The host that used the store has ended, and this call with it. What it was to write may have
    /// been written. Start another host.
    #[error("the host that used this store has ended")]
    Closed,
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

/// Why a store cannot be opened. What is stored is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Somebody else has it open. Stop that one first.
    #[error(
        "{place} is in use by {holder}; stop it first: one process at a time can write to a store, and no other \
         can read it meanwhile"
    )]
    InUse {
        /// The store.
        place: String,
        /// The process that has it.
        holder: String,
    },
    /// There is something else. Choose a place that is empty or does not exist yet.
    #[error(
        "{place} is no store of reenact: {reason}; choose one that is empty or is not there yet"
    )]
    NotAStore {
        /// The place at which the store should be.
        place: String,
        /// What is there instead.
        reason: String,
    },
    /// There is no store, and one that is only read is not made. Give the directory of one.
    #[error("{place} is no store of reenact: {reason}; give the directory of one")]
    NoStore {
        /// The place at which the store should be.
        place: String,
        /// What is there instead.
        reason: String,
    },
    /// An older reenact has written it, and it is brought up to date only where it can be written. Open it
    /// once for writing.
    #[error(
        "{place} has format version {found}, and can only be read from version {needed} on; open it once \
         with a host, which brings it up to date"
    )]
    OlderFormat {
        /// What has the format.
        place: String,
        /// The version that is there.
        found: u32,
        /// The oldest version that can be read without bringing it up to date.
        needed: u32,
    },
    /// A newer reenact has written it. Open it with that one.
    #[error(
        "{place} has format version {found}, this reenact reads up to {supported}; \
         open it with the one that has written it"
    )]
    NewerFormat {
        /// What has the format.
        place: String,
        /// The version that is there.
        found: u32,
        /// The newest version that can be read.
        supported: u32,
    },
    /// A part of the store is not there. Put it back where it was.
    #[error("{place} is missing; put it back, the store is not whole without it")]
    Missing {
        /// What is missing.
        place: String,
    },
    /// A part of the store belongs to another one. Put back the one that belongs here.
    #[error("{place} does not belong to this store: {reason}; put back the one that does")]
    Foreign {
        /// What does not belong here.
        place: String,
        /// The store that it is of, and the one that it should be of.
        reason: String,
    },
    /// What is stored is not what was written. Keep a copy of it, and put back what is known to be
    /// good.
    #[error(
        "{place} is damaged: {reason}; keep a copy of it, and put back what is known to be good"
    )]
    Damaged {
        /// The place.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// There is no room. Make some, and open it again.
    #[error("there is no room for {place}: {source}; make room, and open it again")]
    NoRoom {
        /// What could not be made or written.
        place: String,
        /// The failure underneath.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A part of the store can be read but not written. Let this user write it, or run as the user that
    /// it belongs to.
    #[error(
        "{place} cannot be written: {reason}; let this user write it, or run as the user that it \
         belongs to"
    )]
    ReadOnly {
        /// The file or directory.
        place: String,
        /// Its mode and its owner.
        reason: String,
        /// The refusal of the system, if it was asked.
        #[source]
        source: Option<std::io::Error>,
    },
    /// The system or the service refused: for want of room or rights, or because it cannot be reached.
    #[error(
        "{place} cannot be opened: {source}; look at its permissions, its room, and whether it can be reached"
    )]
    Refused {
        /// What should be opened.
        place: String,
        /// The failure underneath.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
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
    /// Whether what is stored cannot be read, until a person has done something about it.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Undecodable { .. })
    }

    /// Whether the same call may succeed later, with nothing to repair in between.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unavailable { .. })
    }
}
