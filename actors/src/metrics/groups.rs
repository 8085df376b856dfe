//! The groups of a snapshot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::histogram::Histogram;

/// What was appended to the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LogMetrics {
    /// Turns that are durable.
    pub turns: u64,
    /// Appends of turns that have succeeded.
    pub appends: u64,
    /// Bytes of the turns that are durable.
    pub bytes: u64,
    /// Appends that failed for good: their shards started again from their logs.
    pub failed_appends: u64,
    /// Turns in each append.
    pub turns_per_append: Histogram,
    /// Bytes of the turns in each append.
    pub bytes_per_append: Histogram,
    /// How long appends took, in seconds.
    pub append_seconds: Histogram,
}

/// An activity. Attempts are counted where they run, ends where the instance is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ActivityMetrics {
    /// Attempts that run on this host now.
    pub running: u64,
    /// Attempts that wait for a place on this host now.
    pub waiting: u64,
    /// Attempts that have begun on this host.
    pub attempts: u64,
    /// Attempts that failed, with another to follow.
    pub retries: u64,
    /// Calls that returned a value.
    pub completed: u64,
    /// Calls that failed for good, for another reason than those below.
    pub failed: u64,
    /// Calls that took too long.
    pub timed_out: u64,
    /// Calls that were cancelled while an attempt of theirs waited or ran on this host.
    pub cancelled: u64,
    /// Calls that ended by a panic.
    pub panicked: u64,
    /// Calls that were given up because hosts died while they ran.
    pub host_died: u64,
    /// How long attempts took, from their begin until the instance took up the result, in seconds; by the
    /// clock of the store.
    pub attempt_seconds: Histogram,
    /// How long attempts waited for a place, from when their call was durable, in seconds.
    pub wait_seconds: Histogram,
}

impl ActivityMetrics {
    /// Whether anything was counted.
    pub(super) fn is_used(&self) -> bool {
        let Self { attempts, retries, completed, failed, timed_out, .. } = self;
        let Self { cancelled, panicked, host_died, .. } = self;
        attempts + retries + completed + failed + timed_out + cancelled + panicked + host_died > 0
    }
}

/// An orchestration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct OrchestrationMetrics {
    /// Instances that were started.
    pub started: u64,
    /// Instances that returned a value.
    pub completed: u64,
    /// Instances that failed.
    pub failed: u64,
    /// Instances that ended because they were cancelled.
    pub cancelled: u64,
    /// Instances that were terminated.
    pub terminated: u64,
    /// Executions that went on as a new one.
    pub continued: u64,
    /// How long instances took from their start to their end, in seconds; by the clock of the store.
    pub seconds: Histogram,
}

impl OrchestrationMetrics {
    /// Whether anything was counted.
    pub(super) fn is_used(&self) -> bool {
        let Self { started, completed, failed, cancelled, terminated, continued, .. } = self;
        started + completed + failed + cancelled + terminated + continued > 0
    }
}

/// The instances in memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct InstanceMetrics {
    /// Instances in memory now.
    pub in_memory: u64,
    /// What they hold now, in bytes.
    pub in_memory_bytes: u64,
    /// Instances that came into memory by replay.
    pub activated: u64,
    /// Unfinished instances that left memory.
    pub passivated: u64,
    /// Events that were replayed.
    pub replayed_events: u64,
    /// How long replays took, from reading the log until the code waits again, in seconds.
    pub replay_seconds: Histogram,
    /// Instances that were parked, by the kind of the reason.
    pub parked: BTreeMap<String, u64>,
    /// Instances that are parked now as far as this host knows, by the kind of the reason.
    pub parked_now: BTreeMap<String, u64>,
    /// Instances of the whole store, by orchestration and then by the name of their state, as the store has said
    /// last. Not only those of this host: hosts that share a store all say the same. The store is asked in the
    /// background when somebody looks, every ten seconds at most. So the first look finds nothing, and the next
    /// one finds the answer.
    pub by_state: BTreeMap<String, BTreeMap<String, u64>>,
}

/// The durable timers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TimerMetrics {
    /// Timers that are armed now; also those that bring an instance into memory or begin an attempt.
    pub armed: u64,
    /// Timers of orchestrations that fired.
    pub fired: u64,
    /// How late these fired, in seconds; by the clock of the store.
    pub late_seconds: Histogram,
}

/// Those that wait to be let in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AdmissionMetrics {
    /// Messages that had to wait because too many were in flight.
    pub message_waits: u64,
    /// Messages that wait now.
    pub messages_waiting: u64,
    /// Waits for a place for an instance in memory.
    pub instance_waits: u64,
    /// Those that wait for such a place now.
    pub instances_waiting: u64,
    /// Calls of clients that were refused because the host was busy.
    pub busy_refusals: u64,
    /// How long those waits took that have ended, in seconds.
    pub wait_seconds: Histogram,
}

/// The queues between hosts that share a store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct QueueMetrics {
    /// Messages in the queues of all shards, those in hand included, as the store has said last; `None` where the
    /// store has no queues, or cannot count them. Not only those of this host: hosts that share a store all say the
    /// same. The store is asked in the background when somebody looks, once a minute at most. So the first look
    /// finds nothing, and the next one finds the answer.
    pub waiting: Option<u64>,
    /// How old the oldest message in these queues was that no host had in hand, in seconds by the clock of the store;
    /// 0 where there was none. Asked as `waiting` is, and `None` where that is.
    pub oldest_seconds: Option<f64>,
    /// The shard in whose queue that message was, if there was one.
    pub oldest_shard: Option<u32>,
    /// Messages that this host has sent.
    pub sent: u64,
    /// Messages that this host has received, those that came again included.
    pub received: u64,
    /// Messages that were received not for the first time.
    pub redelivered: u64,
    /// Messages that this host has put into quarantine.
    pub quarantined: u64,
    /// Messages that clients of this host have taken out of quarantine and sent again.
    pub requeued: u64,
}

/// The shards of this host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ShardMetrics {
    /// Shards that the host has now.
    pub held: u64,
    /// Shards that were taken, each time.
    pub taken: u64,
    /// Shards that were given up, each time.
    pub given_up: u64,
    /// Shards that went down and are to start again from their logs, each time.
    pub restarted: u64,
}

/// The store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StoreMetrics {
    /// Bytes in the journals of this process's shards that are not in the archive yet; `None` where the
    /// store has no archive.
    pub unarchived_bytes: Option<u64>,
    /// Calls of the store that failed, by what their callers can do about it. What only says that
    /// something is not there, or that another host has a shard, is no failure.
    pub errors: BTreeMap<String, u64>,
}
