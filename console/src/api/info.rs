//! What the console is, and what it allows.

use axum::Json;
use axum::extract::State;

use crate::dto::{Action, Info, RegisteredOrchestration};
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
    Ok(Json(shared.info()))
}

impl Shared {
    /// What the console is, and what it allows.
    pub(crate) fn info(&self) -> Info {
        let read_only = self.options().read_only;
        let registered = self.access().registered().into_iter();
        let orchestrations = registered.map(|(name, versions)| RegisteredOrchestration {
            name: name.to_string(),
            versions: versions.iter().filter(|v| !v.is_none()).map(ToString::to_string).collect(),
        });
        Info {
            version: env!("CARGO_PKG_VERSION").to_string(),
            read_only,
            has_host: self.access().has_host(),
            orchestrations: orchestrations.collect(),
            allowed: if read_only { Vec::new() } else { Action::ALL.to_vec() },
        }
    }
}
