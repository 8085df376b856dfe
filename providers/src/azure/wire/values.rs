//! How values stand in requests and answers, the same for both adapters.

use std::ops::Range;
use std::time::Duration;

use reenact_core::Timestamp;

use crate::azure::port::{Etag, Got, PortErrorKind};

/// How many messages one request receives or shows at most.
pub(crate) const ALL_MESSAGES: u8 = 32;

/// Where a read ends that goes to the end of the blob, in bytes. No blob is as large.
const AFTER_EVERY_END: u64 = i64::MAX as u64;

/// The version of a blob. Lists give it without the quotes that it has elsewhere.
pub(crate) fn etag(text: &str) -> Etag {
    Etag(text.trim_matches('"').to_owned())
}

/// The version of a blob as a condition.
pub(crate) fn quoted(etag: &Etag) -> String {
    format!("\"{}\"", etag.0.trim_matches('"'))
}

/// The bytes to ask for. No request asks for none: of those that want none the answer is cut.
pub(crate) fn range(from: u64, length: Option<u64>) -> Range<u64> {
    let from = from.min(AFTER_EVERY_END - 1);
    let end = length.map_or(AFTER_EVERY_END, |length| from.saturating_add(length.max(1)));
    from..end.min(AFTER_EVERY_END)
}

/// Cuts an answer to the bytes that were asked for, and adds which version they are of.
pub(crate) fn got(mut bytes: Vec<u8>, length: Option<u64>, etag: Option<Etag>) -> Got {
    if let Some(length) = length.and_then(|length| usize::try_from(length).ok()) {
        bytes.truncate(length);
    }
    let etag = etag.filter(|_| !bytes.is_empty());
    Got { bytes, etag }
}

/// Rounds up to whole seconds, as the service counts them.
pub(crate) fn seconds(duration: Duration) -> i32 {
    let rounded_up = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    i32::try_from(rounded_up).unwrap_or(i32::MAX)
}

/// A read at the end of a blob is answered with 416.
pub(crate) fn nothing_after_the_end(kind: PortErrorKind) -> Result<Got, PortErrorKind> {
    match kind {
        PortErrorKind::Refused { status: 416, .. } => Ok(Got::default()),
        kind => Err(kind),
    }
}

/// A lease that is not there need not be broken.
pub(crate) fn no_lease_is_no_error(kind: PortErrorKind) -> Result<(), PortErrorKind> {
    match kind {
        PortErrorKind::Unmet { code } if code == "LeaseNotPresentWithLeaseOperation" => Ok(()),
        kind => Err(kind),
    }
}

/// A queue that is there need not be made. The service says so when its metadata is another.
pub(crate) fn existing_is_no_error(kind: PortErrorKind) -> Result<(), PortErrorKind> {
    match kind {
        PortErrorKind::Exists { .. } => Ok(()),
        kind => Err(kind),
    }
}

/// How many messages to ask for: the service refuses other numbers.
pub(crate) fn messages(limit: u32) -> u8 {
    u8::try_from(limit.clamp(1, ALL_MESSAGES.into())).unwrap_or(1)
}

/// A time of the service, in seconds since 1970.
pub(crate) fn time(seconds: i64) -> Timestamp {
    Timestamp::from_micros(u64::try_from(seconds).unwrap_or_default().saturating_mul(1_000_000))
}

/// What the service answers to a name that it does not take.
pub(crate) fn no_such_name() -> PortErrorKind {
    PortErrorKind::Refused { status: 400, code: "InvalidResourceName".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_the_same_with_and_without_quotes() {
        assert_eq!(etag("\"0x8D\""), etag("0x8D"));
        assert_eq!(quoted(&etag("0x8D")), "\"0x8D\"");
    }

    #[test]
    fn no_read_asks_for_nothing_or_beyond_all_numbers() {
        assert_eq!(range(3, Some(4)), 3..7);
        assert_eq!(range(3, Some(0)), 3..4);
        assert_eq!(range(0, None), 0..AFTER_EVERY_END);
        for (from, length) in [(u64::MAX, None), (u64::MAX, Some(u64::MAX)), (5, Some(u64::MAX))] {
            let range = range(from, length);
            assert!(range.start < range.end && range.end <= AFTER_EVERY_END, "{range:?}");
        }
    }

    #[test]
    fn a_part_of_a_second_is_a_whole_one() {
        assert_eq!(seconds(Duration::ZERO), 0);
        assert_eq!(seconds(Duration::from_millis(1)), 1);
        assert_eq!(seconds(Duration::from_secs(7)), 7);
        assert_eq!(seconds(Duration::MAX), i32::MAX);
    }
}
