//! Looks into instances: their histories by pages, and what they do and wait for.

use reenact_core::{InstanceId, ShardId};

use super::Access;
use crate::error::Result;
use crate::inspect::{
    FailureLink, HistoryCursor, HistoryPage, InstanceTimeline, InstanceTree, InstanceView,
    ShardInfo, SharingHost, StateAfter,
};

#[cfg(doc)]
use crate::Error;

impl Access {
    /// A page of the history of an instance, as far as it is durable: the events from a place on, or from the first one
    /// of the newest execution. A place is of an execution, and so is the page; for one that is kept, begin at
    /// [`HistoryCursor::beginning`]. Nothing that stands before that place is read, so that the
    /// last page of a long history costs what the first one does. At most `limit` events, and at most
    /// [`MAX_EVENTS_PER_PAGE`](reenact_core::limits::MAX_EVENTS_PER_PAGE); fewer when they take much room.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::OtherExecution`] when the place is of an execution that is not there;
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
        self.store().history_cursor(instance, None, position).await
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
        self.store().view_after(instance, None, position).await
    }

    /// What the newest execution of an instance did, and when: activities with their attempts, timers, waits,
    /// children, external events, stretches in which it was suspended or parked. At most `limit` spans, and
    /// at most [`MAX_SPANS_VIEWED`](reenact_core::limits::MAX_SPANS_VIEWED), that begin with the event at that
    /// position or after it. Goes once over the log.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn timeline(
        &self,
        instance: &InstanceId,
        from_position: u64,
        limit: usize,
    ) -> Result<InstanceTimeline> {
        self.store().timeline(instance, None, from_position, limit).await
    }

    /// Who started an instance, and whom its newest execution started: so many generations below it as
    /// `depth` says, and at most `limit` instances with it, at most
    /// [`MAX_TREE_NODES`](reenact_core::limits::MAX_TREE_NODES). Goes once over the log of each instance that
    /// is not at the lowest level.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unreadable`] when the first turn of it or of an ancestor does not decode;
    /// [`Error::Store`].
    pub async fn tree(
        &self,
        instance: &InstanceId,
        depth: usize,
        limit: usize,
    ) -> Result<InstanceTree> {
        self.store().tree(instance, depth, limit).await
    }

    /// Why an instance failed: its failure first, then that of the child that it came of, and so on down to the
    /// activity, or the code, that failed first. Empty for an instance that has not failed, was not cancelled
    /// and not terminated. Goes once over the log of each.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn failure_chain(&self, instance: &InstanceId) -> Result<Vec<FailureLink>> {
        self.store().failure_chain(instance).await
    }

    /// All shards: which are here, who has them as far as the store knows, and how many instances of each are
    /// in memory here.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn shards(&self) -> Result<Vec<ShardInfo>> {
        self.store().shard_infos(self.routes()).await
    }

    /// The hosts that share the store. Where one host has a store for itself it is that one, with the shards
    /// that are up; none for a store that nobody shares, seen without its host.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn hosts(&self) -> Result<Vec<SharingHost>> {
        let shared = self.store().sharing_hosts().await?;
        match self.here() {
            Some(host) if self.store().queue_client.is_none() => {
                let all = (0..host.routes.shards()).map(ShardId);
                let name = host.options.host_name.clone();
                let shards = all.filter(|shard| host.routes.holds(*shard)).collect();
                Ok(vec![SharingHost { id: name.clone(), name, is_alive: true, shards }])
            }
            _ => Ok(shared),
        }
    }
}
