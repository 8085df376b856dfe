//! Messages that no host could take.

use axum::Json;
use axum::extract::State;
use reenact_providers::{QuarantineId, Quarantined, QueueOf};

use super::body::JsonBody;
use super::change::Nothing;
use crate::dto::{Done, QuarantineList, QuarantinedMessage};
use crate::limits::{DEFAULT_PAGE, MAX_QUARANTINE_PAGE};
use crate::params::Params;
use crate::problem::{Problem, ProblemKind};
use crate::quarantined::content;
use crate::shared::Shared;

/// A page of the messages in quarantine. A store that one host has for itself has no quarantine, and is answered with
/// 409.
#[utoipa::path(
    get, path = "/api/quarantine", tag = "quarantine",
    params(
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<usize>, Query, description = "The most messages of a page"),
    ),
    responses((status = 200, description = "The messages", body = QuarantineList))
)]
pub(crate) async fn list(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<QuarantineList>, Problem> {
    let after = params.text("after")?.map(QuarantineId);
    let limit = params.limit(DEFAULT_PAGE, MAX_QUARANTINE_PAGE)?;
    params.end()?;
    let page = shared.access().quarantined(after.as_ref(), limit + 1).await?;
    let has_more = page.len() > limit;
    let shown = page.into_iter().take(limit).map(|entry| message(&shared, entry));
    let messages: Vec<_> = shown.collect();
    let next = messages.last().filter(|_| has_more).map(|last| last.id.clone());
    Ok(Json(QuarantineList { messages, next }))
}

fn message(
    shared: &Shared,
    (QuarantineId(id), quarantined): (QuarantineId, Quarantined),
) -> QuarantinedMessage {
    // The details are for the program that sent the message.
    let Quarantined { queue, message, raw, reason, details: _, attempts, at } = quarantined;
    let says = message
        .as_ref()
        .and_then(|message| content(shared.shown(message.to.as_str()), &message.bytes));
    QuarantinedMessage {
        id,
        queue: match queue {
            QueueOf::Shard(shard) => format!("shard {}", shard.0),
            QueueOf::Tag(tag) => format!("tag {tag}"),
        },
        instance: message.as_ref().map(|message| message.to.to_string()),
        key: message.as_ref().map(|message| message.key.clone()),
        can_be_sent_again: message.is_some(),
        bytes: message.as_ref().map_or(raw.len(), |message| message.bytes.len()) as u64,
        reason,
        attempts,
        at: at.into(),
        content: says,
    }
}

/// Sends a message in quarantine again, to the queue that it came from, and takes it out of quarantine.
#[utoipa::path(
    post, path = "/api/quarantine/requeue", tag = "quarantine",
    params(("id" = String, Query, description = "The id of the message in quarantine")),
    responses((status = 200, description = "It is in its queue again", body = Done))
)]
pub(crate) async fn requeue(
    State(shared): State<Shared>,
    mut params: Params,
    JsonBody(Nothing {}): JsonBody<Nothing>,
) -> Result<Json<Done>, Problem> {
    let id = id(&mut params)?;
    params.end()?;
    match shared.access().requeue(&id).await? {
        true => Ok(Json(Done::DONE)),
        false => Err(Problem::new(
            ProblemKind::NotFound,
            "there is no message of this id in quarantine, or it is no message at all",
        )),
    }
}

/// Removes a message from quarantine for good. One that is not there is no error.
#[utoipa::path(
    post, path = "/api/quarantine/discard", tag = "quarantine",
    params(("id" = String, Query, description = "The id of the message in quarantine")),
    responses((status = 200, description = "It is gone", body = Done))
)]
pub(crate) async fn discard(
    State(shared): State<Shared>,
    mut params: Params,
    JsonBody(Nothing {}): JsonBody<Nothing>,
) -> Result<Json<Done>, Problem> {
    let id = id(&mut params)?;
    params.end()?;
    shared.access().discard_quarantined(&id).await?;
    Ok(Json(Done::DONE))
}

fn id(params: &mut Params) -> Result<QuarantineId, Problem> {
    let id = params.text("id")?.map(QuarantineId);
    id.ok_or_else(|| Problem::invalid("the parameter `id` is missing"))
}
