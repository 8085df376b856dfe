//! What a log says of attributes.

use serde::{Deserialize, Serialize};

use super::{AttributeValue, Attributes};
use crate::ids::{CorrelationId, Name};

/// A change of the attributes of an instance, as it is recorded. Kinds are added at the end only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AttributeChange {
    /// The code set one.
    Set {
        /// Which one.
        name: Name,
        /// Its value.
        value: AttributeValue,
    },
    /// The code cleared one.
    Cleared {
        /// Which one.
        name: Name,
    },
    /// The execution begins with these: they were given at the start, or carried over from the
    /// execution before.
    Given {
        /// All of them.
        attributes: Attributes,
    },
    /// The child that is called next, or the detached orchestration that is started next, begins with these.
    /// Before its [`ChildScheduled`](crate::Event::ChildScheduled) or
    /// [`StartRequested`](crate::Event::StartRequested), and before what gives it time limits.
    OfChild {
        /// Of the call.
        id: CorrelationId,
        /// All of them.
        attributes: Attributes,
    },
}

impl AttributeChange {
    /// The attribute that the code has changed.
    pub const fn name(&self) -> Option<&Name> {
        match self {
            Self::Set { name, .. } | Self::Cleared { name } => Some(name),
            Self::Given { .. } | Self::OfChild { .. } => None,
        }
    }

    /// Bytes of the names and values, without the name of the attribute that the code has changed.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Set { value, .. } => value.bytes(),
            Self::Cleared { .. } => 0,
            Self::Given { attributes } | Self::OfChild { attributes, .. } => attributes.bytes(),
        }
    }
}
