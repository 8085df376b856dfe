//! Finds out which blobs a shard has when it gets an owner, and removes those that nothing refers to.

use std::collections::HashMap;
use std::sync::Arc;

use reenact_core::InstanceId;
use tokio::task::JoinSet;

use super::form::{Head, MAX_HEAD_BYTES, REFERENCE, Reference};
use super::name::{self, BlobName};
use super::{Blobs, Known, LargeTurns};
use crate::{HistoryStore, Lease, ProviderError};

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
        let (found, unfinished) = self.by_instance(lease, names).await?;
        self.remove(unfinished).await;
        let mut look_ups = JoinSet::new();
        for (instance, blobs) in found {
            if look_ups.len() >= LOOK_UPS {
                self.take_over(look_ups.join_next().await).await;
            }
            let (histories, lease) = (Arc::clone(&self.histories), lease.clone());
            look_ups.spawn(async move {
                let needed = needed(&*histories, &instance, blobs, &lease).await;
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

    /// The blobs of each instance, and those that no owner before this one has finished.
    async fn by_instance(
        &self,
        lease: &Lease,
        names: Vec<String>,
    ) -> Result<(HashMap<InstanceId, Vec<Candidate>>, Vec<Known>), ProviderError> {
        let (mut found, mut unfinished) = (HashMap::<_, Vec<_>>::new(), Vec::new());
        for name in names {
            // What nobody here has written is not touched.
            let Some(BlobName { instance, execution, turn, epoch }) = name::parse(&name) else {
                continue;
            };
            let shard = lease.shard;
            let blob = Known { shard, execution, turn, name };
            let is_of_earlier_owner = epoch < lease.epoch;
            let instance = match instance {
                Some(instance) => Some(instance),
                None => instance_of(&*self.blobs, &blob).await?,
            };
            match instance {
                Some(instance) if !is_unfinished(&blob.name) => {
                    found
                        .entry(instance)
                        .or_default()
                        .push(Candidate { blob, is_of_earlier_owner });
                }
                // Damaged: the turn that needs it, if there is one, says so.
                None if !is_unfinished(&blob.name) => {}
                _ if is_of_earlier_owner => unfinished.push(blob),
                _ => {}
            }
        }
        Ok((found, unfinished))
    }
}

/// An instance, its blobs that are needed, and those that are not.
type Found = (InstanceId, (Vec<Known>, Vec<Known>));

struct Candidate {
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
/// owner, and the instance is not there, has a later execution, or has not got so far, or its turn does not refer to it.
async fn needed(
    histories: &dyn HistoryStore,
    instance: &InstanceId,
    candidates: Vec<Candidate>,
    lease: &Lease,
) -> (Vec<Known>, Vec<Known>) {
    let (mut needed, mut left_over) = (Vec::new(), Vec::new());
    let summary = match histories.summary(instance).await {
        Ok(summary) => summary,
        Err(error) => {
            tracing::debug!(target: "reenact::store", parent: None, %error, %instance, shard = %lease.shard, "which blobs are needed is not known");
            return (candidates.into_iter().map(|candidate| candidate.blob).collect(), left_over);
        }
    };
    for Candidate { blob, is_of_earlier_owner } in candidates {
        let is_possible = summary.as_ref().is_some_and(|summary| {
            blob.execution == summary.execution && blob.turn < summary.turns
        });
        let is_needed =
            !is_of_earlier_owner || is_possible && holds_turn(histories, instance, &blob).await;
        if is_needed { needed.push(blob) } else { left_over.push(blob) }
    }
    (needed, left_over)
}

/// Whether the turn refers to this blob, as far as it can be read.
async fn holds_turn(histories: &dyn HistoryStore, instance: &InstanceId, blob: &Known) -> bool {
    let Ok(page) = histories.read(instance, blob.execution, blob.turn, 1).await else {
        return true;
    };
    let Some(turn) = page.turns.first() else { return true };
    if turn.bytes.first() != Some(&REFERENCE) {
        return false;
    }
    Reference::decode(&turn.bytes).map_or(true, |reference| reference.name == blob.name)
}
