//! Reads the values that instances have published, as far as they are durable.

use std::ops::ControlFlow;
use std::sync::Arc;

use reenact_core::{InstanceId, RecordedTurn};
use reenact_providers::{InstanceSummary, ProviderError, StoredTurn};

use crate::error::Result;
use crate::published::ReadValues;
use crate::store::{Store, unreadable};

impl Store {
    /// The values that an instance has published, and what is known of it. Goes over those turns of its
    /// newest execution that have come since they were read before.
    pub(crate) async fn published(
        &self,
        instance: &InstanceId,
    ) -> Result<(InstanceSummary, Arc<ReadValues>)> {
        loop {
            let summary = self.summary(instance).await?;
            let before = self.values_read.of(&summary);
            if let Some(before) = before.as_ref().filter(|before| before.turns == summary.turns) {
                return Ok((summary, before.clone()));
            }
            let mut read =
                before.map_or_else(|| ReadValues::none_of(&summary), |read| (*read).clone());
            let from = read.turns;
            let take = |stored: &StoredTurn, turn: RecordedTurn| {
                read.apply(stored, &turn);
                ControlFlow::Continue(())
            };
            match self.log().walk(&summary, from, usize::MAX, take).await {
                // The next execution has taken its place since.
                Err(ProviderError::NotFound { .. })
                    if self.summary(instance).await?.execution != summary.execution => {}
                walked => {
                    walked?.map_err(|reason| unreadable(instance, &reason))?;
                    let read = Arc::new(read);
                    self.values_read.keep(instance, &read);
                    return Ok((summary, read));
                }
            }
        }
    }
}
