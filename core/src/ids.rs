//! Ids of instances, executions, shards and correlations, and checked names.

mod argument;
mod compact;
mod guid;
mod invalid;
mod text;

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;

use serde::de::Deserializer;
use serde::{Deserialize, Serialize, Serializer};

pub use self::argument::ToInstanceId;
pub(crate) use self::compact::CompactKey;
pub use self::guid::{Guid, InvalidGuid};
pub use self::invalid::InvalidName;
use self::invalid::check;
use self::text::Text;
use crate::limits::{MAX_EVENT_KEY_BYTES, MAX_INSTANCE_ID_BYTES, MAX_NAME_BYTES};

/// Identifies one orchestration instance in a store: 1 to
/// [`MAX_INSTANCE_ID_BYTES`] bytes without control characters. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(Arc<str>);

/// The checked name of an orchestration, an activity or an external event: 1 to
/// [`MAX_NAME_BYTES`] bytes without control characters. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Text);

/// The idempotency key of an external event: 1 to [`MAX_EVENT_KEY_BYTES`] bytes without control
/// characters. Of the events that are raised on one execution with the same key, the first counts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(Arc<str>);

impl Name {
    /// How a wait for an event of any name is shown.
    pub(crate) fn any_event() -> Self {
        Self(Text::from("*"))
    }

    /// Checks a text that is in the program, and refers to it.
    pub(crate) fn of_static(text: &'static str) -> Result<Self, InvalidName> {
        check(Self::WHAT, text, MAX_NAME_BYTES)?;
        Ok(Self(Text::Static(text)))
    }
}

impl InstanceId {
    pub(crate) fn of_guid(guid: Guid) -> Self {
        Self(Arc::from(guid.write(&mut [0; 36])))
    }
}

/// The generation of an instance. The first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExecutionId(pub u32);

impl ExecutionId {
    /// The first generation.
    pub const FIRST: Self = Self(1);

    /// The generation after this one; `None` after the last that there can be.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

/// Joins a scheduled event to its completion; unique in its execution, and assigned in the order
/// in which the code schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CorrelationId(pub u64);

impl CorrelationId {
    /// Reserved for the timer that delays the start of an execution.
    pub const START: Self = Self(0);

    /// Reserved for the timer of the time limit of an instance.
    pub const LIMIT: Self = Self(u64::MAX);

    /// Of a future that waits for a cancel. It is no event, so its number is from a row of its own:
    /// that of events goes on as if it were not there.
    pub(crate) const fn of_cancellation(number: u64) -> Self {
        Self(number | 1 << 63)
    }

    /// Whether it is of something that is an event of the history.
    pub(crate) const fn is_recorded(self) -> bool {
        self.0 >> 63 == 0
    }
}

/// The unit of ownership: an instance belongs to one shard by [`shard_of`](ShardId::of).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShardId(pub u32);

impl ShardId {
    /// The shard of `instance` in a store of `shards` shards (at least 1).
    ///
    /// Stable for ever: stored data depends on it. It is FNV-1a (64 bit) of the id's bytes, folded
    /// to 32 bits, modulo the number of shards.
    pub fn of(instance: &InstanceId, shards: u32) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in instance.as_str().bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Self(((hash ^ (hash >> 32)) as u32) % shards.max(1))
    }
}

/// The three checked texts differ in their meaning and their limit only.
macro_rules! checked_text {
    ($type:ident, $what:literal, $limit:expr) => {
        impl $type {
            const WHAT: &'static str = $what;

            /// Checks and takes over a text.
            ///
            /// # Errors
            /// [`InvalidName`] when it is empty, too long, or holds a control character.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidName> {
                let text = text.as_ref();
                check(Self::WHAT, text, $limit)?;
                Ok(Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl core::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $type {
            type Error = InvalidName;
            fn try_from(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text::read(deserializer)
            }
        }

        impl From<$type> for String {
            fn from(text: $type) -> Self {
                text.0.to_string()
            }
        }
    };
}

checked_text!(InstanceId, "the instance id", MAX_INSTANCE_ID_BYTES);
checked_text!(Name, "the name", MAX_NAME_BYTES);
checked_text!(EventKey, "the event key", MAX_EVENT_KEY_BYTES);

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_refused_when_it_is_empty_overlong_or_has_control_characters() {
        assert_eq!(Name::new(""), Err(InvalidName::Empty { what: "the name" }));
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        assert!(matches!(Name::new(long), Err(InvalidName::TooLong { bytes: 129, .. })));
        assert!(matches!(
            InstanceId::new("a\nb"),
            Err(InvalidName::ControlCharacter { character: '\n', at: 1, .. })
        ));
        assert!(Name::new("x".repeat(MAX_NAME_BYTES)).is_ok());
    }

    #[test]
    fn the_shard_of_an_id_never_changes() {
        let shard = |id: &str| ShardId::of(&InstanceId::new(id).unwrap(), 16).0;
        assert_eq!([shard("order-1"), shard("order-2"), shard("Ada"), shard("é")], [2, 11, 2, 6]);
    }
}
