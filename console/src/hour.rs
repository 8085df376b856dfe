//! The last hour of a host: points for plots, one each ten seconds, in bounded memory.

mod keeper;

use std::collections::VecDeque;
use std::time::Duration;

use reenact_actors::metrics::{Histogram, HostMetrics};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::Time;
use crate::limits::MAX_HOUR_POINTS;

pub(crate) use keeper::HourKeeper;

/// What a host did in the ten seconds before an instant, and how it was then. Durations are in milliseconds;
/// `null` where nothing of the kind has happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HourPoint {
    /// When the ten seconds ended.
    pub at: Time,
    /// Instances that were started, each second.
    pub started_per_second: f64,
    /// Instances that returned a value, each second.
    pub completed_per_second: f64,
    /// Instances that failed, each second.
    pub failed_per_second: f64,
    /// Turns that became durable, each second.
    pub steps_per_second: f64,
    /// Attempts of activities that began, each second.
    pub attempts_per_second: f64,
    /// How long the median append took.
    pub append_p50_ms: Option<f64>,
    /// How long an append took that 1% did not pass.
    pub append_p99_ms: Option<f64>,
    /// How long the median attempt of an activity took.
    pub activity_p50_ms: Option<f64>,
    /// How long an attempt took that 1% did not pass.
    pub activity_p99_ms: Option<f64>,
    /// How late a timer fired that 1% did not pass.
    pub timer_late_p99_ms: Option<f64>,
    /// Attempts of activities that ran.
    pub activities_running: u64,
    /// Attempts of activities that waited for a place.
    pub activities_waiting: u64,
    /// Instances in memory.
    pub in_memory: u64,
    /// What they held, in bytes.
    pub in_memory_bytes: u64,
    /// Instances that were parked, as far as the host knew.
    pub parked: u64,
}

/// The points of the last hour, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HourPoints {
    /// The time from each point to the next, in milliseconds.
    pub every_ms: u64,
    /// The points.
    pub points: Vec<HourPoint>,
}

/// Keeps the points. It gets a snapshot from time to time, and the time that has passed.
#[derive(Debug, Default)]
pub(crate) struct Hour {
    points: VecDeque<HourPoint>,
    last: Option<Sums>,
}

/// What a point is the difference of.
#[derive(Debug, Default)]
struct Sums {
    started: u64,
    completed: u64,
    failed: u64,
    turns: u64,
    attempts: u64,
    appends: Histogram,
    activities: Histogram,
    late: Histogram,
}

impl Hour {
    /// Takes a snapshot, `passed` after the one before. The first makes no point.
    pub(crate) fn take(&mut self, metrics: &HostMetrics, passed: Duration) {
        let now = Sums::of(metrics);
        if let Some(last) = &self.last {
            if self.points.len() >= MAX_HOUR_POINTS {
                self.points.pop_front();
            }
            self.points.push_back(point(metrics, &now, last, passed));
        }
        self.last = Some(now);
    }

    /// The points, oldest first.
    pub(crate) fn points(&self) -> Vec<HourPoint> {
        self.points.iter().cloned().collect()
    }
}

impl Sums {
    fn of(metrics: &HostMetrics) -> Self {
        let mut sums = Self {
            turns: metrics.log.turns,
            appends: metrics.log.append_seconds.clone(),
            late: metrics.timers.late_seconds.clone(),
            ..Self::default()
        };
        for orchestration in metrics.orchestrations.values() {
            sums.started += orchestration.started;
            sums.completed += orchestration.completed;
            sums.failed += orchestration.failed;
        }
        for activity in metrics.activities.values() {
            sums.attempts += activity.attempts;
            sums.activities.add(&activity.attempt_seconds);
        }
        sums
    }
}

fn point(metrics: &HostMetrics, now: &Sums, last: &Sums, passed: Duration) -> HourPoint {
    let seconds = passed.as_secs_f64();
    let rate = |of: fn(&Sums) -> u64| match seconds > 0.0 {
        true => of(now).saturating_sub(of(last)) as f64 / seconds,
        false => 0.0,
    };
    let quantile = |of: fn(&Sums) -> &Histogram, q| {
        of(now).since(of(last)).quantile(q).map(|seconds| seconds * 1_000.0)
    };
    let activities = || metrics.activities.values();
    HourPoint {
        at: metrics.at.into(),
        started_per_second: rate(|sums| sums.started),
        completed_per_second: rate(|sums| sums.completed),
        failed_per_second: rate(|sums| sums.failed),
        steps_per_second: rate(|sums| sums.turns),
        attempts_per_second: rate(|sums| sums.attempts),
        append_p50_ms: quantile(|sums| &sums.appends, 0.50),
        append_p99_ms: quantile(|sums| &sums.appends, 0.99),
        activity_p50_ms: quantile(|sums| &sums.activities, 0.50),
        activity_p99_ms: quantile(|sums| &sums.activities, 0.99),
        timer_late_p99_ms: quantile(|sums| &sums.late, 0.99),
        activities_running: activities().map(|activity| activity.running).sum(),
        activities_waiting: activities().map(|activity| activity.waiting).sum(),
        in_memory: metrics.instances.in_memory,
        in_memory_bytes: metrics.instances.in_memory_bytes,
        parked: metrics.instances.parked_now.values().sum(),
    }
}

#[cfg(test)]
mod tests {
    use reenact_actors::metrics::{ActivityMetrics, OrchestrationMetrics};

    use super::*;

    const TEN_SECONDS: Duration = Duration::from_secs(10);

    fn metrics() -> HostMetrics {
        let mut metrics = HostMetrics::default();
        metrics.orchestrations.insert("order".into(), OrchestrationMetrics::default());
        metrics.orchestrations.insert("bill".into(), OrchestrationMetrics::default());
        metrics.activities.insert("charge".into(), ActivityMetrics::default());
        metrics
    }

    fn times(counts: &[u64]) -> Histogram {
        Histogram { bounds: vec![0.001, 0.002], counts: counts.to_vec(), sum: 0.0 }
    }

    #[test]
    fn a_point_has_what_came_since_the_one_before_by_the_time_that_passed() {
        let (mut hour, mut metrics) = (Hour::default(), metrics());
        metrics.orchestrations.get_mut("order").unwrap().started = 100;
        metrics.log.append_seconds = times(&[5, 0, 0]);
        hour.take(&metrics, Duration::ZERO);
        assert_eq!(hour.points(), [], "the first has nothing before it");
        for (name, started) in [("order", 120), ("bill", 30)] {
            metrics.orchestrations.get_mut(name).unwrap().started = started;
        }
        metrics.log.append_seconds = times(&[5, 4, 0]);
        metrics.instances.in_memory = 7;
        metrics.instances.parked_now =
            [("crashed".to_owned(), 2), ("stalled".to_owned(), 1)].into();
        metrics.activities.get_mut("charge").unwrap().running = 3;
        hour.take(&metrics, TEN_SECONDS);
        let points = hour.points();
        let [point] = &points[..] else { panic!("{points:?}") };
        assert_eq!((point.started_per_second, point.failed_per_second), (5.0, 0.0));
        assert_eq!(point.append_p50_ms, Some(1.5), "of those four alone");
        assert_eq!(point.activity_p99_ms, None, "none has ended");
        assert_eq!((point.in_memory, point.parked, point.activities_running), (7, 3, 3));
    }

    #[test]
    fn there_are_never_more_points_than_an_hour_has() {
        let (mut hour, mut metrics) = (Hour::default(), metrics());
        for turns in 0..2 * MAX_HOUR_POINTS as u64 {
            metrics.log.turns += turns;
            hour.take(&metrics, TEN_SECONDS);
        }
        let points = hour.points();
        assert_eq!(points.len(), MAX_HOUR_POINTS);
        let rate = |turns: usize| turns as f64 / 10.0;
        assert_eq!(points[MAX_HOUR_POINTS - 1].steps_per_second, rate(2 * MAX_HOUR_POINTS - 1));
        assert_eq!(points[0].steps_per_second, rate(MAX_HOUR_POINTS), "the older half is gone");
    }

    #[test]
    fn no_time_gives_no_rate() {
        let (mut hour, mut metrics) = (Hour::default(), metrics());
        hour.take(&metrics, Duration::ZERO);
        metrics.log.turns = 5;
        hour.take(&metrics, Duration::ZERO);
        assert_eq!(hour.points()[0].steps_per_second, 0.0);
    }
}
