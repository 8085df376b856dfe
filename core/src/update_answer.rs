//! The answer to an update.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::payload::Payload;

/// How the code of an instance answered an update, as it is recorded.
///
/// Stored: variants are added at the end, and never removed or reordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum UpdateAnswer {
    /// It was done; what the code gives back.
    Replied(Payload),
    /// The code refused it; why.
    Refused(Payload),
    /// The request was not of the type that the code takes, and the code has not seen it; what is wrong.
    Invalid(String),
    /// The code dropped it without an answer.
    Dropped,
}

impl UpdateAnswer {
    /// Bytes of user data in it.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Replied(payload) | Self::Refused(payload) => payload.len(),
            Self::Invalid(why) => why.len(),
            Self::Dropped => 0,
        }
    }

    /// What it takes in memory besides itself, in bytes, about.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Self::Replied(payload) | Self::Refused(payload) => payload.held_bytes(),
            Self::Invalid(why) => why.len(),
            Self::Dropped => 0,
        }
    }
}
