//! Lists, sends again and discards the messages in quarantine.

use reenact_providers::{QuarantineId, Quarantined};

use super::Access;
use crate::error::{Error, Result};
use crate::queue_client::QueueClient;

impl Access {
    /// Up to `limit` of the messages in quarantine after `after`, ordered by their ids: messages that a
    /// host could never accept, and whose senders were not notified.
    ///
    /// # Errors
    /// [`Error::NotShared`], [`Error::Store`].
    pub async fn quarantined(
        &self,
        after: Option<&QuarantineId>,
        limit: usize,
    ) -> Result<Vec<(QuarantineId, Quarantined)>> {
        Ok(self.remote()?.sharing.quarantined(after, limit).await?)
    }

    /// Removes a message from quarantine for good. One that is not there is no error.
    ///
    /// # Errors
    /// [`Error::NotShared`], [`Error::Store`].
    pub async fn discard_quarantined(&self, id: &QuarantineId) -> Result<()> {
        self.may_change()?;
        Ok(self.remote()?.sharing.discard(id).await?)
    }

    /// Sends a message in quarantine again, to the queue that it came from, and takes it out of
    /// quarantine; whether there was one. What was no message at all stays there.
    ///
    /// # Errors
    /// [`Error::NotShared`]; [`Error::Store`]: then it may be in both places, and counts once.
    pub async fn requeue(&self, id: &QuarantineId) -> Result<bool> {
        self.may_change()?;
        self.remote()?.requeue(id).await
    }

    /// How many messages are in the queues of all shards, those in hand included: never fewer than there are. `None`
    /// where the store does not know.
    ///
    /// # Errors
    /// [`Error::NotShared`], [`Error::Store`].
    pub async fn waiting(&self) -> Result<Option<u64>> {
        let waiting = self.remote()?.sharing.waiting().await?;
        Ok(waiting.map(|waiting| waiting.messages))
    }

    fn remote(&self) -> Result<&QueueClient> {
        self.store().queue_client.as_ref().ok_or(Error::NotShared)
    }
}
