//! Folds over the log of an execution, a page in memory at a time.

use std::ops::ControlFlow;

use reenact_core::{ExecutionId, InstanceId, RecordedTurn};
use reenact_providers::{InstanceSummary, ProviderError, StoredTurn};

use crate::error::{ParkReason, Result};
use crate::store::Store;

/// What a fold has come to.
pub(super) struct Folded<F> {
    /// The instance, as it was when its log was read. What came since is not in the fold.
    pub(super) summary: InstanceSummary,
    pub(super) fold: F,
    /// Why the log cannot be read to its end, if it cannot.
    pub(super) unreadable: Option<String>,
}

impl Store {
    /// Goes over the log of an execution of an instance, of the newest one when none is named. Where it moves on to the
    /// next one meanwhile, a new fold is begun.
    pub(super) async fn fold<F>(
        &self,
        instance: &InstanceId,
        execution: Option<ExecutionId>,
        begin: impl Fn() -> F,
        mut apply: impl FnMut(&mut F, &RecordedTurn),
    ) -> Result<Folded<F>> {
        loop {
            let summary = self.execution(instance, execution).await?;
            let mut fold = begin();
            let take = |_: &StoredTurn, turn: RecordedTurn| {
                apply(&mut fold, &turn);
                ControlFlow::Continue(())
            };
            match self.log().walk(&summary, 0, usize::MAX, take).await {
                // The next execution has taken its place since.
                Err(ProviderError::NotFound { .. }) if self.is_gone(&summary).await? => {}
                read => return Ok(Folded { summary, fold, unreadable: why_not_further(read?) }),
            }
        }
    }
}

fn why_not_further(read: Result<(), ParkReason>) -> Option<String> {
    match read {
        Ok(()) => None,
        Err(ParkReason::Unreadable { reason } | ParkReason::Undecodable { reason }) => Some(reason),
        Err(other) => Some(other.to_string()),
    }
}
