//! Distinguishes forks from other instances.

use reenact_core::RecordedTurn;
use reenact_providers::InstanceSummary;

/// Whether the first turn of an execution is older than the instance: then it was copied, and the instance is a fork.
pub(crate) fn is_copied(of: &InstanceSummary, first: &RecordedTurn) -> bool {
    first.at < of.created_at
}
