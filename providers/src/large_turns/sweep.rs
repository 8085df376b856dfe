//! Finds out which blobs a shard has when it gets an owner, and removes those that nothing refers to.

use std::collections::HashMap;
use std::sync::Arc;

use reenact_core::{InstanceId, ShardId};
use tokio::task::JoinSet;

use super::form::{Head, MAX_HEAD_BYTES, REFERENCE, Reference};
use super::name::{self, BlobName};
use super::{Blobs, Known, LargeTurns};
use crate::{Epoch, HistoryStore, Lease, ProviderError};

/// Instances that are looked up at a time.
const LOOK_UPS: usize = 32;

impl LargeTurns {
    /// Puts the blobs of a shard into the index, without those that no turn refers to: they are removed. What
    /// cannot be found out stays for the next owner; no shard has to wait for that.
    pub(super) async fn look_for_blobs(&self, lease: &Lease) {
        self.index.clear(lease.shard);
        if let Err(error) = self.try_look_for_blobs(lease).await {
            let shard = lease.shard;
            tracing::warn!(target: "reenact::store", parent: None, %error, %shard, "which large turns are left over could not be found out; the next owner of the shard tries again");
        }
    }

    async fn try_look_for_blobs(&self, lease: &Lease) -> Result<(), ProviderError> {
        let names = self.blobs.list(lease.shard).await?;
        if names.is_empty() {
            return Ok(());
        }
        let owner = (lease.shard, lease.epoch);
        // What nobody here has written is not touched. Of what is damaged, the turn that needs it says so.
        let Sorted { found, unfinished, .. } = self.by_instance(owner, names).await?;
        self.remove(unfinished).await;
        let mut look_ups = JoinSet::new();
        for (instance, blobs) in found {
            if look_ups.len() >= LOOK_UPS {
                self.take_over(look_ups.join_next().await).await;
            }
            let (histories, shard) = (Arc::clone(&self.histories), lease.shard);
            look_ups.spawn(async move {
                let needed = needed(&*histories, &instance, blobs, shard).await;
                (instance, needed)
            });
        }
        while !look_ups.is_empty() {
            self.take_over(look_ups.join_next().await).await;
        }
        Ok(())
    }

    async fn take_over(&self, found: Option<Result<Found, tokio::task::JoinError>>) {
        let Some(Ok((instance, (needed, left_over)))) = found else { return };
        for blob in needed {
            self.index.add(&instance, blob);
        }
        if !left_over.is_empty() {
            tracing::info!(target: "reenact::store", parent: None, %instance, blobs = left_over.len(), "blobs that no turn refers to are removed");
            self.remove(left_over).await;
        }
    }

    /// The blobs of a shard by what they are, for an owner of this epoch.
    pub(super) async fn by_instance(
        &self,
        (shard, owner): (ShardId, Epoch),
        names: Vec<String>,
    ) -> Result<Sorted, ProviderError> {
        let mut sorted = Sorted::default();
        for name in names {
            let Some(BlobName { instance, execution, turn, epoch }) = name::parse(&name) else {
                sorted.unknown.push(name);
                continue;
            };
            let blob = Known { shard, execution, turn, name };
            let is_of_earlier_owner = epoch < owner;
            let instance = match instance {
                Some(instance) => Some(instance),
                None => instance_of(&*self.blobs, &blob).await?,
            };
            match instance {
                Some(instance) if !is_unfinished(&blob.name) => {
                    let of_instance = sorted.found.entry(instance).or_default();
                    of_instance.push(Candidate { blob, is_of_earlier_owner });
                }
                None if !is_unfinished(&blob.name) => sorted.without_head.push(blob.name),
                _ if is_of_earlier_owner => sorted.unfinished.push(blob),
                _ => {}
            }
        }
        Ok(sorted)
    }
}

/// The blobs of a shard.
#[derive(Default)]
pub(super) struct Sorted {
    /// Those of each instance.
    pub(super) found: HashMap<InstanceId, Vec<Candidate>>,
    /// Those that no owner before this one has finished.
    pub(super) unfinished: Vec<Known>,
    /// Names of those that are damaged, and whose instance is in no name.
    pub(super) without_head: Vec<String>,
    /// Names that nobody here has given.
    pub(super) unknown: Vec<String>,
}

/// An instance, its blobs that are needed, and those that are not.
type Found = (InstanceId, (Vec<Known>, Vec<Known>));

pub(super) struct Candidate {
    blob: Known,
    /// Only then it is certain that no append that refers to it can become durable any more.
    is_of_earlier_owner: bool,
}

/// A file that has not got its name.
fn is_unfinished(name: &str) -> bool {
    name.matches('.').count() > 4
}

/// Whose id is too long for the name of a blob; `None` when the blob has no head that is whole.
async fn instance_of(blobs: &dyn Blobs, blob: &Known) -> Result<Option<InstanceId>, ProviderError> {
    let head = blobs.get(blob.shard, &blob.name, Some(MAX_HEAD_BYTES)).await?;
    Ok(head.and_then(|head| Head::decode(&head).map(|(head, _)| head.instance)))
}

/// Which blobs of an instance are needed, and which are not. A blob is not needed when it was written by an earlier
/// owner, and the instance is not there, does not keep the execution, or has not got so far, or its turn does not refer
/// to it.
pub(super) async fn needed(
    histories: &dyn HistoryStore,
    instance: &InstanceId,
    candidates: Vec<Candidate>,
    shard: ShardId,
) -> (Vec<Known>, Vec<Known>) {
    let (mut needed, mut left_over) = (Vec::new(), Vec::new());
    let summary = match histories.summary(instance).await {
        Ok(summary) => summary,
        Err(error) => {
            tracing::debug!(target: "reenact::store", parent: None, %error, %instance, %shard, "which blobs are needed is not known");
            return (candidates.into_iter().map(|candidate| candidate.blob).collect(), left_over);
        }
    };
    for Candidate { blob, is_of_earlier_owner } in candidates {
        let is_possible = summary.as_ref().is_some_and(|summary| {
            let is_newest = blob.execution == summary.execution;
            blob.execution < summary.execution || is_newest && blob.turn < summary.turns
        });
        let is_needed =
            !is_of_earlier_owner || is_possible && holds_turn(histories, instance, &blob).await;
        if is_needed { needed.push(blob) } else { left_over.push(blob) }
    }
    (needed, left_over)
}

/// Whether the turn refers to this blob, as far as it can be read.
async fn holds_turn(histories: &dyn HistoryStore, instance: &InstanceId, blob: &Known) -> bool {
    let page = match histories.read(instance, blob.execution, blob.turn, 1).await {
        Ok(page) => page,
        // The execution is not kept.
        Err(ProviderError::NotFound { .. }) => return false,
        Err(_) => return true,
    };
    let Some(turn) = page.turns.first() else { return true };
    if turn.bytes.first() != Some(&REFERENCE) {
        return false;
    }
    Reference::decode(&turn.bytes).map_or(true, |reference| reference.name == blob.name)
}
