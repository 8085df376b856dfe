//! What a host counts: a typed snapshot, and the counters that it is made of.
//!
//! A host always counts; [`HostMetrics`] is what it has counted since it started, and how it is now.
//! `Host::metrics` gives it, [`HostMetrics::to_prometheus`] writes it as text.
//!
//! What becomes durable is counted once its append has succeeded: what a lost append has taken with it
//! counts nothing. Each host counts its own work, so the sum over the hosts of a store is that of the
//! store.
//!
//! The number of names is bounded: an activity or an orchestration that is registered has its own, up to
//! [`MAX_NAMES`] of each kind in the order of their names; everything else is [`OTHER`].

mod counter;
mod families;
mod groups;
mod histogram;
mod names;
#[cfg(feature = "otel")]
mod otel;
mod prometheus;
mod recorder;
mod seconds;
mod shapes;
mod shard;

use std::collections::BTreeMap;

use reenact_core::Timestamp;
use serde::{Deserialize, Serialize};

pub use groups::{
    ActivityMetrics, AdmissionMetrics, InstanceMetrics, LogMetrics, OrchestrationMetrics,
    QueueMetrics, ShardMetrics, StoreMetrics, TimerMetrics,
};
pub use histogram::Histogram;
#[cfg(feature = "otel")]
pub use opentelemetry::metrics::Meter;

pub(crate) use names::{Label, Labels};
#[cfg(feature = "otel")]
pub(crate) use otel::register;
pub(crate) use recorder::{AdmissionRecorder, HostRecorder, QueueRecorder, StoreRecorder};
pub(crate) use shard::{
    ActivityEnd, ExecutionEnd, ParkKind, ShardRecorder, Tally, TallyOfActivity,
};

/// The name under which everything is counted that has no name of its own.
pub const OTHER: &str = "other";

/// The maximum number of activities that are counted by name, and of orchestrations.
pub const MAX_NAMES: usize = 500;

/// What a host has counted since it started, and how it is now. Times are in seconds.
///
/// Counts only rise while the host runs. Two snapshots need not be of one instant in all of their
/// numbers: the host goes on while they are read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HostMetrics {
    /// When it was taken, by the clock of the store; in JSON as seconds since 1970.
    #[serde(with = "seconds")]
    pub at: Timestamp,
    /// When the host started, by the same clock; in JSON as seconds since 1970.
    #[serde(with = "seconds")]
    pub started_at: Timestamp,
    /// What was appended to the log.
    pub log: LogMetrics,
    /// The activities by name.
    pub activities: BTreeMap<String, ActivityMetrics>,
    /// The orchestrations by name.
    pub orchestrations: BTreeMap<String, OrchestrationMetrics>,
    /// The instances in memory.
    pub instances: InstanceMetrics,
    /// The durable timers.
    pub timers: TimerMetrics,
    /// Those that wait to be let in.
    pub admission: AdmissionMetrics,
    /// The queues between hosts.
    pub queues: QueueMetrics,
    /// The shards of this host.
    pub shards: ShardMetrics,
    /// The store.
    pub store: StoreMetrics,
    /// Number of places where user code blocks its thread now, and has done so for longer than
    /// [`HostOptions::stalls_after`](crate::HostOptions::stalls_after).
    pub stalled: u64,
}
