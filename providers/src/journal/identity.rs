//! Whose journal it is.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::str::FromStr;

use reenact_core::ShardId;

use super::{JournalError, Location};

/// Names a store for good: it is in each file, so that files of another one are recognized.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct JournalId(pub [u8; 16]);

impl JournalId {
    /// A new one, that nobody else has.
    pub fn random() -> Self {
        // The hashers of the standard library are seeded by the system. This is no secret.
        let half = || RandomState::new().build_hasher().finish();
        let (low, high) = (half(), half());
        Self(((u128::from(high) << 64) | u128::from(low)).to_le_bytes())
    }
}

/// Why a text is no [`JournalId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a journal id has 32 hexadecimal digits")]
pub struct InvalidJournalId;

/// From the 32 digits that it is shown as.
impl FromStr for JournalId {
    type Err = InvalidJournalId;
    fn from_str(text: &str) -> Result<Self, InvalidJournalId> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidJournalId);
        }
        let number = u128::from_str_radix(text, 16).map_err(|_| InvalidJournalId)?;
        Ok(Self(number.to_be_bytes()))
    }
}

/// As 32 digits.
impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What each file of a journal says about whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The store.
    pub journal: JournalId,
    /// The shard.
    pub shard: ShardId,
}

impl Identity {
    /// `Foreign` unless this, which was found `at` some place, is what it should be.
    pub(super) fn check(&self, expected: Self, at: Location) -> Result<(), JournalError> {
        let reason = if self.journal != expected.journal {
            format!("it is of the journal {}, this one is {}", self.journal, expected.journal)
        } else if self.shard != expected.shard {
            format!("it is of shard {}", self.shard)
        } else {
            return Ok(());
        };
        Err(JournalError::Foreign { at, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_random_ids_are_the_same() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| JournalId::random()).collect();
        assert_eq!(ids.len(), 1000);
    }

    #[test]
    fn an_id_is_read_as_it_is_shown() {
        let id = JournalId(*b"\x01the journal id\xff");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "0", "+1234567890123456789012345678901", &"0".repeat(33)] {
            assert_eq!(text.parse::<JournalId>(), Err(InvalidJournalId), "{text}");
        }
    }
}
