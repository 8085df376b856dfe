//! Why a shard cannot be read.

use crate::journal::JournalError;
use crate::{OpenError, Place, ProviderError};

/// A failure of a journal, or of the archive that it is compared with.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

impl ReadError {
    /// Whether another look may help.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Journal(error) => {
                matches!(error, JournalError::Corrupt { .. } | JournalError::Unavailable { .. })
            }
            Self::Provider(error) => {
                matches!(error, ProviderError::Corrupt { .. } | ProviderError::Unavailable { .. })
            }
        }
    }
}

impl From<ReadError> for ProviderError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Journal(error) => error.into(),
            ReadError::Provider(error) => error,
        }
    }
}

/// To the caller that opens a store.
impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Journal(JournalError::Foreign { at, reason }) => {
                Self::Foreign { place: at.to_string(), reason }
            }
            ReadError::Journal(JournalError::NewerFormat { at, found, supported }) => {
                Self::NewerFormat {
                    place: at.to_string(),
                    found: found.into(),
                    supported: supported.into(),
                }
            }
            ReadError::Journal(error) => ProviderError::from(error).into(),
            ReadError::Provider(error) => error.into(),
        }
    }
}

impl From<ProviderError> for OpenError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Corrupt { place: Place(place), reason } => {
                Self::Damaged { place, reason }
            }
            error => Self::Refused { place: "the store".to_owned(), source: Box::new(error) },
        }
    }
}
