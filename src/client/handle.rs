//! `InstanceHandle`: one instance, for a client.

use std::fmt;
use std::marker::PhantomData;

use reenact_actors::{Error, Result};
use reenact_core::{History, InstanceId, InvalidName, NamesEvent, Outcome, ToInstanceId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::interrupt::Kind;
use super::{Client, ForkInstance, InstanceStatus, Interrupt, RaiseEvent};

/// A handle on one instance, whose result is a `T`. Dropping it does nothing to the instance.
pub struct InstanceHandle<T> {
    client: Client,
    id: InstanceId,
    /// What is wrong with the id that it was made with.
    invalid: Option<InvalidName>,
    output: PhantomData<fn() -> T>,
}

impl<T> InstanceHandle<T> {
    pub(crate) fn new(client: Client, id: InstanceId) -> Self {
        Self { client, id, invalid: None, output: PhantomData }
    }

    pub(crate) fn of(client: Client, id: Result<InstanceId, InvalidName>) -> Self {
        match id {
            Ok(id) => Self::new(client, id),
            Err(invalid) => {
                let invalid = Some(invalid);
                Self { client, id: InstanceId::of_no_instance(), invalid, output: PhantomData }
            }
        }
    }

    /// # Errors
    /// [`Error::InvalidName`] when it was made with an invalid id.
    pub(crate) fn checked_id(&self) -> Result<&InstanceId> {
        match &self.invalid {
            None => Ok(&self.id),
            Some(invalid) => Err(invalid.clone().into()),
        }
    }

    /// The instance's id. Empty, which is the id of no instance, when the handle was made with an
    /// invalid one: then every other call gives [`Error::InvalidName`].
    pub fn id(&self) -> &InstanceId {
        &self.id
    }

    /// Raises an external event. Durable when the await returns; see [`RaiseEvent`].
    pub fn raise_event<D: Serialize>(&self, name: impl NamesEvent<D>, data: D) -> RaiseEvent {
        self.client.raise_event_on(self.checked_id().cloned(), name, data)
    }

    /// How the instance is; see [`Client::get_status`].
    ///
    /// # Errors
    /// As [`Client::get_status`].
    pub async fn status(&self) -> Result<InstanceStatus> {
        self.client.get_status(self.checked_id()?).await
    }

    /// Waits until the instance has a status that is wanted, or has ended; see
    /// [`Client::wait_for_status`].
    ///
    /// # Errors
    /// As [`Client::wait_for_status`].
    pub async fn wait_for_status(
        &self,
        is_wanted: impl FnMut(&InstanceStatus) -> bool,
    ) -> Result<InstanceStatus> {
        self.client.wait_for_status(self.checked_id()?, is_wanted).await
    }

    /// Waits until the instance has another [custom status](InstanceStatus::custom_status) than it
    /// had, or has ended; how it is then. A caller that asks quickly enough sees every change, and
    /// another one the newest:
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// # async fn follow(instance: &InstanceHandle<()>) -> reenact::Result<()> {
    /// let mut status = instance.status().await?;
    /// while status.outcome.is_none() {
    ///     println!("{:?}", status.custom_status);
    ///     status = instance.status_changed(&status).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::wait_for_status`].
    pub async fn status_changed(&self, before: &InstanceStatus) -> Result<InstanceStatus> {
        let seen = (before.execution, &before.custom_status);
        self.wait_for_status(|now| (now.execution, &now.custom_status) != seen).await
    }

    /// Everything that happened; see [`Client::history`].
    ///
    /// # Errors
    /// As [`Client::history`].
    pub async fn history(&self) -> Result<History> {
        self.client.history(self.checked_id()?).await
    }

    /// Ends the instance without asking its code; see [`Client::terminate`].
    ///
    /// # Errors
    /// As [`Client::terminate`].
    pub fn terminate(&self, reason: &str) -> Interrupt {
        self.interrupt(Kind::Terminate(reason.to_owned()))
    }

    /// Asks the instance to end; see [`Client::cancel`].
    ///
    /// # Errors
    /// As [`Client::cancel`].
    pub fn cancel(&self, reason: &str) -> Interrupt {
        self.interrupt(Kind::Cancel(reason.to_owned()))
    }

    /// Stops the instance's code until it is resumed; see [`Client::suspend`].
    ///
    /// # Errors
    /// As [`Client::suspend`].
    pub fn suspend(&self, reason: &str) -> Interrupt {
        self.interrupt(Kind::Suspend(reason.to_owned()))
    }

    /// Lets the instance's code go on; see [`Client::resume`].
    ///
    /// # Errors
    /// As [`Client::resume`].
    pub fn resume(&self) -> Interrupt {
        self.interrupt(Kind::Resume)
    }

    fn interrupt(&self, kind: Kind) -> Interrupt {
        self.client.interrupt_checked(self.checked_id().cloned(), kind)
    }

    /// Takes the instance back to before an event of its history; see [`Client::rewind`].
    ///
    /// # Errors
    /// As [`Client::rewind`].
    pub async fn rewind(&self, position: u64, reason: &str) -> Result<()> {
        self.client.rewind(self.checked_id()?, position, reason).await
    }

    /// Begins a new instance, under the id `to`, with the history of this one; see [`Client::fork`].
    pub fn fork(&self, to: impl ToInstanceId) -> ForkInstance<T> {
        let from = self.invalid.clone().map_or_else(|| Ok(self.id.clone()), Err);
        ForkInstance::new(self.client.clone(), from, to.to_instance_id())
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

impl<T: DeserializeOwned> InstanceHandle<T> {
    /// Waits for the instance's end and gives its result. Can be called again. Cancelling it is
    /// harmless.
    ///
    /// # Errors
    /// - [`Error::Failed`]: the orchestration returned an error, panicked, or passed a limit.
    /// - [`Error::Terminated`]: somebody terminated it.
    /// - [`Error::Cancelled`]: somebody cancelled it, and its code ended for that.
    /// - [`Error::Parked`]: it cannot go on as it is; also when that happens while this waits. Of an
    ///   instance on another host that is not known here: this waits until it goes on.
    /// - [`Error::InvalidPayload`]: the result is not a `T`.
    /// - [`Error::NotFound`], [`Error::ShuttingDown`], [`Error::Store`], [`Error::Unreadable`].
    pub async fn result(&self) -> Result<T> {
        let instance = self.checked_id()?.clone();
        match self.client.access().outcome(&instance).await? {
            Outcome::Completed(output) => output.decode().map_err(|source| Error::InvalidPayload {
                what: format!("the result of instance `{instance}`"),
                source,
            }),
            Outcome::Failed(source) => Err(Error::Failed { instance, source }),
            Outcome::Terminated { reason } => Err(Error::Terminated { instance, reason }),
            Outcome::Cancelled { reason } => Err(Error::Cancelled { instance, reason }),
            other => Err(Error::Unreadable { instance, reason: format!("it ended as {other:?}") }),
        }
    }
}

impl<T> Clone for InstanceHandle<T> {
    fn clone(&self) -> Self {
        let client = self.client.clone();
        let id = self.id.clone();
        let invalid = self.invalid.clone();
        Self { client, id, invalid, output: PhantomData }
    }
}

impl<T> fmt::Debug for InstanceHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstanceHandle").field("id", &self.id).finish_non_exhaustive()
    }
}
