//! What is being appended to a shard.

use std::sync::Arc;

use reenact_core::InstanceId;

use crate::Batch;

/// What a writer has asked its medium to append. Others can see it before the writer knows that it is there.
#[derive(Clone, Debug, Default)]
pub(super) enum Appending {
    #[default]
    Nothing,
    UnderWay(Arc<Batch>),
    /// What became of it is known when the journal is read again.
    Unknown(Arc<Batch>),
}

impl Appending {
    /// Whether there are turns of an instance in it.
    pub(super) fn has(&self, instance: &InstanceId) -> bool {
        match self {
            Self::Nothing => false,
            Self::UnderWay(batch) | Self::Unknown(batch) => {
                batch.turns.iter().any(|turn| turn.summary.instance == *instance)
            }
        }
    }
}
