//! The names of blobs: which turn a blob is of, and who has written it.

use std::collections::hash_map::RandomState;
use std::fmt::Write;
use std::hash::{BuildHasher, Hasher};

use reenact_core::{ExecutionId, InstanceId};

use crate::Epoch;

/// What a name has in the place of an id that is too long for it.
const LONG_ID: &str = "~";

/// Longest id in a name, in bytes after its characters were replaced that no name has.
const MAX_ID_BYTES: usize = 120;

/// What the name of a blob says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BlobName {
    /// `None` when it is too long for a name: the head of the blob has it.
    pub(super) instance: Option<InstanceId>,
    pub(super) execution: ExecutionId,
    /// The number of the turn.
    pub(super) turn: u64,
    /// Under which the turn was to be appended.
    pub(super) epoch: Epoch,
}

/// A name that nobody else has.
pub(super) fn new_name(
    instance: &InstanceId,
    execution: ExecutionId,
    turn: u64,
    epoch: Epoch,
) -> String {
    // The hashers of the standard library are seeded by the system. This is no secret.
    let drawn = || RandomState::new().build_hasher().finish();
    let escaped = escape(instance.as_str());
    let id = if escaped.len() <= MAX_ID_BYTES { &escaped } else { LONG_ID };
    format!("{id}.{}.{turn}.{}.{:016x}{:016x}", execution.0, epoch.0, drawn(), drawn())
}

/// What a name says; `None` when nobody here has given it. The name of one that was not finished says the same.
pub(super) fn parse(name: &str) -> Option<BlobName> {
    let mut parts = name.split('.');
    let mut part = || parts.next();
    let instance = match part()? {
        LONG_ID => None,
        escaped => Some(InstanceId::new(unescape(escaped)?).ok()?),
    };
    let execution = ExecutionId(part()?.parse().ok()?);
    let turn = part()?.parse().ok()?;
    let epoch = Epoch(part()?.parse().ok()?);
    (part()?.len() == 32).then_some(BlobName { instance, execution, turn, epoch })
}

/// Names must be the same on media that do not distinguish upper and lower case.
fn escape(id: &str) -> String {
    let mut escaped = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "_{byte:02x}");
        }
    }
    escaped
}

fn unescape(escaped: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'_' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let digits = std::str::from_utf8(&digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::super::blobs::MAX_NAME_BYTES;
    use super::*;

    fn round(id: &str) -> (String, BlobName) {
        let id = InstanceId::new(id).unwrap();
        let name = new_name(&id, ExecutionId(u32::MAX), u64::MAX, Epoch(u64::MAX));
        let parsed = parse(&name).unwrap();
        (name, parsed)
    }

    #[test]
    fn a_name_says_which_turn_it_is_of_whatever_the_id_is() {
        for id in ["order-7", "Order/7 ä.b_c~", "../x", "~"] {
            let (name, parsed) = round(id);
            assert_eq!(parsed.instance.as_ref().map(InstanceId::as_str), Some(id), "{name}");
            assert_eq!(parsed.execution, ExecutionId(u32::MAX));
            assert_eq!((parsed.turn, parsed.epoch), (u64::MAX, Epoch(u64::MAX)));
            let is_plain =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._~".contains(c);
            assert!(name.chars().all(is_plain), "{name}");
        }
    }

    #[test]
    fn an_id_that_is_too_long_for_a_name_is_not_in_it() {
        let (name, parsed) = round(&"Ä".repeat(128));
        assert_eq!(parsed.instance, None);
        assert!(name.len() <= MAX_NAME_BYTES, "{name}");
        assert!(round(&"x".repeat(MAX_ID_BYTES)).0.len() <= MAX_NAME_BYTES);
    }

    #[test]
    fn other_names_say_nothing() {
        for name in ["", "x", "a.1.2.3", "a.1.2.x.00", "_g0.1.2.3.00000000000000000000000000000000"]
        {
            assert_eq!(parse(name), None, "{name}");
        }
        let (name, parsed) = round("a");
        assert_eq!(parse(&format!("{name}.new")), Some(parsed));
    }

    #[test]
    fn no_two_names_are_the_same() {
        assert_ne!(round("a").0, round("a").0);
    }
}
