//! A hub over Azure Storage in memory, with requests that are lost, late, refused, and not answered.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reenact::testing::VirtualClock;
use reenact::testing::simulation::{Dice, Ground, Request, Site, WorldStore};
use reenact_providers::azure::AzureOptions;
use reenact_providers::azure::port::{
    BlobPage, Etag, Got, LeaseId, Metadata, Only, PortError, PortErrorKind, QueueMessage,
    StoragePort,
};
use reenact_providers::{OpenError, Provider};
use reenact_testkit::azure::storage::FakeStorage;
use tokio::time::sleep;

/// The name of the hub.
const HUB: &str = "simulated";

/// How long a host is silent until the others take it for dead: short enough for several deaths in one run.
const LEASE_TIME: Duration = Duration::from_secs(5);

/// The sizes of the first segment of a journal, in bytes.
const SEGMENT_BYTES: [u64; 3] = [1_000, 8_000, 1_000_000];

/// Bytes in memory from which on they go into the archive.
const FLUSH_BYTES: [usize; 3] = [1_000, 8_000, 1_000_000];

/// A hub that hosts share.
pub(crate) struct Hub {
    storage: FakeStorage,
    clock: VirtualClock,
    seed: u64,
    dice: Dice,
    options: AzureOptions,
    open: Mutex<Option<Opened>>,
}

/// What a hub is opened for beside its hosts.
#[derive(Clone)]
struct Opened {
    /// Clients without a host.
    client: Arc<dyn Provider>,
    /// The checks, which look at it without faults.
    look: Arc<dyn Provider>,
}

impl Hub {
    pub(crate) fn new(ground: &Ground) -> Self {
        let chosen = |what| ground.dice.below(what, 3) as usize;
        let segment = SEGMENT_BYTES[chosen("segment")];
        let options = AzureOptions::new()
            .shards(ground.shards)
            .lease_time(LEASE_TIME)
            .visibility_time(LEASE_TIME)
            .segment_bytes(segment, 4 * segment)
            .flush_bytes(FLUSH_BYTES[chosen("flush")]);
        Self {
            storage: FakeStorage::new(Arc::new(ground.clock.clone())),
            clock: ground.clock.clone(),
            seed: ground.seed,
            dice: ground.dice.clone(),
            options,
            open: Mutex::default(),
        }
    }

    async fn open_by(
        &self,
        port: Arc<dyn StoragePort>,
        clock: &VirtualClock,
    ) -> Result<Arc<dyn Provider>, OpenError> {
        let seed = self.seed.rotate_left(32) ^ self.dice.below("hub", u64::MAX);
        let options = self.options.clone().clock(clock.clone()).reproducible(seed);
        Ok(Arc::new(options.open(port, HUB).await?))
    }

    async fn open_without_faults(&self) -> Arc<dyn Provider> {
        let opened = self.open_by(Arc::new(self.storage.clone()), &self.clock).await;
        opened.expect("it is opened without faults")
    }

    fn opened(&self) -> Option<Opened> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl WorldStore for Hub {
    async fn begin(&self, site: &(dyn Fn() -> Arc<Site> + Send + Sync)) {
        let look = self.open_without_faults().await;
        let port = Arc::new(Port { storage: self.storage.clone(), site: site() });
        let client = loop {
            match self.open_by(port.clone(), &self.clock).await {
                Ok(client) => break client,
                Err(_) => sleep(Duration::from_millis(500)).await,
            }
        };
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(Opened { client, look });
    }

    fn buries_its_dead(&self) -> bool {
        true
    }

    async fn open(
        &self,
        site: &Arc<Site>,
        clock: &VirtualClock,
    ) -> Result<Arc<dyn Provider>, OpenError> {
        let port = Port { storage: self.storage.clone(), site: site.clone() };
        self.open_by(Arc::new(port), clock).await
    }

    fn connect(&self) -> Option<Arc<dyn Provider>> {
        self.opened().map(|opened| opened.client)
    }

    fn look(&self) -> Option<Arc<dyn Provider>> {
        self.opened().map(|opened| opened.look)
    }

    async fn look_anew(&self) -> Option<Arc<dyn Provider>> {
        Some(self.open_without_faults().await)
    }
}

/// The service as one host or client reaches it.
struct Port {
    storage: FakeStorage,
    site: Arc<Site>,
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Port").field("site", &self.site.number).finish_non_exhaustive()
    }
}

impl Port {
    /// A request that changes something.
    async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        target: &str,
        carry_out: impl Future<Output = Result<T, PortError>> + Send + 'static,
    ) -> Result<T, PortError> {
        self.request(operation, target, true, carry_out).await
    }

    /// A request that changes nothing.
    async fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        target: &str,
        carry_out: impl Future<Output = Result<T, PortError>> + Send + 'static,
    ) -> Result<T, PortError> {
        self.request(operation, target, false, carry_out).await
    }

    async fn request<T: Send + 'static>(
        &self,
        operation: &'static str,
        target: &str,
        writes: bool,
        carry_out: impl Future<Output = Result<T, PortError>> + Send + 'static,
    ) -> Result<T, PortError> {
        let error = |kind| PortError { operation, target: target.to_owned(), kind };
        let unknown = || PortErrorKind::Unknown { reason: "no answer".to_owned() };
        let unreachable = || PortErrorKind::Unreachable { reason: "no way".to_owned() };
        let (result, is_answered) = match self.site.send_request(writes).await {
            Request::Unreachable => return Err(error(unreachable())),
            Request::Throttled => return Err(error(PortErrorKind::Throttled { after: None })),
            Request::Lost => return Err(error(unknown())),
            Request::ArrivesLate(by) => {
                tokio::spawn(async move {
                    sleep(by).await;
                    // Nobody waits for its answer.
                    drop(carry_out.await);
                });
                return Err(error(unknown()));
            }
            Request::Arrives => (carry_out.await, true),
            Request::ArrivesUnanswered => (carry_out.await, false),
        };
        let outcome = result.as_ref().map_or_else(name_of, |_| "ok");
        let is_heard = self.site.hear_answer(operation, target, outcome, writes).await;
        if is_heard && is_answered { result } else { Err(error(unknown())) }
    }
}

fn name_of(error: &PortError) -> &'static str {
    match error.kind {
        PortErrorKind::NotFound { .. } => "not found",
        PortErrorKind::Exists { .. } => "exists",
        PortErrorKind::Unmet { .. } => "unmet",
        _ => "failed",
    }
}

#[async_trait]
impl StoragePort for Port {
    async fn create_container(&self) -> Result<(), PortError> {
        let storage = self.storage.clone();
        let carry_out = async move { storage.create_container().await };
        self.write("create container", "", carry_out).await
    }

    async fn list(&self, prefix: &str, marker: Option<&str>) -> Result<BlobPage, PortError> {
        let storage = self.storage.clone();
        let (of, marker) = (prefix.to_owned(), marker.map(str::to_owned));
        let carry_out = async move { storage.list(&of, marker.as_deref()).await };
        self.read("list", prefix, carry_out).await
    }

    async fn get(&self, blob: &str, from: u64, length: Option<u64>) -> Result<Got, PortError> {
        let (storage, of) = (self.storage.clone(), blob.to_owned());
        let carry_out = async move { storage.get(&of, from, length).await };
        self.read("get", blob, carry_out).await
    }

    async fn put(
        &self,
        blob: &str,
        bytes: Vec<u8>,
        metadata: &Metadata,
        only: &Only,
    ) -> Result<Etag, PortError> {
        let (storage, of) = (self.storage.clone(), blob.to_owned());
        let (metadata, only) = (metadata.clone(), only.clone());
        let carry_out = async move { storage.put(&of, bytes, &metadata, &only).await };
        self.write("put", blob, carry_out).await
    }

    async fn delete(&self, blob: &str) -> Result<(), PortError> {
        let (storage, of) = (self.storage.clone(), blob.to_owned());
        self.write("delete", blob, async move { storage.delete(&of).await }).await
    }

    async fn create_append_blob(&self, blob: &str) -> Result<(), PortError> {
        let (storage, of) = (self.storage.clone(), blob.to_owned());
        let carry_out = async move { storage.create_append_blob(&of).await };
        self.write("create append blob", blob, carry_out).await
    }

    async fn append(
        &self,
        blob: &str,
        bytes: Vec<u8>,
        position: u64,
        lease: &LeaseId,
    ) -> Result<(), PortError> {
        let (storage, of, lease) = (self.storage.clone(), blob.to_owned(), lease.clone());
        let carry_out = async move { storage.append(&of, bytes, position, &lease).await };
        self.write("append", blob, carry_out).await
    }

    async fn acquire_lease(&self, blob: &str, id: &LeaseId) -> Result<(), PortError> {
        let (storage, of, id) = (self.storage.clone(), blob.to_owned(), id.clone());
        let carry_out = async move { storage.acquire_lease(&of, &id).await };
        self.write("acquire lease", blob, carry_out).await
    }

    async fn break_lease(&self, blob: &str) -> Result<(), PortError> {
        let (storage, of) = (self.storage.clone(), blob.to_owned());
        self.write("break lease", blob, async move { storage.break_lease(&of).await }).await
    }

    async fn create_queue(&self, queue: &str) -> Result<(), PortError> {
        let (storage, of) = (self.storage.clone(), queue.to_owned());
        self.write("create queue", queue, async move { storage.create_queue(&of).await }).await
    }

    async fn send(&self, queue: &str, text: &str) -> Result<(), PortError> {
        let (storage, of, text) = (self.storage.clone(), queue.to_owned(), text.to_owned());
        self.write("send", queue, async move { storage.send(&of, &text).await }).await
    }

    async fn queue_length(&self, queue: &str) -> Result<u64, PortError> {
        let (storage, of) = (self.storage.clone(), queue.to_owned());
        self.read("queue length", queue, async move { storage.queue_length(&of).await }).await
    }

    async fn oldest_message(&self, queue: &str) -> Result<Option<reenact::Timestamp>, PortError> {
        let (storage, of) = (self.storage.clone(), queue.to_owned());
        self.read("oldest message", queue, async move { storage.oldest_message(&of).await }).await
    }

    async fn receive(
        &self,
        queue: &str,
        limit: u32,
        visibility: Duration,
    ) -> Result<Vec<QueueMessage>, PortError> {
        let (storage, of) = (self.storage.clone(), queue.to_owned());
        let carry_out = async move { storage.receive(&of, limit, visibility).await };
        self.read("receive", queue, carry_out).await
    }

    async fn extend(
        &self,
        queue: &str,
        id: &str,
        receipt: &str,
        visibility: Duration,
    ) -> Result<String, PortError> {
        let (storage, of) = (self.storage.clone(), queue.to_owned());
        let (id, receipt) = (id.to_owned(), receipt.to_owned());
        let carry_out = async move { storage.extend(&of, &id, &receipt, visibility).await };
        self.write("extend", queue, carry_out).await
    }

    async fn remove(&self, queue: &str, id: &str, receipt: &str) -> Result<(), PortError> {
        let (storage, of) = (self.storage.clone(), queue.to_owned());
        let (id, receipt) = (id.to_owned(), receipt.to_owned());
        self.write("remove", queue, async move { storage.remove(&of, &id, &receipt).await }).await
    }
}
