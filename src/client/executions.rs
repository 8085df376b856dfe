//! The executions of an instance, and looks into each.

use reenact_actors::inspect::ExecutionInfo;
use reenact_actors::{ExecutionAccess, Result};
use reenact_core::{ExecutionId, ToInstanceId};

use super::{Client, InstanceHandle};

#[cfg(doc)]
use crate::{Error, HostOptions};

impl Client {
    /// The executions of an instance that are there, the newest one last: when each began and ended, how it ended,
    /// and how long its history is. Those before the newest one are there that a host was asked to
    /// [keep](HostOptions::keep_executions): what continued as new, and what a rewind or a start under the same id
    /// has taken the place of.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// # use reenact::inspect::ExecutionEnding;
    /// # #[orchestration]
    /// # async fn counter(ctx: OrchestrationContext, left: u32) -> Result<(), OrchestrationError> {
    /// #     if left > 0 {
    /// #         ctx.continue_as_new(counter, left - 1)?;
    /// #     }
    /// #     Ok(())
    /// # }
    /// # #[tokio::main]
    /// # async fn main() -> reenact::Result<()> {
    /// let host = Host::builder()
    ///     .provider(InMemory::new())
    ///     .options(HostOptions::new().keep_executions(2))
    ///     .orchestration(counter)
    ///     .start()
    ///     .await?;
    /// host.start_new(counter, 5).id("counter").await?.result().await?;
    ///
    /// let executions = host.executions("counter").await?;
    /// let numbers: Vec<u32> = executions.iter().map(|one| one.execution.0).collect();
    /// assert_eq!(numbers, [4, 5, 6]);
    /// assert_eq!(executions[0].end, ExecutionEnding::Continued);
    ///
    /// let page = host.execution("counter", executions[0].execution)?.history_page(None, 100).await?;
    /// assert_eq!(page.events.len() as u64, executions[0].events);
    /// # host.shutdown().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unreadable`], [`Error::Store`].
    pub async fn executions(&self, id: impl ToInstanceId) -> Result<Vec<ExecutionInfo>> {
        self.access.executions(&id.to_instance_id()?).await
    }

    /// One execution of an instance: its history whole and by pages, its timeline, and how it was after each event. It
    /// need not be the newest one; [`executions`](Self::executions) says which there are.
    ///
    /// # Errors
    /// [`Error::InvalidName`]. That the execution is not there is found out by each look into it, and is an
    /// [`Error::OtherExecution`].
    pub fn execution(
        &self,
        id: impl ToInstanceId,
        execution: ExecutionId,
    ) -> Result<ExecutionAccess> {
        Ok(self.access.execution(&id.to_instance_id()?, execution))
    }
}

impl<T> InstanceHandle<T> {
    /// The executions of the instance that are there; see [`Client::executions`].
    ///
    /// # Errors
    /// Those of [`Client::executions`].
    pub async fn executions(&self) -> Result<Vec<ExecutionInfo>> {
        self.client().executions(self.checked_id()?).await
    }

    /// One execution of the instance; see [`Client::execution`].
    ///
    /// # Errors
    /// [`Error::InvalidName`] when the handle was made with an invalid id.
    pub fn execution(&self, execution: ExecutionId) -> Result<ExecutionAccess> {
        self.client().execution(self.checked_id()?, execution)
    }
}
