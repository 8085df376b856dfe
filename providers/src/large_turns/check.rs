//! Finds the blobs of a shard that no turn refers to.

use std::collections::HashSet;

use reenact_core::ShardId;

use super::sweep::{Sorted, needed};
use super::{Known, LargeTurns};
use crate::{Epoch, Finding, ProviderError};

/// Names of blobs in one finding.
const NAMED: usize = 5;

impl LargeTurns {
    /// What is left over among the blobs of a shard. Changes nothing. That a blob is missing or damaged is found where
    /// the turn that refers to it is read.
    pub(super) async fn check_shard(&self, shard: ShardId) -> Result<Vec<Finding>, ProviderError> {
        let names = self.blobs.list(shard).await?;
        if names.is_empty() {
            return Ok(Vec::new());
        }
        // No owner is later than this one: each blob is looked at.
        let Sorted { found, unfinished, without_head, unknown } =
            self.by_instance((shard, Epoch(u64::MAX)), names).await?;
        let mut left_over: Vec<String> = unfinished.into_iter().map(|blob| blob.name).collect();
        for (instance, blobs) in found {
            let (_, not_needed) = needed(&*self.histories, &instance, blobs, shard).await;
            // Of those of a shard that is owned here, the owner knows which are about to be needed.
            let left = not_needed.into_iter().filter(|blob| !self.index.has(&instance, blob));
            left_over.extend(left.map(|Known { name, .. }| name));
        }
        // What was removed or found its turn meanwhile is none of them.
        let there: HashSet<_> = self.blobs.list(shard).await?.into_iter().collect();
        left_over.retain(|name| there.contains(name));
        let place = format!("the large turns of shard {shard}");
        let mut findings = Vec::new();
        if !left_over.is_empty() {
            findings.push(Finding::info(
                &*place,
                format!(
                    "no turn refers to {}; the next host that takes the shard removes what is left over",
                    listed(left_over)
                ),
            ));
        }
        if !without_head.is_empty() {
            findings.push(Finding::warning(
                &*place,
                format!("nobody knows whose these are, as they are damaged: {}", listed(without_head)),
                "put them back from a copy of the store; if no instance is reported as damaged, none needs them, and \
                 they can be removed by hand",
            ));
        }
        if !unknown.is_empty() {
            let what = format!("no host has written {}; they are left alone", listed(unknown));
            findings.push(Finding::info(&*place, what));
        }
        Ok(findings)
    }
}

/// How many there are, and the first of them.
fn listed(mut names: Vec<String>) -> String {
    names.sort_unstable();
    let (count, more) = (names.len(), names.len() > NAMED);
    names.truncate(NAMED);
    let blobs = if count == 1 { "blob" } else { "blobs" };
    format!("{count} {blobs} ({}{})", names.join(", "), if more { ", ..." } else { "" })
}
