//! Messages that are too large for a queue: in blobs, which their envelopes name.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use reenact_core::Timestamp;

use super::Queues;
use super::envelope::Envelope;
use crate::azure::port::{BlobEntry, Only, PortError, PortErrorKind};

/// How the names of the payloads of a queue begin.
const PREFIX: &str = "payload";

/// Between its payload and its envelope a sender needs seconds at most. What is so old and has no envelope
/// never gets one.
const ORPHANED_AFTER: Duration = Duration::from_secs(60 * 60);

/// An envelope that comes later than this after its payload may come too late. Half of the time, for clocks differ.
const LATEST_SENT: Duration = Duration::from_secs(30 * 60);

/// How often a quiet queue is swept.
const SWEPT_EVERY: Duration = Duration::from_secs(60 * 60);

impl Queues {
    /// Puts a message into a blob, and its name into the queue. Each try has a blob of its own, because
    /// the consumer that has taken one removes it.
    pub(super) async fn send_in_blob(
        &self,
        queue: &str,
        envelope: &Envelope,
    ) -> Result<(), PortError> {
        let stored_at = self.clock.now();
        let blob = self.store(queue, envelope.clone(), stored_at).await?;
        if let Err(error) = self.client.port().send(queue, &Envelope::in_blob(&blob)).await {
            if !error.may_have_happened()
                && let Err(error) = self.client.delete(&blob, false).await
            {
                tracing::debug!(target: "reenact::queue", parent: None, %error, blob, "a payload without a message is left");
            }
            return Err(error);
        }
        // After a long pause in between, others may have taken it for an orphan.
        if self.clock.now().since(stored_at) < LATEST_SENT {
            return Ok(());
        }
        let kind =
            PortErrorKind::Unknown { reason: "its payload was stored long before".to_owned() };
        Err(PortError { operation: "send", target: queue.to_owned(), kind })
    }

    async fn store(
        &self,
        queue: &str,
        envelope: Envelope,
        at: Timestamp,
    ) -> Result<String, PortError> {
        let blob = format!("{PREFIX}/{queue}/{}", self.client.random().name());
        let metadata = BTreeMap::from([("at".to_owned(), at.as_micros().to_string())]);
        self.client.put(&blob, envelope.into_bytes(), &metadata, &Only::Always).await?;
        Ok(blob)
    }

    /// Sweeps the queue of a shard that has been empty for so long that nothing can be hidden in it, and
    /// not more often than it should be. Not that of a tag: what another host has in hand for hours needs
    /// its payload.
    pub(super) async fn sweep_at_times(&self, queue: &str) {
        {
            let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
            if swept.get(queue).is_some_and(|last| last.elapsed() < SWEPT_EVERY) {
                return;
            }
            swept.insert(queue.to_owned(), Instant::now());
        }
        if let Err(error) = self.sweep(queue).await {
            tracing::debug!(target: "reenact::queue", parent: None, %error, queue, "payloads without messages could not be removed");
        }
    }

    /// Removes the payloads that crashes have left. Only while the queue is empty: a message that
    /// waits in it needs its own, however old.
    async fn sweep(&self, queue: &str) -> Result<(), PortError> {
        let payloads = self.client.list(&format!("{PREFIX}/{queue}/")).await?;
        let now = self.clock.now();
        for payload in payloads.iter().filter(|payload| is_orphaned(payload, now)) {
            tracing::info!(target: "reenact::queue", parent: None, blob = payload.name, "a payload without a message is removed");
            self.client.delete(&payload.name, false).await?;
        }
        Ok(())
    }
}

fn is_orphaned(payload: &BlobEntry, now: Timestamp) -> bool {
    let Some(at) = payload.metadata.get("at").and_then(|at| at.parse().ok()) else {
        tracing::warn!(target: "reenact::queue", parent: None, blob = payload.name, "a payload does not say when it was stored; it stays");
        return false;
    };
    now.since(Timestamp::from_micros(at)) >= ORPHANED_AFTER
}

#[cfg(test)]
mod tests {
    use crate::azure::random::Random;
    use std::sync::Arc;

    use reenact_core::InstanceId;
    use tokio::runtime::Handle;

    use super::*;
    use crate::azure::client::Client;
    use crate::azure::members::Members;
    use crate::azure::port::StoragePort;
    use crate::testkit::azure::storage::FakeStorage;
    use crate::{ManualClock, Message, TimerScheduler};

    #[tokio::test]
    async fn an_old_payload_without_a_message_is_swept_and_a_new_one_is_not() {
        let clock = ManualClock::default();
        let storage = Arc::new(FakeStorage::new(Arc::new(clock.clone())));
        storage.create_container().await.unwrap();
        let client = Client::new(
            storage.clone(),
            Handle::current(),
            Duration::from_millis(1),
            Random::default(),
        );
        let members = Members::new(client.clone(), 1, Duration::from_secs(15));
        let (hub, visibility) = (("hub".to_owned(), 1), Duration::from_secs(15));
        let queues = Queues::new(client, members, Arc::new(clock.clone()), hub, visibility, false);
        let to = InstanceId::new("i").unwrap();
        let message = Message { key: "k".to_owned(), to, bytes: Arc::from(vec![0; 100_000]) };

        let envelope = Envelope::of(&message);
        let store = async |queue| queues.store(queue, envelope.clone(), clock.now()).await.unwrap();
        let old = store("hub-shard-0000").await;
        clock.advance(ORPHANED_AFTER);
        let (new, of_another) = (store("hub-shard-0000").await, store("hub-shard-0001").await);
        queues.sweep("hub-shard-0000").await.unwrap();

        let left = storage.list("payload/", None).await.unwrap().blobs;
        let left: Vec<_> = left.into_iter().map(|blob| blob.name).collect();
        assert!(!left.contains(&old));
        assert!(left.contains(&new) && left.contains(&of_another));
    }
}
