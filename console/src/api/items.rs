//! Streams of instances: their items by pages, and as they come.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use reenact_actors::{Emitted, Error, ItemStream};
use reenact_core::{InstanceId, Name, Payload, StreamItem};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::openapi::Id;
use crate::dto::{ItemPage, ItemRow};
use crate::limits::{DEFAULT_ITEMS_PAGE, MAX_ITEMS_PAGE, STREAM_KEEP_ALIVE};
use crate::params::Params;
use crate::problem::Problem;
use crate::shared::Shared;

/// A page of a stream that an instance emits.
#[utoipa::path(
    get, path = "/api/stream", tag = "instances",
    params(
        Id,
        ("stream" = String, Query, description = "The name of the stream"),
        ("from" = Option<u64>, Query, description = "The offset of the first item; without it, the first that is there"),
        ("limit" = Option<usize>, Query, description = "The most items of a page"),
    ),
    responses((status = 200, description = "The page", body = ItemPage))
)]
pub(crate) async fn page(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<ItemPage>, Problem> {
    let (id, stream) = (params.id()?, stream_name(&mut params)?);
    let from = params.parsed::<u64>("from", "an offset")?;
    let limit = params.limit(DEFAULT_ITEMS_PAGE, MAX_ITEMS_PAGE)?;
    params.end()?;
    let page = shared.access().stream_page(&id, &stream, from, limit).await?;
    let items = page.items.into_iter();
    let items = items.map(|StreamItem { offset, value, emitted_by }| {
        row(&shared, &id, Emitted::new(offset, value, emitted_by))
    });
    Ok(Json(ItemPage {
        items: items.collect::<Result<_, _>>()?,
        next: page.next,
        has_more: page.has_more,
        has_ended: page.has_ended,
    }))
}

/// The items of a stream that an instance emits, as they come: events `item`, each with its offset as its id, and an
/// event `end` when the instance has ended, or `problem` when the stream cannot be read on; that is the last. A caller
/// who comes again with the `Last-Event-ID` gets what follows that item.
#[utoipa::path(
    get, path = "/api/watch/stream", tag = "streams",
    params(
        Id,
        ("stream" = String, Query, description = "The name of the stream"),
        ("from" = Option<u64>, Query, description = "The offset of the first item; without it, the first that is there"),
    ),
    responses((
        status = 200, description = "Events `item`, `end` and `problem`", body = ItemRow,
        content_type = "text/event-stream"
    ))
)]
pub(crate) async fn watch(
    State(shared): State<Shared>,
    mut params: Params,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (id, name) = (params.id()?, stream_name(&mut params)?);
    let from = params.parsed::<u64>("from", "an offset")?;
    params.end()?;
    let seen = headers.get("last-event-id").and_then(|seen| seen.to_str().ok()?.parse().ok());
    let from = seen.map(|seen: u64| seen.saturating_add(1)).or(from);
    let place = shared.stream_place()?;
    // What cannot be read at all is a problem, and no stream.
    let first = shared.access().stream_page(&id, &name, from, MAX_ITEMS_PAGE).await?;
    let items = shared.access().item_stream(&id, &name).from(first.next);
    let waiting = first.items.into();
    let watched = Watched { shared, id, items, waiting, is_over: false, _place: place };
    let events = stream::unfold(watched, |mut watched| async move {
        let event = watched.next().await?;
        Some((Ok::<_, Infallible>(event), watched))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(STREAM_KEEP_ALIVE)).into_response())
}

fn stream_name(params: &mut Params) -> Result<Name, Problem> {
    let text = params.text("stream")?;
    let text = text.ok_or_else(|| Problem::invalid("the parameter `stream` is missing"))?;
    Ok(Name::new(text)?)
}

/// A stream whose items are sent as they come.
struct Watched {
    shared: Shared,
    id: InstanceId,
    items: ItemStream<Payload>,
    /// Those of the first page that are to be sent.
    waiting: VecDeque<StreamItem>,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl Watched {
    async fn next(&mut self) -> Option<Event> {
        if self.is_over || self.shared.is_ending() {
            return None;
        }
        let item = match self.waiting.pop_front() {
            Some(StreamItem { offset, value, emitted_by }) => {
                Some(Ok(Emitted::new(offset, value, emitted_by)))
            }
            None => tokio::select! {
                biased;
                () = self.shared.until_ended() => return None,
                item = self.items.next() => item,
            },
        };
        match item {
            Some(Ok(item)) => {
                let offset = item.offset.to_string();
                let row = row(&self.shared, &self.id, item).ok()?;
                Event::default().event("item").id(offset).json_data(&row).ok()
            }
            Some(Err(Error::ShuttingDown)) => None,
            Some(Err(error)) => {
                self.is_over = true;
                Event::default().event("problem").json_data(Problem::from(error)).ok()
            }
            None => {
                self.is_over = true;
                Some(Event::default().event("end").data("{}"))
            }
        }
    }
}

fn row(shared: &Shared, id: &InstanceId, item: Emitted<Payload>) -> Result<ItemRow, Problem> {
    let value = serde_json::to_value(&item.value).unwrap_or(Value::Null);
    let value = shared.shown(id.as_str()).payload("value", None, value);
    let (activity, attempt) = item.emitted_by.map(|by| (by.id.0, by.attempt)).unzip();
    Ok(ItemRow { offset: item.offset, value, activity, attempt })
}
