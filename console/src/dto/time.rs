//! `Time`: an instant, as a text of RFC 3339.

use std::fmt;
use std::str::FromStr;

use reenact_core::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;

/// An instant: in JSON a text of RFC 3339 in UTC, with microseconds. It is read in any offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, format = DateTime, examples("2026-11-29T23:00:00.000000Z"))]
pub struct Time(pub Timestamp);

/// A text is no time of RFC 3339 from 1970 on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time of RFC 3339 from 1970 on, such as 2026-11-29T23:00:00Z")]
pub struct InvalidTime(String);

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Time {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let invalid = || InvalidTime(text.to_string());
        let read = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| invalid())?;
        let micros = u64::try_from(read.unix_timestamp_nanos() / 1_000).map_err(|_| invalid())?;
        Ok(Self(Timestamp::from_micros(micros)))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_it_is_written() {
        let time = Time(Timestamp::from_micros(1_795_993_200_000_001));
        assert_eq!(time.to_string().parse(), Ok(time));
        assert_eq!("2026-11-29T23:00:00.000001Z".parse(), Ok(time));
        assert_eq!("2026-11-30T01:00:00.000001+02:00".parse(), Ok(time));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "now", "2026-11-29", "2026-13-29T23:00:00Z", "1969-12-31T23:59:59Z"] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
    }
}
