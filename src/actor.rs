//! For host programs that are ractor programs themselves: instances as actors.
//!
//! The only module in which ractor's types appear. The version of `ractor` is 0.16.

pub use ractor::ActorRef;
pub use reenact_actors::{ExternalEvent, InstanceMessage, Reply};
use reenact_core::{Orchestration, ToInstanceId};

use crate::{Client, InstanceHandle, Result};

impl Client {
    /// The actor of an instance, which is brought into memory for it. The reference serves as long
    /// as the instance stays in memory; ask again when a `cast` gives its message back.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound), [`Error::Finished`](crate::Error::Finished),
    /// [`Error::Parked`](crate::Error::Parked), [`Error::Interrupted`](crate::Error::Interrupted),
    /// [`Error::Store`](crate::Error::Store); [`Error::OnAnotherHost`](crate::Error::OnAnotherHost) when another
    /// host has the instance, and for a client without a host.
    pub async fn actor(&self, id: impl ToInstanceId) -> Result<ActorRef<InstanceMessage>> {
        self.access().actor(&id.to_instance_id()?).await
    }

    /// Starts an instance and gives its actor. When the instance has finished already, it has none:
    /// [`Error::Finished`](crate::Error::Finished).
    ///
    /// # Errors
    /// As [`start_new`](Client::start_new) and [`actor`](Client::actor).
    pub async fn spawn<O: Orchestration>(
        &self,
        orchestration: O,
        input: O::Input,
    ) -> Result<(InstanceHandle<O::Output>, ActorRef<InstanceMessage>)> {
        let handle = self.start_new(orchestration, input).await?;
        let actor = self.actor(handle.id()).await?;
        Ok((handle, actor))
    }
}

impl<T> InstanceHandle<T> {
    /// The instance's actor; see [`Client::actor`].
    ///
    /// # Errors
    /// As [`Client::actor`].
    pub async fn actor(&self) -> Result<ActorRef<InstanceMessage>> {
        self.client().actor(self.checked_id()?).await
    }
}
