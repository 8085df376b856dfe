//! Counts what the service charges for.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use reenact_core::Timestamp;

use super::port::{
    BlobPage, Etag, Got, LeaseId, Metadata, Only, PortError, QueueMessage, StoragePort,
};

/// The requests of one process to a hub so far, those that have failed included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transactions {
    /// Blocks that were appended: commits, for the most part.
    pub appends: u64,
    /// Block blobs that were written: archive, checkpoints, claims, signs of life.
    pub writes: u64,
    /// Blobs that were read.
    pub reads: u64,
    /// Pages of lists.
    pub lists: u64,
    /// Leases, and blobs that were made or removed.
    pub others: u64,
    /// Messages that were sent.
    pub sends: u64,
    /// Looks into queues, whether there was something or not.
    pub receives: u64,
    /// Messages that were removed or hidden for longer, and queues that were made.
    pub settles: u64,
}

impl Transactions {
    /// All of them.
    pub const fn total(&self) -> u64 {
        let Self { appends, writes, reads, lists, others, sends, receives, settles } = *self;
        appends + writes + reads + lists + others + sends + receives + settles
    }
}

/// Counters, by kind.
#[derive(Debug, Default)]
pub(super) struct Counters {
    appends: AtomicU64,
    writes: AtomicU64,
    reads: AtomicU64,
    lists: AtomicU64,
    others: AtomicU64,
    sends: AtomicU64,
    receives: AtomicU64,
    settles: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> Transactions {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Transactions {
            appends: read(&self.appends),
            writes: read(&self.writes),
            reads: read(&self.reads),
            lists: read(&self.lists),
            others: read(&self.others),
            sends: read(&self.sends),
            receives: read(&self.receives),
            settles: read(&self.settles),
        }
    }
}

/// A port that counts.
pub(super) struct Counted {
    pub(super) port: Arc<dyn StoragePort>,
    pub(super) counters: Arc<Counters>,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[async_trait]
impl StoragePort for Counted {
    async fn create_container(&self) -> Result<(), PortError> {
        count(&self.counters.others);
        self.port.create_container().await
    }

    async fn list(&self, prefix: &str, marker: Option<&str>) -> Result<BlobPage, PortError> {
        count(&self.counters.lists);
        self.port.list(prefix, marker).await
    }

    async fn get(&self, blob: &str, from: u64, length: Option<u64>) -> Result<Got, PortError> {
        count(&self.counters.reads);
        self.port.get(blob, from, length).await
    }

    async fn put(
        &self,
        blob: &str,
        bytes: Vec<u8>,
        metadata: &Metadata,
        only: &Only,
    ) -> Result<Etag, PortError> {
        count(&self.counters.writes);
        self.port.put(blob, bytes, metadata, only).await
    }

    async fn delete(&self, blob: &str) -> Result<(), PortError> {
        count(&self.counters.others);
        self.port.delete(blob).await
    }

    async fn create_append_blob(&self, blob: &str) -> Result<(), PortError> {
        count(&self.counters.others);
        self.port.create_append_blob(blob).await
    }

    async fn append(
        &self,
        blob: &str,
        bytes: Vec<u8>,
        position: u64,
        lease: &LeaseId,
    ) -> Result<(), PortError> {
        count(&self.counters.appends);
        self.port.append(blob, bytes, position, lease).await
    }

    async fn acquire_lease(&self, blob: &str, id: &LeaseId) -> Result<(), PortError> {
        count(&self.counters.others);
        self.port.acquire_lease(blob, id).await
    }

    async fn break_lease(&self, blob: &str) -> Result<(), PortError> {
        count(&self.counters.others);
        self.port.break_lease(blob).await
    }

    async fn create_queue(&self, queue: &str) -> Result<(), PortError> {
        count(&self.counters.settles);
        self.port.create_queue(queue).await
    }

    async fn send(&self, queue: &str, text: &str) -> Result<(), PortError> {
        count(&self.counters.sends);
        self.port.send(queue, text).await
    }

    async fn queue_length(&self, queue: &str) -> Result<u64, PortError> {
        count(&self.counters.others);
        self.port.queue_length(queue).await
    }

    async fn oldest_message(&self, queue: &str) -> Result<Option<Timestamp>, PortError> {
        count(&self.counters.others);
        self.port.oldest_message(queue).await
    }

    async fn receive(
        &self,
        queue: &str,
        limit: u32,
        visibility: Duration,
    ) -> Result<Vec<QueueMessage>, PortError> {
        count(&self.counters.receives);
        self.port.receive(queue, limit, visibility).await
    }

    async fn extend(
        &self,
        queue: &str,
        id: &str,
        receipt: &str,
        visibility: Duration,
    ) -> Result<String, PortError> {
        count(&self.counters.settles);
        self.port.extend(queue, id, receipt, visibility).await
    }

    async fn remove(&self, queue: &str, id: &str, receipt: &str) -> Result<(), PortError> {
        count(&self.counters.settles);
        self.port.remove(queue, id, receipt).await
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.port.fmt(f)
    }
}
