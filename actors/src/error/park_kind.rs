//! The kinds of the reasons to park, for the metrics.

use super::park::ParkReason;
use crate::metrics::ParkKind;

impl ParkReason {
    pub(crate) const fn kind(&self) -> ParkKind {
        match self {
            Self::Nondeterministic(_) => ParkKind::Nondeterministic,
            Self::Malformed(_) => ParkKind::Malformed,
            // A dormant host has the code of none.
            Self::UnknownOrchestration { .. } | Self::Dormant => ParkKind::UnknownOrchestration,
            Self::UnknownVersion { .. } => ParkKind::UnknownVersion,
            Self::UnknownActivity { .. } => ParkKind::UnknownActivity,
            // The history is not all there, or cannot be decoded here.
            Self::Unreadable { .. } | Self::Undecodable { .. } | Self::Importing => {
                ParkKind::Unreadable
            }
            Self::Crashed { .. } => ParkKind::Crashed,
            Self::HostDied { .. } => ParkKind::HostDied,
            Self::Recorded { .. } => ParkKind::Recorded,
            Self::Stalled { .. } => ParkKind::Stalled,
        }
    }
}
