//! What happened to an instance, a page at a time.

use axum::Json;
use axum::extract::State;

use crate::dto::{EventRow, HistoryPage};
use crate::limits::{DEFAULT_EVENTS_PAGE, MAX_EVENTS_PAGE};
use crate::params::Params;
use crate::problem::Problem;
use crate::shared::Shared;

/// A page of the history of an instance's newest execution.
pub(crate) async fn page(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<HistoryPage>, Problem> {
    let id = params.id()?;
    let from: u64 = params.parsed("from", "a number")?.unwrap_or(0);
    let limit = params.limit(DEFAULT_EVENTS_PAGE, MAX_EVENTS_PAGE)?;
    params.end()?;
    let summary = shared.access().summary(&id).await?;
    let history = shared.access().history(&id).await?;
    let shown = shared.shown(id.as_str());
    let mut events = Vec::new();
    let mut next = None;
    for event in history.events().filter(|event| event.position >= from) {
        if events.len() == limit {
            next = Some(event.position);
            break;
        }
        let (kind, data) = shown.variant(event.event)?;
        events.push(EventRow {
            position: event.position,
            turn: 0,
            at: event.at.into(),
            kind,
            data,
        });
    }
    Ok(Json(HistoryPage { execution: summary.execution.0, events, next }))
}
