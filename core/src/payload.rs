//! User values at rest: JSON, so that tools can read them and fields can be added.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::limits::MAX_PAYLOAD_BYTES;

/// An encoded user value. Cheap to clone. Only this module knows that it is JSON.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Payload(Arc<[u8]>);

/// Why a value cannot be stored, or a stored one cannot be read as the wanted type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The value's `Serialize` failed.
    #[error("the value does not encode as JSON: {0}")]
    Encode(String),
    /// The bytes are not a value of the wanted type.
    #[error("the payload does not decode: {0}")]
    Decode(String),
    /// The encoded value is larger than [`MAX_PAYLOAD_BYTES`].
    #[error("the payload has {bytes} bytes; at most {MAX_PAYLOAD_BYTES} are allowed")]
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
    },
}

impl Payload {
    /// Encodes a value.
    ///
    /// # Errors
    /// [`PayloadError::Encode`] when its `Serialize` fails, [`PayloadError::TooLarge`] when it is
    /// larger than [`MAX_PAYLOAD_BYTES`].
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, PayloadError> {
        let bytes = serde_json::to_vec(value).map_err(|e| PayloadError::Encode(e.to_string()))?;
        Self::from_bytes(bytes)
    }

    /// Takes over bytes that are encoded already.
    ///
    /// # Errors
    /// [`PayloadError::TooLarge`] when there are more than [`MAX_PAYLOAD_BYTES`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, PayloadError> {
        if bytes.len() > MAX_PAYLOAD_BYTES {
            return Err(PayloadError::TooLarge { bytes: bytes.len() });
        }
        Ok(Self(bytes.into()))
    }

    /// Decodes the value.
    ///
    /// # Errors
    /// [`PayloadError::Decode`] when the bytes are not a `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        serde_json::from_slice(&self.0).map_err(|e| PayloadError::Decode(e.to_string()))
    }

    /// The encoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Size in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes at all (which is no JSON value).
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The JSON text; bytes that are not UTF-8 show as their replacement character.
impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where it is stored, as one run of bytes: serde would write a sequence of numbers by itself. For
/// people, such as in JSON, as the value that it is; bytes that are no JSON, as a text.
impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_bytes(&self.0);
        }
        match serde_json::from_slice::<serde_json::Value>(&self.0) {
            Ok(value) => value.serialize(serializer),
            Err(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return deserializer.deserialize_byte_buf(Bytes);
        }
        let value = serde_json::Value::deserialize(deserializer)?;
        Self::encode(&value).map_err(serde::de::Error::custom)
    }
}

struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = Payload;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a payload")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Payload, E> {
        Ok(Payload(Arc::from(bytes)))
    }

    fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Payload, E> {
        Ok(Payload(bytes.into()))
    }
}
