//! Bulk actions on a filter.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use futures_util::stream;

use super::body::JsonBody;
use super::lines::json_lines;
use crate::bulk;
use crate::dto::{BulkPrepare, BulkPrepared, BulkProgress, BulkRun};
use crate::params::Params;
use crate::problem::Problem;
use crate::shared::Shared;

/// Counts the instances that a bulk action would change, and gives a token for it. Nothing changes yet.
#[utoipa::path(
    post, path = "/api/bulk/prepare", tag = "bulk", request_body = BulkPrepare,
    responses((status = 200, description = "What would be changed, and the token", body = BulkPrepared))
)]
pub(crate) async fn prepare(
    State(shared): State<Shared>,
    params: Params,
    JsonBody(prepare): JsonBody<BulkPrepare>,
) -> Result<Json<BulkPrepared>, Problem> {
    params.end()?;
    Ok(Json(bulk::prepare(&shared, prepare).await?))
}

/// Runs what was prepared under a token, and reports progress in lines of JSON. Refused with 409 when more instances
/// match now than were shown; instances that were started since are never changed. It stops when the caller goes
/// away, or when it is stopped.
#[utoipa::path(
    post, path = "/api/bulk/run", tag = "bulk", request_body = BulkRun,
    responses((
        status = 200, description = "Lines of progress; the last one has `is_over`",
        body = BulkProgress, content_type = "application/x-ndjson"
    ))
)]
pub(crate) async fn run(
    State(shared): State<Shared>,
    params: Params,
    JsonBody(BulkRun { token }): JsonBody<BulkRun>,
) -> Result<Response, Problem> {
    params.end()?;
    let progress = bulk::run(&shared, &token).await?;
    let lines = stream::unfold(progress, |mut progress| async move {
        let line = progress.recv().await?;
        Some((Ok(line), progress))
    });
    Ok(json_lines(lines))
}

/// Stops a bulk action that runs, by the token that it began with. What was done stays. Answers once nothing of it is
/// under way any more, with its last line; of one that is over as well.
#[utoipa::path(
    post, path = "/api/bulk/stop", tag = "bulk", request_body = BulkRun,
    responses((status = 200, description = "How far it came", body = BulkProgress))
)]
pub(crate) async fn stop(
    State(shared): State<Shared>,
    params: Params,
    JsonBody(BulkRun { token }): JsonBody<BulkRun>,
) -> Result<Json<BulkProgress>, Problem> {
    params.end()?;
    let run = bulk::stop(&shared, &token).await?;
    Ok(Json(run.progress()))
}
