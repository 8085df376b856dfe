//! Instances: lists and counts.

use axum::Json;
use axum::extract::State;
use reenact_providers::{InstanceFilter, PageRequest};

use crate::dto::{Count, Counts, Filter, InstanceList, InstanceRow};
use crate::params::Params;
use crate::problem::Problem;
use crate::shared::Shared;

/// A page of the instances that pass a filter, ordered by id. With `order`, the first by the time of their last event
/// instead: those to which nothing has happened for longest, or something has just now. These have no next page.
#[utoipa::path(
    get, path = "/api/instances", tag = "instances",
    params(
        Filter,
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<usize>, Query, description = "The most instances of a page"),
        ("order" = Option<String>, Query, description = "`id`, as without it; `oldest` or `newest`: by their last event, without `after`"),
    ),
    responses((status = 200, description = "The page", body = InstanceList))
)]
pub(crate) async fn instances(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<InstanceList>, Problem> {
    let (filter, (after, limit)) = (params.filter()?.checked()?, params.page()?);
    let order = params.order(after.as_ref())?;
    params.end()?;
    if let Some(order) = order {
        let first = shared.access().list_by_time(&filter, order, limit).await?;
        let instances = first.iter().map(InstanceRow::from).collect();
        return Ok(Json(InstanceList { instances, next: None }));
    }
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

/// How many instances there are of each state and of each orchestration, of those that pass a filter.
#[utoipa::path(
    get, path = "/api/counts", tag = "instances", params(Filter),
    responses((status = 200, description = "How many of each state and of each orchestration", body = Counts))
)]
pub(crate) async fn counts(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<Counts>, Problem> {
    let filter = params.filter()?.checked()?;
    params.end()?;
    Ok(Json(Counts::from(&shared.access().counts(&filter).await?)))
}
