//! What becomes an error by `?`.

use std::sync::Arc;

use reenact_core::InvalidDefinition;
use reenact_providers::{OpenError, ProviderError};

use super::Error;

impl From<InvalidDefinition> for Error {
    fn from(source: InvalidDefinition) -> Self {
        match source {
            InvalidDefinition::Name(invalid) => invalid.into(),
            InvalidDefinition::Version(invalid) => invalid.into(),
        }
    }
}

impl From<OpenError> for Error {
    fn from(source: OpenError) -> Self {
        Self::Open { source: Arc::new(source) }
    }
}

impl From<Arc<ProviderError>> for Error {
    fn from(source: Arc<ProviderError>) -> Self {
        match *source {
            ProviderError::Closed => Self::ShuttingDown,
            _ => Self::Store { source },
        }
    }
}

impl From<ProviderError> for Error {
    fn from(source: ProviderError) -> Self {
        match source {
            ProviderError::NotFound { instance } => Self::NotFound { instance },
            ProviderError::Closed => Self::ShuttingDown,
            source => Self::Store { source: Arc::new(source) },
        }
    }
}
