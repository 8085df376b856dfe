//! Looks into instances: their histories by pages, and what they do and wait for.

use reenact_core::InstanceId;

use super::Access;
use crate::error::Result;
use crate::inspect::{HistoryCursor, HistoryPage, InstanceView, StateAfter};

#[cfg(doc)]
use crate::Error;

impl Access {
    /// A page of the history of an instance's newest execution, as far as it is durable: the events from a
    /// place on, or from the first one. Nothing that stands before that place is read, so that the
    /// last page of a long history costs what the first one does. At most `limit` events, and at most
    /// [`MAX_EVENTS_PER_PAGE`](reenact_core::limits::MAX_EVENTS_PER_PAGE); fewer when they take much room.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::OtherExecution`] when the place is of a history that is gone;
    /// [`Error::PastTheEnd`]; [`Error::Unreadable`] when a turn of the page does not decode;
    /// [`Error::Store`].
    ///
    /// Cancelling it is harmless, as with all that only looks.
    pub async fn history_page(
        &self,
        instance: &InstanceId,
        from: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<HistoryPage> {
        self.store().history_page(instance, from, limit).await
    }

    /// Where a page begins with the event at that position, in the history of an instance's newest execution.
    /// The position after the last event is one, too. Goes once over the turns before it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::PastTheEnd`], [`Error::Unreadable`], [`Error::Store`].
    pub async fn history_cursor(
        &self,
        instance: &InstanceId,
        position: u64,
    ) -> Result<HistoryCursor> {
        self.store().history_cursor(instance, position).await
    }

    /// How an instance is and what it waits for, as far as it is durable. Goes once over the log of its newest
    /// execution, and does not bring it into memory. A log that cannot be read to its end is no
    /// error: the view says so, and has what could be read.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn view(&self, instance: &InstanceId) -> Result<InstanceView> {
        self.store().view(instance, self.routes()).await
    }

    /// How the newest execution of an instance was directly after the event at that position: what was open,
    /// awaited and buffered then. Goes once over the log up to there.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::PastTheEnd`], [`Error::Unreadable`], [`Error::Store`].
    pub async fn view_after(&self, instance: &InstanceId, position: u64) -> Result<StateAfter> {
        self.store().view_after(instance, position).await
    }
}
