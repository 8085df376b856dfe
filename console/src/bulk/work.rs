//! A bulk action that runs: a few instances at a time, with a line of progress after each step.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use reenact_core::InstanceId;
use reenact_providers::{InstanceFilter, PageRequest};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{Prepared, Run};
use crate::dto::{BulkAction, BulkProgress};
use crate::limits::{BULK_CONCURRENCY, MAX_PAGE};
use crate::problem::{Problem, ProblemKind};
use crate::shared::Shared;

/// Most lines of progress, besides those of failures.
const LINES: u64 = 200;

/// Lines that wait for a caller who reads slowly.
const LINES_WAITING: usize = 64;

/// Begins to run what was prepared under that token, and returns the lines of its progress. It stops early when
/// it is [stopped](super::stop), when nobody reads them any more, or when the console ends; an instance that it has begun
/// with is finished then.
pub(crate) async fn run(shared: &Shared, token: &str) -> Result<mpsc::Receiver<Bytes>, Problem> {
    let place = shared.bulks().running.clone().try_acquire_owned().map_err(|_| {
        Problem::new(ProblemKind::Busy, "other bulk actions are running; try again later")
    })?;
    let (token, prepared) = shared.bulks().take(token)?;
    let now = shared.access().count(&prepared.filter).await?;
    if now > prepared.count {
        let detail = format!(
            "{now} instances match now, and {} were shown; nothing was changed. Prepare it again",
            prepared.count
        );
        return Err(Problem::new(ProblemKind::Conflict, detail));
    }
    let (lines, progress) = mpsc::channel(LINES_WAITING);
    let run = shared.bulks().begin(token, prepared.count);
    tokio::spawn(Work::new(shared.clone(), prepared, run, lines, place).run());
    Ok(progress)
}

struct Work {
    shared: Shared,
    prepared: Prepared,
    ids: Ids,
    progress: BulkProgress,
    run: Arc<Run>,
    lines: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
}

/// The instances that are to be changed, a page at a time.
struct Ids {
    filter: InstanceFilter,
    request: PageRequest,
    page: VecDeque<InstanceId>,
    is_last_page: bool,
    /// How many more may be changed.
    left: u64,
}

impl Ids {
    fn of(prepared: &Prepared) -> Self {
        let mut filter = prepared.filter.clone();
        let after_newest = prepared.newest + std::time::Duration::from_micros(1);
        let until = filter.created.until.map_or(after_newest, |until| until.min(after_newest));
        filter.created.until = Some(until);
        Self {
            filter,
            request: PageRequest::new().limit(MAX_PAGE),
            page: VecDeque::new(),
            is_last_page: false,
            left: prepared.count,
        }
    }

    async fn next(&mut self, shared: &Shared) -> Result<Option<InstanceId>, Problem> {
        if self.left == 0 {
            return Ok(None);
        }
        while self.page.is_empty() && !self.is_last_page {
            let page = shared.access().list(&self.filter, &self.request).await?;
            self.page = page.instances.into_iter().map(|summary| summary.instance).collect();
            self.is_last_page = page.next.is_none();
            self.request.after = page.next;
        }
        let next = self.page.pop_front();
        self.left -= u64::from(next.is_some());
        Ok(next)
    }
}

impl Work {
    fn new(
        shared: Shared,
        prepared: Prepared,
        run: Arc<Run>,
        lines: mpsc::Sender<Bytes>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let ids = Ids::of(&prepared);
        let progress = run.progress();
        Self { shared, prepared, ids, progress, run, lines, _place: place }
    }

    /// Why no other instance is begun with, if that is so.
    fn why_stopped(&self) -> Option<Problem> {
        if self.shared.is_ending() {
            let detail = "the console ends; the rest was not changed";
            return Some(Problem::new(ProblemKind::ShuttingDown, detail));
        }
        if self.run.is_stopped() {
            let detail = "it was stopped; the rest was not changed";
            return Some(Problem::new(ProblemKind::Stopped, detail));
        }
        self.lines.is_closed().then(|| {
            let detail = "nobody reads its progress any more; the rest was not changed";
            Problem::new(ProblemKind::Stopped, detail)
        })
    }

    async fn run(mut self) {
        let every = (self.prepared.count / LINES).max(1);
        let mut under_way = FuturesUnordered::new();
        let mut is_at_end = false;
        let mut stopped = None;
        loop {
            while under_way.len() < BULK_CONCURRENCY && !is_at_end {
                if let Some(why) = self.why_stopped() {
                    (is_at_end, stopped) = (true, Some(why));
                    break;
                }
                match self.ids.next(&self.shared).await {
                    Ok(Some(id)) => under_way.push(self.change(id)),
                    Ok(None) => is_at_end = true,
                    Err(problem) => (is_at_end, stopped) = (true, Some(problem)),
                }
            }
            let Some((id, result)) = under_way.next().await else { break };
            let is_failure = result.is_err();
            self.progress.failed += u64::from(is_failure);
            self.progress.done += u64::from(!is_failure);
            self.progress.last = Some(id.to_string());
            self.progress.error = result.err();
            let so_far = self.progress.done + self.progress.failed;
            self.run.note(&self.progress);
            if is_failure || so_far.is_multiple_of(every) {
                self.say().await;
            }
        }
        self.progress.error = stopped;
        self.progress.is_over = true;
        self.run.note(&self.progress);
        let _ = self.lines.send(self.line()).await;
    }

    fn change(
        &self,
        id: InstanceId,
    ) -> impl Future<Output = (InstanceId, Result<(), Problem>)> + Send + use<> {
        let (access, action) = (self.shared.access().clone(), self.prepared.action);
        let reason = self.prepared.reason.clone();
        async move {
            let result = match action {
                BulkAction::Cancel => access.cancel(&id, &reason).await,
                BulkAction::Suspend => access.suspend(&id, &reason).await,
                BulkAction::Resume => access.resume(&id).await,
                BulkAction::Terminate => access.terminate(&id, &reason).await,
                BulkAction::Purge => access.purge(&id).await,
            };
            (id, result.map_err(Problem::from))
        }
    }

    /// Writes a line. When nobody reads any more, the work ends soon; one who reads slowly is not waited for once it was
    /// stopped.
    async fn say(&self) {
        tokio::select! {
            biased;
            _ = self.lines.send(self.line()) => {}
            () = self.run.until_stopped() => {}
        }
    }

    fn line(&self) -> Bytes {
        let mut line = serde_json::to_vec(&self.progress).unwrap_or_default();
        line.push(b'\n');
        line.into()
    }
}
