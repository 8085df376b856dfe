//! What a whole host counts, and the snapshot of all of its counters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use reenact_core::{Name, ShardId, Timestamp};
use reenact_providers::ProviderError;

use super::counter::{Counter, Recorded};
use super::groups::{AdmissionMetrics, QueueMetrics, ShardMetrics};
use super::names::{Label, Labels};
use super::shard::{ShardRecorder, micros};
use super::{HostMetrics, OTHER, shapes};

/// The counters of a host.
#[derive(Debug)]
pub(crate) struct HostRecorder {
    started_at: Timestamp,
    activities: Labels,
    orchestrations: Labels,
    shards: Box<[Arc<ShardRecorder>]>,
    pub(crate) admission: Arc<AdmissionRecorder>,
    pub(crate) queues: Arc<QueueRecorder>,
    pub(crate) store: Arc<StoreRecorder>,
    pub(crate) shards_taken: Counter,
    pub(crate) shards_given_up: Counter,
    pub(crate) shards_restarted: Counter,
}

impl HostRecorder {
    pub(crate) fn new(
        activities: Labels,
        orchestrations: Labels,
        shards: u32,
        started_at: Timestamp,
    ) -> Arc<Self> {
        let of_shard = |_| Arc::new(ShardRecorder::new(activities.len(), orchestrations.len()));
        let shards = (0..shards.max(1)).map(of_shard).collect();
        Arc::new(Self {
            started_at,
            activities,
            orchestrations,
            shards,
            admission: Arc::default(),
            queues: Arc::default(),
            store: Arc::default(),
            shards_taken: Counter::default(),
            shards_given_up: Counter::default(),
            shards_restarted: Counter::default(),
        })
    }

    /// Of a unit test: without names.
    #[cfg(test)]
    pub(crate) fn of_test() -> Arc<Self> {
        let none = || Labels::of(Vec::new());
        Self::new(none(), none(), 1, Timestamp::EPOCH)
    }

    /// The counters of a shard.
    pub(crate) fn of_shard(&self, shard: ShardId) -> &Arc<ShardRecorder> {
        &self.shards[shard.0 as usize % self.shards.len()]
    }

    /// The names of activities.
    pub(crate) const fn activities(&self) -> &Labels {
        &self.activities
    }

    /// The label of an orchestration.
    pub(crate) fn orchestration(&self, name: &Name) -> Label {
        self.orchestrations.label(name)
    }

    /// What was counted. What somebody else knows is left out.
    pub(crate) fn snapshot(&self, at: Timestamp) -> HostMetrics {
        let mut all = HostMetrics { at, started_at: self.started_at, ..HostMetrics::default() };
        for shard in &self.shards {
            shard.add_to_log(&mut all.log);
            shard.add_to_instances(&mut all.instances);
            shard.add_to_timers(&mut all.timers);
        }
        for (place, name) in self.activities.texts().enumerate() {
            let activity = all.activities.entry(name.to_owned()).or_default();
            activity.attempt_seconds = shapes::ATTEMPT.empty();
            activity.wait_seconds = shapes::WAIT.empty();
            self.shards.iter().for_each(|shard| shard.add_to_activity(place, activity));
        }
        for (place, name) in self.orchestrations.texts().enumerate() {
            let orchestration = all.orchestrations.entry(name.to_owned()).or_default();
            orchestration.seconds = shapes::LIFE.empty();
            self.shards.iter().for_each(|shard| shard.add_to_orchestration(place, orchestration));
        }
        // Where nothing was counted there is nothing to show.
        all.activities.retain(|name, activity| name != OTHER || activity.is_used());
        all.orchestrations.retain(|name, orchestration| name != OTHER || orchestration.is_used());
        all.admission = self.admission.snapshot();
        all.queues = self.queues.snapshot();
        all.shards = ShardMetrics {
            held: 0,
            taken: self.shards_taken.get(),
            given_up: self.shards_given_up.get(),
            restarted: self.shards_restarted.get(),
        };
        all.store.errors = self.store.errors();
        all
    }
}

/// What admission counts.
#[derive(Debug)]
pub(crate) struct AdmissionRecorder {
    message_waits: Counter,
    instance_waits: Counter,
    messages_waiting: AtomicU64,
    instances_waiting: AtomicU64,
    pub(crate) refusals: Counter,
    waits: Recorded,
}

impl Default for AdmissionRecorder {
    fn default() -> Self {
        Self {
            message_waits: Counter::default(),
            instance_waits: Counter::default(),
            messages_waiting: AtomicU64::new(0),
            instances_waiting: AtomicU64::new(0),
            refusals: Counter::default(),
            waits: Recorded::new(&shapes::WAIT),
        }
    }
}

/// A wait that is under way. It ends when this is dropped.
pub(crate) struct CountedWait<'a> {
    recorder: &'a AdmissionRecorder,
    waiting: &'a AtomicU64,
    began: Instant,
}

impl AdmissionRecorder {
    /// A message begins to wait.
    pub(crate) fn message_waits(&self) -> CountedWait<'_> {
        self.begin(&self.message_waits, &self.messages_waiting)
    }

    /// Somebody begins to wait for a place for an instance.
    pub(crate) fn instance_waits(&self) -> CountedWait<'_> {
        self.begin(&self.instance_waits, &self.instances_waiting)
    }

    fn begin<'a>(&'a self, all: &Counter, waiting: &'a AtomicU64) -> CountedWait<'a> {
        all.count();
        waiting.fetch_add(1, Ordering::Relaxed);
        CountedWait { recorder: self, waiting, began: Instant::now() }
    }

    fn snapshot(&self) -> AdmissionMetrics {
        let mut wait_seconds = shapes::WAIT.empty();
        self.waits.add_to(&mut wait_seconds);
        AdmissionMetrics {
            message_waits: self.message_waits.get(),
            messages_waiting: self.messages_waiting.load(Ordering::Relaxed),
            instance_waits: self.instance_waits.get(),
            instances_waiting: self.instances_waiting.load(Ordering::Relaxed),
            busy_refusals: self.refusals.get(),
            wait_seconds,
        }
    }
}

impl Drop for CountedWait<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.recorder.waits.record(micros(self.began.elapsed()));
    }
}

/// What passes the queues between hosts.
#[derive(Debug, Default)]
pub(crate) struct QueueRecorder {
    pub(crate) sent: Counter,
    received: Counter,
    redelivered: Counter,
    pub(crate) quarantined: Counter,
    pub(crate) requeued: Counter,
}

impl QueueRecorder {
    /// A message was received, for this time.
    pub(crate) fn received(&self, attempt: u32) {
        self.received.count();
        if attempt > 1 {
            self.redelivered.count();
        }
    }

    fn snapshot(&self) -> QueueMetrics {
        QueueMetrics {
            waiting: None,
            oldest_seconds: None,
            oldest_shard: None,
            sent: self.sent.get(),
            received: self.received.get(),
            redelivered: self.redelivered.get(),
            quarantined: self.quarantined.get(),
            requeued: self.requeued.get(),
        }
    }
}

/// The failures of the store.
#[derive(Debug, Default)]
pub(crate) struct StoreRecorder {
    errors: [Counter; KINDS.len()],
}

/// The kinds of failures, as they stand in a snapshot.
const KINDS: [&str; 8] =
    ["fenced", "conflict", "too_large", "throttled", "unavailable", "corrupt", "moved", "unknown"];

impl StoreRecorder {
    /// A call has failed.
    pub(crate) fn failed(&self, error: &ProviderError) {
        let place = match error {
            ProviderError::Fenced { .. } => 0,
            ProviderError::Conflict { .. } => 1,
            ProviderError::TooLarge { .. } => 2,
            ProviderError::Throttled { .. } => 3,
            ProviderError::Unavailable { .. } => 4,
            ProviderError::Corrupt { .. } | ProviderError::Undecodable { .. } => 5,
            ProviderError::Moved { .. } => 6,
            // The enum may grow: what is not known of an error is not known of its call.
            ProviderError::Unknown { .. } => 7,
            // An answer, and the end of the host.
            ProviderError::NotFound { .. } | ProviderError::Closed => return,
            _ => 7,
        };
        self.errors[place].count();
    }

    fn errors(&self) -> BTreeMap<String, u64> {
        KINDS
            .iter()
            .zip(&self.errors)
            .map(|(kind, number)| ((*kind).to_owned(), number.get()))
            .collect()
    }
}
