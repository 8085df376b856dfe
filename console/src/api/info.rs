//! What the console is, and what it allows.

use axum::Json;
use axum::extract::State;

use crate::dto::{Action, Info};
use crate::params::Params;
use crate::problem::Problem;
use crate::shared::Shared;

/// What the console is, and what it allows.
#[utoipa::path(
    get, path = "/api/info", tag = "console",
    responses((status = 200, description = "The console", body = Info))
)]
pub(crate) async fn info(
    State(shared): State<Shared>,
    params: Params,
) -> Result<Json<Info>, Problem> {
    params.end()?;
    let read_only = shared.options().read_only;
    Ok(Json(Info {
        version: env!("CARGO_PKG_VERSION").to_string(),
        read_only,
        has_host: false,
        orchestrations: Vec::new(),
        allowed: if read_only { Vec::new() } else { Action::ALL.to_vec() },
    }))
}
