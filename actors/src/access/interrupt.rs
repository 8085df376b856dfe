//! Cancels, terminates, suspends and resumes instances.

use reenact_core::InstanceId;

use super::Access;
use crate::error::Result;
use crate::message::InstanceMessage;

impl Access {
    /// Ends an instance without asking its code. Durable when it returns.
    ///
    /// # Errors
    /// As [`Access::raise_event`]; parked instances can be terminated.
    pub async fn terminate(&self, instance: &InstanceId, reason: &str) -> Result<()> {
        let owned = reason.to_owned();
        let message = |reply| InstanceMessage::Terminate { reason: owned, reply: Some(reply) };
        self.ask(instance, reason.len(), message).await
    }

    /// Asks an instance to end. Durable when it returns; the code may not have ended then.
    ///
    /// # Errors
    /// As [`Access::raise_event`].
    pub async fn cancel(&self, instance: &InstanceId, reason: &str) -> Result<()> {
        let owned = reason.to_owned();
        let message = |reply| InstanceMessage::Cancel { reason: owned, reply: Some(reply) };
        self.ask(instance, reason.len(), message).await
    }

    /// Does not let the code of an instance go on. Durable when it returns.
    ///
    /// # Errors
    /// As [`Access::raise_event`].
    pub async fn suspend(&self, instance: &InstanceId, reason: &str) -> Result<()> {
        let owned = reason.to_owned();
        let message = |reply| InstanceMessage::Suspend { reason: owned, reply: Some(reply) };
        self.ask(instance, reason.len(), message).await
    }

    /// Lets the code of an instance go on. One that is parked is tried again. Durable when it returns.
    ///
    /// # Errors
    /// As [`Access::raise_event`]; [`Error::Parked`](crate::Error::Parked) when it still cannot go on.
    pub async fn resume(&self, instance: &InstanceId) -> Result<()> {
        let message = |reply| InstanceMessage::Resume { reply: Some(reply) };
        self.ask(instance, 0, message).await
    }
}
