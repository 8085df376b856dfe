//! What stands in a journal.

use std::sync::Arc;

use reenact_core::InstanceId;

use super::Position;
use crate::{Epoch, InstanceSummary, StoredTurn, TurnRecord};

/// One thing on its way into the journal.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A turn.
    Turn(TurnRecord),
    /// An instance was removed, with all of its executions.
    Purged(InstanceId),
}

/// What an [`Entry`] is written from, wherever that is kept.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Turn(&'a TurnRecord),
    Purged(&'a InstanceId),
}

impl<'a> From<&'a Entry> for Source<'a> {
    fn from(entry: &'a Entry) -> Self {
        match entry {
            Entry::Turn(turn) => Self::Turn(turn),
            Entry::Purged(instance) => Self::Purged(instance),
        }
    }
}

impl Source<'_> {
    /// The bytes in it that are not the journal's own.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Turn(turn) => turn.bytes.len(),
            Self::Purged(_) => 0,
        }
    }

    /// How many executions before its own it keeps.
    pub(super) const fn keeps(self) -> u32 {
        match self {
            Self::Turn(turn) if turn.number == 0 => turn.keep,
            Self::Turn(_) | Self::Purged(_) => 0,
        }
    }

    pub(super) fn has_attributes(self) -> bool {
        match self {
            Self::Turn(turn) => !turn.summary.attributes.is_empty(),
            Self::Purged(_) => false,
        }
    }
}

/// One commit out of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit<'a> {
    /// The place at which it ends, and its sequence number.
    pub position: Position,
    /// The ownership under which it was written.
    pub epoch: Epoch,
    /// Its entries, in order.
    pub entries: Vec<EntryRef<'a>>,
}

/// One thing out of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryRef<'a> {
    /// A turn.
    Turn(TurnRef<'a>),
    /// An instance was removed, with all of its executions.
    Purged(InstanceId),
}

/// A turn whose events are still in the buffer of the reader, so that events which are not kept are never
/// copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnRef<'a> {
    /// The number of the turn in its execution; the first is 0.
    pub number: u64,
    /// What was known of the instance once this turn counted.
    pub summary: InstanceSummary,
    /// The encoded events.
    pub bytes: &'a [u8],
    /// How many executions before its own it [keeps](TurnRecord::keep).
    pub keep: u32,
}

impl TurnRef<'_> {
    /// A turn to keep.
    pub fn to_stored(&self) -> StoredTurn {
        StoredTurn { number: self.number, bytes: Arc::from(self.bytes) }
    }
}
