//! Where a page of a history begins.

use std::fmt;
use std::str::FromStr;

use reenact_core::ExecutionId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A place in the history of one execution, at which a page begins. A store knows turns by their numbers, and
/// events have positions: a cursor has both, so that a page begins there without anything before it being
/// read. It comes from a page, from a view, or from
/// [`history_cursor`](crate::Access::history_cursor).
///
/// As a text it is `execution.turn.index.position`, such as `1.40.0.93`; and so it is serialized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct HistoryCursor {
    /// The execution. Pages of an earlier one are there as long as that is
    /// [kept](crate::HostOptions::keep_executions).
    pub execution: ExecutionId,
    /// The number of the turn; the first is 0.
    pub turn: u64,
    /// The place of the event in its turn; the first is 0.
    pub index: u64,
    /// The position of the event; the first is 0.
    pub position: u64,
}

/// A text is no [`HistoryCursor`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place in a history; take one from a page, such as `1.40.0.93`")]
pub struct InvalidCursor(String);

impl HistoryCursor {
    /// The beginning of an execution.
    pub const fn beginning(execution: ExecutionId) -> Self {
        Self { execution, turn: 0, index: 0, position: 0 }
    }

    /// Whether there can be such a place: each turn before it takes at least one position, and each event
    /// before it in its turn one.
    fn can_be(&self) -> bool {
        let least = self.turn.checked_add(self.index);
        let is_of_first = self.turn == 0;
        least.is_some_and(|least| least <= self.position)
            && (!is_of_first || self.index == self.position)
    }
}

impl fmt::Display for HistoryCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { execution, turn, index, position } = self;
        write!(f, "{}.{turn}.{index}.{position}", execution.0)
    }
}

impl FromStr for HistoryCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let invalid = || InvalidCursor(text.chars().take(100).collect());
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or_else(invalid);
        let execution = ExecutionId(next()?.parse().map_err(|_| invalid())?);
        let mut number = || next()?.parse().map_err(|_| invalid());
        let cursor = Self { execution, turn: number()?, index: number()?, position: number()? };
        match parts.next() {
            None if cursor.can_be() => Ok(cursor),
            _ => Err(invalid()),
        }
    }
}

impl Serialize for HistoryCursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HistoryCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_from_its_text() {
        let cursor = HistoryCursor { execution: ExecutionId(2), turn: 40, index: 3, position: 96 };
        assert_eq!(cursor.to_string(), "2.40.3.96");
        assert_eq!("2.40.3.96".parse(), Ok(cursor));
    }

    #[test]
    fn what_can_be_no_place_is_refused() {
        let most = u64::MAX;
        let too_much = format!("1.{most}.{most}.{most}");
        for text in
            ["", "1", "1.2.3", "1.2.3.4.5", "1.2.3.x", "-1.0.0.0", "1.0.0.7", "1.5.0.4", &too_much]
        {
            let invalid = text.parse::<HistoryCursor>().unwrap_err();
            assert!(invalid.to_string().contains("is no place in a history"), "{invalid}");
        }
    }
}
