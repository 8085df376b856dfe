//! Why a log cannot be read, or not be re-enacted on this host.

use reenact_core::{RecordedTurn, codec};
use reenact_providers::StoredTurn;

use crate::error::{Error, ParkReason};

pub(crate) fn missing_code(missing: Error) -> ParkReason {
    match missing {
        Error::UnknownOrchestration { name } => ParkReason::UnknownOrchestration { name },
        Error::UnknownVersion { name, version, registered } => {
            ParkReason::UnknownVersion { name, version, registered }
        }
        other => ParkReason::Unreadable { reason: other.to_string() },
    }
}

pub(super) fn decode(stored: &StoredTurn) -> Result<RecordedTurn, ParkReason> {
    codec::decode_turn(&stored.bytes).map_err(|error| {
        let reason = format!("turn {}: {error}", stored.number);
        ParkReason::Unreadable { reason }
    })
}
