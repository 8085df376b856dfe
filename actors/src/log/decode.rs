//! Why a log cannot be read, or not be re-enacted on this host.

use reenact_core::RecordedTurn;
use reenact_core::codec::{self, CodecError};
use reenact_providers::{ProviderError, StoredTurn};

use crate::error::ParkReason;

/// A turn, or why it cannot be read.
pub(super) fn decode(stored: &StoredTurn) -> Result<RecordedTurn, ParkReason> {
    codec::decode_turn(&stored.bytes).map_err(|error| {
        let reason = format!("turn {}: {error}", stored.number);
        match error {
            CodecError::Encoded { .. } | CodecError::Undecodable(_) => {
                ParkReason::Undecodable { reason }
            }
            _ => ParkReason::Unreadable { reason },
        }
    })
}

/// What was read; or why it cannot be, where that is rot, which people have to mend.
pub(super) fn readable<T>(
    read: Result<T, ProviderError>,
) -> Result<Result<T, ParkReason>, ProviderError> {
    match read {
        Ok(read) => Ok(Ok(read)),
        Err(error @ ProviderError::Corrupt { .. }) => {
            Ok(Err(ParkReason::Unreadable { reason: error.to_string() }))
        }
        Err(error @ ProviderError::Undecodable { .. }) => {
            Ok(Err(ParkReason::Undecodable { reason: error.to_string() }))
        }
        Err(error) => Err(error),
    }
}

/// The store has no turns of an execution of which it has a summary.
pub(super) fn no_turns() -> ParkReason {
    ParkReason::Unreadable { reason: "the store has a summary of it, and no turns".into() }
}
