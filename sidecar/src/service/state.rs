//! The state of an instance, as clients of the protocol see it.

use reenact::{Error, ExecutionId, InstanceId, InstanceState, InstanceStatus};
use tonic::Status;

use super::{Hub, status_of};
use crate::events::time_of;
use crate::instances::{large_output, result_of, start_of, status_of_state, text_of};
use crate::large_status;
use crate::names::{DECIDE, LARGE_OUTPUT};
use crate::proto::{OrchestrationState, OrchestrationStatus};
use crate::text::Text;

/// The first question that an execution asks has at most this number in its log.
const FIRST_QUESTION: u64 = 3;

/// The log of an execution that has asked its first question has at least so many events: its start, that it waits for
/// events, and the question.
const ASKED: u64 = 3;

impl Hub {
    /// The state of an instance; `None` where there is none.
    pub(super) async fn state(
        &self,
        id: &InstanceId,
        with_payloads: bool,
    ) -> Result<Option<OrchestrationState>, Status> {
        match self.client.get_status(id).await {
            Ok(status) => self.state_of(status, with_payloads).await.map(Some),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(status_of(error)),
        }
    }

    pub(super) async fn state_of(
        &self,
        status: InstanceStatus,
        with_payloads: bool,
    ) -> Result<OrchestrationState, Status> {
        let client = &self.client;
        let start = match start_of(client, &status.id).await {
            Ok(start) => start,
            // What does not decode is not the client's fault: the rest of the state is there.
            Err(Error::Unreadable { .. }) => Default::default(),
            Err(error) => return Err(status_of(error)),
        };
        let (mut output, failure) = result_of(&status);
        if output.as_deref() == Some(LARGE_OUTPUT) {
            output = large_output(client, &status.id).await.map_err(status_of)?;
        }
        let custom_status = status.custom_status.as_ref().and_then(text_of);
        let custom_status = large_status::read(client, &status.id, custom_status).await;
        let custom_status = custom_status.map_err(status_of)?;
        let completed = status.state.is_finished().then(|| time_of(status.last_event_at));
        Ok(OrchestrationState {
            instance_id: status.id.to_string(),
            name: status.name.to_string(),
            version: start.version.or_else(|| status.version.as_ref().map(ToString::to_string)),
            orchestration_status: self.runtime_status(&status).into(),
            scheduled_start_timestamp: start.scheduled.map(time_of),
            created_timestamp: Some(time_of(status.created_at)),
            last_updated_timestamp: Some(time_of(status.last_event_at)),
            input: start.input.and_then(Text::into_option).filter(|_| with_payloads),
            output: output.filter(|_| with_payloads),
            custom_status,
            failure_details: failure.map(Into::into),
            execution_id: Some(status.execution.to_string()),
            completed_timestamp: completed,
            parent_instance_id: start.parent.map(|parent| parent.instance),
            tags: start.tags.into_iter().collect(),
        })
    }

    /// Where an instance stands, in the words of the protocol.
    pub(super) fn runtime_status(&self, status: &InstanceStatus) -> OrchestrationStatus {
        match status.state {
            InstanceState::Running if self.is_pending(status) => OrchestrationStatus::Pending,
            other => status_of_state(other),
        }
    }

    /// Whether nobody has taken it up: its time has not come, or its first question has no answer.
    fn is_pending(&self, status: &InstanceStatus) -> bool {
        if self.shared.names().is_orchestration(status.name.as_str()) {
            return status.history_length <= 1;
        }
        let is_first = |id: u64| id <= FIRST_QUESTION;
        let mut open = status.activities.iter();
        status.history_length < ASKED
            || status.execution == ExecutionId::FIRST
                && open.any(|open| open.name.as_str() == DECIDE && is_first(open.id.0))
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
