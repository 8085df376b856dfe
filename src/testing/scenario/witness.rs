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
    /// Turns have come to the store, which says later what became of them, or never does.
    Begun(Arc<Batch>),
    /// The store has given up, or was given up, before it said that they are durable. They may be.
    InDoubt(Arc<Batch>),
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

    /// Turns come to the store. Dropped before it says that they are durable, they are in doubt.
    pub(super) fn begin(&self, batch: Arc<Batch>) -> Appending {
        self.add(Witnessed::Begun(batch.clone()));
        Appending { witness: self.clone(), batch: Some(batch) }
    }

    pub(super) fn add(&self, what: Witnessed) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }
}

/// An append that the store is at.
pub(super) struct Appending {
    witness: Witness,
    batch: Option<Arc<Batch>>,
}

impl Appending {
    /// The turns are durable.
    pub(super) fn succeed(mut self) {
        if let Some(batch) = self.batch.take() {
            self.witness.add(Witnessed::Appended(batch));
        }
    }
}

impl Drop for Appending {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            self.witness.add(Witnessed::InDoubt(batch));
        }
    }
}
