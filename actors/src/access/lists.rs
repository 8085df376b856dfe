//! Lists and counts.

use reenact_providers::{
    InstanceCounts, InstanceFilter, InstancePage, InstanceSummary, PageRequest, TimeOrder,
};

use super::Access;
use crate::error::Result;

#[cfg(doc)]
use crate::Error;

impl Access {
    /// Instances that pass a filter, ordered by id, a page at a time.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::Store`].
    pub async fn list(&self, filter: &InstanceFilter, page: &PageRequest) -> Result<InstancePage> {
        filter.check()?;
        page.check()?;
        Ok(self.store().histories.list(filter, page).await?)
    }

    /// How many instances pass a filter.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::Store`].
    pub async fn count(&self, filter: &InstanceFilter) -> Result<u64> {
        filter.check()?;
        Ok(self.store().histories.count(filter).await?)
    }

    /// How many instances pass a filter, by orchestration and state.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::Store`].
    pub async fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts> {
        filter.check()?;
        Ok(self.store().histories.counts(filter).await?)
    }

    /// The first `limit` instances that pass a filter, by the time of their last event.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::Store`].
    pub async fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>> {
        filter.check()?;
        Ok(self.store().histories.list_by_time(filter, order, limit).await?)
    }
}
