//! Talking to instances: published values, updates, activities that are completed from outside.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use reenact_actors::{Error, ExternalEvent};
use reenact_core::{ActivityError, ActivityToken, InstanceId, Name, Payload, UpdateAnswer};
use serde_json::Value;

use super::body::JsonBody;
use super::openapi::Id;
use crate::dto::{
    AnswerKind, CompleteActivity, Done, FailActivity, HeartbeatActivity, Published, PublishedValue,
    Update, UpdateAnswered,
};
use crate::limits::{MAX_UPDATE_WAIT, UPDATE_WAIT};
use crate::params::Params;
use crate::problem::{Problem, ProblemKind};
use crate::shared::Shared;
use crate::shown::Shown;

/// The values that an instance has published, or one of them. No code of the instance runs.
#[utoipa::path(
    get, path = "/api/published", tag = "instances",
    params(Id, ("name" = Option<String>, Query, description = "Only the value of that name")),
    responses((status = 200, description = "The values, as far as they are durable", body = Published))
)]
pub(crate) async fn published(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<Published>, Problem> {
    let id = params.id()?;
    let name = params.text("name")?.map(Name::new).transpose()?;
    params.end()?;
    let published = shared.access().published(&id).await?;
    let shown = shared.shown(id.as_str());
    let wanted = published.iter().filter(|(of, _)| name.as_ref().is_none_or(|name| name == *of));
    let values: Vec<_> = wanted.map(|(name, value)| one(shown, name, value)).collect();
    match name.filter(|_| values.is_empty()) {
        Some(name) => {
            let detail = format!("instance `{id}` has published no value under the name `{name}`");
            Err(Problem::new(ProblemKind::NotFound, detail).about(&id))
        }
        None => Ok(Json(Published { values })),
    }
}

fn one(shown: Shown<'_>, name: &Name, value: &Payload) -> PublishedValue {
    let value = shown.payload("value", Some(name.as_str()), json(value));
    PublishedValue { name: name.to_string(), value }
}

/// Sends an update to an instance, and waits for its answer.
#[utoipa::path(
    post, path = "/api/update", tag = "changes", params(Id), request_body = Update,
    responses((status = 200, description = "The answer, which is durable", body = UpdateAnswered))
)]
pub(crate) async fn update(
    State(shared): State<Shared>,
    mut params: Params,
    JsonBody(update): JsonBody<Update>,
) -> Result<Json<UpdateAnswered>, Problem> {
    let id = params.id()?;
    params.end()?;
    Ok(Json(shared.update(&id, &update).await?))
}

impl Shared {
    /// Sends an update, and waits for its answer.
    pub(crate) async fn update(
        &self,
        id: &InstanceId,
        update: &Update,
    ) -> Result<UpdateAnswered, Problem> {
        let wait = update.wait_ms.map_or(UPDATE_WAIT, Duration::from_millis);
        if wait > MAX_UPDATE_WAIT {
            let most = MAX_UPDATE_WAIT.as_millis();
            return Err(Problem::invalid(format!("`wait_ms` is at most {most}")));
        }
        let mut event = ExternalEvent::new(update.name.as_str(), &update.data)?;
        if let Some(key) = &update.key {
            event = event.with_key(key)?;
        }
        let access = self.access();
        let (event, key) = access.keyed(event)?;
        let shown = self.shown(id.as_str());
        let Ok(answer) = tokio::time::timeout(wait, access.update(id, event)).await else {
            let detail = format!(
                "instance `{id}` has not answered within {} ms; the update may be on its way: send it again with the \
                 key `{key}`, and it counts once and has the same answer",
                wait.as_millis()
            );
            return Err(Problem::new(ProblemKind::Uncertain, detail).about(id));
        };
        let payload = |kind, value: &Payload, why| UpdateAnswered {
            answer: kind,
            value: shown.payload("value", Some(&update.name), json(value)),
            why,
            key: Some(key.to_string()),
        };
        let null = Payload::default();
        Ok(match answer {
            Ok(UpdateAnswer::Replied(value)) => payload(AnswerKind::Replied, &value, None),
            Ok(UpdateAnswer::Refused(reason)) => payload(AnswerKind::Refused, &reason, None),
            Ok(UpdateAnswer::Invalid(why)) => {
                payload(AnswerKind::Invalid, &null, Some(shown.reason(&why)))
            }
            Ok(_) => payload(AnswerKind::Dropped, &null, None),
            Err(Error::UpdateRefused { reason, .. }) => {
                UpdateAnswered { key: None, ..payload(AnswerKind::Refused, &reason, None) }
            }
            Err(error) => return Err(error.into()),
        })
    }
}

/// Completes an activity that is completed from outside. It is durable when this answers.
#[utoipa::path(
    post, path = "/api/activity/complete", tag = "changes", request_body = CompleteActivity,
    responses((status = 200, description = "The activity is completed", body = Done))
)]
pub(crate) async fn complete(
    State(shared): State<Shared>,
    params: Params,
    JsonBody(body): JsonBody<CompleteActivity>,
) -> Result<Json<Done>, Problem> {
    params.end()?;
    let token = token(&body.token)?;
    let output = payload(&token, &body.output)?;
    shared.access().complete_activity(&token, Ok(output)).await?;
    Ok(Json(Done::DONE))
}

/// Lets an activity fail that is completed from outside. It is durable when this answers.
#[utoipa::path(
    post, path = "/api/activity/fail", tag = "changes", request_body = FailActivity,
    responses((status = 200, description = "The attempt has failed", body = Done))
)]
pub(crate) async fn fail(
    State(shared): State<Shared>,
    params: Params,
    JsonBody(body): JsonBody<FailActivity>,
) -> Result<Json<Done>, Problem> {
    params.end()?;
    let token = token(&body.token)?;
    let error = match body.fatal {
        true => ActivityError::fatal(&body.message),
        false => ActivityError::retryable(&body.message),
    };
    let error = match &body.details {
        Some(details) => error.with_details(details),
        None => error,
    };
    shared.access().complete_activity(&token, Err(error)).await?;
    Ok(Json(Done::DONE))
}

/// Reports how far an activity is that is completed from outside.
#[utoipa::path(
    post, path = "/api/activity/heartbeat", tag = "changes", request_body = HeartbeatActivity,
    responses((status = 200, description = "The heartbeat is durable", body = Done))
)]
pub(crate) async fn heartbeat(
    State(shared): State<Shared>,
    params: Params,
    JsonBody(body): JsonBody<HeartbeatActivity>,
) -> Result<Json<Done>, Problem> {
    params.end()?;
    let token = token(&body.token)?;
    let details = payload(&token, &body.details)?;
    shared.access().record_heartbeat(&token, details).await?;
    Ok(Json(Done::DONE))
}

fn token(text: &str) -> Result<ActivityToken, Problem> {
    text.parse().map_err(|invalid| Problem::invalid(format!("{invalid}")))
}

fn payload(token: &ActivityToken, value: &Value) -> Result<Payload, Problem> {
    let invalid = |source| Error::InvalidPayload {
        what: format!("the value for activity {} of instance `{}`", token.id(), token.instance()),
        source,
    };
    Ok(Payload::encode_large(value).map_err(invalid)?)
}

fn json(payload: &Payload) -> Value {
    payload.decode().unwrap_or_default()
}
