//! One value, and its kind.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Timestamp;

/// The value of an attribute.
#[derive(Clone, Debug)]
pub enum AttributeValue {
    /// A text of at most [`MAX_ATTRIBUTE_TEXT_BYTES`](crate::limits::MAX_ATTRIBUTE_TEXT_BYTES). It is compared by
    /// the numbers of its characters.
    Text(Arc<str>),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// A point in time.
    Timestamp(Timestamp),
}

/// The kind of a value: an attribute keeps it until it is cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeKind {
    /// [`AttributeValue::Text`].
    Text,
    /// [`AttributeValue::Integer`].
    Integer,
    /// [`AttributeValue::Float`].
    Float,
    /// [`AttributeValue::Bool`].
    Bool,
    /// [`AttributeValue::Timestamp`].
    Timestamp,
}

impl AttributeValue {
    /// Its kind.
    pub const fn kind(&self) -> AttributeKind {
        match self {
            Self::Text(_) => AttributeKind::Text,
            Self::Integer(_) => AttributeKind::Integer,
            Self::Float(_) => AttributeKind::Float,
            Self::Bool(_) => AttributeKind::Bool,
            Self::Timestamp(_) => AttributeKind::Timestamp,
        }
    }

    /// The text; `None` of another kind.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The whole number; `None` of another kind.
    pub const fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The number with a fraction; `None` of another kind.
    pub const fn as_float(&self) -> Option<f64> {
        if let Self::Float(number) = self { Some(*number) } else { None }
    }

    /// Yes or no; `None` of another kind.
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(is_so) = self { Some(*is_so) } else { None }
    }

    /// The point in time; `None` of another kind.
    pub const fn as_timestamp(&self) -> Option<Timestamp> {
        if let Self::Timestamp(at) = self { Some(*at) } else { None }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Integer(_) | Self::Float(_) | Self::Timestamp(_) => size_of::<u64>(),
            Self::Bool(_) => 1,
        }
    }
}

/// How a value is stored: kinds are added at the end, and never removed or reordered.
#[derive(Serialize, Deserialize)]
#[serde(remote = "AttributeValue")]
enum Stored {
    Text(Arc<str>),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Timestamp(Timestamp),
}

/// For people as what it is: a text, a number, a bool; a timestamp as a text of RFC 3339.
impl Serialize for AttributeValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return Stored::serialize(self, serializer);
        }
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Bool(is_so) => serializer.serialize_bool(*is_so),
            Self::Timestamp(at) => serializer.collect_str(at),
        }
    }
}

/// Out of a stored form; what is written for people does not tell a timestamp from a text.
impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Stored::deserialize(deserializer)
    }
}

/// Numbers with a fraction are equal when their bits are, so that a value is equal to itself.
impl PartialEq for AttributeValue {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Integer(one), Self::Integer(other)) => one == other,
            (Self::Float(one), Self::Float(other)) => one.to_bits() == other.to_bits(),
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Timestamp(one), Self::Timestamp(other)) => one == other,
            (
                Self::Text(_)
                | Self::Integer(_)
                | Self::Float(_)
                | Self::Bool(_)
                | Self::Timestamp(_),
                _,
            ) => false,
        }
    }
}

impl Eq for AttributeValue {}

/// A text in quotes, so that `"5"` and `5` are distinct.
impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Bool(is_so) => write!(f, "{is_so}"),
            Self::Timestamp(at) => write!(f, "{at}"),
        }
    }
}

/// In words, as in `customer is a text`.
impl fmt::Display for AttributeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "a text",
            Self::Integer => "an integer",
            Self::Float => "a float",
            Self::Bool => "a bool",
            Self::Timestamp => "a timestamp",
        })
    }
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for AttributeValue {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&String> for AttributeValue {
    fn from(text: &String) -> Self {
        Self::Text(text.as_str().into())
    }
}

impl From<f64> for AttributeValue {
    fn from(number: f64) -> Self {
        // There is one zero.
        Self::Float(if number == 0.0 { 0.0 } else { number })
    }
}

impl From<bool> for AttributeValue {
    fn from(is_so: bool) -> Self {
        Self::Bool(is_so)
    }
}

impl From<Timestamp> for AttributeValue {
    fn from(at: Timestamp) -> Self {
        Self::Timestamp(at)
    }
}

macro_rules! from_integers {
    ($($type:ty),+) => {$(
        impl From<$type> for AttributeValue {
            fn from(number: $type) -> Self {
                Self::Integer(number.into())
            }
        }
    )+};
}

from_integers!(i64, i32, i16, i8, u32, u16, u8);
