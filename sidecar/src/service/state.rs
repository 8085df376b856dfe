//! The state of an instance, as clients of the protocol see it.

use reenact::{
    Client, Error, ExecutionId, InstanceId, InstanceState, InstanceStatus, Outcome, Payload,
};
use serde_json::value::RawValue;
use tonic::Status;

use super::{Hub, status_of};
use crate::events::time_of;
use crate::failure::Failure;
use crate::instances::start_of;
use crate::names::DECIDE;
use crate::proto::{OrchestrationState, OrchestrationStatus};
use crate::text::Text;

/// The first question that an execution asks has at most this number in its log.
const FIRST_QUESTION: u64 = 3;

impl Hub {
    /// The state of an instance; `None` where there is none.
    pub(super) async fn state(
        &self,
        id: &InstanceId,
        with_payloads: bool,
    ) -> Result<Option<OrchestrationState>, Status> {
        match self.client.get_status(id).await {
            Ok(status) => state_of(&self.client, status, with_payloads).await.map(Some),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(status_of(error)),
        }
    }
}

pub(super) async fn state_of(
    client: &Client,
    status: InstanceStatus,
    with_payloads: bool,
) -> Result<OrchestrationState, Status> {
    let start = match start_of(client, &status.id).await {
        Ok(start) => start,
        // What does not decode is not the client's fault: the rest of the state is there.
        Err(Error::Unreadable { .. }) => Default::default(),
        Err(error) => return Err(status_of(error)),
    };
    let (output, failure) = match &status.outcome {
        Some(Outcome::Completed(output)) => (text_of(output), None),
        Some(Outcome::Failed(error)) => (None, Some(Failure::from(error))),
        Some(Outcome::Terminated { reason } | Outcome::Cancelled { reason }) => {
            (Some(reason.clone()).filter(|reason| !reason.is_empty()), None)
        }
        Some(Outcome::Continued { .. }) | None => (None, None),
    };
    let completed = status.state.is_finished().then(|| time_of(status.last_event_at));
    Ok(OrchestrationState {
        instance_id: status.id.to_string(),
        name: status.name.to_string(),
        version: start.version.or_else(|| status.version.as_ref().map(ToString::to_string)),
        orchestration_status: runtime_status(&status).into(),
        scheduled_start_timestamp: start.scheduled.map(time_of),
        created_timestamp: Some(time_of(status.created_at)),
        last_updated_timestamp: Some(time_of(status.last_event_at)),
        input: start.input.and_then(Text::into_option).filter(|_| with_payloads),
        output: output.filter(|_| with_payloads),
        custom_status: status.custom_status.as_ref().and_then(text_of),
        failure_details: failure.map(Into::into),
        execution_id: Some(status.execution.to_string()),
        completed_timestamp: completed,
        parent_instance_id: start.parent.map(|parent| parent.instance),
        tags: start.tags.into_iter().collect(),
    })
}

fn text_of(payload: &Payload) -> Option<String> {
    payload.decode::<Box<RawValue>>().ok().and_then(|value| Text::from_value(value).into_option())
}

/// Where an instance stands, in the words of the protocol.
pub(super) fn runtime_status(status: &InstanceStatus) -> OrchestrationStatus {
    match status.state {
        InstanceState::Running if is_pending(status) => OrchestrationStatus::Pending,
        other => status_of_state(other),
    }
}

/// The states of an instance in the words of the protocol, which has none for one that is parked: it goes on.
pub(super) fn status_of_state(state: InstanceState) -> OrchestrationStatus {
    match state {
        InstanceState::Completed => OrchestrationStatus::Completed,
        InstanceState::Failed => OrchestrationStatus::Failed,
        InstanceState::Terminated => OrchestrationStatus::Terminated,
        InstanceState::Cancelled => OrchestrationStatus::Canceled,
        InstanceState::Suspended => OrchestrationStatus::Suspended,
        InstanceState::Importing => OrchestrationStatus::Pending,
        _ => OrchestrationStatus::Running,
    }
}

/// The states that a status of the protocol stands for.
pub(super) const fn states_of(status: OrchestrationStatus) -> &'static [InstanceState] {
    match status {
        OrchestrationStatus::Running | OrchestrationStatus::Pending => {
            &[InstanceState::Running, InstanceState::Parked]
        }
        OrchestrationStatus::Completed => &[InstanceState::Completed],
        OrchestrationStatus::Failed => &[InstanceState::Failed],
        OrchestrationStatus::Terminated => &[InstanceState::Terminated],
        OrchestrationStatus::Canceled => &[InstanceState::Cancelled],
        OrchestrationStatus::Suspended => &[InstanceState::Suspended],
        // An execution that has continued is not the newest one of its instance.
        OrchestrationStatus::ContinuedAsNew => &[],
    }
}

/// Whether no worker has taken it up: its time has not come, or its first question has no answer.
fn is_pending(status: &InstanceStatus) -> bool {
    let asks = |name: &str, id: u64| name == DECIDE && id <= FIRST_QUESTION;
    status.history_length <= 1
        || status.execution == ExecutionId::FIRST
            && status.activities.iter().any(|open| asks(open.name.as_str(), open.id.0))
}
