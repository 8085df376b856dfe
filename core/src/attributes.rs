//! Attributes: typed values of an instance by which lists are filtered.

mod change;
mod value;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::change::AttributeChange;
pub use self::value::{AttributeKind, AttributeValue};
use crate::ids::{InvalidName, Name};
use crate::limits::{MAX_ATTRIBUTE_NAME_BYTES, MAX_ATTRIBUTE_TEXT_BYTES, MAX_ATTRIBUTES};

/// The attributes of an instance, by their names: at most [`MAX_ATTRIBUTES`]. Cheap to clone.
///
/// ```
/// use reenact_core::{AttributeError, Attributes};
///
/// let mut attributes = Attributes::default();
/// attributes.set("customer", "ada")?;
/// attributes.set("cents", 430)?;
/// assert!(matches!(attributes.set("cents", "430"), Err(AttributeError::OtherKind { .. })));
/// assert_eq!(attributes.to_string(), "cents=430, customer=\"ada\"");
/// # Ok::<(), AttributeError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(
    /// `None` when there are none: most instances have none, and pay nothing for them.
    Option<Arc<BTreeMap<Name, AttributeValue>>>,
);

impl Attributes {
    /// Sets an attribute. When it is there, its value must stay of the same kind.
    ///
    /// # Errors
    /// [`AttributeError`]; nothing is changed.
    pub fn set(
        &mut self,
        name: impl AsRef<str>,
        value: impl Into<AttributeValue>,
    ) -> Result<(), AttributeError> {
        let (name, value) = (attribute_name(name.as_ref())?, value.into());
        self.check(&name, &value)?;
        self.put(name, value);
        Ok(())
    }

    /// Those that a store has. They are not checked: they were when they were set.
    pub fn of_stored(values: impl IntoIterator<Item = (Name, AttributeValue)>) -> Self {
        let mut attributes = Self::default();
        values.into_iter().for_each(|(name, value)| attributes.put(name, value));
        attributes
    }

    /// Takes an attribute out; whether it was there.
    pub fn clear(&mut self, name: &str) -> bool {
        let Some(values) = self.0.as_mut().filter(|values| values.contains_key(name)) else {
            return false;
        };
        Arc::make_mut(values).remove(name);
        if values.is_empty() {
            self.0 = None;
        }
        true
    }

    /// The value of that name, if there is one.
    pub fn get(&self, name: &str) -> Option<&AttributeValue> {
        self.0.as_ref()?.get(name)
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &AttributeValue)> {
        self.0.iter().flat_map(|values| values.iter())
    }

    /// Number of attributes.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |values| values.len())
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Bytes of the names and values.
    pub fn bytes(&self) -> usize {
        self.iter().map(|(name, value)| name.as_str().len() + value.bytes()).sum()
    }

    /// Goes on with a change that a log has.
    pub fn apply(&mut self, change: &AttributeChange) {
        match change {
            AttributeChange::Set { name, value } => self.put(name.clone(), value.clone()),
            AttributeChange::Cleared { name } => drop(self.clear(name.as_str())),
            AttributeChange::Given { attributes } => *self = attributes.clone(),
            // Of another instance.
            AttributeChange::OfChild { .. } => {}
        }
    }

    /// Whether an attribute could be set so.
    pub(crate) fn check(&self, name: &Name, value: &AttributeValue) -> Result<(), AttributeError> {
        value.check(name)?;
        match self.get(name.as_str()).map(AttributeValue::kind) {
            Some(had) if had != value.kind() => {
                Err(AttributeError::OtherKind { name: name.clone(), had, given: value.kind() })
            }
            None if self.len() >= MAX_ATTRIBUTES => {
                Err(AttributeError::TooMany { name: name.clone(), limit: MAX_ATTRIBUTES })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn put(&mut self, name: Name, value: AttributeValue) {
        Arc::make_mut(self.0.get_or_insert_default()).insert(name, value);
    }
}

/// Checks the name of an attribute.
pub(crate) fn attribute_name(name: &str) -> Result<Name, AttributeError> {
    let (bytes, limit) = (name.len(), MAX_ATTRIBUTE_NAME_BYTES);
    if bytes > limit {
        return Err(InvalidName::TooLong { what: "the name of an attribute", bytes, limit }.into());
    }
    Ok(Name::new(name)?)
}

/// An attribute cannot be set. Nothing is recorded, and the attributes stay as they were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributeError {
    /// Its name cannot be one: it is empty, over
    /// [`MAX_ATTRIBUTE_NAME_BYTES`], or has control characters.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// It has a value of another kind. Clear it first, or use another name.
    #[error("attribute `{name}` is {had}, and cannot become {given}; clear it first")]
    OtherKind {
        /// The attribute.
        name: Name,
        /// What it is.
        had: AttributeKind,
        /// What it was to be.
        given: AttributeKind,
    },
    /// There are as many as there can be. Clear one first.
    #[error("attribute `{name}` would be one more than the {limit} that an instance can have")]
    TooMany {
        /// The attribute.
        name: Name,
        /// [`MAX_ATTRIBUTES`].
        limit: usize,
    },
    /// Its text is too long.
    #[error("the text of attribute `{name}` has {bytes} bytes; at most {limit} are allowed")]
    TooLong {
        /// The attribute.
        name: Name,
        /// Bytes of the text.
        bytes: usize,
        /// [`MAX_ATTRIBUTE_TEXT_BYTES`].
        limit: usize,
    },
    /// It is no number (NaN), which no comparison finds.
    #[error("attribute `{name}` is not a number")]
    NotANumber {
        /// The attribute.
        name: Name,
    },
}

/// As people write them: `customer="ada", open=true`.
impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.iter().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            write!(f, "{separator}{name}={value}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// As a map of names to values.
impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(values) => values.serialize(serializer),
            None => BTreeMap::<Name, AttributeValue>::new().serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = BTreeMap::<Name, AttributeValue>::deserialize(deserializer)?;
        Ok(if values.is_empty() { Self(None) } else { Self(Some(Arc::new(values))) })
    }
}

impl AttributeValue {
    fn check(&self, name: &Name) -> Result<(), AttributeError> {
        match self {
            Self::Text(text) if text.len() > MAX_ATTRIBUTE_TEXT_BYTES => {
                let (bytes, limit) = (text.len(), MAX_ATTRIBUTE_TEXT_BYTES);
                Err(AttributeError::TooLong { name: name.clone(), bytes, limit })
            }
            Self::Float(number) if number.is_nan() => {
                Err(AttributeError::NotANumber { name: name.clone() })
            }
            Self::Text(_)
            | Self::Integer(_)
            | Self::Float(_)
            | Self::Bool(_)
            | Self::Timestamp(_) => Ok(()),
        }
    }
}
