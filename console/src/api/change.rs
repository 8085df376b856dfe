//! What changes one instance.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use reenact_actors::{Error, ExternalEvent, ForkRequest, ReusePolicy, StartRequest};
use reenact_core::{InstanceId, Name, Payload, TimeLimits, Version};
use serde_json::Value;

use super::body::JsonBody;
use super::openapi::Id;
use crate::dto::{Done, Fork, Raise, Reason, Rewind, Start, Started, attributes_of_json};
use crate::params::Params;
use crate::problem::Problem;
use crate::shared::Shared;

/// Starts an instance. It is durable when this answers.
#[utoipa::path(
    post, path = "/api/start", tag = "changes", request_body = Start,
    responses((status = 201, description = "The instance was started, got the event, or is taken for the one to be started", body = Started))
)]
pub(crate) async fn start(
    State(shared): State<Shared>,
    params: Params,
    JsonBody(start): JsonBody<Start>,
) -> Result<(StatusCode, Json<Started>), Problem> {
    params.end()?;
    let id = shared.start(start).await?;
    Ok((StatusCode::CREATED, Json(Started { id: id.to_string() })))
}

/// Raises an event on an instance. It is durable when this answers.
#[utoipa::path(
    post, path = "/api/raise", tag = "changes", params(Id), request_body = Raise,
    responses((status = 200, description = "The event is durable", body = Done))
)]
pub(crate) async fn raise(
    State(shared): State<Shared>,
    mut params: Params,
    JsonBody(raise): JsonBody<Raise>,
) -> Result<Json<Done>, Problem> {
    let id = params.id()?;
    params.end()?;
    let mut event = ExternalEvent::new(raise.name.as_str(), &raise.data)?;
    if let Some(key) = raise.key {
        event = event.with_key(&key)?;
    }
    shared.access().raise_event(&id, event).await?;
    Ok(Json(Done::DONE))
}

/// Asks an instance to end. Its code learns of it and can clean up.
#[utoipa::path(
    post, path = "/api/cancel", tag = "changes", params(Id), request_body = Reason,
    responses((status = 200, description = "The request is durable", body = Done))
)]
pub(crate) async fn cancel(
    State(shared): State<Shared>,
    mut params: Params,
    JsonBody(Reason { reason }): JsonBody<Reason>,
) -> Result<Json<Done>, Problem> {
    let id = params.id()?;
    params.end()?;
    shared.access().cancel(&id, &reason).await?;
    Ok(Json(Done::DONE))
}

/// Stops the code of an instance until it is resumed.
#[utoipa::path(
    post, path = "/api/suspend", tag = "changes", params(Id), request_body = Reason,
    responses((status = 200, description = "The instance is suspended", body = Done))
)]
pub(crate) async fn suspend(
    State(shared): State<Shared>,
    mut params: Params,
    JsonBody(Reason { reason }): JsonBody<Reason>,
) -> Result<Json<Done>, Problem> {
    let id = params.id()?;
    params.end()?;
    shared.access().suspend(&id, &reason).await?;
    Ok(Json(Done::DONE))
}

/// Lets the code of a suspended instance go on, and tries a parked one again.
#[utoipa::path(
    post, path = "/api/resume", tag = "changes", params(Id),
    responses((status = 200, description = "The instance goes on", body = Done))
)]
pub(crate) async fn resume(
    State(shared): State<Shared>,
    mut params: Params,
    JsonBody(Nothing {}): JsonBody<Nothing>,
) -> Result<Json<Done>, Problem> {
    let id = params.id()?;
    params.end()?;
    shared.access().resume(&id).await?;
    Ok(Json(Done::DONE))
}

/// Ends an instance without asking its code: nothing is undone.
#[utoipa::path(
    post, path = "/api/terminate", tag = "changes", params(Id), request_body = Reason,
    responses((status = 200, description = "The instance has ended", body = Done))
)]
pub(crate) async fn terminate(
    State(shared): State<Shared>,
    mut params: Params,
    JsonBody(Reason { reason }): JsonBody<Reason>,
) -> Result<Json<Done>, Problem> {
    let id = params.id()?;
    params.end()?;
    shared.access().terminate(&id, &reason).await?;
    Ok(Json(Done::DONE))
}

/// Takes an instance back to before an event of its history.
#[utoipa::path(
    post, path = "/api/rewind", tag = "changes", params(Id), request_body = Rewind,
    responses((status = 200, description = "The instance stands before that event", body = Done))
)]
pub(crate) async fn rewind(
    State(shared): State<Shared>,
    mut params: Params,
    JsonBody(Rewind { position, reason }): JsonBody<Rewind>,
) -> Result<Json<Done>, Problem> {
    let id = params.id()?;
    params.end()?;
    shared.access().rewind(&id, position, &reason).await?;
    Ok(Json(Done::DONE))
}

/// Begins a new instance with the first turns of the history of an instance, which stays as it is.
#[utoipa::path(
    post, path = "/api/fork", tag = "changes", params(Id), request_body = Fork,
    responses((status = 200, description = "The new instance has begun", body = Started))
)]
pub(crate) async fn fork(
    State(shared): State<Shared>,
    mut params: Params,
    JsonBody(Fork { to, before, reason, attach }): JsonBody<Fork>,
) -> Result<Json<Started>, Problem> {
    let from = params.id()?;
    params.end()?;
    let instance = InstanceId::new(to)?;
    let id = instance.to_string();
    let request = ForkRequest { from, instance, before, reason, or_attach: attach };
    shared.access().fork(request).await?;
    Ok(Json(Started { id }))
}

/// Removes a finished instance with its history, for good.
#[utoipa::path(
    post, path = "/api/purge", tag = "changes", params(Id),
    responses((status = 200, description = "The instance is gone", body = Done))
)]
pub(crate) async fn purge(
    State(shared): State<Shared>,
    mut params: Params,
    JsonBody(Nothing {}): JsonBody<Nothing>,
) -> Result<Json<Done>, Problem> {
    let id = params.id()?;
    params.end()?;
    shared.access().purge(&id).await?;
    Ok(Json(Done::DONE))
}

/// The body of a request that says all in its address.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

impl Shared {
    /// Starts an instance. The input is checked against the code of the orchestration where the host has it.
    pub(crate) async fn start(&self, start: Start) -> Result<InstanceId, Problem> {
        let attributes = attributes_of_json(&start.attributes)
            .map_err(|error| Problem::invalid(error.to_string()))?;
        let Start { orchestration, input, id, version, delay_ms, event, .. } = start;
        let name = Name::new(orchestration)?;
        let version = version.map(Version::new).transpose()?;
        let instance = id.map(InstanceId::new).transpose()?;
        let event = event.map(|event| ExternalEvent::new(event.name.as_str(), &event.data));
        let event = event.transpose()?;
        let input = self.input(&name, version.as_ref(), &input)?;
        let delay = delay_ms.map(Duration::from_millis);
        let reuse = ReusePolicy::new().replacing(start.replace.iter().map(|state| state.0));
        let reuse = if start.attach { reuse.or_attach() } else { reuse };
        let limits = TimeLimits {
            execution: start.timeout_ms.map(Duration::from_millis),
            total: start.total_timeout_ms.map(Duration::from_millis),
        };
        let request = StartRequest {
            name,
            version,
            input,
            instance,
            delay,
            event,
            reuse,
            limits,
            attributes,
        };
        Ok(self.access().start_instance(request).await?)
    }

    /// The input as it is stored, once it is known that the code of the orchestration takes it, where the host has it.
    pub(crate) fn input(
        &self,
        name: &Name,
        version: Option<&Version>,
        input: &Value,
    ) -> Result<Payload, Problem> {
        let invalid = |source| Error::InvalidPayload {
            what: format!("the input of orchestration `{name}`"),
            source,
        };
        let input = Payload::encode_large(input).map_err(invalid)?;
        if let Some(code) = self.access().orchestration(name, version)? {
            code.check_input(&input).map_err(invalid)?;
        }
        Ok(input)
    }
}
