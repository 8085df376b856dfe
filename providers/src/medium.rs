//! What a journal is written on.
//!
//! A [`Medium`] holds the segments and the checkpoint of one shard. It is asked for operations
//! that are *durable when they return*; how that is done is its own affair: a [`Directory`] writes,
//! syncs and renames files, a cloud appends blocks under a lease.
//!
//! Everything that a directory does to files goes through a [`Disk`], so that tests can lose, tear
//! and refuse each single step of it.

mod directory;
mod disk;
#[cfg(feature = "local")]
pub(crate) mod lock;
#[cfg(feature = "local")]
pub(crate) mod opened;
#[cfg(feature = "local")]
pub(crate) mod private;
#[cfg(feature = "local")]
pub(crate) mod real;

pub use directory::Directory;
pub use disk::{Disk, DiskFile};
#[cfg(feature = "local")]
pub use lock::StoreLock;
#[cfg(feature = "local")]
pub use real::{RealDisk, RealFile};

use std::fmt::Debug;
use std::io;

/// Where one shard's journal lives. Calls block; they come from threads that may.
///
/// Only the owner of the shard changes anything. On a medium that several processes share, it is the
/// one who has [claimed](Self::claim) it last. A commit, the preparation of the next segment, and
/// checkpoints with what they free, go on beside each other; each of the three by itself is one call
/// at a time.
pub trait Medium: Debug + Send + Sync + 'static {
    /// A segment that is open.
    type Segment: Segment;
    /// Room that was prepared for a segment.
    type Spare: Debug + Send + 'static;

    /// Whether other processes may write to it while this one has not claimed it.
    const SHARED: bool = false;

    /// Makes this process the only one that can write: the process that wrote before can write nothing more
    /// when this returns. Doing it again, by the process that has it, is no error. Nothing to do on a
    /// medium that one process has alone.
    ///
    /// # Errors
    /// `Held`: another has it, and lives. `Refused`, `Unknown`: try again.
    fn claim(&self, _owner: &str) -> Result<(), MediumError> {
        Ok(())
    }

    /// Names the claim in what is written under it. The same for as long as the claim stands; of a medium that is
    /// not shared, always the same.
    fn mark(&self) -> ClaimMark {
        ClaimMark::default()
    }

    /// Lets others claim it at once. Nothing more is written then. One that was lost is no error.
    ///
    /// # Errors
    /// `Refused`, `Unknown`: others get it when this process is taken for dead.
    fn give_up(&self) -> Result<(), MediumError> {
        Ok(())
    }

    /// Whether the claim still stands, as far as that is known without asking.
    fn standing(&self) -> Standing {
        Standing::Held
    }

    /// Whether it is still where it was when it was opened. Asked before each commit.
    ///
    /// # Errors
    /// `Moved`; `Refused` when that cannot be found out.
    fn check_place(&self) -> Result<(), MediumError> {
        Ok(())
    }

    /// The names of all that is stored, in any order. It may show what is not durable yet.
    ///
    /// # Errors
    /// `Refused`.
    fn list(&self) -> Result<Vec<String>, MediumError>;

    /// The name of a segment that must be there: none that was made later is known to. `None` where the
    /// medium does not know.
    ///
    /// # Errors
    /// `Refused`.
    fn newest(&self) -> Result<Option<String>, MediumError> {
        Ok(None)
    }

    /// Opens a segment to read it.
    ///
    /// # Errors
    /// `Refused`; with the kind `NotFound` when there is none of this name.
    fn open(&self, name: &str) -> Result<Self::Segment, MediumError>;

    /// Opens a segment to read it from an offset on.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    fn open_from(&self, name: &str, _offset: u64) -> Result<Self::Segment, MediumError> {
        self.open(name)
    }

    /// The first `count` bytes of a segment, or all if it has fewer.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    fn peek(&self, name: &str, length: usize) -> Result<Vec<u8>, MediumError> {
        let mut bytes = vec![0; length];
        let read = self.open(name)?.read_at(0, &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Does the slow part of making a segment of `size` bytes. Nothing of it can be seen; what
    /// an earlier call prepared and nobody used may be gone.
    ///
    /// # Errors
    /// `Refused`: there is no room, for example.
    fn prepare(&self, bytes: u64) -> Result<Self::Spare, MediumError>;

    /// Makes a segment that begins with `head`. When this returns, it is there for good, and so is
    /// each segment that was made before it. It is never there without its whole head.
    ///
    /// # Errors
    /// `Refused`: there is no such segment. `Unknown`: it may be there.
    fn create(
        &self,
        name: &str,
        spare: Self::Spare,
        head: &[u8],
    ) -> Result<Self::Segment, MediumError>;

    /// Makes durable what was found by somebody who goes on from there: the names of all segments, and what is in one of
    /// them between two offsets. It was written by somebody who has not lived to know whether it is.
    ///
    /// # Errors
    /// `Unknown`.
    fn harden(&self, last: Option<Stretch<'_>>) -> Result<(), MediumError>;

    /// Removes segments, in this order. Gone for good when this returns; one that is not there is
    /// no error.
    ///
    /// # Errors
    /// `Refused`: some may be gone, some not.
    fn remove(&self, names: &[String]) -> Result<(), MediumError>;

    /// Reads a small thing as a whole; `None` when it is not there.
    ///
    /// # Errors
    /// `Refused`, also when it is larger than `limit` bytes.
    fn load(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, MediumError>;

    /// Puts a small thing in the place of the one of this name. It is durable when this returns;
    /// at each instant, the old one or the new one is there as a whole.
    ///
    /// # Errors
    /// `Refused`: the old one is there. `Unknown`: one of the two is.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), MediumError>;
}

/// A segment: bytes that are written once, from the front to the back.
pub trait Segment: Debug + Send + 'static {
    /// Its size in bytes, room that is not written yet included. What is not written reads as 0.
    ///
    /// # Errors
    /// `Refused`.
    fn size(&self) -> Result<u64, MediumError>;

    /// Whether it takes no more appends, although it has room.
    fn is_full(&self) -> bool {
        false
    }

    /// Reads from `offset` on. Fills the buffer unless the segment ends before; returns how many
    /// bytes it has read.
    ///
    /// # Errors
    /// `Refused`.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, MediumError>;

    /// Writes after what is written: `offset` is the end of the last append. Durable when it
    /// returns. A crash before that may leave any part of it, in sectors of 512 bytes.
    ///
    /// # Errors
    /// `Refused`: nothing was written. `Unknown`: any part of it may be there.
    fn append(&mut self, offset: u64, bytes: &[u8]) -> Result<(), MediumError>;
}

/// A part of a segment, between two offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch<'a> {
    /// The name of the segment.
    pub name: &'a str,
    /// Where it begins.
    pub from: u64,
    /// Where it ends.
    pub to: u64,
}

/// A random number that no other claim has; 0 where a medium is not shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClaimMark(pub [u8; 16]);

/// What is known of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody else can have claimed it.
    Held,
    /// Another may have: the medium was not heard of for long.
    Doubtful,
    /// Another has, or it was never claimed.
    Lost,
}

/// Why a medium has not done what it was asked for: by what is there now.
#[derive(Debug, thiserror::Error)]
pub enum MediumError {
    /// Nothing has changed. The same may succeed later.
    #[error("{0}")]
    Refused(#[source] io::Error),
    /// It may have happened, in part or as a whole.
    #[error("{0}")]
    Unknown(#[source] io::Error),
    /// Nothing has changed: somebody else has the shard, and lives.
    #[error("{by} has the shard")]
    Held {
        /// The name of the owner, for people.
        by: String,
    },
    /// Nothing has changed: the directory that was opened is no longer at its path.
    #[error("{place} is no longer the directory that was opened")]
    Moved {
        /// The path.
        place: String,
    },
    /// Nothing has changed, because somebody else owns the shard now.
    #[error("the shard has another owner now")]
    Fenced,
}
