//! User values at rest: JSON, so that tools can read them and fields can be added.

mod bounded;
mod buffer;
mod same;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use bounded::{Bounded, Found};
use buffer::Buffer;

use crate::limits::{MAX_LARGE_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH};

/// An encoded user value. Cheap to clone: the bytes are shared, or a few. Only this module knows that it
/// is JSON.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Payload(Buffer);

/// Levels at which encoding stops, so that no value uses up the stack.
const MAX_WRITTEN_DEPTH: usize = 512;

/// Whether an input decodes as the type that the compiler knows.
pub(crate) type CheckInput = fn(&Payload) -> Result<(), PayloadError>;

/// Why a value cannot be stored, or a stored one cannot be read as the wanted type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The value's `Serialize` failed.
    #[error("the value does not encode as JSON: {0}")]
    Encode(String),
    /// The bytes are not a value of the wanted type.
    #[error("the payload does not decode: {0}")]
    Decode(String),
    /// The value encodes, but what it is encoded to is no value of its type. A `f64` that is not a
    /// number is one, for JSON has only `null` for it.
    #[error("the value does not decode from the JSON that it encodes to: {0}")]
    NotReadable(String),
    /// The value has a number that JSON has no form for, and nothing says that its type reads the `null`
    /// that is written instead.
    #[error("the value has a number that is not finite (NaN or an infinity)")]
    NotFinite,
    /// The value is nested deeper than [`MAX_PAYLOAD_DEPTH`]: no decoder would read it.
    #[error("the value is nested more than {MAX_PAYLOAD_DEPTH} levels deep")]
    TooDeep,
    /// The encoded value is larger than [`MAX_PAYLOAD_BYTES`], or than [`MAX_LARGE_PAYLOAD_BYTES`] where the store
    /// takes large payloads.
    #[error("the payload has {bytes} bytes; at most {limit} are allowed")]
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// How many there may be.
        limit: usize,
    },
}

impl Payload {
    /// Encodes a value.
    ///
    /// Where the type is known by which it will be decoded, [`encode_checked`](Self::encode_checked)
    /// also finds what does not decode.
    ///
    /// # Errors
    /// [`PayloadError::Encode`] when its `Serialize` fails, [`PayloadError::TooLarge`] when it is
    /// larger than [`MAX_PAYLOAD_BYTES`], [`PayloadError::TooDeep`] when it is nested deeper than
    /// [`MAX_PAYLOAD_DEPTH`], [`PayloadError::NotFinite`] when it has a number that is not finite.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, PayloadError> {
        Self::encode_large(value)?.within(MAX_PAYLOAD_BYTES)
    }

    /// As [`encode`](Self::encode), of up to [`MAX_LARGE_PAYLOAD_BYTES`] bytes. Who takes it must look whether it is
    /// [`within`](Self::within) the limit that counts there.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_large<T: Serialize + ?Sized>(value: &T) -> Result<Self, PayloadError> {
        let found = Found::default();
        let payload = Self::write_and_look(value, &found)?;
        payload.check_depth()?;
        match found.not_finite.get() {
            true => Err(PayloadError::NotFinite),
            false => Ok(payload),
        }
    }

    /// Encodes a value and decodes it again: what a reader of the payload will see. It can differ
    /// from the value, by a field that is skipped for instance.
    ///
    /// # Errors
    /// As [`encode`](Self::encode), but that its type says which numbers it can have;
    /// [`PayloadError::NotReadable`] when the payload is no `T`.
    pub fn encode_checked<T: Serialize + DeserializeOwned>(
        value: &T,
    ) -> Result<(Self, T), PayloadError> {
        let payload = Self::write_large(value)?.within(MAX_PAYLOAD_BYTES)?;
        payload.check_depth()?;
        let read = payload.read_back()?;
        Ok((payload, read))
    }

    /// As [`encode_checked`](Self::encode_checked), of up to [`MAX_LARGE_PAYLOAD_BYTES`] bytes. Who takes it must look
    /// whether it is [`within`](Self::within) the limit that counts there.
    ///
    /// # Errors
    /// As [`encode_checked`](Self::encode_checked).
    pub fn encode_large_checked<T: Serialize + DeserializeOwned>(
        value: &T,
    ) -> Result<(Self, T), PayloadError> {
        let payload = Self::write_large(value)?;
        payload.check_depth()?;
        let read = payload.read_back()?;
        Ok((payload, read))
    }

    /// The payload, if it has at most so many bytes.
    ///
    /// # Errors
    /// [`PayloadError::TooLarge`].
    pub fn within(self, limit: usize) -> Result<Self, PayloadError> {
        let bytes = self.len();
        if bytes > limit { Err(PayloadError::TooLarge { bytes, limit }) } else { Ok(self) }
    }

    /// What was just encoded, decoded again.
    pub(crate) fn read_back<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        serde_json::from_slice(&self.0).map_err(|e| PayloadError::NotReadable(e.to_string()))
    }

    /// Whether it decodes as that type: what [`encode_checked`](Self::encode_checked) finds out, of
    /// what was [written](Self::write).
    pub(crate) fn check_readable<T: DeserializeOwned>(&self) -> Result<(), PayloadError> {
        self.check_depth()?;
        self.read_back::<T>().map(drop)
    }

    /// Encodes a value that may be deeper than a decoder reads: for a comparison with what is recorded,
    /// which may be older than the limit.
    pub(crate) fn write<T: Serialize + ?Sized>(value: &T) -> Result<Self, PayloadError> {
        Self::write_large(value)?.within(MAX_PAYLOAD_BYTES)
    }

    /// As [`write`](Self::write), of up to [`MAX_LARGE_PAYLOAD_BYTES`] bytes: its size is still to be checked.
    pub(crate) fn write_large<T: Serialize + ?Sized>(value: &T) -> Result<Self, PayloadError> {
        Self::write_and_look(value, &Found::default())
    }

    fn write_and_look<T: Serialize + ?Sized>(
        value: &T,
        found: &Found,
    ) -> Result<Self, PayloadError> {
        let bounded = Bounded { value, levels: MAX_WRITTEN_DEPTH, found };
        let bytes = serde_json::to_vec(&bounded).map_err(|why| match found.too_deep.get() {
            true => PayloadError::TooDeep,
            false => PayloadError::Encode(why.to_string()),
        })?;
        Self(Buffer::of(bytes)).within(MAX_LARGE_PAYLOAD_BYTES)
    }

    /// Whether a decoder gets to its end.
    pub(crate) fn check_depth(&self) -> Result<(), PayloadError> {
        match is_deeper(&self.0, MAX_PAYLOAD_DEPTH) {
            true => Err(PayloadError::TooDeep),
            false => Ok(()),
        }
    }

    /// Whether both are the same value: equal up to the order of the keys of maps.
    pub(crate) fn is_same_value(&self, other: &Self) -> bool {
        self == other || same::same_value(&self.0, &other.0, same::Lists::InOrder)
    }

    /// As [`is_same_value`](Self::is_same_value), with lists in any order: they may be sets.
    pub(crate) fn is_same_value_or_set(&self, other: &Self) -> bool {
        self == other || same::same_value(&self.0, &other.0, same::Lists::InAnyOrder)
    }

    /// Takes over bytes that are encoded already.
    ///
    /// # Errors
    /// [`PayloadError::TooLarge`] when there are more than [`MAX_PAYLOAD_BYTES`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, PayloadError> {
        Self(Buffer::of(bytes)).within(MAX_PAYLOAD_BYTES)
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

    /// What it takes in memory besides itself, in bytes, about. Others may share it.
    pub(crate) fn held_bytes(&self) -> usize {
        self.0.held_bytes()
    }

    /// Whether there are no bytes at all (which is no JSON value).
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether lists and maps are nested deeper than that.
fn is_deeper(json: &[u8], limit: usize) -> bool {
    // Each level opens and closes.
    if json.len() <= 2 * limit {
        return false;
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => at = end_of_text(json, at),
            b'[' | b'{' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// The place after the end of a text whose first character stands there.
fn end_of_text(json: &[u8], mut at: usize) -> usize {
    while let Some(rest) = json.get(at..) {
        let Some(next) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) else { break };
        if rest[next] == b'"' {
            return at + next + 1;
        }
        at += next + 2;
    }
    json.len()
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
            return deserializer.deserialize_bytes(Bytes);
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
        Ok(Payload(Buffer::copy_of(bytes)))
    }

    fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Payload, E> {
        Ok(Payload(Buffer::of(bytes)))
    }
}
