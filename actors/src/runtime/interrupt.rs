//! What people do to an instance that runs.

use reenact_core::InstanceId;
use tokio::sync::oneshot;

use super::Runtime;
use crate::error::Result;
use crate::message::{InstanceMessage, Reply};

impl Runtime {
    /// Ends an instance without asking its code. Durable when it returns.
    ///
    /// # Errors
    /// As [`Runtime::raise_event`]; parked instances can be terminated.
    pub async fn terminate(&self, instance: &InstanceId, reason: &str) -> Result<()> {
        let told = reason.to_owned();
        self.tell(instance, reason.len(), |reply| InstanceMessage::Terminate {
            reason: told,
            reply,
        })
        .await
    }

    /// Asks an instance to end. Durable when it returns; the code may not have ended then.
    ///
    /// # Errors
    /// As [`Runtime::raise_event`].
    pub async fn cancel(&self, instance: &InstanceId, reason: &str) -> Result<()> {
        let told = reason.to_owned();
        self.tell(instance, reason.len(), |reply| InstanceMessage::Cancel { reason: told, reply })
            .await
    }

    /// Does not let the code of an instance go on. Durable when it returns.
    ///
    /// # Errors
    /// As [`Runtime::raise_event`].
    pub async fn suspend(&self, instance: &InstanceId, reason: &str) -> Result<()> {
        let told = reason.to_owned();
        self.tell(instance, reason.len(), |reply| InstanceMessage::Suspend { reason: told, reply })
            .await
    }

    /// Lets the code of an instance go on. One that is parked is tried again. Durable when it returns.
    ///
    /// # Errors
    /// As [`Runtime::raise_event`]; [`Error::Parked`](crate::Error::Parked) when it still cannot go on.
    pub async fn resume(&self, instance: &InstanceId) -> Result<()> {
        self.tell(instance, 0, |reply| InstanceMessage::Resume { reply }).await
    }

    /// Sends a message to an instance, and waits for the answer.
    async fn tell(
        &self,
        instance: &InstanceId,
        bytes: usize,
        message: impl FnOnce(Option<Reply>) -> InstanceMessage,
    ) -> Result<()> {
        let permit = self.host.admission.message(bytes).await?;
        let (reply, answer) = oneshot::channel();
        self.host.routes.deliver(instance, message(Some(Reply::admitted(reply, permit))));
        self.answer(instance, answer).await
    }
}
