//! Entities: what there is of each type, how each of them is, and calls of their operations.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use reenact_actors::entities::{
    DELETE, EntityLock, EntityRefusal, EntityRequest, LOCK, OPERATIONS, OperationRequest, STATE,
};
use reenact_actors::inspect::{InstanceView, ViewedEvent};
use reenact_actors::{EntityId, ExternalEvent, StartRequest};
use reenact_core::{InstanceId, Payload, Timestamp, UpdateAnswer};
use reenact_providers::{InstanceFilter, PageRequest};
use serde_json::Value;

use super::body::JsonBody;
use super::change::Nothing;
use crate::dto::{
    AnswerKind, CallOperation, Done, Entity, EntityList, EntityType, EntityTypes, Listed, LockHeld,
    SignalOperation, StateText, UpdateAnswered, WaitingOperation,
};
use crate::limits::{
    DEFAULT_ENTITIES_PAGE, MAX_ENTITIES_BYTES, MAX_ENTITIES_PAGE, MAX_UPDATE_WAIT,
    MAX_WAITING_OPERATIONS, UPDATE_WAIT,
};
use crate::params::Params;
use crate::problem::{Problem, ProblemKind};
use crate::shared::Shared;
use crate::shown::Shown;

/// The entity that an address names.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is read by `Params`, and described here")]
pub(crate) struct Named {
    /// The type of the entity.
    r#type: String,
    /// The key of the entity.
    key: String,
}

/// The types of entities, and how many entities there are of each.
#[utoipa::path(
    get, path = "/api/entity-types", tag = "entities",
    responses((status = 200, description = "The types", body = EntityTypes))
)]
pub(crate) async fn types(
    State(shared): State<Shared>,
    params: Params,
) -> Result<Json<EntityTypes>, Problem> {
    params.end()?;
    Ok(Json(EntityTypes { types: types_of(&shared).await? }))
}

/// The types of entities.
pub(crate) async fn types_of(shared: &Shared) -> Result<Vec<EntityType>, Problem> {
    let types = shared.access().entity_types().await?.into_iter();
    Ok(types.map(|(name, entities)| EntityType { name, entities }).collect())
}

/// A page of the entities of a type, in the order of their keys, with their states. A page may have fewer than were
/// asked for, where their states are large.
#[utoipa::path(
    get, path = "/api/entities", tag = "entities",
    params(
        ("type" = String, Query, description = "The type"),
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<usize>, Query, description = "The most entities of a page"),
    ),
    responses((status = 200, description = "The page", body = EntityList))
)]
pub(crate) async fn list(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<EntityList>, Problem> {
    let of = params.text("type")?.ok_or_else(|| missing("type"))?;
    let after = params.text("after")?.map(InstanceId::new).transpose()?;
    let limit = params.limit(DEFAULT_ENTITIES_PAGE, MAX_ENTITIES_PAGE)?;
    params.end()?;
    Ok(Json(list_of(&shared, &of, after, limit).await?))
}

/// A page of the entities of a type.
pub(crate) async fn list_of(
    shared: &Shared,
    of: &str,
    after: Option<InstanceId>,
    limit: usize,
) -> Result<EntityList, Problem> {
    let filter = InstanceFilter::new().name(EntityId::orchestration_of(of));
    let mut request = PageRequest::new().limit(limit);
    request.after = after;
    let page = shared.access().list(&filter, &request).await?;
    let (mut entities, mut bytes, mut next) = (Vec::new(), 0, page.next);
    for found in page.instances {
        let (entity, size) = match read(shared, &found.instance, 0).await {
            // It was purged meanwhile.
            Err(problem) if problem.kind == ProblemKind::NotFound => continue,
            read => read?,
        };
        bytes += size;
        entities.push(entity);
        if bytes >= MAX_ENTITIES_BYTES {
            next = Some(found.instance);
            break;
        }
    }
    Ok(EntityList { entities, next: next.map(|next| next.to_string()) })
}

/// One entity: its state, who holds its lock, and what waits for its turn.
#[utoipa::path(
    get, path = "/api/entity", tag = "entities", params(Named),
    responses((status = 200, description = "The entity", body = Entity))
)]
pub(crate) async fn entity(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<Entity>, Problem> {
    let (_, instance) = named(&mut params)?;
    params.end()?;
    Ok(Json(of_instance(&shared, &instance, MAX_WAITING_OPERATIONS).await?))
}

/// The type of the entity that an address names, and its instance.
pub(crate) fn named(params: &mut Params) -> Result<(String, InstanceId), Problem> {
    let of = params.text("type")?.ok_or_else(|| missing("type"))?;
    let key = params.text("key")?.ok_or_else(|| missing("key"))?;
    let instance = EntityId::instance_of(&of, &key)?;
    if EntityId::of(&instance).is_none_or(|entity| entity.entity_type() != of) {
        return Err(Problem::invalid(format!("no entity can have the type `{of}`")));
    }
    Ok((of, instance))
}

fn missing(name: &str) -> Problem {
    Problem::invalid(format!("the parameter `{name}` is missing"))
}

/// The entity that an instance is.
pub(crate) async fn of_instance(
    shared: &Shared,
    instance: &InstanceId,
    most: usize,
) -> Result<Entity, Problem> {
    read(shared, instance, most).await.map(|(entity, _)| entity)
}

/// The same, and how many bytes its state has.
async fn read(
    shared: &Shared,
    instance: &InstanceId,
    most: usize,
) -> Result<(Entity, usize), Problem> {
    let Some(entity) = EntityId::of(instance) else {
        let detail = format!("instance `{instance}` is no entity");
        return Err(Problem::new(ProblemKind::NotFound, detail).about(instance));
    };
    let view = shared.access().view(instance).await?;
    let shown = shared.shown(instance.as_str());
    let published = &view.execution.published;
    let value = published.get(STATE);
    let entity = Entity {
        of: entity.entity_type().to_owned(),
        key: entity.key().to_owned(),
        id: instance.to_string(),
        instance_state: StateText(view.summary.state),
        created_at: view.summary.created_at.into(),
        updated_at: view.summary.updated_at.into(),
        value: value.map(|value| shown.payload("value", Some(STATE), json(value))),
        lock: lock_of(&view),
        waiting: waiting(shown, &view, most),
        unreadable: view.unreadable.clone(),
    };
    Ok((entity, value.map_or(0, Payload::len)))
}

/// Who holds the lock of the entity that an instance is.
fn lock_of(view: &InstanceView) -> Option<LockHeld> {
    if view.summary.state.is_finished() {
        return None;
    }
    let lock = view.execution.published.get(LOCK)?.decode::<EntityLock>().ok()?;
    Some(LockHeld { owner: lock.owner, since: lock.since.into() })
}

fn waiting(shown: Shown<'_>, view: &InstanceView, most: usize) -> Listed<WaitingOperation> {
    let buffered = &view.execution.buffered;
    let items = buffered.items.iter().take(most).map(|event| operation(shown, event));
    Listed { items: items.collect(), total: buffered.total }
}

fn operation(shown: Shown<'_>, event: &ViewedEvent) -> WaitingOperation {
    let data = event.data.as_ref();
    let asked = data.and_then(|data| data.decode::<EntityRequest>().ok()).unwrap_or_default();
    let wants_lock = asked.lock.map(|_| asked.owner.unwrap_or_default());
    WaitingOperation {
        operation: asked.op,
        wants_lock,
        position: event.position,
        at: event.at.into(),
        data: data.map(|data| shown.payload("data", Some(event.name.as_str()), json(data))),
    }
}

/// Calls an operation of an entity, which is made if it is not there, and waits for its answer.
#[utoipa::path(
    post, path = "/api/entity/call", tag = "entities", params(Named), request_body = CallOperation,
    responses((status = 200, description = "The answer, which is durable", body = UpdateAnswered))
)]
pub(crate) async fn call(
    State(shared): State<Shared>,
    mut params: Params,
    JsonBody(call): JsonBody<CallOperation>,
) -> Result<Json<UpdateAnswered>, Problem> {
    let (of, instance) = named(&mut params)?;
    params.end()?;
    Ok(Json(shared.call_entity(&of, &instance, &call).await?))
}

/// Sends an entity an operation, without waiting for its answer. It is durable when this answers.
#[utoipa::path(
    post, path = "/api/entity/signal", tag = "entities", params(Named), request_body = SignalOperation,
    responses((status = 200, description = "The operation is on its way", body = Done))
)]
pub(crate) async fn signal(
    State(shared): State<Shared>,
    mut params: Params,
    JsonBody(signal): JsonBody<SignalOperation>,
) -> Result<Json<Done>, Problem> {
    let (of, instance) = named(&mut params)?;
    params.end()?;
    shared.signal_entity(&of, &instance, &signal).await?;
    Ok(Json(Done::DONE))
}

/// Deletes the state of an entity, in its turn among the operations: the next one begins with the default.
#[utoipa::path(
    post, path = "/api/entity/delete", tag = "entities", params(Named),
    responses((status = 200, description = "The answer, which is durable", body = UpdateAnswered))
)]
pub(crate) async fn delete(
    State(shared): State<Shared>,
    mut params: Params,
    JsonBody(Nothing {}): JsonBody<Nothing>,
) -> Result<Json<UpdateAnswered>, Problem> {
    let (of, instance) = named(&mut params)?;
    params.end()?;
    Ok(Json(shared.call_entity(&of, &instance, &deletion()).await?))
}

/// Removes an entity with its state and its history, at once and for good.
#[utoipa::path(
    post, path = "/api/entity/purge", tag = "entities", params(Named),
    responses((status = 200, description = "The entity is gone", body = Done))
)]
pub(crate) async fn purge(
    State(shared): State<Shared>,
    mut params: Params,
    JsonBody(Nothing {}): JsonBody<Nothing>,
) -> Result<Json<Done>, Problem> {
    let (_, instance) = named(&mut params)?;
    params.end()?;
    shared.access().purge_entity(&instance).await?;
    Ok(Json(Done::DONE))
}

/// The operation that deletes the state.
pub(crate) fn deletion() -> CallOperation {
    CallOperation { operation: DELETE.to_owned(), arguments: Vec::new(), key: None, wait_ms: None }
}

impl Shared {
    /// Calls an operation of an entity.
    pub(crate) async fn call_entity(
        &self,
        of: &str,
        instance: &InstanceId,
        call: &CallOperation,
    ) -> Result<UpdateAnswered, Problem> {
        let wait = call.wait_ms.map_or(UPDATE_WAIT, Duration::from_millis);
        if wait > MAX_UPDATE_WAIT {
            let most = MAX_UPDATE_WAIT.as_millis();
            return Err(Problem::invalid(format!("`wait_ms` is at most {most}")));
        }
        let access = self.access();
        let event = event_of(&call.operation, &call.arguments, None, call.key.as_deref())?;
        let (event, key) = access.keyed(event)?;
        let request = StartRequest::for_entity(of, instance, event)?;
        let Ok(answer) = tokio::time::timeout(wait, access.update_or_start(request)).await else {
            let detail = format!(
                "entity `{instance}` has not answered within {} ms; the operation may be on its way: call it again \
                 with the key `{key}`, and it counts once and has the same answer",
                wait.as_millis()
            );
            return Err(Problem::new(ProblemKind::Uncertain, detail).about(instance));
        };
        let shown = self.shown(instance.as_str());
        let value = |value| shown.payload("value", Some(&call.operation), value);
        let key = Some(key.to_string());
        let (answer, value, why) = match answer? {
            UpdateAnswer::Replied(answer) => (AnswerKind::Replied, value(json(&answer)), None),
            UpdateAnswer::Refused(why) => match why.decode::<EntityRefusal<Value>>() {
                Ok(EntityRefusal::Refused(why)) => (AnswerKind::Refused, value(why), None),
                Ok(EntityRefusal::Failed(why)) => {
                    (AnswerKind::Failed, Value::Null, Some(shown.reason(&why.to_string())))
                }
                Err(_) => (AnswerKind::Refused, value(json(&why)), None),
            },
            UpdateAnswer::Invalid(why) => {
                (AnswerKind::Invalid, Value::Null, Some(shown.reason(&why)))
            }
            _ => (AnswerKind::Dropped, Value::Null, None),
        };
        Ok(UpdateAnswered { answer, value, why, key })
    }

    /// Sends an entity an operation.
    pub(crate) async fn signal_entity(
        &self,
        of: &str,
        instance: &InstanceId,
        signal: &SignalOperation,
    ) -> Result<(), Problem> {
        let now = self.access().now().as_micros();
        let at = signal.delay_ms.map(|delay| now.saturating_add(delay.saturating_mul(1_000)));
        let at = at.map(Timestamp::from_micros);
        let event = event_of(&signal.operation, &signal.arguments, at, signal.key.as_deref())?;
        let request = StartRequest::for_entity(of, instance, event)?;
        Ok(self.access().raise_or_start(request).await?)
    }
}

/// The event that asks for an operation. Without arguments they are `null`, as code without its types reads them.
fn event_of(
    operation: &str,
    arguments: &[Value],
    at: Option<Timestamp>,
    key: Option<&str>,
) -> Result<ExternalEvent, Problem> {
    if operation.is_empty() {
        return Err(Problem::invalid("the name of the operation is missing"));
    }
    let input = match arguments {
        [] => Value::Null,
        arguments => arguments.to_vec().into(),
    };
    let request = OperationRequest { op: operation, input: &input, at, by: None };
    let event = ExternalEvent::of_payload(OPERATIONS, request.encode()?)?;
    Ok(match key {
        Some(key) => event.with_key(key)?,
        None => event,
    })
}

fn json(payload: &Payload) -> Value {
    payload.decode().unwrap_or_default()
}
