//! Instances: lists and counts.

use axum::Json;
use axum::extract::State;
use futures_util::future::try_join_all;
use reenact_providers::{InstanceFilter, InstanceState, PageRequest};

use crate::dto::{Count, Counts, Filter, InstanceList, InstanceRow, StateCount, StateText};
use crate::params::Params;
use crate::problem::Problem;
use crate::shared::Shared;

/// A page of the instances that pass a filter, ordered by id.
#[utoipa::path(
    get, path = "/api/instances", tag = "instances",
    params(
        Filter,
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<usize>, Query, description = "The most instances of a page"),
    ),
    responses((status = 200, description = "The page", body = InstanceList))
)]
pub(crate) async fn instances(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<InstanceList>, Problem> {
    let (filter, (after, limit)) = (params.filter()?.checked()?, params.page()?);
    params.end()?;
    let mut request = PageRequest::new().limit(limit);
    request.after = after;
    Ok(Json(page_of(&shared, &filter, &request).await?))
}

/// A page of a list.
pub(crate) async fn page_of(
    shared: &Shared,
    filter: &InstanceFilter,
    request: &PageRequest,
) -> Result<InstanceList, Problem> {
    let page = shared.access().list(filter, request).await?;
    Ok(InstanceList {
        instances: page.instances.iter().map(InstanceRow::from).collect(),
        next: page.next.map(|next| next.to_string()),
    })
}

/// How many instances pass a filter.
#[utoipa::path(
    get, path = "/api/count", tag = "instances", params(Filter),
    responses((status = 200, description = "How many", body = Count))
)]
pub(crate) async fn count(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<Count>, Problem> {
    let filter = params.filter()?.checked()?;
    params.end()?;
    Ok(Json(Count { count: shared.access().count(&filter).await? }))
}

/// How many instances there are of each state.
#[utoipa::path(
    get, path = "/api/counts", tag = "instances",
    responses((status = 200, description = "How many of each state", body = Counts))
)]
pub(crate) async fn counts(
    State(shared): State<Shared>,
    params: Params,
) -> Result<Json<Counts>, Problem> {
    params.end()?;
    Ok(Json(counts_of(&shared).await?))
}

/// How many instances there are of each state.
pub(crate) async fn counts_of(shared: &Shared) -> Result<Counts, Problem> {
    let counted = InstanceState::ALL.iter().map(|&state| async move {
        let count = shared.access().count(&InstanceFilter::new().states([state])).await?;
        Ok::<_, Problem>(StateCount { state: StateText(state), count })
    });
    let states = try_join_all(counted).await?;
    let total = states.iter().map(|of| of.count).sum();
    Ok(Counts { states, total })
}
