//! The figures of a snapshot by name, as exporters give them on.

use super::HostMetrics;
use super::groups::{ActivityMetrics, OrchestrationMetrics};
use super::histogram::Histogram;

/// A figure, and its value for each set of labels.
pub(crate) struct Family<'a> {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) points: Points<'a>,
}

pub(crate) enum Points<'a> {
    /// Numbers that only rise.
    Counter(Vec<Point<'a, f64>>),
    Gauge(Vec<Point<'a, f64>>),
    Histogram(Vec<Point<'a, &'a Histogram>>),
}

/// A value, and its labels.
pub(crate) struct Point<'a, T> {
    pub(crate) labels: Vec<(&'static str, &'a str)>,
    pub(crate) value: T,
}

const ACTIVITY: &str = "activity";
const ORCHESTRATION: &str = "orchestration";
const OUTCOME: &str = "outcome";

impl HostMetrics {
    /// All figures, in the order in which they are shown. It depends on nothing but the names and labels.
    pub(crate) fn families(&self) -> Vec<Family<'_>> {
        let mut all = vec![gauge(
            "reenact_start_time_seconds",
            "When the host started, in seconds since the Unix epoch.",
            self.started_at.as_micros() as f64 / 1e6,
        )];
        all.extend(self.of_the_log());
        all.extend(self.of_activities());
        all.extend(self.of_orchestrations());
        all.extend(self.of_instances());
        all.extend(self.of_timers_and_admission());
        all.extend(self.of_the_store());
        all
    }

    fn of_the_log(&self) -> Vec<Family<'_>> {
        let log = &self.log;
        vec![
            counter("reenact_turns_total", "Turns that are durable.", log.turns),
            counter("reenact_turn_bytes_total", "Bytes of the turns that are durable.", log.bytes),
            counter("reenact_appends_total", "Appends of turns that have succeeded.", log.appends),
            counter(
                "reenact_appends_failed_total",
                "Appends that failed for good; each starts its shard again from its log.",
                log.failed_appends,
            ),
            histogram("reenact_append_turns", "Turns in each append.", &log.turns_per_append),
            histogram("reenact_append_bytes", "Bytes in each append.", &log.bytes_per_append),
            histogram("reenact_append_seconds", "How long appends took.", &log.append_seconds),
        ]
    }

    fn of_activities(&self) -> Vec<Family<'_>> {
        let number = |of: fn(&ActivityMetrics) -> u64| {
            let activities = self.activities.iter();
            activities.map(move |(name, activity)| number(ACTIVITY, name, of(activity))).collect()
        };
        let times = |of: fn(&ActivityMetrics) -> &Histogram| {
            let activities = self.activities.iter();
            activities.map(move |(name, activity)| one(ACTIVITY, name, of(activity))).collect()
        };
        let ends = self.activities.iter().flat_map(|(name, activity)| {
            ends_of_activity(activity)
                .map(|(outcome, value)| with_outcome(ACTIVITY, name, outcome, value))
        });
        vec![
            gauges(
                "reenact_activity_running",
                "Attempts that run on this host now.",
                number(|activity| activity.running),
            ),
            gauges(
                "reenact_activity_waiting",
                "Attempts that wait for a place on this host now.",
                number(|activity| activity.waiting),
            ),
            counters(
                "reenact_activity_attempts_total",
                "Attempts that have begun on this host.",
                number(|activity| activity.attempts),
            ),
            counters(
                "reenact_activity_retries_total",
                "Attempts that failed, with another to follow.",
                number(|activity| activity.retries),
            ),
            counters(
                "reenact_activity_calls_total",
                "Calls that have ended, by their outcome.",
                ends.collect(),
            ),
            histograms(
                "reenact_activity_attempt_seconds",
                "How long attempts took, until the instance took up the result.",
                times(|activity| &activity.attempt_seconds),
            ),
            histograms(
                "reenact_activity_wait_seconds",
                "How long attempts waited for a place.",
                times(|activity| &activity.wait_seconds),
            ),
        ]
    }

    fn of_orchestrations(&self) -> Vec<Family<'_>> {
        let number = |of: fn(&OrchestrationMetrics) -> u64| {
            let all = self.orchestrations.iter();
            all.map(move |(name, orchestration)| number(ORCHESTRATION, name, of(orchestration)))
                .collect()
        };
        let ends = self.orchestrations.iter().flat_map(|(name, orchestration)| {
            ends_of_orchestration(orchestration)
                .map(|(outcome, value)| with_outcome(ORCHESTRATION, name, outcome, value))
        });
        let times = self.orchestrations.iter();
        let times = times.map(|(name, of)| one(ORCHESTRATION, name, &of.seconds)).collect();
        vec![
            counters(
                "reenact_orchestration_started_total",
                "Instances that were started.",
                number(|orchestration| orchestration.started),
            ),
            counters(
                "reenact_orchestration_ended_total",
                "Instances that have ended, by their outcome.",
                ends.collect(),
            ),
            counters(
                "reenact_orchestration_continued_total",
                "Executions that went on as a new one.",
                number(|orchestration| orchestration.continued),
            ),
            histograms(
                "reenact_orchestration_seconds",
                "How long instances took from their start to their end.",
                times,
            ),
        ]
    }

    fn of_instances(&self) -> Vec<Family<'_>> {
        let instances = &self.instances;
        let parked = by(&instances.parked, "reason");
        let parked_now = by(&instances.parked_now, "reason");
        let by_state = instances.by_state.iter().flat_map(|(name, states)| {
            states.iter().map(move |(state, number)| Point {
                labels: vec![(ORCHESTRATION, name.as_str()), ("state", state.as_str())],
                value: *number as f64,
            })
        });
        vec![
            gauge(
                "reenact_instances_in_memory",
                "Instances in memory now.",
                instances.in_memory as f64,
            ),
            gauge(
                "reenact_instances_in_memory_bytes",
                "Bytes that the instances in memory hold now.",
                instances.in_memory_bytes as f64,
            ),
            counter(
                "reenact_instances_activated_total",
                "Instances that came into memory by replay.",
                instances.activated,
            ),
            counter(
                "reenact_instances_passivated_total",
                "Unfinished instances that left memory.",
                instances.passivated,
            ),
            counter(
                "reenact_replayed_events_total",
                "Events that were replayed.",
                instances.replayed_events,
            ),
            histogram(
                "reenact_replay_seconds",
                "How long replays took, the reading of the log included.",
                &instances.replay_seconds,
            ),
            counters(
                "reenact_instances_parked_total",
                "Instances that were parked, by the kind of the reason.",
                parked,
            ),
            gauges(
                "reenact_instances_parked",
                "Instances that are parked now as far as this host knows.",
                parked_now,
            ),
            gauges(
                "reenact_instances",
                "Instances of the whole store, as it has said last.",
                by_state.collect(),
            ),
            gauge(
                "reenact_stalled",
                "Places where user code blocks its thread now.",
                self.stalled as f64,
            ),
        ]
    }

    fn of_timers_and_admission(&self) -> Vec<Family<'_>> {
        let (timers, admission) = (&self.timers, &self.admission);
        vec![
            gauge("reenact_timers_armed", "Timers that are armed now.", timers.armed as f64),
            counter("reenact_timers_fired_total", "Timers that fired.", timers.fired),
            histogram("reenact_timer_late_seconds", "How late timers fired.", &timers.late_seconds),
            counter(
                "reenact_admission_message_waits_total",
                "Messages that had to wait because too many were in flight.",
                admission.message_waits,
            ),
            gauge(
                "reenact_admission_messages_waiting",
                "Messages that wait to be let in now.",
                admission.messages_waiting as f64,
            ),
            counter(
                "reenact_admission_instance_waits_total",
                "Waits for a place for an instance in memory.",
                admission.instance_waits,
            ),
            gauge(
                "reenact_admission_instances_waiting",
                "Those that wait for a place for an instance now.",
                admission.instances_waiting as f64,
            ),
            counter(
                "reenact_admission_busy_refusals_total",
                "Calls of clients that were refused because the host was busy.",
                admission.busy_refusals,
            ),
            histogram(
                "reenact_admission_wait_seconds",
                "How long those waits took that have ended.",
                &admission.wait_seconds,
            ),
        ]
    }

    fn of_the_store(&self) -> Vec<Family<'_>> {
        let (queues, shards, store) = (&self.queues, &self.shards, &self.store);
        let known = |number: Option<f64>| {
            number.map(|value| Point { labels: vec![], value }).into_iter().collect()
        };
        vec![
            gauges(
                "reenact_queue_waiting",
                "Messages in the queues of all shards, as the store has said last.",
                known(queues.waiting.map(|messages| messages as f64)),
            ),
            gauges(
                "reenact_queue_oldest_seconds",
                "How old the oldest message in these queues was that no host had in hand.",
                known(queues.oldest_seconds),
            ),
            counter("reenact_queue_sent_total", "Messages that were sent.", queues.sent),
            counter(
                "reenact_queue_received_total",
                "Messages that were received.",
                queues.received,
            ),
            counter(
                "reenact_queue_redelivered_total",
                "Messages that were received not for the first time.",
                queues.redelivered,
            ),
            counter(
                "reenact_queue_quarantined_total",
                "Messages that were put into quarantine.",
                queues.quarantined,
            ),
            counter(
                "reenact_queue_requeued_total",
                "Messages that clients have taken out of quarantine and sent again.",
                queues.requeued,
            ),
            gauge("reenact_shards_held", "Shards that the host has now.", shards.held as f64),
            counter("reenact_shards_taken_total", "Shards that were taken.", shards.taken),
            counter("reenact_shards_given_up_total", "Shards that were given up.", shards.given_up),
            counter(
                "reenact_shards_restarted_total",
                "Shards that went down, to start again from their logs.",
                shards.restarted,
            ),
            gauges(
                "reenact_store_unarchived_bytes",
                "Bytes in the journals that the archive does not have yet.",
                known(store.unarchived_bytes.map(|bytes| bytes as f64)),
            ),
            counters(
                "reenact_store_errors_total",
                "Calls of the store that failed, by what their callers can do about it.",
                by(&store.errors, "kind"),
            ),
        ]
    }
}

fn ends_of_activity(activity: &ActivityMetrics) -> [(&'static str, u64); 6] {
    [
        ("completed", activity.completed),
        ("failed", activity.failed),
        ("timed_out", activity.timed_out),
        ("cancelled", activity.cancelled),
        ("panicked", activity.panicked),
        ("host_died", activity.host_died),
    ]
}

fn ends_of_orchestration(orchestration: &OrchestrationMetrics) -> [(&'static str, u64); 4] {
    [
        ("completed", orchestration.completed),
        ("failed", orchestration.failed),
        ("cancelled", orchestration.cancelled),
        ("terminated", orchestration.terminated),
    ]
}

fn one<'a, T>(label: &'static str, name: &'a str, value: T) -> Point<'a, T> {
    Point { labels: vec![(label, name)], value }
}

fn number<'a>(label: &'static str, name: &'a str, value: u64) -> Point<'a, f64> {
    one(label, name, value as f64)
}

fn with_outcome<'a>(
    label: &'static str,
    name: &'a str,
    outcome: &'static str,
    value: u64,
) -> Point<'a, f64> {
    Point { labels: vec![(label, name), (OUTCOME, outcome)], value: value as f64 }
}

fn by<'a>(
    numbers: &'a std::collections::BTreeMap<String, u64>,
    label: &'static str,
) -> Vec<Point<'a, f64>> {
    numbers.iter().map(|(name, value)| number(label, name, *value)).collect()
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Family<'static> {
    counters(name, help, vec![Point { labels: Vec::new(), value: value as f64 }])
}

fn counters<'a>(name: &'static str, help: &'static str, points: Vec<Point<'a, f64>>) -> Family<'a> {
    Family { name, help, points: Points::Counter(points) }
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Family<'static> {
    gauges(name, help, vec![Point { labels: Vec::new(), value }])
}

fn gauges<'a>(name: &'static str, help: &'static str, points: Vec<Point<'a, f64>>) -> Family<'a> {
    Family { name, help, points: Points::Gauge(points) }
}

fn histogram<'a>(name: &'static str, help: &'static str, value: &'a Histogram) -> Family<'a> {
    histograms(name, help, vec![Point { labels: Vec::new(), value }])
}

fn histograms<'a>(
    name: &'static str,
    help: &'static str,
    points: Vec<Point<'a, &'a Histogram>>,
) -> Family<'a> {
    Family { name, help, points: Points::Histogram(points) }
}
