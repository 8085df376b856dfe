//! Which blobs there are, of the shards that are owned here.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reenact_core::{ExecutionId, InstanceId, ShardId};

/// The blobs of instances, as the owner of their shards knows them: those that it found when it recovered the shard,
/// and those that it wrote.
#[derive(Debug, Default)]
pub(crate) struct Index {
    known: Mutex<HashMap<InstanceId, Vec<Known>>>,
}

/// A blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) shard: ShardId,
    pub(super) execution: ExecutionId,
    /// The number of the turn.
    pub(super) turn: u64,
    pub(super) name: String,
}

impl Index {
    fn known(&self) -> MutexGuard<'_, HashMap<InstanceId, Vec<Known>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what it knows of a shard.
    pub(super) fn clear(&self, shard: ShardId) {
        self.known().retain(|_, blobs| {
            blobs.retain(|blob| blob.shard != shard);
            !blobs.is_empty()
        });
    }

    pub(super) fn add(&self, instance: &InstanceId, blob: Known) {
        self.known().entry(instance.clone()).or_default().push(blob);
    }

    /// Takes out the blobs of an instance that a turn has made superfluous which is durable now: those of executions
    /// before the `oldest` that is kept, and those of the same turn that do not hold it.
    pub(super) fn take_superseded(
        &self,
        instance: &InstanceId,
        (execution, turn): (ExecutionId, u64),
        holds: Option<&str>,
        oldest: Option<ExecutionId>,
    ) -> Vec<Known> {
        let is_superseded = |blob: &mut Known| {
            let is_of_turn = (blob.execution, blob.turn) == (execution, turn);
            let is_gone = oldest.is_some_and(|oldest| blob.execution < oldest);
            is_gone || (is_of_turn && holds != Some(blob.name.as_str()))
        };
        let mut known = self.known();
        if known.is_empty() {
            return Vec::new();
        }
        let Some(blobs) = known.get_mut(instance) else { return Vec::new() };
        let superseded = blobs.extract_if(.., is_superseded).collect();
        if blobs.is_empty() {
            known.remove(instance);
        }
        superseded
    }

    /// Whether it has a blob of an instance.
    pub(super) fn has(&self, instance: &InstanceId, blob: &Known) -> bool {
        self.known().get(instance).is_some_and(|blobs| blobs.contains(blob))
    }

    /// Takes out the blobs with these names.
    pub(super) fn take_named(&self, instance: &InstanceId, names: &[String]) -> Vec<Known> {
        let mut known = self.known();
        let Some(blobs) = known.get_mut(instance) else { return Vec::new() };
        let named = blobs.extract_if(.., |blob| names.contains(&blob.name)).collect();
        if blobs.is_empty() {
            known.remove(instance);
        }
        named
    }

    /// Takes out all blobs of instances.
    pub(super) fn take_all(&self, instances: &[InstanceId]) -> Vec<Known> {
        let mut known = self.known();
        if known.is_empty() {
            return Vec::new();
        }
        instances.iter().filter_map(|instance| known.remove(instance)).flatten().collect()
    }
}
