//! Messages that are too large for a queue: in blobs, which their letters name.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use reenact_core::Timestamp;

use super::Queues;
use super::letter::Letter;
use crate::azure::port::{BlobEntry, Only, PortError};
use crate::azure::random;

/// Where the payloads of a queue are.
const PREFIX: &str = "payload";

/// Between its payload and its letter a sender needs seconds at most. What is so old and has no letter
/// never gets one.
const ORPHANED_AFTER: Duration = Duration::from_secs(60 * 60);

/// How often a quiet queue is swept.
const SWEPT_EVERY: Duration = Duration::from_secs(60 * 60);

impl Queues {
    /// Puts a message into a blob, and tells its name.
    pub(super) async fn store(&self, queue: &str, letter: Letter) -> Result<String, PortError> {
        let blob = format!("{PREFIX}/{queue}/{}", random::name());
        let at = self.clock.now().as_micros().to_string();
        let metadata = BTreeMap::from([("at".to_owned(), at)]);
        self.client.put(&blob, letter.into_bytes(), &metadata, &Only::Always).await?;
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
            tracing::debug!(%error, queue, "payloads without messages could not be removed");
        }
    }

    /// Removes the payloads that crashes have left behind. Only while the queue is empty: a message that
    /// waits in it needs its own, however old.
    async fn sweep(&self, queue: &str) -> Result<(), PortError> {
        let payloads = self.client.list(&format!("{PREFIX}/{queue}/")).await?;
        let now = self.clock.now();
        for payload in payloads.iter().filter(|payload| is_orphaned(payload, now)) {
            tracing::info!(blob = payload.name, "a payload without a message is removed");
            self.client.delete(&payload.name, false).await?;
        }
        Ok(())
    }
}

fn is_orphaned(payload: &BlobEntry, now: Timestamp) -> bool {
    let at = payload.metadata.get("at").and_then(|at| at.parse().ok());
    at.is_some_and(|at| now.since(Timestamp::from_micros(at)) >= ORPHANED_AFTER)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use reenact_core::InstanceId;
    use tokio::runtime::Handle;

    use super::*;
    use crate::azure::client::Client;
    use crate::azure::fake::FakeStorage;
    use crate::azure::members::Members;
    use crate::azure::port::StoragePort;
    use crate::{ManualClock, Message};

    #[tokio::test]
    async fn an_old_payload_without_a_message_is_swept_and_a_new_one_is_not() {
        let clock = ManualClock::default();
        let storage = Arc::new(FakeStorage::new(Arc::new(clock.clone())));
        storage.create_container().await.unwrap();
        let client = Client::new(storage.clone(), Handle::current(), Duration::from_millis(1));
        let members = Members::new(client.clone(), 1, Duration::from_secs(15));
        let (hub, visibility) = (("hub".to_owned(), 1), Duration::from_secs(15));
        let queues = Queues::new(client, members, Arc::new(clock.clone()), hub, visibility);
        let to = InstanceId::new("i").unwrap();
        let message = Message { key: "k".to_owned(), to, bytes: Arc::from(vec![0; 100_000]) };

        let old = queues.store("hub-shard-0000", Letter::of(&message)).await.unwrap();
        clock.advance(ORPHANED_AFTER);
        let new = queues.store("hub-shard-0000", Letter::of(&message)).await.unwrap();
        let of_another = queues.store("hub-shard-0001", Letter::of(&message)).await.unwrap();
        queues.sweep("hub-shard-0000").await.unwrap();

        let left = storage.list("payload/", None).await.unwrap().blobs;
        let left: Vec<_> = left.into_iter().map(|blob| blob.name).collect();
        assert!(!left.contains(&old));
        assert!(left.contains(&new) && left.contains(&of_another));
    }
}
