//! Looks into instances: their histories by pages, and what they do and wait for.

use reenact_actors::inspect::{
    FailureLink, HistoryCursor, HistoryPage, InstanceTimeline, InstanceTree, InstanceView,
    ShardInfo, SharingHost, StateAfter,
};
use reenact_actors::{Result, Watch};
use reenact_core::ToInstanceId;
use reenact_providers::{InstanceCounts, InstanceFilter, InstanceSummary, TimeOrder};

use super::Client;

#[cfg(doc)]
use crate::Error;

impl Client {
    /// How many instances pass the filter, by orchestration and state: in one look at the store.
    ///
    /// # Errors
    /// As [`list`](Client::list).
    pub async fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts> {
        self.access.counts(filter).await
    }

    /// The first `limit` instances that pass the filter, by the time of their last event: those to which nothing has
    /// happened for longest, or those that something has happened to last. In a
    /// directory it takes about as long for many instances as for few; in memory and over a hub it goes through all that
    /// there are.
    ///
    /// # Errors
    /// As [`list`](Client::list).
    pub async fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>> {
        self.access.list_by_time(filter, order, limit).await
    }

    /// How an instance is, what it does and what it waits for, as far as it is durable: open activities with
    /// their attempts, timers, waits, events that nobody has taken, children; who started it; why it is
    /// suspended or parked. Goes once over the log of its newest execution, without its code.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// # #[orchestration]
    /// # async fn order(ctx: OrchestrationContext, _item: String) -> Result<(), OrchestrationError> {
    /// #     ctx.wait_external::<()>("Paid").await?;
    /// #     Ok(())
    /// # }
    /// # #[tokio::main]
    /// # async fn main() -> reenact::Result<()> {
    /// # let host = Host::builder().provider(InMemory::new()).orchestration(order).start().await?;
    /// host.start_new(order, "tea".to_string()).id("order-7").await?;
    ///
    /// let view = host.view("order-7").await?;
    /// let wait = &view.execution.waits.items[0];
    /// println!("{} waits for `{}` since {}", view.summary.instance, wait.name, wait.since);
    /// # assert_eq!(wait.name.as_str(), "Paid");
    ///
    /// let page = host.history_page("order-7", None, 100).await?;
    /// for event in &page.events {
    ///     println!("{:>5}  {}  {}", event.position, event.at, event.event);
    /// }
    /// # assert_eq!(page.events.len(), 2);
    /// # host.shutdown().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn view(&self, id: impl ToInstanceId) -> Result<InstanceView> {
        self.access.view(&id.to_instance_id()?).await
    }

    /// How an instance was directly after the event at `position` of its newest execution: what was open,
    /// awaited and buffered then.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::PastTheEnd`] when there is no such event; [`Error::Unreadable`],
    /// [`Error::Store`].
    pub async fn view_after(&self, id: impl ToInstanceId, position: u64) -> Result<StateAfter> {
        self.access.view_after(&id.to_instance_id()?, position).await
    }

    /// A page of the history of an instance: at most `limit` events, from a place on that an earlier page gave, or
    /// from the first one of the newest execution. Nothing before that place is read. For earlier executions see
    /// [`execution`](Self::execution).
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::OtherExecution`] when the instance has gone on as a new execution since
    /// the earlier page, and the one before is not kept; [`Error::PastTheEnd`], [`Error::Unreadable`], [`Error::Store`].
    pub async fn history_page(
        &self,
        id: impl ToInstanceId,
        from: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<HistoryPage> {
        self.access.history_page(&id.to_instance_id()?, from, limit).await
    }

    /// Where a [page](Self::history_page) begins with the event at `position`. Goes once over what stands
    /// before it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::PastTheEnd`], [`Error::Unreadable`], [`Error::Store`].
    pub async fn history_cursor(
        &self,
        id: impl ToInstanceId,
        position: u64,
    ) -> Result<HistoryCursor> {
        self.access.history_cursor(&id.to_instance_id()?, position).await
    }

    /// What the newest execution of an instance did, and when: activities with their attempts, timers, waits,
    /// children, external events, stretches in which it was suspended or parked. At most `limit` spans that
    /// begin with the event at `from_position` or after it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn timeline(
        &self,
        id: impl ToInstanceId,
        from_position: u64,
        limit: usize,
    ) -> Result<InstanceTimeline> {
        self.access.timeline(&id.to_instance_id()?, from_position, limit).await
    }

    /// Who started an instance, and whom its newest execution started: `depth` generations below it, and at
    /// most `limit` instances.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unreadable`], [`Error::Store`].
    pub async fn tree(
        &self,
        id: impl ToInstanceId,
        depth: usize,
        limit: usize,
    ) -> Result<InstanceTree> {
        self.access.tree(&id.to_instance_id()?, depth, limit).await
    }

    /// Why an instance failed: its failure first, then that of the child that it came of, and so on down to the
    /// activity, or the code, that failed first. Empty for one that has not failed.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn failure_chain(&self, id: impl ToInstanceId) -> Result<Vec<FailureLink>> {
        self.access.failure_chain(&id.to_instance_id()?).await
    }

    /// All shards of the store: which are on this host, who has them, and how many instances of each are in
    /// memory here.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn shards(&self) -> Result<Vec<ShardInfo>> {
        self.access.shards().await
    }

    /// The hosts that share the store, with their shards.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn hosts(&self) -> Result<Vec<SharingHost>> {
        self.access.hosts().await
    }

    /// Says when to look again at an instance: on the host that has it, whenever something has become durable
    /// in its shard. Look after this call, and after each [`Watch::changed`].
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// # async fn follow(client: &Client, id: &InstanceId) -> reenact::Result<()> {
    /// let mut watch = client.watch(id)?;
    /// loop {
    ///     let view = client.view(id).await?;
    ///     println!("{} events, {}", view.execution.events, view.summary.state);
    ///     if view.summary.state.is_finished() {
    ///         return Ok(());
    ///     }
    ///     watch.changed().await?;
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidName`].
    pub fn watch(&self, id: impl ToInstanceId) -> Result<Watch> {
        Ok(self.access.watch(Some(&id.to_instance_id()?)))
    }

    /// The same for all instances of the store: for those who follow a list.
    pub fn watch_all(&self) -> Watch {
        self.access.watch(None)
    }
}
