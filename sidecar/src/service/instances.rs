//! One instance: started, asked, sent something, ended.

use std::pin::Pin;

use futures_util::{Stream, StreamExt, stream};
use reenact::{Error, ErrorKind, InstanceId, InstanceState, InstanceStatus, TraceContext, Version};
use tonic::Status;

use super::state::states_of;
use super::{Hub, id_of, status_of};
use crate::activities::Terminated;
use crate::events::{Encoded, event, timestamp_of};
use crate::instances::{
    RewindError, encoded, ended, in_order, now, pauses, restart, rewind, terminate,
};
use crate::limits::{BYTES_PER_CHUNK, EVENTS_PER_CHUNK};
use crate::names::RESUMED;
use crate::proto::{self, HistoryEventEventType as Kind, OrchestrationStatus};
use crate::sidecar::HistoryError;
use crate::start::{Start, Trace};
use crate::text::Text;

type Chunks = Pin<Box<dyn Stream<Item = Result<proto::HistoryChunk, Status>> + Send>>;

impl Hub {
    pub(super) async fn start_instance(
        self,
        request: proto::CreateInstanceRequest,
    ) -> Result<proto::CreateInstanceResponse, Status> {
        let is_rust = self.shared.names().is_orchestration(&request.name);
        let trace = request.parent_trace_context.filter(|trace| !trace.trace_parent.is_empty());
        let scheduled = request.scheduled_start_timestamp.as_ref().map(timestamp_of);
        let start = Start {
            input: request.input.map(|input| Text::new(Some(input))),
            version: request.version.clone().filter(|version| !version.is_empty()),
            tags: request.tags.into_iter().collect(),
            trace: trace.clone().map(Trace::from),
            scheduled,
            ..Start::default()
        };
        let input = if is_rust { start.write_plain() } else { start.write() };
        let input = encoded(input).map_err(status_of)?;
        let mut new = self.client.start_new_by_name::<Text>(&request.name, &input);
        if !request.instance_id.is_empty() {
            new = new.id(id_of(&request.instance_id)?);
        }
        if let Some(version) = request.version.filter(|version| is_rust && !version.is_empty()) {
            Version::new(&version).map_err(|why| Status::invalid_argument(why.to_string()))?;
            new = new.version(version);
        }
        if let Some(at) = scheduled {
            new = new.delay(at.since(now()));
        }
        // What is no trace context is no reason not to start.
        let trace =
            trace.and_then(|trace| TraceContext::from_traceparent(&trace.trace_parent).ok());
        if let Some(trace) = trace {
            new = new.trace_context(trace);
        }
        if let Some(policy) = request.orchestration_id_reuse_policy {
            let replaceable = policy.replaceable_status().flat_map(states_of).copied();
            new = new.replacing(replaceable);
        }
        let started = new.await.map_err(status_of)?;
        Ok(proto::CreateInstanceResponse { instance_id: started.id().to_string() })
    }

    pub(super) async fn get_instance(
        self,
        request: proto::GetInstanceRequest,
    ) -> Result<proto::GetInstanceResponse, Status> {
        self.get_instance_state(request).await
    }

    async fn get_instance_state(
        &self,
        request: proto::GetInstanceRequest,
    ) -> Result<proto::GetInstanceResponse, Status> {
        let id = id_of(&request.instance_id)?;
        let state = self.state(&id, request.get_inputs_and_outputs).await?;
        Ok(proto::GetInstanceResponse { exists: state.is_some(), orchestration_state: state })
    }

    /// Returns when the instance has left the state `Pending`.
    pub(super) async fn wait_for_start(
        self,
        request: proto::GetInstanceRequest,
    ) -> Result<proto::GetInstanceResponse, Status> {
        let is_pending = |status: &_| self.runtime_status(status) == OrchestrationStatus::Pending;
        self.until_ending(self.wait(request, |status| !is_pending(status))).await
    }

    /// Returns when the instance has ended, however long that takes: the client sets the limit.
    pub(super) async fn wait_for_completion(
        self,
        request: proto::GetInstanceRequest,
    ) -> Result<proto::GetInstanceResponse, Status> {
        self.until_ending(self.wait_for_end(request)).await
    }

    async fn wait_for_end(
        &self,
        request: proto::GetInstanceRequest,
    ) -> Result<proto::GetInstanceResponse, Status> {
        let id = id_of(&request.instance_id)?;
        match self.client.wait_for_status(&id, |_| false).await {
            Ok(_) | Err(Error::NotFound { .. }) => self.get_instance_state(request).await,
            // It goes on once it is mended.
            Err(Error::Parked { .. }) => {
                self.wait(request, |status| status.state.is_finished()).await
            }
            Err(error) => Err(status_of(error)),
        }
    }

    async fn wait(
        &self,
        request: proto::GetInstanceRequest,
        is_wanted: impl Fn(&InstanceStatus) -> bool,
    ) -> Result<proto::GetInstanceResponse, Status> {
        let id = id_of(&request.instance_id)?;
        let mut watch = self.client.watch(&id).map_err(status_of)?;
        loop {
            match self.client.get_status(&id).await {
                Ok(status) if is_wanted(&status) => break,
                Ok(_) => {}
                Err(Error::NotFound { .. }) => break,
                Err(error) => return Err(status_of(error)),
            }
            watch.changed().await.map_err(status_of)?;
        }
        self.get_instance_state(request).await
    }

    /// A wait that the end of the service cuts short: its client asks the next sidecar.
    async fn until_ending<T>(
        &self,
        wait: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        tokio::select! {
            biased;
            () = self.shared.ended() => Err(Status::unavailable("the sidecar ends; ask again")),
            waited = wait => waited,
        }
    }

    pub(super) async fn raise_event(
        self,
        request: proto::RaiseEventRequest,
    ) -> Result<proto::RaiseEventResponse, Status> {
        let id = id_of(&request.instance_id)?;
        let raised = self.client.raise_event(&id, request.name.as_str(), Text::new(request.input));
        done_or_finished(raised.await).map(|()| proto::RaiseEventResponse {})
    }

    pub(super) async fn terminate_instance(
        self,
        request: proto::TerminateRequest,
    ) -> Result<proto::TerminateResponse, Status> {
        let id = id_of(&request.instance_id)?;
        self.client.get_status(&id).await.map_err(status_of)?;
        let reason = request.output.unwrap_or_default();
        let wanted =
            Terminated { instance: request.instance_id, reason, recursive: request.recursive };
        terminate(&self.client, &wanted).await.map_err(status_of)?;
        Ok(proto::TerminateResponse {})
    }

    pub(super) async fn suspend_instance(
        self,
        request: proto::SuspendRequest,
    ) -> Result<proto::SuspendResponse, Status> {
        let id = id_of(&request.instance_id)?;
        let reason = request.reason.unwrap_or_default();
        done_or_finished(self.client.suspend(&id, &reason).await)?;
        Ok(proto::SuspendResponse {})
    }

    pub(super) async fn resume_instance(
        self,
        request: proto::ResumeRequest,
    ) -> Result<proto::ResumeResponse, Status> {
        let id = id_of(&request.instance_id)?;
        // The host resumes without a reason: it is an event before.
        if let Some(reason) = request.reason.filter(|reason| !reason.is_empty()) {
            let event = self.client.raise_event(&id, RESUMED, Text::new(Some(reason)));
            done_or_finished(event.await)?;
        }
        done_or_finished(self.client.resume(&id).await)?;
        Ok(proto::ResumeResponse {})
    }

    pub(super) async fn rewind_instance(
        self,
        request: proto::RewindInstanceRequest,
    ) -> Result<proto::RewindInstanceResponse, Status> {
        let id = id_of(&request.instance_id)?;
        let rewound = rewind(&self.shared, &self.client, &id, request.reason).await;
        rewound.map_err(|error| match error {
            RewindError::NotFailed { .. } => Status::failed_precondition(error.to_string()),
            RewindError::Store(error) | RewindError::History(HistoryError::Store(error)) => {
                status_of(error)
            }
            RewindError::History(_) | RewindError::Encode { .. } => {
                Status::internal(error.to_string())
            }
        })?;
        Ok(proto::RewindInstanceResponse {})
    }

    pub(super) async fn restart_instance(
        self,
        request: proto::RestartInstanceRequest,
    ) -> Result<proto::RestartInstanceResponse, Status> {
        let id = id_of(&request.instance_id)?;
        let status = self.client.get_status(&id).await.map_err(status_of)?;
        if !status.state.is_finished() {
            let why = format!("instance `{id}` has not ended; terminate it before it is restarted");
            return Err(Status::failed_precondition(why));
        }
        let is_new = request.restart_with_new_instance_id;
        let restarted = restart(&self.client, &status, is_new).await.map_err(status_of)?;
        Ok(proto::RestartInstanceResponse { instance_id: restarted.to_string() })
    }

    /// Terminations are never graceful here: each takes effect at once.
    pub(super) async fn skip_graceful_terminations(
        self,
        request: proto::SkipGracefulOrchestrationTerminationsRequest,
    ) -> Result<proto::SkipGracefulOrchestrationTerminationsResponse, Status> {
        let reason = request.reason.unwrap_or_default();
        let mut left = Vec::new();
        for instance in request.instance_batch.map(|batch| batch.instance_ids).unwrap_or_default() {
            let ended = match InstanceId::new(&instance) {
                Ok(id) => self.client.terminate(&id, &reason).await.is_ok(),
                Err(_) => false,
            };
            if !ended {
                left.push(instance);
            }
        }
        Ok(proto::SkipGracefulOrchestrationTerminationsResponse { unterminated_instance_ids: left })
    }

    pub(super) async fn stream_history(
        self,
        request: proto::StreamInstanceHistoryRequest,
    ) -> Result<Chunks, Status> {
        let id = id_of(&request.instance_id)?;
        if request.for_work_item_processing {
            let execution = request.execution_id.as_deref();
            let past = self.shared.workers.past_of_question(id.as_str(), execution);
            if let Some(past) = past {
                return Ok(in_chunks(past));
            }
        }
        let status = self.client.get_status(&id).await.map_err(status_of)?;
        let mut events = self.events(&status).await?;
        if !request.for_work_item_processing {
            let pauses = pauses(&self.client, &id).await.map_err(status_of)?;
            events = in_order(events, pauses);
            events.extend(self.end_of(&status).await?);
        }
        Ok(in_chunks(events))
    }

    async fn events(&self, status: &InstanceStatus) -> Result<Vec<Encoded>, Status> {
        if self.shared.names().is_orchestration(status.name.as_str()) {
            // Code in Rust has no history in the protocol.
            return Ok(Vec::new());
        }
        self.shared.history(&status.id).await.map_err(|error| match error {
            HistoryError::Store(error) => status_of(error),
            HistoryError::Unfit { .. } => Status::internal(error.to_string()),
        })
    }

    /// How an instance has ended, as the last events of its history.
    async fn end_of(&self, status: &InstanceStatus) -> Result<Vec<Encoded>, Status> {
        if !status.state.is_finished() {
            return Ok(Vec::new());
        }
        let mut events = Vec::new();
        if status.state == InstanceState::Terminated {
            let state = self.state(&status.id, true).await?;
            let input = state.and_then(|state| state.output);
            let terminated = proto::ExecutionTerminatedEvent { input, recurse: false };
            let kind = Kind::ExecutionTerminated(terminated);
            events.push(Encoded::from(&event(status.last_event_at, kind)));
        }
        events.push(Encoded::from(&ended(status)));
        Ok(events)
    }
}

/// A history, in messages that every client can take.
fn in_chunks(events: Vec<Encoded>) -> Chunks {
    let mut events = events.into_iter().peekable();
    let chunks = std::iter::from_fn(move || {
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        while let Some(event) = events.next_if(|event| {
            let fits = chunk.len() < EVENTS_PER_CHUNK && bytes + event.len() <= BYTES_PER_CHUNK;
            fits || chunk.is_empty()
        }) {
            bytes += event.len();
            chunk.push(event.decode());
        }
        let decoded = chunk.into_iter().collect::<Result<Vec<_>, _>>();
        match decoded {
            Ok(events) if events.is_empty() => None,
            Ok(events) => Some(Ok(proto::HistoryChunk { events })),
            Err(why) => Some(Err(Status::internal(why.to_string()))),
        }
    });
    stream::iter(chunks).boxed()
}

/// What comes to an instance that has ended has no effect, as clients of the protocol expect.
fn done_or_finished(done: reenact::Result<()>) -> Result<(), Status> {
    match done {
        Err(error) if error.kind() == ErrorKind::Finished => Ok(()),
        done => done.map_err(status_of),
    }
}
