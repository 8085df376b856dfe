//! The metrics of a host: what its recorder has counted, and what its other parts know.

use std::time::Duration;

use reenact_providers::{InstanceFilter, InstanceState, Waiting};

use super::host::HostContext;
use crate::metrics::{HostMetrics, OTHER};

/// The store is asked again how many instances it has when its answer is as old as this.
pub(crate) const INSTANCES_ASKED_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// The same, for the messages in queues: on Azure that is a request for each shard.
pub(crate) const QUEUES_ASKED_AGAIN_AFTER: Duration = Duration::from_secs(60);

impl HostContext {
    /// What the host has counted, and how it is now.
    pub(crate) fn metrics(&self) -> HostMetrics {
        let mut metrics = self.recorder.snapshot(self.store.clock.now());
        metrics.instances.in_memory = self.routes.in_memory() as u64;
        metrics.instances.in_memory_bytes = self.footprints.bytes() as u64;
        for (kind, number) in self.routes.parked_by_kind() {
            metrics.instances.parked_now.insert(kind.to_owned(), number);
        }
        let counts = self.counted_instances.look(metrics.at, || {
            let store = self.store.histories.clone();
            async move { store.counts(&InstanceFilter::new()).await.ok() }
        });
        for (name, counts) in counts.iter().flat_map(|counts| counts.orchestrations()) {
            let known = metrics.orchestrations.contains_key(name.as_str());
            let name = if known { name.as_str() } else { OTHER };
            let states = metrics.instances.by_state.entry(name.to_owned()).or_default();
            for state in InstanceState::ALL {
                *states.entry(state.name().to_owned()).or_default() += counts.of(*state);
            }
        }
        for (name, number) in self.workers.waiting() {
            let activities = &mut metrics.activities;
            let known = activities.contains_key(name.as_str());
            let name = if known { name.as_str() } else { OTHER };
            activities.entry(name.to_owned()).or_default().waiting += number as u64;
        }
        if let Some(queues) = &self.store.queue_client {
            let queued = self.queued.look(metrics.at, || {
                let (sharing, clock) = (queues.sharing.clone(), self.store.clock.clone());
                async move {
                    let waiting = sharing.waiting().await.ok().flatten();
                    waiting.map(|waiting| (clock.now(), waiting))
                }
            });
            if let Some((asked_at, Waiting { messages, oldest })) = queued.as_deref().copied() {
                let age = oldest.map(|oldest| asked_at.since(oldest.sent_at)).unwrap_or_default();
                metrics.queues.waiting = Some(messages);
                metrics.queues.oldest_seconds = Some(age.as_secs_f64());
                metrics.queues.oldest_shard = oldest.map(|oldest| oldest.shard.0);
            }
        }
        metrics.store.unarchived_bytes = self.store.histories.unarchived_bytes();
        metrics.shards.held = self.leases_held.len() as u64;
        metrics.stalled = self.routes.stalls.all().len() as u64;
        metrics
    }
}
