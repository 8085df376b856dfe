//! Instants and durations as people write them.

use std::time::{Duration, SystemTime};

/// An instant: how long ago, or when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Ago(Duration),
    At(SystemTime),
}

impl Moment {
    /// As an RFC 3339 text.
    pub(crate) fn text(self, now: SystemTime) -> String {
        humantime::format_rfc3339_micros(self.at(now)).to_string()
    }

    /// In microseconds since 1970.
    pub(crate) fn micros(self, now: SystemTime) -> u64 {
        let since = self.at(now).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    fn at(self, now: SystemTime) -> SystemTime {
        let at = match self {
            Self::Ago(time) => now.checked_sub(time).unwrap_or(SystemTime::UNIX_EPOCH),
            Self::At(at) => at,
        };
        at.max(SystemTime::UNIX_EPOCH)
    }
}

/// `2h`, `3days 4h`, `2026-11-29`, `2026-11-29T12:00:00Z`.
pub(crate) fn moment(text: &str) -> Result<Moment, String> {
    let trimmed = text.trim().trim_end_matches(" ago");
    if let Ok(time) = humantime::parse_duration(trimmed) {
        return Ok(Moment::Ago(time));
    }
    let whole = match trimmed.len() {
        10 => format!("{trimmed}T00:00:00Z"),
        _ => trimmed.to_owned(),
    };
    humantime::parse_rfc3339_weak(&whole).map(Moment::At).map_err(|_| {
        "it is neither how long ago, such as `2h` or `3d`, nor a time in UTC, such as \
         `2026-11-29` or `2026-11-29T12:00:00Z`"
            .to_owned()
    })
}

/// `30s`, `2h 30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim())
        .map_err(|_| "it is no duration, such as `30s`, `15m`, `2h` or `3d`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_how_long_ago_or_when() {
        let now = humantime::parse_rfc3339("2026-11-29T12:00:00Z").unwrap();
        let shown = |text| moment(text).map(|moment| moment.text(now)).unwrap_or_default();
        assert_eq!(shown("2h"), "2026-11-29T10:00:00.000000Z");
        assert_eq!(shown("1d 2h ago"), "2026-11-28T10:00:00.000000Z");
        assert_eq!(shown("2026-11-01"), "2026-11-01T00:00:00.000000Z");
        assert_eq!(shown("2026-11-01 10:30:00"), "2026-11-01T10:30:00.000000Z");
        assert_eq!(shown("2026-11-01T10:30:00Z"), "2026-11-01T10:30:00.000000Z");
        assert_eq!(shown("90000years"), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "soon", "2026-13-01", "2", "-3h"] {
            assert!(moment(text).is_err(), "{text}");
        }
        assert!(duration("2h").is_ok() && duration("two hours").is_err());
    }
}
