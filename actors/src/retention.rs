//! Removes the finished instances that are no longer kept.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use reenact_core::{InstanceId, Name, ShardId, Timestamp};
use reenact_providers::{InstanceFilter, Lease, PageRequest, ProviderError, TimeRange};

use crate::context::{HostContext, HostRef};
use crate::options::Retention;
use crate::task::Task;

/// The time from the end of a round to the next one, by the provider's clock.
const RETENTION_EVERY: Duration = Duration::from_secs(60);

/// Most instances in one purge: appends of the shard may wait for it.
const PURGED_AT_ONCE: usize = 512;

/// Instances that are looked at, and sorted by shard, at a time.
const LISTED_AT_ONCE: usize = 2_048;

/// Most instances that are chosen by age at a time, so that memory stays bounded.
const CHOSEN_AT_ONCE: u64 = 65_536;

/// Purges in rounds until the task is dropped; `None` when everything is kept.
pub(crate) fn begin(host: &HostRef) -> Option<Task> {
    let retention = host.options.retention;
    if retention == Retention::new() {
        return None;
    }
    let host = host.clone();
    Some(Task::spawn(async move {
        loop {
            let mut round = Round { host: &host, failed: BTreeSet::new() };
            if let Err(error) = round.run(retention).await {
                tracing::warn!(target: "reenact::host", parent: None, %error, "finished instances could not be listed; trying again later");
            }
            host.store.clock.sleep_until(host.store.clock.now() + RETENTION_EVERY).await;
        }
    }))
}

/// One look at everything that has finished. What fails in it is for the next one.
struct Round<'a> {
    host: &'a HostContext,
    /// Shards that did not take a purge: they are left alone for the rest of the round.
    failed: BTreeSet<ShardId>,
}

impl Round<'_> {
    async fn run(&mut self, retention: Retention) -> Result<(), ProviderError> {
        if let Some(kept) = retention.finished_for {
            self.purge_older_than(self.host.store.clock.now() - kept).await?;
        }
        if let Some(kept) = retention.finished_per_orchestration {
            for name in self.host.registry.orchestrations() {
                self.purge_all_but(kept, name).await?;
            }
        }
        Ok(())
    }

    async fn purge_older_than(&mut self, then: Timestamp) -> Result<(), ProviderError> {
        let finished = TimeRange { from: None, until: Some(then) };
        let filter = InstanceFilter::new().finished(finished);
        let mut next = Some(page(None));
        while let Some(request) = next {
            let page_of_them = self.host.store.histories.list(&filter, &request).await?;
            let old = page_of_them.instances.into_iter().map(|summary| summary.instance);
            self.purge(old).await;
            next = page_of_them.next.map(|after| page(Some(after)));
        }
        Ok(())
    }

    /// Keeps of an orchestration those that finished last.
    async fn purge_all_but(&mut self, kept: u64, name: Name) -> Result<(), ProviderError> {
        let finished = TimeRange { from: Some(Timestamp::EPOCH), until: None };
        let filter = InstanceFilter::new().name(name).finished(finished);
        loop {
            let excess = self.host.store.histories.count(&filter).await?.saturating_sub(kept);
            if excess == 0 {
                return Ok(());
            }
            let oldest = self.oldest(&filter, excess.min(CHOSEN_AT_ONCE)).await?;
            let purged = self.purge(oldest).await;
            // The rest is for the next round, or for the hosts that hold the other shards.
            if excess <= CHOSEN_AT_ONCE || purged == 0 {
                return Ok(());
            }
        }
    }

    /// Those that finished first, in order. What finishes meanwhile is younger than all of them.
    async fn oldest(
        &self,
        filter: &InstanceFilter,
        many: u64,
    ) -> Result<impl Iterator<Item = InstanceId> + use<>, ProviderError> {
        // The youngest of them is on top.
        let mut oldest = BinaryHeap::new();
        let mut next = Some(page(None));
        while let Some(request) = next {
            let page_of_them = self.host.store.histories.list(filter, &request).await?;
            for summary in page_of_them.instances {
                oldest.push((summary.updated_at, summary.instance));
                if oldest.len() as u64 > many {
                    oldest.pop();
                }
            }
            next = page_of_them.next.map(|after| page(Some(after)));
        }
        Ok(oldest.into_sorted_vec().into_iter().map(|(_, instance)| instance))
    }

    /// Purges them, where this host may; how many.
    async fn purge(&mut self, instances: impl Iterator<Item = InstanceId>) -> usize {
        let mut by_shard = BTreeMap::<ShardId, Vec<InstanceId>>::new();
        for instance in instances {
            by_shard.entry(self.host.routes.shard_of(&instance)).or_default().push(instance);
        }
        let mut purged = 0;
        for (shard, instances) in by_shard {
            for batch in instances.chunks(PURGED_AT_ONCE) {
                purged += self.purge_batch(shard, batch).await;
            }
        }
        purged
    }

    async fn purge_batch(&mut self, shard: ShardId, batch: &[InstanceId]) -> usize {
        let Some(lease) = self.lease(shard).filter(|_| !self.failed.contains(&shard)) else {
            return 0;
        };
        match purge_finished(self.host, batch, &lease).await {
            Ok(purged) => {
                tracing::debug!(target: "reenact::host", parent: None, %shard, instances = purged, "finished instances were purged");
                purged
            }
            Err(error) => {
                tracing::warn!(target: "reenact::host", parent: None, %shard, %error, "instances could not be purged; trying again later");
                self.failed.insert(shard);
                0
            }
        }
    }

    /// The lease of a shard that is held, and up.
    fn lease(&self, shard: ShardId) -> Option<Lease> {
        self.host.routes.supervisor(shard)?;
        self.host.leases_held.get(&shard).map(|lease| lease.clone())
    }
}

/// Purges those that have finished. The id of one may have been used again since it was listed.
async fn purge_finished(
    host: &HostContext,
    batch: &[InstanceId],
    lease: &Lease,
) -> Result<usize, ProviderError> {
    let _alone = host.purges.write().await;
    match host.store.histories.purge(batch, lease).await {
        Err(ProviderError::Conflict { .. }) => {}
        all => return all,
    }
    let mut purged = 0;
    for instance in batch.chunks(1) {
        match host.store.histories.purge(instance, lease).await {
            Ok(one) => purged += one,
            Err(ProviderError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(purged)
}

fn page(after: Option<InstanceId>) -> PageRequest {
    let page = PageRequest::new().limit(LISTED_AT_ONCE);
    match after {
        Some(after) => page.after(after),
        None => page,
    }
}
