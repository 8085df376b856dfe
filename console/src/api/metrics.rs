//! What the host counts: as JSON, for Prometheus, and over the last hour.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use reenact_actors::metrics::HostMetrics;

use crate::hour::HourPoints;
use crate::params::Params;
use crate::problem::{Problem, ProblemKind};
use crate::shared::Shared;

/// The media type of Prometheus' text.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the host counts, and how it is now. Durations are in seconds here, as they are for Prometheus. Without a host
/// it is answered with 409.
#[utoipa::path(
    get, path = "/api/metrics", tag = "console",
    responses((status = 200, description = "The figures", body = serde_json::Value))
)]
pub(crate) async fn json(
    State(shared): State<Shared>,
    params: Params,
) -> Result<Json<HostMetrics>, Problem> {
    params.end()?;
    Ok(Json(shared.metrics()?))
}

/// What the host counts, as text for Prometheus. Without a host it is answered with 409.
#[utoipa::path(
    get, path = "/metrics", tag = "console",
    responses((status = 200, description = "The figures", body = String, content_type = "text/plain"))
)]
pub(crate) async fn prometheus(
    State(shared): State<Shared>,
    params: Params,
) -> Result<Response, Problem> {
    params.end()?;
    let mut response = shared.metrics()?.to_prometheus().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROMETHEUS));
    Ok(response)
}

/// The last hour of the host: a point each ten seconds, oldest first. They are kept while the console is there. Without a
/// host it is answered with 409.
#[utoipa::path(
    get, path = "/api/metrics/hour", tag = "console",
    responses((status = 200, description = "The points", body = HourPoints))
)]
pub(crate) async fn hour(
    State(shared): State<Shared>,
    params: Params,
) -> Result<Json<HourPoints>, Problem> {
    params.end()?;
    // Without a host there is no hour.
    shared.metrics()?;
    Ok(Json(shared.hour().points()))
}

impl Shared {
    /// What the host counts.
    pub(crate) fn metrics(&self) -> Result<HostMetrics, Problem> {
        self.access().metrics().ok_or_else(|| {
            Problem::new(ProblemKind::Setup, "there is no host here that counts anything")
        })
    }
}
