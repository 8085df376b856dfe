//! Bulk actions: what is prepared is counted and gets a token; what runs never does more than was counted.

mod runs;
mod work;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use reenact_core::Timestamp;
use reenact_providers::{InstanceFilter, PageRequest};
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub(crate) use self::runs::{Run, stop};
pub(crate) use self::work::run;
use crate::dto::{BulkAction, BulkPrepare, BulkPrepared, InstanceRow, Time};
use crate::guard::now;
use crate::limits::{
    BULK_SAMPLE, MAX_BULK, MAX_BULKS_RUNNING, MAX_PAGE, MAX_PREPARED, PREPARED_LASTS,
};
use crate::problem::{Problem, ProblemKind};
use crate::shared::Shared;
use crate::token::Token;

/// The bulk actions that are prepared, and the places for those that run.
pub(crate) struct Bulks {
    prepared: Mutex<VecDeque<(Token, Prepared)>>,
    /// Those that have begun, by the token that they began with.
    runs: Mutex<VecDeque<(Token, Arc<Run>)>>,
    running: Arc<Semaphore>,
}

/// A bulk action that was shown to somebody.
pub(crate) struct Prepared {
    action: BulkAction,
    filter: InstanceFilter,
    reason: String,
    count: u64,
    /// When the newest of the instances was started: one that was started later was not shown.
    newest: Timestamp,
    expires: Instant,
}

impl Default for Bulks {
    fn default() -> Self {
        Self {
            prepared: Mutex::default(),
            runs: Mutex::default(),
            running: Arc::new(Semaphore::new(MAX_BULKS_RUNNING)),
        }
    }
}

impl Bulks {
    /// Keeps it under a new token. The oldest makes room.
    fn keep(&self, prepared: Prepared) -> Result<Token, Problem> {
        let token = Token::draw()
            .map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))?;
        let mut all = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, prepared)| Instant::now() < prepared.expires);
        if all.len() == MAX_PREPARED {
            all.pop_front();
        }
        all.push_back((token.clone(), prepared));
        Ok(token)
    }

    /// What was prepared under that token. It is there once.
    fn take(&self, token: &str) -> Result<(Token, Prepared), Problem> {
        let mut all = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let place = all.iter().position(|(kept, _)| kept.is(token));
        let prepared = place.and_then(|place| all.remove(place));
        prepared.filter(|(_, prepared)| Instant::now() < prepared.expires).ok_or_else(|| {
            let detail =
                "nothing is prepared under this token: it has run, or is too old; prepare it again";
            Problem::new(ProblemKind::NotFound, detail)
        })
    }
}

/// Counts what would be changed, and keeps that under a token.
pub(crate) async fn prepare(shared: &Shared, bulk: BulkPrepare) -> Result<BulkPrepared, Problem> {
    let BulkPrepare { action, filter, reason } = bulk;
    let filter = filter.checked()?;
    let (mut count, mut newest, mut sample) = (0_u64, Timestamp::EPOCH, Vec::new());
    let mut request = PageRequest::new().limit(MAX_PAGE);
    loop {
        let page = shared.access().list(&filter, &request).await?;
        count += page.instances.len() as u64;
        if count > MAX_BULK {
            let detail = format!(
                "more than {MAX_BULK} instances match; narrow the filter, and do it in parts"
            );
            return Err(Problem::unprocessable(detail));
        }
        for summary in &page.instances {
            newest = newest.max(summary.created_at);
            if sample.len() < BULK_SAMPLE {
                sample.push(InstanceRow::from(summary));
            }
        }
        let Some(next) = page.next else { break };
        request.after = Some(next);
    }
    let expires = Instant::now() + PREPARED_LASTS;
    let expires_at = Time(Timestamp::EPOCH + now() + PREPARED_LASTS);
    let prepared = Prepared { action, filter, reason, count, newest, expires };
    let token = shared.bulks().keep(prepared)?.expose().to_string();
    Ok(BulkPrepared { action, count, sample, token, expires_at })
}
