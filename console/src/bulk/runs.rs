//! Bulk actions that have begun: how far each came, and the way to stop it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::Bulks;
use crate::dto::BulkProgress;
use crate::limits::{MAX_BULK_REFUSALS, MAX_BULKS_KNOWN};
use crate::problem::{Problem, ProblemKind};
use crate::shared::Shared;
use crate::token::Token;

/// A bulk action that has begun, or is over.
pub(crate) struct Run {
    progress: watch::Sender<BulkProgress>,
    stopped: watch::Sender<bool>,
    /// The first of the instances that could not take it, and why.
    refusals: Mutex<Vec<(String, String)>>,
}

impl Bulks {
    /// Keeps a run under the token that it begins with. The oldest makes room.
    pub(super) fn begin(&self, token: Token, of: u64) -> Arc<Run> {
        let begun =
            BulkProgress { done: 0, failed: 0, of, last: None, error: None, is_over: false };
        let run = Arc::new(Run {
            progress: watch::Sender::new(begun),
            stopped: watch::Sender::new(false),
            refusals: Mutex::default(),
        });
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if runs.len() == MAX_BULKS_KNOWN {
            // Fewer can run than are known, so that one of them is over.
            let over = runs.iter().position(|(_, run)| run.progress().is_over);
            runs.remove(over.unwrap_or(0));
        }
        runs.push_back((token, run.clone()));
        run
    }

    fn run(&self, token: &str) -> Result<Arc<Run>, Problem> {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let found = runs.iter().find(|(kept, _)| kept.is(token)).map(|(_, run)| run.clone());
        found.ok_or_else(|| {
            let detail = "no bulk action has begun under this token, or it was over long ago";
            Problem::new(ProblemKind::NotFound, detail)
        })
    }
}

/// Stops the bulk action that began with that token, and returns once nothing of it is under way. One that is over
/// stays as it is.
pub(crate) async fn stop(shared: &Shared, token: &str) -> Result<Arc<Run>, Problem> {
    let run = shared.bulks().run(token)?;
    run.stopped.send_replace(true);
    // The sender is in the run, which is there.
    let _ = run.progress.subscribe().wait_for(|progress| progress.is_over).await;
    Ok(run)
}

impl Run {
    /// How far it came.
    pub(crate) fn progress(&self) -> BulkProgress {
        self.progress.borrow().clone()
    }

    /// The first of the instances that could not take it, and why.
    pub(crate) fn refusals(&self) -> Vec<(String, String)> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    pub(super) async fn until_stopped(&self) {
        // The sender is in the run, which is there.
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }

    /// Takes over how far it has come.
    pub(super) fn note(&self, progress: &BulkProgress) {
        if let (Some(error), Some(last), false) =
            (&progress.error, &progress.last, progress.is_over)
        {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            if refusals.len() < MAX_BULK_REFUSALS {
                refusals.push((last.clone(), error.detail.clone()));
            }
        }
        self.progress.send_replace(progress.clone());
    }
}
