//! What the store did in a run.

use std::sync::{Arc, Mutex, PoisonError};

use reenact_core::ShardId;
use reenact_providers::{Batch, Message};

/// Keeps what the store did in a run, in order. Clones are the same.
#[derive(Clone, Default)]
pub struct Witness(Arc<Mutex<Vec<Witnessed>>>);

/// Something that the store did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Witnessed {
    /// Turns are durable.
    Appended(Arc<Batch>),
    /// An append has failed, or its answer was lost.
    NotAppended {
        /// What was to be appended.
        batch: Arc<Batch>,
        /// Whether it is durable in spite of that.
        is_written: bool,
        /// Whether it was refused because another owner has the shard, or may have it.
        is_fenced: bool,
    },
    /// A message is in the queue of a shard.
    Sent(ShardId, Message),
}

impl Witness {
    /// What came after so many.
    pub fn after(&self, count: usize) -> Vec<Witnessed> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(count..).unwrap_or_default().to_vec()
    }

    pub(super) fn add(&self, what: Witnessed) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }
}
