//! Server-sent events: a list, or an instance, whenever it has changed.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::stream;
use reenact_actors::{Error, Watch};
use reenact_core::InstanceId;
use reenact_providers::{InstanceFilter, InstanceSummary, PageRequest};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use super::instance::detail;
use super::list::page_of;
use super::openapi::Id;
use crate::dto::{Filter, InstanceList, InstanceRow, ListChange};
use crate::limits::{STREAM_KEEP_ALIVE, STREAM_LOOKS_EVERY, STREAM_PAUSE};
use crate::params::Params;
use crate::problem::{Problem, ProblemKind};
use crate::shared::Shared;

/// A page of a list, whenever it has changed: at first an event `list` with all of it, then events `change` with
/// what is new and what is gone. A caller who comes again with the `Last-Event-ID` of what is still true gets no
/// first event.
#[utoipa::path(
    get, path = "/api/watch", tag = "streams",
    params(
        Filter,
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<usize>, Query, description = "The most instances of a page"),
    ),
    responses((
        status = 200, description = "Events `list` and `change`", body = ListChange,
        content_type = "text/event-stream"
    ))
)]
pub(crate) async fn list(
    State(shared): State<Shared>,
    mut params: Params,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (filter, (after, limit)) = (params.filter()?.checked()?, params.page()?);
    params.end()?;
    let mut request = PageRequest::new().limit(limit);
    request.after = after;
    let place = shared.stream_place()?;
    let first = Some(page_of(&shared, &filter, &request).await?);
    let seen = last_event_id(&headers);
    let watched = WatchedList { filter, request, first, before: None, seen };
    Ok(streamed(shared, place, Watched::List(Box::new(watched))))
}

/// An instance, whenever something has happened to it: events `instance` as `api/instance` answers, and an event
/// `gone` when it was purged, which is the last. A caller who comes again with the `Last-Event-ID` of what is still
/// true gets no first event.
#[utoipa::path(
    get, path = "/api/watch/instance", tag = "streams", params(Id),
    responses((
        status = 200, description = "Events `instance` and `gone`", body = crate::dto::InstanceDetail,
        content_type = "text/event-stream"
    ))
)]
pub(crate) async fn instance(
    State(shared): State<Shared>,
    mut params: Params,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = params.id()?;
    params.end()?;
    let place = shared.stream_place()?;
    // An unknown one is a problem, and no stream.
    shared.access().summary(&id).await?;
    let watched = WatchedInstance { id, seen: last_event_id(&headers) };
    Ok(streamed(shared, place, Watched::Instance(watched)))
}

fn last_event_id(headers: &HeaderMap) -> Option<String> {
    headers.get("last-event-id")?.to_str().ok().map(str::to_string)
}

/// What a stream looks at.
enum Watched {
    List(Box<WatchedList>),
    Instance(WatchedInstance),
}

struct WatchedList {
    filter: InstanceFilter,
    request: PageRequest,
    /// The page as it was when the request came, before the first look.
    first: Option<InstanceList>,
    before: Option<InstanceList>,
    /// The id of the last event.
    seen: Option<String>,
}

struct WatchedInstance {
    id: InstanceId,
    /// The id of the last event.
    seen: Option<String>,
}

/// What a look has found.
enum Look {
    /// Something to send.
    Changed(Event),
    /// Nothing new, or the store is away for a while.
    Same,
    /// Something to send, after which nothing comes.
    Last(Event),
}

/// A stream: it looks now and again, until the console ends.
struct Streamed {
    shared: Shared,
    watched: Watched,
    watch: Watch,
    is_first: bool,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

fn streamed(shared: Shared, place: OwnedSemaphorePermit, watched: Watched) -> Response {
    let watch = shared.access().watch(watched.instance());
    let streamed =
        Streamed { shared, watched, watch, is_first: true, is_over: false, _place: place };
    let events = stream::unfold(streamed, |mut streamed| async move {
        let event = streamed.next().await?;
        Some((Ok::<_, Infallible>(event), streamed))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(STREAM_KEEP_ALIVE)).into_response()
}

impl Streamed {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.is_over || self.shared.is_ending() {
                return None;
            }
            if !std::mem::take(&mut self.is_first) {
                tokio::select! {
                    biased;
                    () = self.shared.until_ended() => return None,
                    () = until_next_look(&mut self.watch) => {}
                }
                if self.shared.is_ending() {
                    return None;
                }
            }
            match self.watched.look(&self.shared).await {
                Look::Changed(event) => {
                    self.watch.found();
                    return Some(event);
                }
                Look::Same => {}
                Look::Last(event) => {
                    self.is_over = true;
                    return Some(event);
                }
            }
        }
    }
}

/// Returns when something may have changed, and not before a pause: a busy store changes all the time.
async fn until_next_look(watch: &mut Watch) {
    tokio::time::sleep(STREAM_PAUSE).await;
    // A purge, and what another host does, may not be reported; and neither are the last moments of a host.
    let _ = tokio::time::timeout(STREAM_LOOKS_EVERY, watch.changed()).await;
}

impl Watched {
    /// The one instance that is looked at, if it is one.
    const fn instance(&self) -> Option<&InstanceId> {
        match self {
            Self::List(_) => None,
            Self::Instance(watched) => Some(&watched.id),
        }
    }

    async fn look(&mut self, shared: &Shared) -> Look {
        match self {
            Self::List(watched) => {
                let page = match watched.first.take() {
                    Some(first) => Ok(first),
                    None => page_of(shared, &watched.filter, &watched.request).await,
                };
                page.map_or(Look::Same, |page| watched.look(page))
            }
            Self::Instance(watched) => watched.look(shared).await,
        }
    }
}

impl WatchedList {
    fn look(&mut self, page: InstanceList) -> Look {
        let id = digest(&page);
        if self.seen.as_ref() == Some(&id) {
            self.before = Some(page);
            return Look::Same;
        }
        let event = match self.before.replace(page.clone()) {
            None => event("list", &id, &page),
            Some(before) => event("change", &id, &change(before, page)),
        };
        self.seen = Some(id);
        event.map_or(Look::Same, Look::Changed)
    }
}

/// What has changed from one page to the same page later.
fn change(before: InstanceList, page: InstanceList) -> ListChange {
    let mut rows: BTreeMap<String, InstanceRow> =
        before.instances.into_iter().map(|row| (row.id.clone(), row)).collect();
    let mut changed = Vec::new();
    for row in page.instances {
        if rows.remove(&row.id).as_ref() != Some(&row) {
            changed.push(row);
        }
    }
    ListChange { changed, gone: rows.into_keys().collect(), next: page.next }
}

impl WatchedInstance {
    async fn look(&mut self, shared: &Shared) -> Look {
        let summary = match shared.access().summary(&self.id).await {
            Ok(summary) => summary,
            Err(Error::NotFound { .. }) => {
                let gone = Problem::from(Error::NotFound { instance: self.id.clone() });
                return event("gone", "gone", &gone).map_or(Look::Same, Look::Last);
            }
            Err(_) => return Look::Same,
        };
        let id = id_of(&summary);
        if self.seen.as_ref() == Some(&id) {
            return Look::Same;
        }
        let Ok(detail) = detail(shared, &self.id).await else { return Look::Same };
        self.seen = Some(id.clone());
        event("instance", &id, &detail).map_or(Look::Same, Look::Changed)
    }
}

/// Two looks with the same text saw the same.
fn id_of(summary: &InstanceSummary) -> String {
    let InstanceSummary { execution, turns, state, created_at, .. } = summary;
    format!("{}-{}-{turns}-{}", created_at.as_micros(), execution.0, state.name())
}

fn digest(page: &InstanceList) -> String {
    let json = serde_json::to_vec(page).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(&Sha256::digest(json)[..12])
}

fn event(name: &str, id: &str, data: &impl Serialize) -> Option<Event> {
    Event::default().event(name).id(id).json_data(data).ok()
}

impl Shared {
    /// A place for one more stream.
    pub(super) fn stream_place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.streams().clone().try_acquire_owned().map_err(|_| {
            Problem::new(
                ProblemKind::Busy,
                "too many streams are open; close one, or look again later",
            )
        })
    }
}
