//! Finds out what became of an update, as far as it is durable.

use std::ops::ControlFlow;

use reenact_core::{
    EventKey, ExecutionId, InstanceId, RecordedTurn, Timestamp, UpdateFate, UpdateFinder,
};
use reenact_providers::{InstanceSummary, ProviderError, StoredTurn};

use crate::error::Result;
use crate::store::{Store, unreadable};

/// What was read of the log of an instance, for one update.
#[derive(Debug)]
pub(crate) struct UpdateRead {
    key: EventKey,
    /// The execution, and its turns that were read.
    of: Option<(ExecutionId, Timestamp, u64)>,
    finder: UpdateFinder,
}

impl UpdateRead {
    /// Before anything was read.
    pub(crate) fn new(key: EventKey) -> Self {
        let finder = UpdateFinder::new(key.clone());
        Self { key, of: None, finder }
    }

    /// From which turn of an execution on it is to be read.
    fn begin(&mut self, summary: &InstanceSummary) -> u64 {
        match self.of {
            Some((execution, created_at, turns))
                if (execution, created_at) == (summary.execution, summary.created_at) =>
            {
                turns
            }
            _ => {
                self.finder = UpdateFinder::new(self.key.clone());
                0
            }
        }
    }
}

impl Store {
    /// What became of an update, and how the instance is. Goes over those turns of its newest execution that
    /// were not read before.
    pub(crate) async fn fate_of_update(
        &self,
        instance: &InstanceId,
        read: &mut UpdateRead,
    ) -> Result<(InstanceSummary, UpdateFate)> {
        loop {
            let summary = self.summary(instance).await?;
            let from = read.begin(&summary);
            let take = |_: &StoredTurn, turn: RecordedTurn| {
                read.finder.apply(&turn);
                ControlFlow::Continue(())
            };
            match self.log().walk(&summary, from, usize::MAX, take).await {
                // The next execution has taken its place since.
                Err(ProviderError::NotFound { .. })
                    if self.summary(instance).await?.execution != summary.execution =>
                {
                    read.of = None;
                }
                walked => {
                    walked?.map_err(|reason| unreadable(instance, &reason))?;
                    read.of = Some((summary.execution, summary.created_at, summary.turns));
                    return Ok((summary, read.finder.fate()));
                }
            }
        }
    }
}
