//! Moves the beginning of recovery forward, and frees what is before it.

use std::sync::Arc;

use super::checkpoint::MAX_STORED_BYTES;
use super::{
    CHECKPOINT, Checkpoint, Identity, JournalError, Position, segment_name, segment_numbers,
};
use crate::medium::{Medium, MediumError};

/// Takes checkpoints of one journal, beside its writer: it shares nothing with the
/// writer but the medium, so no commit waits for it.
#[derive(Debug)]
pub struct Checkpointer<M> {
    medium: Arc<M>,
    identity: Identity,
    /// The position of the last checkpoint that is known to be durable.
    position: Position,
    /// Whether a newer owner's was found in its place. Then it writes none any more.
    is_fenced: bool,
}

impl<M: Medium> Checkpointer<M> {
    pub(super) const fn new(medium: Arc<M>, identity: Identity, position: Position) -> Self {
        Self { medium, identity, position, is_fenced: false }
    }

    /// The position at which recovery begins.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// From now on recovery begins at `position`, which was returned by an append or is the end
    /// that was recovered. Everything before it must be in the archive, and durable there. Durable when it
    /// returns.
    ///
    /// # Errors
    /// - `Conflict`: the position is before the last checkpoint.
    /// - `Full`, `Unavailable`: the last checkpoint is in force. Try again.
    /// - `Unknown`: one of the two is, and both are good. Try again.
    /// - `Fenced`.
    pub fn checkpoint(&mut self, position: Position) -> Result<(), JournalError> {
        if (position.sequence, position.segment) < (self.position.sequence, self.position.segment) {
            let reason = format!(
                "a checkpoint at commit {} came after one at commit {}",
                position.sequence, self.position.sequence
            );
            return Err(JournalError::Conflict { reason });
        }
        let stored = Checkpoint { position }.encode(self.identity);
        self.replace(position, &stored)?;
        self.position = position;
        Ok(())
    }

    /// Only in the place of what was read or written here last; or of one that is not newer: a former
    /// owner's that came late, or this one itself, by a try of which the outcome was not known.
    fn replace(&mut self, position: Position, stored: &[u8]) -> Result<(), JournalError> {
        let fenced = || JournalError::Fenced { shard: self.identity.shard };
        if self.is_fenced {
            return Err(fenced());
        }
        let mut replaced = self.medium.replace(CHECKPOINT, stored);
        if let Err(MediumError::Fenced) = replaced {
            let there = self.medium.load(CHECKPOINT, MAX_STORED_BYTES);
            let there = there.map_err(|error| self.failed(error, "checkpointed"))?;
            // Now that it was read this one could take its place, whatever it is.
            self.is_fenced = true;
            if self.is_newer(there, position)? {
                return Err(fenced());
            }
            replaced = self.medium.replace(CHECKPOINT, stored);
            self.is_fenced = matches!(replaced, Err(MediumError::Fenced));
        }
        replaced.map_err(|error| self.failed(error, "checkpointed"))
    }

    /// Removes the segments that are wholly before the last checkpoint, the oldest first. Tells
    /// how many there were.
    ///
    /// # Errors
    /// - `Unavailable`: some may be there still, and do no harm. Try again.
    pub fn trim(&mut self) -> Result<usize, JournalError> {
        let names = self.medium.list().map_err(|error| self.failed(error, "trimmed"))?;
        let mut numbers = segment_numbers(&names);
        numbers.retain(|number| *number < self.position.segment);
        if numbers.is_empty() {
            return Ok(0);
        }
        let old: Vec<String> = numbers.into_iter().map(segment_name).collect();
        self.medium.remove(&old).map_err(|error| self.failed(error, "trimmed"))?;
        Ok(old.len())
    }

    /// Whether a stored checkpoint is newer than one at this position.
    fn is_newer(&self, stored: Option<Vec<u8>>, position: Position) -> Result<bool, JournalError> {
        let stored = stored.map(|stored| Checkpoint::decode(&stored, self.identity)).transpose()?;
        Ok(stored.is_some_and(|Checkpoint { position: at }| {
            (at.sequence, at.segment) > (position.sequence, position.segment)
        }))
    }

    fn failed(&self, error: MediumError, doing: &'static str) -> JournalError {
        JournalError::of_medium(error, self.identity.shard, doing)
    }
}
