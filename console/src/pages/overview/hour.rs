//! The last hour as plots.

use std::time::Duration;

use maud::{Markup, html};

use super::super::limits::PLOT_POINTS;
use super::super::page::Page;
use super::super::parts::plot::{Curve, Plot};
use super::super::parts::{payload, time};
use crate::hour::{HourPoint, HourPoints};

/// The plots, or why there are none.
pub(super) fn plots(page: &Page) -> Markup {
    if page.shared.access().metrics().is_none() {
        return html! {
            div.note id="no-metrics" {
                p {
                    "No plots here: this console reaches the store, and not a host. The console of a host shows what that \
                     host has done in the last hour. The numbers and lists on this page are those of the whole store."
                }
            }
        };
    }
    let hour = page.shared.hour().points();
    html! {
        section id="hour" data-live aria-labelledby="hour-title" {
            h2.hidden id="hour-title" { "The last hour of this host" }
            @if hour.points.is_empty() {
                div.note { p { "The first point of the plots comes " (time::span(Duration::from_millis(hour.every_ms))) " after the first look at this console." } }
            } @else {
                (drawn(&hour))
            }
        }
    }
}

/// Points that are put together for one point of a plot.
struct Group<'a> {
    points: &'a [HourPoint],
    seconds: f64,
}

impl Group<'_> {
    fn mean(&self, of: fn(&HourPoint) -> f64) -> f64 {
        self.points.iter().map(of).sum::<f64>() / self.points.len().max(1) as f64
    }

    fn highest(&self, of: fn(&HourPoint) -> Option<f64>) -> Option<f64> {
        self.points.iter().filter_map(of).reduce(f64::max)
    }
}

fn drawn(hour: &HourPoints) -> Markup {
    let size = hour.points.len().div_ceil(PLOT_POINTS).max(1);
    let seconds = hour.every_ms as f64 / 1e3;
    let groups: Vec<_> = hour
        .points
        .chunks(size)
        .map(|points| Group { points, seconds: seconds * points.len() as f64 })
        .collect();
    let at: Vec<String> = groups
        .iter()
        .map(|group| {
            group
                .points
                .last()
                .map(|point| time::time_of_day(point.at.0)[..8].to_owned())
                .unwrap_or_default()
        })
        .collect();
    let times = (at.first().cloned().unwrap_or_default(), at.last().cloned().unwrap_or_default());
    let mean = |of: fn(&HourPoint) -> f64| {
        groups.iter().map(|group| Some(group.mean(of))).collect::<Vec<_>>()
    };
    let highest = |of: fn(&HourPoint) -> Option<f64>| {
        groups.iter().map(|group| group.highest(of)).collect::<Vec<_>>()
    };
    let plot = |id,
                title,
                names: &[&'static str],
                values: Vec<Vec<Option<f64>>>,
                write: fn(f64) -> String,
                columns| {
        let newest =
            values.first().and_then(|values| values.iter().rev().flatten().next().copied());
        let curves = names
            .iter()
            .zip(values)
            .map(|(name, values)| Curve { name, values, at: &at })
            .collect();
        Plot {
            id,
            title,
            newest: newest.map_or_else(|| "none yet".to_owned(), write),
            curves,
            columns,
            times: times.clone(),
            write,
        }
        .draw()
    };
    let failures: Vec<_> = groups
        .iter()
        .map(|group| Some((group.mean(|point| point.failed_per_second) * group.seconds).round()))
        .collect();
    let failed = format!("Failed instances, each {:.0} s", seconds * size as f64);
    html! {
        div.grid3 {
            div.card { (plot("plot-throughput", "Instances per second", &["completed", "started"],
                vec![mean(|point| point.completed_per_second), mean(|point| point.started_per_second)], rate, false)) }
            div.card { (plot("plot-steps", "Steps per second", &["steps"], vec![mean(|point| point.steps_per_second)], rate, false)) }
            div.card { (plot("plot-failures", &failed, &["failed"], vec![failures], whole, true)) }
            div.card { (plot("plot-append", "Append latency", &["p99", "p50"],
                vec![highest(|point| point.append_p99_ms), highest(|point| point.append_p50_ms)], millis, false)) }
            div.card { (plot("plot-activities", "Activity latency", &["p99", "p50"],
                vec![highest(|point| point.activity_p99_ms), highest(|point| point.activity_p50_ms)], millis, false)) }
            div.card { (plot("plot-running", "Activities under way", &["running", "waiting"],
                vec![mean(|point| point.activities_running as f64), mean(|point| point.activities_waiting as f64)], whole, false)) }
        }
        @if let Some(last) = hour.points.last() {
            p.quiet.small {
                (last.in_memory) " instances in memory, which hold " (payload::size(last.in_memory_bytes as usize)) "."
            }
        }
    }
}

fn rate(value: f64) -> String {
    match value {
        0.0 => "0 /s".to_owned(),
        value if value < 10.0 => format!("{value:.1} /s"),
        value => format!("{value:.0} /s"),
    }
}

fn millis(value: f64) -> String {
    time::span(Duration::from_secs_f64(value.max(0.0) / 1e3))
}

fn whole(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

#[cfg(test)]
mod tests {
    use reenact_core::Timestamp;

    use super::*;
    use crate::dto::Time;

    fn point(nth: u64) -> HourPoint {
        let begin = Timestamp::from_micros(1_795_993_200_000_000);
        HourPoint {
            at: Time(begin + Duration::from_secs(10 * nth)),
            started_per_second: 2.0,
            completed_per_second: 1.5,
            failed_per_second: 0.1,
            steps_per_second: 40.0,
            attempts_per_second: 3.0,
            append_p50_ms: Some(0.4),
            append_p99_ms: Some(nth as f64),
            activity_p50_ms: None,
            activity_p99_ms: None,
            timer_late_p99_ms: None,
            activities_running: 3,
            activities_waiting: 0,
            in_memory: 12,
            in_memory_bytes: 4_096,
            parked: 1,
        }
    }

    #[test]
    fn an_hour_of_points_is_put_together_into_fewer() {
        let points = (0..360).map(point).collect();
        let drawn = drawn(&HourPoints { every_ms: 10_000, points }).into_string();
        assert_eq!(drawn.matches("<figure").count(), 6);
        assert_eq!(drawn.matches("class=\"hit\"").count(), 6 * PLOT_POINTS);
        assert!(
            drawn.contains("Instances per second, 23:00:20 to 23:59:50: 1.5 /s now"),
            "{drawn:.2000}"
        );
        // Of three points the highest latency counts, and the failures of all.
        assert!(drawn.contains("Append latency, 23:00:20 to 23:59:50: 359 ms now, 359 ms at most"));
        assert!(drawn.contains("Failed instances, each 30 s, 23:00:20 to 23:59:50: 3 now"));
        assert!(drawn.contains("Activity latency, 23:00:20 to 23:59:50: none yet now"));
        assert!(drawn.contains("12 instances in memory, which hold 4 KiB."));
    }

    #[test]
    fn one_point_is_drawn() {
        let drawn = drawn(&HourPoints { every_ms: 10_000, points: vec![point(0)] }).into_string();
        assert!(drawn.contains("1.5 /s"));
    }
}
