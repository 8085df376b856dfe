//! Points in time with how long ago they were, and spans of time, as people read them.

use std::time::Duration;

use maud::{Markup, html};
use reenact_core::Timestamp;

/// How long ago, with the exact time in its title.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) title=(exact(at)) data-ago { (relative(at, now)) } }
}

/// The exact time of day, with the date and how long ago in its title.
pub(crate) fn clock(at: Timestamp, now: Timestamp) -> Markup {
    let title = format!("{}, {}", exact(at), relative(at, now));
    html! { time.nowrap datetime=(at) title=(title) { (time_of_day(at)) } }
}

/// The exact time: date, time, how long ago.
pub(crate) fn full(at: Timestamp, now: Timestamp) -> Markup {
    html! {
        (exact(at)) " "
        span.quiet.nowrap { "(" (ago(at, now)) ")" }
    }
}

/// `2026-11-23 17:16:00.000 UTC`.
pub(crate) fn exact(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} {} UTC", &text[..10], &text[11..23])
}

/// `17:16:00.000`.
pub(crate) fn time_of_day(at: Timestamp) -> String {
    at.to_string()[11..23].to_owned()
}

fn relative(at: Timestamp, now: Timestamp) -> String {
    let (past, future) = (now.since(at), at.since(now));
    if past.max(future) < Duration::from_secs(1) {
        "now".to_owned()
    } else if future.is_zero() {
        format!("{} ago", rough(past))
    } else {
        format!("in {}", rough(future))
    }
}

/// The largest unit only: `3 min`.
fn rough(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 => format!("{} ms", span.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Three digits of a span, or its two largest units: `1.24 s`, `3 min 4 s`, `2 d 3 h`.
pub(crate) fn span(span: Duration) -> String {
    let two = |large: u64, unit: &str, small: u64, small_unit: &str| {
        if small == 0 {
            format!("{large} {unit}")
        } else {
            format!("{large} {unit} {small} {small_unit}")
        }
    };
    let seconds = span.as_secs();
    match seconds {
        0 if span.is_zero() => "0 ms".to_owned(),
        0 if span.as_micros() < 1000 => format!("{} µs", span.as_micros()),
        0 if span.as_micros() < 10_000 => format!("{:.1} ms", span.as_secs_f64() * 1e3),
        0 => format!("{} ms", span.as_millis()),
        1..10 => format!("{:.2} s", span.as_secs_f64()),
        10..60 => format!("{:.1} s", span.as_secs_f64()),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds / 60 % 60, "min"),
        _ => two(seconds / 86_400, "d", seconds / 3600 % 24, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_the_digits_that_matter() {
        let shown = |micros| span(Duration::from_micros(micros));
        assert_eq!(shown(0), "0 ms");
        assert_eq!(shown(250), "250 µs");
        assert_eq!(shown(2_340), "2.3 ms");
        assert_eq!(shown(523_999), "523 ms");
        assert_eq!(shown(1_240_000), "1.24 s");
        assert_eq!(shown(184_000_000), "3 min 4 s");
        assert_eq!(shown(3_600_000_000), "1 h");
        assert_eq!(shown(183_600_000_000), "2 d 3 h");
    }

    #[test]
    fn a_time_says_how_long_ago_and_exactly_when() {
        let at = Timestamp::from_micros(951_782_400_000_000);
        let shown = |after: u64| ago(at, at + Duration::from_secs(after)).into_string();
        assert_eq!(
            shown(125),
            "<time datetime=\"2000-02-29T00:00:00.000000Z\" title=\"2000-02-29 00:00:00.000 UTC\" \
             data-ago>2 min ago</time>"
        );
        assert!(shown(0).contains(">now<"));
        assert!(ago(at + Duration::from_secs(90), at).into_string().contains(">in 1 min<"));
    }
}
