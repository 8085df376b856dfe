//! Azure Storage in memory: the operations that a hub needs, as the service documents them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reenact_core::Timestamp;

use reenact_providers::TimerScheduler;
use reenact_providers::azure::port::{
    BlobEntry, BlobPage, Etag, Got, LeaseId, Metadata, Only, PortError, PortErrorKind,
    QueueMessage, StoragePort,
};

/// Most blobs in one page of a list.
const PAGE: usize = 100;

/// A storage account in memory, with one container. Clones are the same.
#[derive(Clone)]
pub struct FakeStorage {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn TimerScheduler>,
}

#[derive(Default)]
struct State {
    is_made: bool,
    blobs: BTreeMap<String, Blob>,
    queues: BTreeMap<String, Vec<Queued>>,
    /// Counts etags, receipts and ids of messages.
    counter: u64,
    requests: u64,
}

struct Blob {
    bytes: Vec<u8>,
    is_append: bool,
    metadata: Metadata,
    etag: u64,
    lease: Option<LeaseId>,
}

struct Queued {
    id: String,
    receipt: String,
    attempt: u32,
    sent: Timestamp,
    visible: Timestamp,
    text: String,
}

impl FakeStorage {
    /// An account without anything in it. Messages become visible again by this clock.
    pub fn new(clock: Arc<dyn TimerScheduler>) -> Self {
        Self { state: Arc::default(), clock }
    }

    /// How many operations were carried out or refused so far.
    pub fn requests(&self) -> u64 {
        self.lock().requests
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, for one more request on something in the container.
    fn request(
        &self,
        operation: &'static str,
        target: &str,
    ) -> Result<MutexGuard<'_, State>, PortError> {
        let mut state = self.lock();
        state.requests += 1;
        if !state.is_made {
            return Err(not_found(operation, target, "ContainerNotFound"));
        }
        Ok(state)
    }
}

impl State {
    fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn blob(&mut self, operation: &'static str, blob: &str) -> Result<&mut Blob, PortError> {
        let missing = || not_found(operation, blob, "BlobNotFound");
        self.blobs.get_mut(blob).ok_or_else(missing)
    }

    fn queue(
        &mut self,
        operation: &'static str,
        queue: &str,
    ) -> Result<&mut Vec<Queued>, PortError> {
        let missing = || not_found(operation, queue, "QueueNotFound");
        self.queues.get_mut(queue).ok_or_else(missing)
    }

    /// The place of a message whose receipt is still its newest.
    fn place(
        &mut self,
        operation: &'static str,
        queue: &str,
        (id, receipt): (&str, &str),
    ) -> Result<usize, PortError> {
        let messages = self.queue(operation, queue)?;
        let place = messages.iter().position(|message| message.id == id);
        let place = place.ok_or_else(|| not_found(operation, queue, "MessageNotFound"))?;
        if messages[place].receipt != receipt {
            return Err(unmet(operation, queue, "PopReceiptMismatch"));
        }
        Ok(place)
    }
}

#[async_trait]
impl StoragePort for FakeStorage {
    async fn create_container(&self) -> Result<(), PortError> {
        let mut state = self.lock();
        state.requests += 1;
        if state.is_made {
            return Err(exists("create", "the container", "ContainerAlreadyExists"));
        }
        state.is_made = true;
        Ok(())
    }

    async fn list(&self, prefix: &str, marker: Option<&str>) -> Result<BlobPage, PortError> {
        let state = self.request("list", prefix)?;
        let from = marker.unwrap_or(prefix).to_owned();
        let mut found = state.blobs.range(from..).filter(|(name, _)| name.starts_with(prefix));
        let blobs = found.by_ref().take(PAGE).map(|(name, blob)| BlobEntry {
            name: name.clone(),
            size: blob.bytes.len() as u64,
            etag: blob.etag(),
            metadata: blob.metadata.clone(),
        });
        Ok(BlobPage { blobs: blobs.collect(), next: found.next().map(|(name, _)| name.clone()) })
    }

    async fn get(&self, blob: &str, from: u64, length: Option<u64>) -> Result<Got, PortError> {
        let mut state = self.request("get", blob)?;
        let found = state.blob("get", blob)?;
        let bytes = &found.bytes;
        let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
        let until = length.map_or(u64::MAX, |length| from.saturating_add(length));
        let bytes = bytes[at(from)..at(until)].to_vec();
        let etag = (!bytes.is_empty()).then(|| found.etag());
        Ok(Got { bytes, etag })
    }

    async fn put(
        &self,
        blob: &str,
        bytes: Vec<u8>,
        metadata: &Metadata,
        only: &Only,
    ) -> Result<Etag, PortError> {
        let mut state = self.request("put", blob)?;
        let there = state.blobs.get(blob);
        match (only, there) {
            (Only::IfNew, Some(_)) => return Err(exists("put", blob, "BlobAlreadyExists")),
            (Only::IfMatch(_), None) => return Err(unmet("put", blob, "ConditionNotMet")),
            (Only::IfMatch(etag), Some(there)) if there.etag() != *etag => {
                return Err(unmet("put", blob, "ConditionNotMet"));
            }
            _ => {}
        }
        let etag = state.count();
        let written =
            Blob { bytes, is_append: false, metadata: metadata.clone(), etag, lease: None };
        let etag = written.etag();
        state.blobs.insert(blob.to_owned(), written);
        Ok(etag)
    }

    async fn delete(&self, blob: &str) -> Result<(), PortError> {
        let mut state = self.request("delete", blob)?;
        if state.blob("delete", blob)?.lease.is_some() {
            return Err(unmet("delete", blob, "LeaseIdMissing"));
        }
        state.blobs.remove(blob);
        Ok(())
    }

    async fn create_append_blob(&self, blob: &str) -> Result<(), PortError> {
        let mut state = self.request("create", blob)?;
        if state.blobs.contains_key(blob) {
            return Err(exists("create", blob, "BlobAlreadyExists"));
        }
        let etag = state.count();
        let (bytes, metadata) = (Vec::new(), Metadata::new());
        let made = Blob { bytes, is_append: true, metadata, etag, lease: None };
        state.blobs.insert(blob.to_owned(), made);
        Ok(())
    }

    async fn append(
        &self,
        blob: &str,
        bytes: Vec<u8>,
        position: u64,
        lease: &LeaseId,
    ) -> Result<(), PortError> {
        let mut state = self.request("append to", blob)?;
        let etag = state.count();
        let there = state.blob("append to", blob)?;
        let code = match &there.lease {
            _ if !there.is_append => "InvalidBlobType",
            None => "LeaseNotPresentWithBlobOperation",
            Some(holder) if holder != lease => "LeaseIdMismatchWithBlobOperation",
            Some(_) if there.bytes.len() as u64 != position => "AppendPositionConditionNotMet",
            Some(_) => {
                there.bytes.extend(bytes);
                there.etag = etag;
                return Ok(());
            }
        };
        Err(unmet("append to", blob, code))
    }

    async fn acquire_lease(&self, blob: &str, id: &LeaseId) -> Result<(), PortError> {
        let mut state = self.request("lease", blob)?;
        let there = state.blob("lease", blob)?;
        if there.lease.as_ref().is_some_and(|holder| holder != id) {
            return Err(unmet("lease", blob, "LeaseAlreadyPresent"));
        }
        there.lease = Some(id.clone());
        Ok(())
    }

    async fn break_lease(&self, blob: &str) -> Result<(), PortError> {
        self.request("break the lease of", blob)?.blob("break the lease of", blob)?.lease = None;
        Ok(())
    }

    async fn create_queue(&self, queue: &str) -> Result<(), PortError> {
        let mut state = self.lock();
        state.requests += 1;
        state.queues.entry(queue.to_owned()).or_default();
        Ok(())
    }

    async fn send(&self, queue: &str, text: &str) -> Result<(), PortError> {
        let now = self.clock.now();
        let mut state = self.lock();
        state.requests += 1;
        let id = state.count().to_string();
        let text = text.to_owned();
        let (receipt, attempt) = (String::new(), 0);
        let message = Queued { id, receipt, attempt, sent: now, visible: now, text };
        state.queue("send to", queue)?.push(message);
        Ok(())
    }

    async fn queue_length(&self, queue: &str) -> Result<u64, PortError> {
        let mut state = self.lock();
        state.requests += 1;
        Ok(state.queue("count", queue)?.len() as u64)
    }

    async fn oldest_message(&self, queue: &str) -> Result<Option<Timestamp>, PortError> {
        let now = self.clock.now();
        let mut state = self.lock();
        state.requests += 1;
        let messages = state.queue("look into", queue)?.iter();
        let visible = messages.filter(|message| message.visible <= now).take(32);
        Ok(visible.map(|message| message.sent).min())
    }

    async fn receive(
        &self,
        queue: &str,
        limit: u32,
        visibility: Duration,
    ) -> Result<Vec<QueueMessage>, PortError> {
        let now = self.clock.now();
        let mut state = self.lock();
        state.requests += 1;
        let receipt = state.count().to_string();
        let messages = state.queue("receive from", queue)?.iter_mut();
        let visible =
            messages.filter(|message| message.visible <= now).take(limit.min(32) as usize);
        let received = visible.map(|message| {
            message.visible = now + visibility;
            message.attempt += 1;
            message.receipt.clone_from(&receipt);
            let Queued { id, receipt, attempt, text, .. } = message;
            QueueMessage {
                id: id.clone(),
                receipt: receipt.clone(),
                attempt: *attempt,
                text: text.clone(),
            }
        });
        Ok(received.collect())
    }

    async fn extend(
        &self,
        queue: &str,
        id: &str,
        receipt: &str,
        visibility: Duration,
    ) -> Result<String, PortError> {
        let now = self.clock.now();
        let mut state = self.lock();
        state.requests += 1;
        let newest = state.count().to_string();
        let place = state.place("extend", queue, (id, receipt))?;
        let message = &mut state.queue("extend", queue)?[place];
        message.visible = now + visibility;
        message.receipt.clone_from(&newest);
        Ok(newest)
    }

    async fn remove(&self, queue: &str, id: &str, receipt: &str) -> Result<(), PortError> {
        let mut state = self.lock();
        state.requests += 1;
        let place = state.place("remove", queue, (id, receipt))?;
        state.queue("remove", queue)?.remove(place);
        Ok(())
    }
}

impl Blob {
    fn etag(&self) -> Etag {
        Etag(format!("\"{}\"", self.etag))
    }
}

impl fmt::Debug for FakeStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeStorage").finish_non_exhaustive()
    }
}

fn not_found(operation: &'static str, target: &str, code: &str) -> PortError {
    failed(operation, target, PortErrorKind::NotFound { code: code.to_owned() })
}

fn exists(operation: &'static str, target: &str, code: &str) -> PortError {
    failed(operation, target, PortErrorKind::Exists { code: code.to_owned() })
}

fn unmet(operation: &'static str, target: &str, code: &str) -> PortError {
    failed(operation, target, PortErrorKind::Unmet { code: code.to_owned() })
}

fn failed(operation: &'static str, target: &str, kind: PortErrorKind) -> PortError {
    PortError { operation, target: target.to_owned(), kind }
}
