//! A store with one history, which is read and never changed.

use std::sync::Arc;

use async_trait::async_trait;
use reenact_core::{ExecutionId, InstanceId, Receipt};
use reenact_providers::{
    Batch, HistoryStore, InstanceFilter, InstancePage, InstanceSummary, Lease, PageRequest, Place,
    ProviderError, StoredTurn, TurnPage,
};

/// The history of one instance that was exported.
pub(super) struct OneHistory {
    pub(super) summary: InstanceSummary,
    /// All of its turns.
    pub(super) turns: Vec<StoredTurn>,
}

#[async_trait]
impl HistoryStore for OneHistory {
    async fn append(&self, _batch: Arc<Batch>) -> Result<Receipt, ProviderError> {
        Err(read_only())
    }

    async fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<TurnPage, ProviderError> {
        if (instance, execution) != (&self.summary.instance, self.summary.execution) {
            return Err(ProviderError::NotFound { instance: instance.clone() });
        }
        let rest = usize::try_from(from).ok().and_then(|from| self.turns.get(from..));
        let rest = rest.ok_or_else(|| ProviderError::Conflict {
            reason: format!("{from} is past the end, there are {} turns", self.turns.len()),
        })?;
        let turns: Vec<_> = rest.iter().take(limit.max(1)).cloned().collect();
        let next = from + turns.len() as u64;
        Ok(TurnPage { turns, next: (next < self.turns.len() as u64).then_some(next) })
    }

    async fn summary(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, ProviderError> {
        Ok((*instance == self.summary.instance).then(|| self.summary.clone()))
    }

    async fn executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        Ok(self.summary(instance).await?.into_iter().collect())
    }

    async fn list(
        &self,
        filter: &InstanceFilter,
        page: &PageRequest,
    ) -> Result<InstancePage, ProviderError> {
        let is_after = page.after.as_ref().is_none_or(|after| self.summary.instance > *after);
        let found = (is_after && filter.matches(&self.summary)).then(|| self.summary.clone());
        Ok(InstancePage { instances: found.into_iter().collect(), next: None })
    }

    async fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        Ok(filter.matches(&self.summary).into())
    }

    async fn purge(
        &self,
        _instances: &[InstanceId],
        _lease: &Lease,
    ) -> Result<usize, ProviderError> {
        Err(read_only())
    }

    async fn recover(&self, _lease: &Lease) -> Result<Vec<InstanceSummary>, ProviderError> {
        Err(read_only())
    }
}

fn read_only() -> ProviderError {
    ProviderError::ReadOnly { place: Place("an exported history".to_owned()) }
}
