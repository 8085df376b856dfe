//! Instants and durations as people read them.

use std::time::{Duration, SystemTime};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A duration in its two largest units: `3d 4h`, `2m 5s`, `1.25s`, `12ms`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let two = |first: u64, unit: &str, rest: u64, smaller: &str| match rest {
        0 => format!("{first}{unit}"),
        _ => format!("{first}{unit} {rest}{smaller}"),
    };
    match seconds {
        0 if time.as_millis() == 0 && !time.is_zero() => format!("{}µs", time.as_micros()),
        0 => format!("{}ms", time.as_millis()),
        1..10 => format!("{:.2}s", time.as_secs_f64()),
        10..MINUTE => format!("{:.1}s", time.as_secs_f64()),
        MINUTE..HOUR => two(seconds / MINUTE, "m", seconds % MINUTE, "s"),
        HOUR..DAY => two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "m"),
        _ => two(seconds / DAY, "d", seconds % DAY / HOUR, "h"),
    }
}

/// As [`duration`], of milliseconds.
pub(crate) fn milliseconds(time: f64) -> String {
    duration(Duration::try_from_secs_f64(time / 1000.0).unwrap_or_default())
}

/// How long ago an instant was, or how long it is until then: `3m ago`, `in 2h`.
pub(crate) fn age(at: &str, now: SystemTime) -> String {
    let Ok(then) = humantime::parse_rfc3339_weak(at) else { return at.to_owned() };
    match now.duration_since(then) {
        Ok(time) if time.as_secs() == 0 => "now".to_owned(),
        Ok(time) => format!("{} ago", rough(time)),
        Err(later) if later.duration().as_secs() == 0 => "now".to_owned(),
        Err(later) => format!("in {}", rough(later.duration())),
    }
}

/// A duration in one unit: `5d`, `3h`, `12m`, `40s`.
pub(crate) fn rough(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..MINUTE => format!("{seconds}s"),
        seconds @ MINUTE..HOUR => format!("{}m", seconds / MINUTE),
        seconds @ HOUR..DAY => format!("{}h", seconds / HOUR),
        seconds => format!("{}d", seconds / DAY),
    }
}

/// An RFC 3339 instant to the second: `2026-11-29 12:00:05`, in UTC.
pub(crate) fn second(at: &str) -> String {
    match (at.get(..10), at.get(10..11), at.get(11..19)) {
        (Some(day), Some("T" | "t" | " "), Some(time)) => format!("{day} {time}"),
        _ => at.to_owned(),
    }
}

/// An RFC 3339 instant to the millisecond: `2026-11-29 12:00:05.123`, in UTC.
pub(crate) fn to_the_millisecond(at: &str) -> String {
    match (at.get(..10), at.get(11..23)) {
        (Some(day), Some(time)) => format!("{day} {}", time.trim_end_matches('Z')),
        _ => at.to_owned(),
    }
}

/// The microseconds since 1970.
pub(crate) fn micros_of(at: SystemTime) -> Option<u64> {
    u64::try_from(at.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_micros()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_its_two_largest_units() {
        let shown = |seconds| duration(Duration::from_secs_f64(seconds));
        assert_eq!(shown(0.000_04), "40µs");
        assert_eq!(shown(0.012), "12ms");
        assert_eq!(shown(1.25), "1.25s");
        assert_eq!(shown(42.04), "42.0s");
        assert_eq!(shown(125.0), "2m 5s");
        assert_eq!(shown(7200.0), "2h");
        assert_eq!(shown(273_600.0), "3d 4h");
    }

    #[test]
    fn an_instant_is_past_or_to_come() {
        let now = humantime::parse_rfc3339("2026-11-29T12:00:00Z").unwrap();
        assert_eq!(age("2026-11-29T11:57:00.000000Z", now), "3m ago");
        assert_eq!(age("2026-11-29T14:30:00.000000Z", now), "in 2h");
        assert_eq!(age("2026-11-29T12:00:00.400000Z", now), "now");
        assert_eq!(age("soon", now), "soon");
        assert_eq!(age("2026-11-28T11:00:00Z", now), "1d ago");
    }

    #[test]
    fn an_instant_is_shown_to_the_second() {
        assert_eq!(second("2026-11-29T12:00:05.123456Z"), "2026-11-29 12:00:05");
        assert_eq!(to_the_millisecond("2026-11-29T12:00:05.123456Z"), "2026-11-29 12:00:05.123");
        assert_eq!(second("?"), "?");
    }
}
