//! An export that is brought into the store.

mod body;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use reenact_actors::transfer::{self, ImportOptions, TransferError};
use tokio::runtime::Handle;

use crate::dto::Imported;
use crate::params::Params;
use crate::problem::{Problem, ProblemKind};
use crate::shared::Shared;

/// Brings an export that was made at rest into the store, as it comes: each instance as a whole, and nothing of it begins.
/// For a console over a store on which no host works: that of a dormant host, or of a hub without hosts; otherwise it is
/// refused with 409. At the end each instance is read back and compared. After an error, or when the request breaks off,
/// send the same again: what is there and the same is passed over. One import runs at a time.
#[utoipa::path(
    post, path = "/api/import", tag = "instances",
    params(
        ("even_if_hosts_worked" = Option<bool>, Query, description = "Also what was exported while hosts worked"),
    ),
    request_body(content = String, content_type = "application/x-ndjson", description = "The export"),
    responses((status = 200, description = "What was imported", body = Imported))
)]
pub(crate) async fn import(
    State(shared): State<Shared>,
    mut params: Params,
    body: Body,
) -> Result<Json<Imported>, Problem> {
    let even = params.parsed::<bool>("even_if_hosts_worked", "`true` or `false`")?;
    params.end()?;
    let options = match even.unwrap_or_default() {
        true => ImportOptions::new().even_if_hosts_worked(),
        false => ImportOptions::new(),
    };
    let place = shared.imports().clone().try_acquire_owned().map_err(|_| {
        Problem::new(ProblemKind::Busy, "another import is running; wait until it has ended")
    })?;
    let (sender, reader) = body::channel();
    let runtime = Handle::current();
    // Reading waits for what is sent: it has a thread of its own.
    let importing = tokio::task::spawn_blocking(move || {
        let _place = place;
        let access = shared.access();
        runtime.block_on(transfer::import_by(reader, access, options, |_| {}))
    });
    let ((), imported) = tokio::join!(sender.pass_on(body), importing);
    let imported = imported.map_err(|_| {
        Problem::new(ProblemKind::Internal, "the import broke off; send the same again")
    })?;
    Ok(Json(imported.map_err(problem)?.into()))
}

fn problem(error: TransferError) -> Problem {
    let text = error.to_string();
    match error {
        TransferError::Store(error) => error.into(),
        TransferError::InUse { .. } | TransferError::NotAtRest => {
            Problem::new(ProblemKind::Conflict, text)
        }
        TransferError::Exists { instance } => {
            Problem::new(ProblemKind::AlreadyExists, text).about(&instance)
        }
        TransferError::NotAnExport { .. }
        | TransferError::NewerFormat { .. }
        | TransferError::Damaged { .. }
        | TransferError::Truncated { .. }
        | TransferError::Unreadable { .. } => Problem::unprocessable(text),
        _ => Problem::new(ProblemKind::Internal, text),
    }
}
