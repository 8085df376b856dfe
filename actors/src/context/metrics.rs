//! The metrics of a host: what its recorder has counted, and what its other parts know.

use reenact_providers::InstanceState;

use super::host::HostContext;
use crate::metrics::{HostMetrics, OTHER};

impl HostContext {
    /// What the host has counted, and how it is now.
    pub(crate) fn metrics(&self) -> HostMetrics {
        let mut metrics = self.recorder.snapshot(self.store.clock.now());
        metrics.instances.in_memory = self.routes.in_memory() as u64;
        metrics.instances.in_memory_bytes = self.footprints.bytes() as u64;
        for (kind, number) in self.routes.parked_by_kind() {
            metrics.instances.parked_now.insert(kind.to_owned(), number);
        }
        let counts = self.counted_instances.look(&self.store.histories, metrics.at);
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
        metrics.store.unarchived_bytes = self.store.histories.unarchived_bytes();
        metrics.shards.held = self.leases_held.len() as u64;
        metrics.stalled = self.routes.stalls.all().len() as u64;
        metrics
    }
}
