//! A snapshot in the text format of Prometheus, version 0.0.4.

use std::fmt::{self, Write};

use super::HostMetrics;
use super::families::{Family, Point, Points};
use super::histogram::Histogram;

impl HostMetrics {
    /// The snapshot as text for Prometheus and what understands its format (version 0.0.4,
    /// `Content-Type: text/plain; version=0.0.4; charset=utf-8`). Times are in seconds. Every figure has its
    /// lines `# HELP` and `# TYPE`, also when it has no value yet.
    pub fn to_prometheus(&self) -> String {
        let mut text = String::new();
        for family in self.families() {
            // A string takes whatever is written to it.
            let _ = write_family(&mut text, &family);
        }
        text
    }
}

fn write_family(text: &mut String, family: &Family<'_>) -> fmt::Result {
    let Family { name, help, points } = family;
    let kind = match points {
        Points::Counter(_) => "counter",
        Points::Gauge(_) => "gauge",
        Points::Histogram(_) => "histogram",
    };
    writeln!(text, "# HELP {name} {help}")?;
    writeln!(text, "# TYPE {name} {kind}")?;
    match points {
        Points::Counter(points) | Points::Gauge(points) => {
            points.iter().try_for_each(|point| write_number(text, name, point))
        }
        Points::Histogram(points) => {
            points.iter().try_for_each(|point| write_histogram(text, name, point))
        }
    }
}

fn write_number(text: &mut String, name: &str, point: &Point<'_, f64>) -> fmt::Result {
    text.push_str(name);
    write_labels(text, &point.labels, None)?;
    writeln!(text, " {}", point.value)
}

fn write_histogram(text: &mut String, name: &str, point: &Point<'_, &Histogram>) -> fmt::Result {
    let Point { labels, value: Histogram { bounds, counts, sum } } = point;
    let mut below = 0;
    for (bound, count) in bounds.iter().zip(counts) {
        below += count;
        write!(text, "{name}_bucket")?;
        write_labels(text, labels, Some(&bound.to_string()))?;
        writeln!(text, " {below}")?;
    }
    let all: u64 = counts.iter().sum();
    write!(text, "{name}_bucket")?;
    write_labels(text, labels, Some("+Inf"))?;
    writeln!(text, " {all}")?;
    write!(text, "{name}_sum")?;
    write_labels(text, labels, None)?;
    writeln!(text, " {sum}")?;
    write!(text, "{name}_count")?;
    write_labels(text, labels, None)?;
    writeln!(text, " {all}")
}

fn write_labels(text: &mut String, labels: &[(&str, &str)], bound: Option<&str>) -> fmt::Result {
    let all = labels.iter().copied().chain(bound.map(|bound| ("le", bound)));
    let mut separator = '{';
    for (label, value) in all {
        write!(text, "{separator}{label}=\"")?;
        value.chars().for_each(|part| push_escaped(text, part));
        text.push('"');
        separator = ',';
    }
    if separator == ',' {
        text.push('}');
    }
    Ok(())
}

fn push_escaped(text: &mut String, part: char) {
    match part {
        '\\' => text.push_str("\\\\"),
        '"' => text.push_str("\\\""),
        '\n' => text.push_str("\\n"),
        part => text.push(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ActivityMetrics;

    fn lines_of<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
        let of_it = |line: &&str| line.starts_with(name) && !line.starts_with('#');
        text.lines().filter(of_it).collect()
    }

    #[test]
    fn buckets_are_cumulative_and_labels_are_escaped() {
        let mut metrics = HostMetrics::default();
        let attempt_seconds =
            Histogram { bounds: vec![0.5, 2.0], counts: vec![3, 1, 2], sum: 12.5 };
        let activity = ActivityMetrics { running: 1, attempt_seconds, ..Default::default() };
        metrics.activities.insert("say \"hi\"\\ship".to_owned(), activity);
        let text = metrics.to_prometheus();
        let label = r#"activity="say \"hi\"\\ship""#;
        assert_eq!(
            lines_of(&text, "reenact_activity_attempt_seconds"),
            [
                format!("reenact_activity_attempt_seconds_bucket{{{label},le=\"0.5\"}} 3"),
                format!("reenact_activity_attempt_seconds_bucket{{{label},le=\"2\"}} 4"),
                format!("reenact_activity_attempt_seconds_bucket{{{label},le=\"+Inf\"}} 6"),
                format!("reenact_activity_attempt_seconds_sum{{{label}}} 12.5"),
                format!("reenact_activity_attempt_seconds_count{{{label}}} 6"),
            ]
        );
        let running = lines_of(&text, "reenact_activity_running");
        assert_eq!(running, [format!("reenact_activity_running{{{label}}} 1")]);
    }

    #[test]
    fn a_figure_without_labels_has_no_braces() {
        let mut metrics = HostMetrics::default();
        metrics.log.turns = 7;
        let text = metrics.to_prometheus();
        assert_eq!(lines_of(&text, "reenact_turns_total"), ["reenact_turns_total 7"]);
        assert!(text.contains("# TYPE reenact_turns_total counter\n"), "{text}");
    }
}
