//! Histories as an export, which can be imported elsewhere.

mod pipe;

use std::collections::BTreeSet;
use std::io;

use axum::extract::State;
use axum::response::Response;
use futures_util::stream;
use reenact_actors::transfer::{self, ExportOptions, TransferError};
use reenact_core::InstanceId;
use reenact_providers::InstanceFilter;
use tokio::runtime::Handle;

use self::pipe::{PipeReader, pipe};
use super::lines::json_lines;
use crate::dto::Filter;
use crate::params::Params;
use crate::problem::{Problem, ProblemKind};
use crate::shared::Shared;

/// What is exported.
enum What {
    Those(Box<InstanceFilter>),
    Named(BTreeSet<InstanceId>),
}

/// Instances with their whole histories, as lines of JSON that `reenact import` and `transfer::import` bring into another
/// store: those of some ids, or those that pass a filter. With `at_rest` they can be imported; this is refused with 409
/// while a host lives, and while messages wait that would not come with them. A console that redacts payloads exports
/// nothing, because an export has all of them. When it cannot be written to its end, the answer is cut off.
#[utoipa::path(
    get, path = "/api/export", tag = "instances",
    params(
        ("id" = Option<Vec<String>>, Query, description = "The ids; no filter then"),
        Filter,
        ("at_rest" = Option<bool>, Query, description = "Nothing works on the store, so that it can be imported"),
        ("leave_messages" = Option<bool>, Query, description = "At rest, although messages of a hub stay where they are"),
        ("compact" = Option<bool>, Query, description = "Without the events as JSON, which an import does not need"),
    ),
    responses((status = 200, description = "The export", content_type = "application/x-ndjson"))
)]
pub(crate) async fn export(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Response, Problem> {
    let (what, options) = asked(&mut params)?;
    params.end()?;
    if shared.redacts() {
        let detail = "this console redacts payloads, and an export has all of them; export from the store itself";
        return Err(Problem::new(ProblemKind::Forbidden, detail));
    }
    let mut reader = begun(shared, what, options);
    // What cannot begin is a problem, and no download.
    let first = match reader.next().await {
        Some(Ok(first)) => first,
        Some(Err(error)) => return Err(problem(error)),
        None => return Err(Problem::new(ProblemKind::Internal, "the export broke off")),
    };
    let rest = stream::unfold((Some(first), reader), |(first, mut reader)| async move {
        if let Some(first) = first {
            return Some((Ok(first), (None, reader)));
        }
        let portion = reader.next().await?;
        Some((portion.map_err(io::Error::other), (None, reader)))
    });
    Ok(json_lines(rest))
}

fn asked(params: &mut Params) -> Result<(What, ExportOptions), Problem> {
    let ids = params.all("id").into_iter().map(InstanceId::new).collect::<Result<BTreeSet<_>, _>>();
    let (ids, filter) = (ids?, params.filter()?);
    let what = match ids.is_empty() {
        true => What::Those(Box::new(filter.checked()?)),
        false if filter == Filter::default() => What::Named(ids),
        false => return Err(Problem::invalid("instances are exported by `id` or by a filter")),
    };
    let mut flag =
        |name| params.parsed::<bool>(name, "`true` or `false`").map(Option::unwrap_or_default);
    let mut options = ExportOptions::new();
    if flag("at_rest")? {
        options = options.at_rest();
    }
    if flag("leave_messages")? {
        options = options.leave_messages();
    }
    let is_compact = flag("compact")?;
    Ok((what, options.readable(!is_compact)))
}

/// Begins to write, on a thread of its own: writing waits for the reader.
fn begun(shared: Shared, what: What, options: ExportOptions) -> PipeReader {
    let (mut writer, reader) = pipe();
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let access = shared.access();
        let exported = runtime.block_on(async {
            match &what {
                What::Those(filter) => {
                    transfer::export(access, filter, options, &mut writer, |_| {}).await
                }
                What::Named(ids) => {
                    transfer::export_instances(access, ids, options, &mut writer, |_| {}).await
                }
            }
        });
        writer.end(exported.map(drop));
    });
    reader
}

fn problem(error: TransferError) -> Problem {
    match error {
        TransferError::Store(error) => error.into(),
        TransferError::MessagesLeft { .. } | TransferError::InUse { .. } => {
            Problem::new(ProblemKind::Conflict, error.to_string())
        }
        other => Problem::new(ProblemKind::Internal, other.to_string()),
    }
}
