//! What the actors of one shard count.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reenact_core::{CorrelationId, Name, Timestamp};

use super::counter::{Counter, Recorded};
use super::groups::TimerMetrics;
use super::groups::{ActivityMetrics, InstanceMetrics, LogMetrics, OrchestrationMetrics};
use super::names::{Label, Labels};
use super::shapes;

/// The counters of a shard. They outlive the actors of the shard. On cache lines of their own: mostly
/// one thread changes them.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct ShardRecorder {
    /// What time it is, about, in microseconds: read by an instance for its message, or after an append.
    now: AtomicU64,
    turns_per_append: Recorded,
    bytes_per_append: Recorded,
    append_time: Recorded,
    failed_appends: Counter,
    activities: Box<[OfActivity]>,
    orchestrations: Box<[OfOrchestration]>,
    activated: Counter,
    passivated: Counter,
    replayed_events: Counter,
    replay_time: Recorded,
    parked: [Counter; ParkKind::ALL.len()],
    timers_armed: AtomicU64,
    timers_late: Recorded,
}

#[derive(Debug, Default)]
struct OfActivity {
    begun: Counter,
    left: Counter,
    ends: [Counter; ActivityEnd::NUMBER],
    /// Made when the first attempt has ended: most activities are not used in all shards.
    attempt_time: OnceLock<Box<Recorded>>,
    wait_time: OnceLock<Box<Recorded>>,
}

#[derive(Debug, Default)]
struct OfOrchestration {
    started: Counter,
    ends: [Counter; ExecutionEnd::NUMBER],
    time: OnceLock<Box<Recorded>>,
}

/// How a call of an activity, or an attempt, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ActivityEnd {
    Completed,
    Failed,
    TimedOut,
    Cancelled,
    Panicked,
    HostDied,
    /// The attempt failed, and another will follow.
    Retried,
}

impl ActivityEnd {
    const NUMBER: usize = 7;
}

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExecutionEnd {
    Completed,
    Failed,
    Cancelled,
    Terminated,
    Continued,
}

impl ExecutionEnd {
    const NUMBER: usize = 5;
}

/// The kind of a reason to park.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParkKind {
    Nondeterministic,
    Malformed,
    UnknownOrchestration,
    UnknownVersion,
    UnknownActivity,
    Unreadable,
    Crashed,
    HostDied,
    Recorded,
    Stalled,
}

impl ParkKind {
    const ALL: [Self; 10] = [
        Self::Nondeterministic,
        Self::Malformed,
        Self::UnknownOrchestration,
        Self::UnknownVersion,
        Self::UnknownActivity,
        Self::Unreadable,
        Self::Crashed,
        Self::HostDied,
        Self::Recorded,
        Self::Stalled,
    ];

    /// As it stands in a snapshot.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Nondeterministic => "nondeterministic",
            Self::Malformed => "malformed",
            Self::UnknownOrchestration => "unknown_orchestration",
            Self::UnknownVersion => "unknown_version",
            Self::UnknownActivity => "unknown_activity",
            Self::Unreadable => "unreadable",
            Self::Crashed => "crashed",
            Self::HostDied => "host_died",
            Self::Recorded => "recorded",
            Self::Stalled => "stalled",
        }
    }
}

/// What a turn counts once it is durable.
#[derive(Debug)]
pub(crate) struct Tally {
    /// The orchestration of its instance.
    pub(crate) orchestration: Label,
    /// Whether the instance began with it.
    pub(crate) has_started: bool,
    /// How the execution ended, if it did.
    pub(crate) end: Option<ExecutionEnd>,
    pub(crate) at: Timestamp,
    /// When the instance was started.
    pub(crate) created_at: Timestamp,
    /// How late the timer was that fired, if one did.
    pub(crate) late: Option<Duration>,
    /// The activity of which an attempt ended, if one did.
    pub(crate) activity: Option<TallyOfActivity>,
    /// The local activities that ran before their schedule was durable, and were cancelled.
    pub(crate) cancelled_in_place: Vec<Label>,
}

/// What a turn counts of an activity.
#[derive(Debug)]
pub(crate) struct TallyOfActivity {
    pub(crate) id: CorrelationId,
    pub(crate) end: ActivityEnd,
    /// Its name, if the attempt did not end on this host.
    pub(crate) name: Option<Name>,
}

impl Tally {
    /// Of a turn that counts nothing besides itself.
    pub(crate) const NOTHING: Self = Self {
        orchestration: Label::OTHER,
        has_started: false,
        end: None,
        at: Timestamp::EPOCH,
        created_at: Timestamp::EPOCH,
        late: None,
        activity: None,
        cancelled_in_place: Vec::new(),
    };
}

impl ShardRecorder {
    pub(crate) fn new(activities: usize, orchestrations: usize) -> Self {
        Self {
            now: AtomicU64::new(0),
            turns_per_append: Recorded::new(&shapes::TURNS),
            bytes_per_append: Recorded::new(&shapes::BYTES),
            append_time: Recorded::new(&shapes::APPEND),
            failed_appends: Counter::default(),
            activities: (0..activities).map(|_| OfActivity::default()).collect(),
            orchestrations: (0..orchestrations).map(|_| OfOrchestration::default()).collect(),
            activated: Counter::default(),
            passivated: Counter::default(),
            replayed_events: Counter::default(),
            replay_time: Recorded::new(&shapes::REPLAY),
            parked: Default::default(),
            timers_armed: AtomicU64::new(0),
            timers_late: Recorded::new(&shapes::LATE),
        }
    }

    /// Somebody has read the clock.
    pub(crate) fn set_now(&self, now: Timestamp) {
        self.now.store(now.as_micros(), Ordering::Relaxed);
    }

    /// What time it was when somebody on this shard last read the clock.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now.load(Ordering::Relaxed))
    }

    /// An append has succeeded. For the persistence actor, of which there is one at a time.
    pub(crate) fn appended(&self, turns: usize, bytes: usize, took: Duration) {
        if turns > 0 {
            self.turns_per_append.record_alone(turns as u64);
            self.bytes_per_append.record_alone(bytes as u64);
            self.append_time.record_alone(nanos(took));
        }
    }

    /// An append has failed for good.
    pub(crate) fn has_lost_append(&self) {
        self.failed_appends.count();
    }

    /// Counts a turn that is durable, with the activity whose attempt ended in it and when that began, if
    /// it was on this host.
    pub(crate) fn count(&self, tally: &Tally, names: &Labels, attempt: Option<(Label, Timestamp)>) {
        if let Some(TallyOfActivity { end, name, .. }) = &tally.activity {
            let named = || name.as_ref().map_or(Label::OTHER, |name| names.label(name));
            let label = attempt.map_or_else(named, |(label, _)| label);
            let activity = self.activity(label);
            activity.ends[*end as usize].count();
            if let Some((_, began)) = attempt {
                activity.attempt_took(tally.at.since(began));
            }
        }
        for label in &tally.cancelled_in_place {
            self.call_is_cancelled(*label);
        }
        if let Some(late) = tally.late {
            self.timers_late.record(micros(late));
        }
        if tally.has_started || tally.end.is_some() {
            self.orchestration(tally.orchestration).count(tally);
        }
    }

    /// An attempt has its place, and begins.
    pub(crate) fn attempt_begins(&self, activity: Label) {
        self.activity(activity).begun.count();
    }

    /// An attempt had to wait so long for its place.
    pub(crate) fn attempt_waited(&self, activity: Label, time: Duration) {
        let waits = &self.activity(activity).wait_time;
        waits.get_or_init(|| Box::new(Recorded::new(&shapes::WAIT))).record(micros(time));
    }

    /// An attempt has given its place back.
    pub(crate) fn attempt_leaves(&self, activity: Label) {
        self.activity(activity).left.count();
    }

    /// An attempt for an instance of another host has ended.
    pub(crate) fn attempt_took(&self, activity: Label, time: Duration) {
        self.activity(activity).attempt_took(time);
    }

    /// A call was cancelled.
    pub(crate) fn call_is_cancelled(&self, activity: Label) {
        self.activity(activity).ends[ActivityEnd::Cancelled as usize].count();
    }

    /// An instance was replayed.
    pub(crate) fn has_replayed(&self, events: u64, took: Duration) {
        self.activated.count();
        self.replayed_events.add(events);
        self.replay_time.record(nanos(took));
    }

    /// An unfinished instance has left memory.
    pub(crate) fn has_passivated(&self) {
        self.passivated.count();
    }

    /// An instance is parked.
    pub(crate) fn has_parked(&self, kind: ParkKind) {
        self.parked[kind as usize].count();
    }

    /// So many timers are armed.
    pub(crate) fn are_armed(&self, timers: usize) {
        self.timers_armed.store(timers as u64, Ordering::Relaxed);
    }

    fn activity(&self, label: Label) -> &OfActivity {
        &self.activities[label.place(self.activities.len())]
    }

    fn orchestration(&self, label: Label) -> &OfOrchestration {
        &self.orchestrations[label.place(self.orchestrations.len())]
    }

    pub(super) fn add_to_log(&self, log: &mut LogMetrics) {
        log.turns += self.turns_per_append.sum();
        log.bytes += self.bytes_per_append.sum();
        log.failed_appends += self.failed_appends.get();
        self.turns_per_append.add_to(&mut log.turns_per_append);
        self.bytes_per_append.add_to(&mut log.bytes_per_append);
        self.append_time.add_to(&mut log.append_seconds);
        log.appends = log.turns_per_append.count();
    }

    pub(super) fn add_to_activity(&self, place: usize, all: &mut ActivityMetrics) {
        let Some(own) = self.activities.get(place) else { return };
        // In this order: an attempt that ends meanwhile is not counted as one that runs for ever.
        let left = own.left.get();
        let begun = own.begun.get();
        let end = |end: ActivityEnd| own.ends[end as usize].get();
        all.running += begun.saturating_sub(left);
        all.attempts += begun;
        all.retries += end(ActivityEnd::Retried);
        all.completed += end(ActivityEnd::Completed);
        all.failed += end(ActivityEnd::Failed);
        all.timed_out += end(ActivityEnd::TimedOut);
        all.cancelled += end(ActivityEnd::Cancelled);
        all.panicked += end(ActivityEnd::Panicked);
        all.host_died += end(ActivityEnd::HostDied);
        if let Some(times) = own.attempt_time.get() {
            times.add_to(&mut all.attempt_seconds);
        }
        let waited = all.wait_seconds.count();
        if let Some(times) = own.wait_time.get() {
            times.add_to(&mut all.wait_seconds);
        }
        // Attempts that did not wait are not recorded one by one.
        let waited = all.wait_seconds.count() - waited;
        if let Some(at_once) = all.wait_seconds.counts.first_mut() {
            *at_once += begun.saturating_sub(waited);
        }
    }

    pub(super) fn add_to_orchestration(&self, place: usize, all: &mut OrchestrationMetrics) {
        let Some(own) = self.orchestrations.get(place) else { return };
        let end = |end: ExecutionEnd| own.ends[end as usize].get();
        all.started += own.started.get();
        all.completed += end(ExecutionEnd::Completed);
        all.failed += end(ExecutionEnd::Failed);
        all.cancelled += end(ExecutionEnd::Cancelled);
        all.terminated += end(ExecutionEnd::Terminated);
        all.continued += end(ExecutionEnd::Continued);
        if let Some(times) = own.time.get() {
            times.add_to(&mut all.seconds);
        }
    }

    pub(super) fn add_to_instances(&self, instances: &mut InstanceMetrics) {
        instances.activated += self.activated.get();
        instances.passivated += self.passivated.get();
        instances.replayed_events += self.replayed_events.get();
        self.replay_time.add_to(&mut instances.replay_seconds);
        for (kind, number) in ParkKind::ALL.into_iter().zip(&self.parked) {
            *instances.parked.entry(kind.text().to_owned()).or_default() += number.get();
        }
    }

    pub(super) fn add_to_timers(&self, timers: &mut TimerMetrics) {
        timers.armed += self.timers_armed.load(Ordering::Relaxed);
        self.timers_late.add_to(&mut timers.late_seconds);
        timers.fired = timers.late_seconds.count();
    }
}

impl OfActivity {
    fn attempt_took(&self, time: Duration) {
        let times = self.attempt_time.get_or_init(|| Box::new(Recorded::new(&shapes::ATTEMPT)));
        times.record(micros(time));
    }
}

impl OfOrchestration {
    fn count(&self, tally: &Tally) {
        if tally.has_started {
            self.started.count();
        }
        let Some(end) = tally.end else { return };
        self.ends[end as usize].count();
        if end != ExecutionEnd::Continued {
            let time = self.time.get_or_init(|| Box::new(Recorded::new(&shapes::LIFE)));
            time.record(micros(tally.at.since(tally.created_at)));
        }
    }
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
