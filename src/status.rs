//! How an instance is.

use reenact_actors::ParkReason;
use reenact_core::{ExecutionId, InstanceId, Name, OrchestrationError, Outcome, Timestamp};
use reenact_providers::{InstanceState, InstanceSummary};
use serde::de::DeserializeOwned;

/// How an instance is, as far as it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstanceStatus {
    /// Its id.
    pub id: InstanceId,
    /// The newest execution: the first is 1, and each continue-as-new begins the next.
    pub execution: ExecutionId,
    /// The orchestration's name.
    pub name: Name,
    /// Where it stands.
    pub state: InstanceState,
    /// Why it does not go on, if this host has parked it. It is still running as far as the log is
    /// concerned.
    pub parked: Option<ParkReason>,
    /// When it was started.
    pub created_at: Timestamp,
    /// The time of its last event. For a finished instance: when it finished.
    pub last_event_at: Timestamp,
    /// Number of events in the execution's history.
    pub history_length: u64,
    /// How it ended, if it has.
    pub outcome: Option<Outcome>,
}

impl InstanceStatus {
    pub(crate) fn new(
        summary: InstanceSummary,
        outcome: Option<Outcome>,
        parked: Option<ParkReason>,
    ) -> Self {
        Self {
            id: summary.instance,
            execution: summary.execution,
            name: summary.name,
            state: summary.state,
            parked,
            created_at: summary.created_at,
            last_event_at: summary.updated_at,
            history_length: summary.events,
            outcome,
        }
    }

    /// What the orchestration returned, when it did and it is a `T`.
    pub fn output<T: DeserializeOwned>(&self) -> Option<T> {
        match &self.outcome {
            Some(Outcome::Completed(output)) => output.decode().ok(),
            _ => None,
        }
    }

    /// How the orchestration failed, if it did.
    pub fn failure(&self) -> Option<&OrchestrationError> {
        match &self.outcome {
            Some(Outcome::Failed(error)) => Some(error),
            _ => None,
        }
    }
}
