//! A look through all histories of the store.

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use reenact_actors::doctor::check_store;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::lines::json_lines;
use crate::dto::{Checked, FindingText};
use crate::params::Params;
use crate::problem::Problem;
use crate::shared::Shared;

/// Lines that wait for their reader, at most: of those about progress some are left out.
const WAITING_LINES: usize = 16;

/// Looks at every instance: its history decodes, agrees with what the store says of it, and with the children that it
/// waits for; lists and counts agree. Changes nothing. Answers in lines: how far it has come, and, in the last one, what
/// it has found. The files of the store, and the machine, are not looked at. It stops when the caller goes away.
#[utoipa::path(
    get, path = "/api/doctor", tag = "console",
    responses((
        status = 200, description = "Lines of progress; the last one has `findings`",
        body = Checked, content_type = "application/x-ndjson"
    ))
)]
pub(crate) async fn doctor(
    State(shared): State<Shared>,
    params: Params,
) -> Result<Response, Problem> {
    params.end()?;
    let (lines, read) = mpsc::channel::<Result<Bytes, Problem>>(WAITING_LINES);
    // It ends with the set, and that with the answer.
    let mut look = JoinSet::new();
    look.spawn(async move {
        let progress = |looked: &reenact_actors::doctor::Looked| {
            let far = Checked { looked: looked.instances, of: looked.of, findings: None };
            // The next one says more.
            let _ = lines.try_send(Ok(line(&far)));
        };
        let checked = check_store(shared.access(), progress).await.map(|findings| {
            let findings: Vec<_> = findings.into_iter().map(FindingText::from).collect();
            line(&Checked { looked: 0, of: 0, findings: Some(findings) })
        });
        // The caller may have gone.
        let _ = lines.send(checked.map_err(Problem::from)).await;
    });
    let lines = stream::unfold((read, look), |(mut read, look)| async move {
        let line = read.recv().await?;
        Some((line.map_err(std::io::Error::other), (read, look)))
    });
    Ok(json_lines(lines))
}

fn line(of: &Checked) -> Bytes {
    let mut line = serde_json::to_vec(of).unwrap_or_default();
    line.push(b'\n');
    line.into()
}
