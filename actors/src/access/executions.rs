//! The executions of an instance, and looks into each.

use reenact_core::{ExecutionId, History, InstanceId};

use super::Access;
use crate::error::Result;
use crate::inspect::{ExecutionInfo, HistoryCursor, HistoryPage, InstanceTimeline, StateAfter};

#[cfg(doc)]
use crate::Error;

impl Access {
    /// The executions of an instance that are there: those before the newest one that
    /// [are kept](crate::HostOptions::keep_executions), in their order, and the newest one last. Reads the first turn
    /// of each, and of most the last.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unreadable`] when one of those turns does not decode; [`Error::Store`].
    ///
    /// Cancelling it is harmless, as with all that only looks.
    pub async fn executions(&self, instance: &InstanceId) -> Result<Vec<ExecutionInfo>> {
        self.store().executions(instance).await
    }

    /// One execution of an instance, to look into it. That it is there is found out by each look.
    pub fn execution(&self, instance: &InstanceId, execution: ExecutionId) -> ExecutionAccess {
        ExecutionAccess { access: self.clone(), instance: instance.clone(), execution }
    }
}

/// One execution of an instance, as far as it is durable. Cheap to clone.
///
/// Each look gives [`Error::NotFound`] when there is no such instance, and [`Error::OtherExecution`], which says what
/// there is, when the execution is not there; [`Error::Unreadable`] and [`Error::Store`].
#[derive(Clone, Debug)]
pub struct ExecutionAccess {
    access: Access,
    instance: InstanceId,
    execution: ExecutionId,
}

impl ExecutionAccess {
    /// Its number.
    pub const fn execution(&self) -> ExecutionId {
        self.execution
    }

    /// Its whole history.
    ///
    /// # Errors
    /// Those [of each look](Self).
    pub async fn history(&self) -> Result<History> {
        self.access.store().history(&self.instance, Some(self.execution)).await
    }

    /// A page of its history. See [`Access::history_page`].
    ///
    /// # Errors
    /// Those [of each look](Self); [`Error::PastTheEnd`]. A place of another execution is taken as it is.
    pub async fn history_page(
        &self,
        from: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<HistoryPage> {
        let from = from.unwrap_or(HistoryCursor::beginning(self.execution));
        self.access.history_page(&self.instance, Some(from), limit).await
    }

    /// Where a page begins with the event at that position. See [`Access::history_cursor`].
    ///
    /// # Errors
    /// Those [of each look](Self); [`Error::PastTheEnd`].
    pub async fn history_cursor(&self, position: u64) -> Result<HistoryCursor> {
        self.access.store().history_cursor(&self.instance, Some(self.execution), position).await
    }

    /// How it was directly after the event at that position. See [`Access::view_after`].
    ///
    /// # Errors
    /// Those [of each look](Self); [`Error::PastTheEnd`].
    pub async fn view_after(&self, position: u64) -> Result<StateAfter> {
        self.access.store().view_after(&self.instance, Some(self.execution), position).await
    }

    /// What it did, and when. See [`Access::timeline`].
    ///
    /// # Errors
    /// Those [of each look](Self).
    pub async fn timeline(&self, from_position: u64, limit: usize) -> Result<InstanceTimeline> {
        let (instance, execution) = (&self.instance, Some(self.execution));
        self.access.store().timeline(instance, execution, from_position, limit).await
    }
}
