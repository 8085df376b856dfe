//! Instances: lists, counts, and one by one.

use axum::Json;
use axum::extract::State;
use reenact_providers::{InstanceFilter, InstanceState, PageRequest};

use crate::dto::{
    Action, Count, Counts, InstanceDetail, InstanceList, InstanceRow, StateCount, StateText,
};
use crate::params::Params;
use crate::problem::Problem;
use crate::shared::Shared;

/// A page of the instances that pass a filter, ordered by id.
pub(crate) async fn instances(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<InstanceList>, Problem> {
    let (filter, (after, limit)) = (params.filter()?, params.page()?);
    params.end()?;
    let mut request = PageRequest::new().limit(limit);
    request.after = after;
    let page = shared.access().list(&filter, &request).await?;
    Ok(Json(InstanceList {
        instances: page.instances.iter().map(InstanceRow::from).collect(),
        next: page.next.map(|next| next.to_string()),
    }))
}

/// How many instances pass a filter.
pub(crate) async fn count(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<Count>, Problem> {
    let filter = params.filter()?;
    params.end()?;
    Ok(Json(Count { count: shared.access().count(&filter).await? }))
}

/// How many instances there are of each state.
pub(crate) async fn counts(
    State(shared): State<Shared>,
    params: Params,
) -> Result<Json<Counts>, Problem> {
    params.end()?;
    let mut states = Vec::new();
    for &state in InstanceState::ALL {
        let count = shared.access().count(&InstanceFilter::new().states([state])).await?;
        states.push(StateCount { state: StateText(state), count });
    }
    let total = states.iter().map(|of| of.count).sum();
    Ok(Json(Counts { states, total }))
}

/// One instance: how it is, why it waits, and what can be done to it.
pub(crate) async fn instance(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<InstanceDetail>, Problem> {
    let id = params.id()?;
    params.end()?;
    let snapshot = shared.access().snapshot(&id).await?;
    let shown = shared.shown(id.as_str());
    let decode = |payload: &reenact_core::Payload| payload.decode().unwrap_or_default();
    let name = snapshot.summary.name.as_str();
    Ok(Json(InstanceDetail {
        row: InstanceRow::from(&snapshot.summary),
        version: snapshot.version.filter(|version| !version.is_none()).map(|v| v.to_string()),
        custom_status: (snapshot.status.as_ref())
            .map(|status| shown.payload("status", Some(name), decode(status))),
        outcome: snapshot.outcome.as_ref().map(|outcome| shown.value(outcome)).transpose()?,
        parked: snapshot.parked.map(|reason| reason.to_string()),
        activities: list(snapshot.activities.iter().map(|one| shown.value(one)))?,
        children: list(snapshot.children.iter().map(|one| shown.value(one)))?,
        actions: Action::ALL.to_vec(),
    }))
}

fn list<T>(items: impl Iterator<Item = Result<T, Problem>>) -> Result<Vec<T>, Problem> {
    items.collect()
}
