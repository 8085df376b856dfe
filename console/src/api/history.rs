//! What happened to an instance: by pages, and as a download.

use std::io;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use reenact_actors::inspect::{self, HistoryCursor};
use reenact_core::{Event, ExecutionId, InstanceId, Timestamp};

use super::lines::json_lines;
use super::openapi::Id;
use crate::dto::{EventRow, HistoryPage};
use crate::limits::{DEFAULT_EVENTS_PAGE, MAX_EVENTS_PAGE};
use crate::params::Params;
use crate::problem::Problem;
use crate::shared::Shared;
use crate::shown::Shown;

/// A page of the history of an execution of an instance: of the newest one, unless another is named.
#[utoipa::path(
    get, path = "/api/history", tag = "instances",
    params(
        Id,
        ("from" = Option<String>, Query, description = "The `next` of the page before, or the position of an event"),
        ("limit" = Option<usize>, Query, description = "The most events of a page"),
        ("execution" = Option<u32>, Query, description = "The number of an execution that is kept; a `next` has it already"),
    ),
    responses((status = 200, description = "The page", body = HistoryPage))
)]
pub(crate) async fn page(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<HistoryPage>, Problem> {
    let id = params.id()?;
    let from = params.text("from")?;
    let limit = params.limit(DEFAULT_EVENTS_PAGE, MAX_EVENTS_PAGE)?;
    let execution = params.execution()?;
    params.end()?;
    let from = cursor(&shared, &id, execution, from.as_deref()).await?;
    let page = shared.access().history_page(&id, from, limit).await?;
    Ok(Json(shown_page(shared.shown(id.as_str()), page)?))
}

/// The place in a history that an address names: a cursor, or the position of an event.
async fn cursor(
    shared: &Shared,
    id: &InstanceId,
    execution: Option<ExecutionId>,
    from: Option<&str>,
) -> Result<Option<HistoryCursor>, Problem> {
    let Some(from) = from else { return Ok(execution.map(HistoryCursor::beginning)) };
    match (from.parse::<u64>(), execution) {
        (Ok(position), None) => Ok(Some(shared.access().history_cursor(id, position).await?)),
        (Ok(position), Some(execution)) => {
            let execution = shared.access().execution(id, execution);
            Ok(Some(execution.history_cursor(position).await?))
        }
        (Err(_), _) => from.parse().map(Some).map_err(|error: inspect::InvalidCursor| {
            Problem::invalid(format!("the parameter `from`: {error}"))
        }),
    }
}

fn shown_page(shown: Shown<'_>, page: inspect::HistoryPage) -> Result<HistoryPage, Problem> {
    let rows = page.events.iter();
    let rows =
        rows.map(|placed| row(shown, placed.position, placed.turn, placed.at, &placed.event));
    Ok(HistoryPage {
        execution: page.execution.0,
        events: rows.collect::<Result<_, _>>()?,
        next: page.next.map(|next| next.to_string()),
        end: page.end.to_string(),
    })
}

/// An event in its place.
pub(crate) fn row(
    shown: Shown<'_>,
    position: u64,
    turn: u64,
    at: Timestamp,
    event: &Event,
) -> Result<EventRow, Problem> {
    let (kind, data) = shown.variant(event)?;
    Ok(EventRow { position, turn, at: at.into(), kind, data })
}

/// The history of an execution of an instance, of the newest one unless another is named, as lines of JSON: one event a line. It is read and sent a page at a
/// time. When it cannot be read to its end, the answer is cut off.
#[utoipa::path(
    get, path = "/api/history.jsonl", tag = "instances",
    params(Id, ("execution" = Option<u32>, Query, description = "The number of an execution that is kept")),
    responses((
        status = 200, description = "The events", body = EventRow,
        content_type = "application/x-ndjson"
    ))
)]
pub(crate) async fn download(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Response, Problem> {
    let id = params.id()?;
    let execution = params.execution()?;
    params.end()?;
    // What cannot be read at all is a problem, and no download.
    let first = lines(&shared, &id, execution.map(HistoryCursor::beginning)).await?;
    let pages = stream::unfold(Some((first, shared, id)), |state| async move {
        let ((page, next), shared, id) = state?;
        let Some(next) = next else { return Some((Ok(page), None)) };
        let following = lines(&shared, &id, Some(next)).await;
        match following {
            Ok(following) => Some((Ok(page), Some((following, shared, id)))),
            Err(problem) => Some((Err(io::Error::other(problem)), None)),
        }
    });
    let mut response = json_lines(pages);
    let attachment = HeaderValue::from_static("attachment; filename=\"history.jsonl\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment);
    Ok(response)
}

/// A page of a history as lines, and where the next one begins.
async fn lines(
    shared: &Shared,
    id: &InstanceId,
    from: Option<HistoryCursor>,
) -> Result<(Bytes, Option<HistoryCursor>), Problem> {
    let page = shared.access().history_page(id, from, MAX_EVENTS_PAGE).await?;
    let next = page.next;
    let mut lines = Vec::new();
    for row in shown_page(shared.shown(id.as_str()), page)?.events {
        lines.extend(serde_json::to_vec(&row).unwrap_or_default());
        lines.push(b'\n');
    }
    Ok((lines.into(), next))
}
