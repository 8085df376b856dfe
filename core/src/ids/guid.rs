//! `Guid`: the random ids that orchestrations draw.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A UUID, as [`OrchestrationContext::new_guid`](crate::OrchestrationContext::new_guid) draws it. It is written
/// and serialized as text, such as `67e55044-10b1-426f-9247-bb680e5fe0c8`.
///
/// Its bytes go into the types of other crates, and come from them: `uuid::Uuid::from_bytes(guid.to_bytes())`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(uuid::Uuid);

/// Why a text is not a [`Guid`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a UUID: give 32 hexadecimal digits in five groups, joined by hyphens")]
pub struct InvalidGuid {
    text: String,
}

impl Guid {
    /// A version 4 UUID, which has these bytes but for its version and its variant.
    pub(crate) const fn of_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// A version 8 UUID, which has these bytes but for its version and its variant.
    pub(crate) const fn of_custom(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// Of these bytes, the first of them the most significant.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(bytes))
    }

    /// Its bytes, the first of them the most significant.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The text, in a buffer of the caller.
    pub(super) fn write(self, buffer: &mut [u8; 36]) -> &str {
        self.0.hyphenated().encode_lower(buffer)
    }
}

impl FromStr for Guid {
    type Err = InvalidGuid;

    /// Reads the text that [`Display`](fmt::Display) writes, in letters of either case.
    ///
    /// # Errors
    /// [`InvalidGuid`] when it is any other text.
    fn from_str(text: &str) -> Result<Self, InvalidGuid> {
        let is_hyphenated = text.len() == 36;
        let parsed = uuid::Uuid::try_parse(text).ok().filter(|_| is_hyphenated);
        parsed.map(Self).ok_or_else(|| InvalidGuid { text: text.chars().take(64).collect() })
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.write(&mut [0; 36]))
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.write(&mut [0; 36]))
    }
}

impl<'de> Deserialize<'de> for Guid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(OfText)
    }
}

struct OfText;

impl Visitor<'_> for OfText {
    type Value = Guid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a UUID")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Guid, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::payload::Payload;

    const TEXT: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

    #[test]
    fn it_is_written_and_read_as_text() {
        let guid: Guid = TEXT.parse().unwrap();
        assert_eq!(guid.to_string(), TEXT);
        assert_eq!(TEXT.to_uppercase().parse(), Ok(guid));
        assert_eq!(Guid::from_bytes(guid.to_bytes()), guid);
        let stored = Payload::encode(&guid).unwrap();
        assert_eq!(stored.as_bytes(), Payload::encode(TEXT).unwrap().as_bytes());
        assert_eq!(stored.decode(), Ok(guid));
    }

    #[test]
    fn any_other_text_is_refused() {
        for text in ["", "order-7", &TEXT[1..], "67e5504410b1426f9247bb680e5fe0c8"] {
            let refused = text.parse::<Guid>().unwrap_err();
            assert!(refused.to_string().contains("is not a UUID"), "{refused}");
        }
    }
}
