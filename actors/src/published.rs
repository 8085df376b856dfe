//! The values that instances have published, as they were read: in memory, for those who ask again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use reenact_core::{ExecutionId, InstanceId, PublishedValues, RecordedTurn, Timestamp};
use reenact_providers::{InstanceSummary, StoredTurn};

/// Most instances of which the values are kept in memory, for those who ask again.
const MAX_KEPT: usize = 256;

/// Larger values are read from the log again for everybody who asks, in bytes of all values of an instance.
const MAX_KEPT_BYTES: usize = 64 * 1024;

/// The values of an instance after so many turns of an execution.
#[derive(Clone, Debug)]
pub(crate) struct ReadValues {
    execution: ExecutionId,
    created_at: Timestamp,
    pub(crate) turns: u64,
    pub(crate) values: PublishedValues,
}

/// What was read before. Those who ask again read only the turns that have come since.
#[derive(Debug, Default)]
pub(crate) struct ValuesRead(Mutex<HashMap<InstanceId, Arc<ReadValues>>>);

impl ReadValues {
    pub(crate) fn none_of(summary: &InstanceSummary) -> Self {
        let (execution, created_at) = (summary.execution, summary.created_at);
        Self { execution, created_at, turns: 0, values: PublishedValues::default() }
    }

    /// Goes on with a turn.
    pub(crate) fn apply(&mut self, stored: &StoredTurn, turn: &RecordedTurn) {
        self.values.apply(turn);
        self.turns = stored.number + 1;
    }

    fn is_of(&self, summary: &InstanceSummary) -> bool {
        (self.execution, self.created_at) == (summary.execution, summary.created_at)
            && self.turns <= summary.turns
    }
}

impl ValuesRead {
    pub(crate) fn of(&self, summary: &InstanceSummary) -> Option<Arc<ReadValues>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&summary.instance).filter(|read| read.is_of(summary)).cloned()
    }

    /// Keeps what was read, unless it is large. One of the others makes room for it, whichever.
    pub(crate) fn keep(&self, instance: &InstanceId, read: &Arc<ReadValues>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if read.values.bytes() > MAX_KEPT_BYTES {
            kept.remove(instance);
            return;
        }
        if kept.len() >= MAX_KEPT
            && !kept.contains_key(instance)
            && let Some(other) = kept.keys().next().cloned()
        {
            kept.remove(&other);
        }
        kept.insert(instance.clone(), read.clone());
    }
}
