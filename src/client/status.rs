//! `InstanceStatus`: what a client sees of an instance.

use reenact_actors::{ParkReason, Snapshot, Stalled};
use reenact_core::{
    ExecutionId, InstanceId, Name, OpenActivity, OpenChild, OrchestrationError, Outcome, Payload,
    Timestamp, Version,
};
use reenact_providers::InstanceState;
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

/// How an instance is, as far as it is durable. Serialized, it has times as microseconds since the Unix
/// epoch, payloads as the values that they are, and why it is parked as a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InstanceStatus {
    /// Its id.
    pub id: InstanceId,
    /// The newest execution: the first is 1, and each continue-as-new begins the next.
    pub execution: ExecutionId,
    /// The orchestration's name.
    pub name: Name,
    /// The version of the orchestration that it goes on with. `None` when it has none, and while the
    /// log of a running instance cannot be read.
    pub version: Option<Version>,
    /// Where it stands.
    pub state: InstanceState,
    /// Why it does not go on, if it is [parked](InstanceState::Parked): as this host has found it, and
    /// otherwise as its log has it ([`ParkReason::Recorded`]).
    #[serde(serialize_with = "as_text")]
    pub parked: Option<ParkReason>,
    /// Its code, or an activity that it has called, where that does not give its thread back for longer
    /// than [`HostOptions::stalls_after`](crate::HostOptions::stalls_after): an endless loop, or work that
    /// blocks. Known to the host on which it runs only.
    pub stalled: Option<Stalled>,
    /// When it was started.
    pub created_at: Timestamp,
    /// The time of its last event. For a finished instance: when it finished.
    pub last_event_at: Timestamp,
    /// Number of events in the execution's history.
    pub history_length: u64,
    /// What its code has [set](reenact_core::OrchestrationContext::set_status) as its status last;
    /// stays when it has ended. `None` when it has set none in this execution, and while the log of
    /// a running instance cannot be read.
    pub custom_status: Option<Payload>,
    /// How it ended, if it has.
    pub outcome: Option<Outcome>,
    /// The activities that are open, in the order in which they were scheduled: which attempt is under
    /// way, what the one before failed with, when the next begins, how far it said it is. The first
    /// [`MAX_ACTIVITIES_SHOWN`](reenact_core::limits::MAX_ACTIVITIES_SHOWN) of them. Of an instance
    /// that goes on meanwhile they may be a moment newer than the rest. Empty while the log of a running
    /// instance cannot be read.
    pub activities: Vec<OpenActivity>,
    /// The children that are open, in the order in which they were called: which attempt is under way
    /// and as which instance, what the one before failed with, when the next begins. The first
    /// [`MAX_CHILDREN_SHOWN`](reenact_core::limits::MAX_CHILDREN_SHOWN) of them, and otherwise as the
    /// activities. Empty once the instance has gone from memory and waits for nothing but its children:
    /// a status of it reads no more than a few turns; its [history](crate::Client::history) has them.
    pub children: Vec<OpenChild>,
}

fn as_text<S: Serializer>(parked: &Option<ParkReason>, serializer: S) -> Result<S::Ok, S::Error> {
    parked.as_ref().map(ToString::to_string).serialize(serializer)
}

impl InstanceStatus {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        let Snapshot { summary, version, outcome, status, parked, stalled, activities, children } =
            snapshot;
        Self {
            id: summary.instance,
            execution: summary.execution,
            name: summary.name,
            version: version.filter(|version| !version.is_none()),
            state: summary.state,
            parked,
            stalled,
            created_at: summary.created_at,
            last_event_at: summary.updated_at,
            history_length: summary.events,
            custom_status: status,
            outcome,
            activities,
            children,
        }
    }

    /// What its code has set as its status last, when it has and it is a `T`.
    pub fn custom_status_as<T: DeserializeOwned>(&self) -> Option<T> {
        self.custom_status.as_ref()?.decode().ok()
    }

    /// What the orchestration returned, when it did and it is a `T`.
    pub fn output<T: DeserializeOwned>(&self) -> Option<T> {
        let Some(Outcome::Completed(output)) = &self.outcome else { return None };
        output.decode().ok()
    }

    /// How the orchestration failed, if it did.
    pub fn failure(&self) -> Option<&OrchestrationError> {
        let Some(Outcome::Failed(error)) = &self.outcome else { return None };
        Some(error)
    }
}
