//! The operations of blobs and queues that a hub needs, whatever crate carries them out.
//!
//! One container and the queues beside it. Each operation is one request: it is not tried again
//! underneath, so that the caller knows what may have happened.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use reenact_core::Timestamp;

/// What a hub needs of Azure Storage.
#[async_trait]
pub trait StoragePort: Debug + Send + Sync + 'static {
    /// Makes the container. `Exists` when it is there.
    async fn create_container(&self) -> Result<(), PortError>;

    /// The blobs whose names begin with `prefix`, ordered by name, with their metadata; a page at a
    /// time. `marker` is what the page before said.
    async fn list(&self, prefix: &str, marker: Option<&str>) -> Result<BlobPage, PortError>;

    /// Reads a blob from `from` on: `length` bytes, or fewer when it ends before; all of the rest when
    /// there is no length. Reading at or after the end gives nothing. `NotFound`.
    async fn get(&self, blob: &str, from: u64, length: Option<u64>) -> Result<Got, PortError>;

    /// Writes a block blob as a whole. Its new etag. `Exists` or `Unmet` when the condition does not
    /// hold.
    async fn put(
        &self,
        blob: &str,
        bytes: Vec<u8>,
        metadata: &Metadata,
        only: &Only,
    ) -> Result<Etag, PortError>;

    /// Removes a blob that is not leased. `NotFound` when it is not there, `Unmet` when it is leased.
    async fn delete(&self, blob: &str) -> Result<(), PortError>;

    /// Makes an empty append blob. `Exists` when it is there.
    async fn create_append_blob(&self, blob: &str) -> Result<(), PortError>;

    /// Appends one block, under a lease and only at this position. `Unmet` when the lease or the
    /// position is another; its code tells which.
    async fn append(
        &self,
        blob: &str,
        bytes: Vec<u8>,
        position: u64,
        lease: &LeaseId,
    ) -> Result<(), PortError>;

    /// Takes the lease of a blob, for ever, under an id of the caller's choice. Taking it again under
    /// the same id is no error; `Unmet` when another has it.
    async fn acquire_lease(&self, blob: &str, id: &LeaseId) -> Result<(), PortError>;

    /// Ends the lease of a blob at once, no matter which process has it. A blob that is not leased is no error.
    async fn break_lease(&self, blob: &str) -> Result<(), PortError>;

    /// Makes a queue. One that is there is no error.
    async fn create_queue(&self, queue: &str) -> Result<(), PortError>;

    /// Puts a message into a queue, for ever. `NotFound` when there is no such queue.
    async fn send(&self, queue: &str, text: &str) -> Result<(), PortError>;

    /// About how many messages a queue has, those that are hidden included: never less than there are.
    /// `NotFound` when there is no such queue.
    async fn queue_length(&self, queue: &str) -> Result<u64, PortError>;

    /// When the oldest of the visible messages was sent, of the 32 that the service shows; `None` when none is
    /// visible. Takes none of them. `NotFound` when there is no such queue.
    async fn oldest_message(&self, queue: &str) -> Result<Option<Timestamp>, PortError>;

    /// Takes up to `limit` messages (at most 32) that are visible, and hides them for so long.
    /// `NotFound` when there is no such queue.
    async fn receive(
        &self,
        queue: &str,
        limit: u32,
        visibility: Duration,
    ) -> Result<Vec<QueueMessage>, PortError>;

    /// Hides a message for another while. Its new receipt. `Unmet` when the receipt is not its newest,
    /// `NotFound` when the message is gone.
    async fn extend(
        &self,
        queue: &str,
        id: &str,
        receipt: &str,
        visibility: Duration,
    ) -> Result<String, PortError>;

    /// Removes a message. `Unmet` when the receipt is not its newest, `NotFound` when it is gone.
    async fn remove(&self, queue: &str, id: &str, receipt: &str) -> Result<(), PortError>;
}

/// Names and values beside a blob's bytes. Names are lowercase ASCII letters; values are printable
/// ASCII.
pub type Metadata = BTreeMap<String, String>;

/// Says which version of a blob it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etag(pub String);

/// The id of a lease: a UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseId(pub String);

/// The condition under which a blob may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Only {
    /// Whatever is there.
    Always,
    /// There must be no such blob.
    IfNew,
    /// It must be this version.
    IfMatch(Etag),
}

/// What was read of a blob.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Got {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Which version they are of; `None` where nothing was read.
    pub etag: Option<Etag>,
}

/// Some blobs, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlobPage {
    /// The blobs, ordered by name.
    pub blobs: Vec<BlobEntry>,
    /// The `marker` of the next page; `None` when this was the last one.
    pub next: Option<String>,
}

/// A blob in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobEntry {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Which version it is.
    pub etag: Etag,
    /// What stands beside its bytes.
    pub metadata: Metadata,
}

/// A message out of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueMessage {
    /// Its id.
    pub id: String,
    /// The receipt that extends or removes it.
    pub receipt: String,
    /// How often it was received, this time included.
    pub attempt: u32,
    /// What it says.
    pub text: String,
}

/// Why an operation was not carried out. Says nothing of requests and answers beyond the status and
/// the service's code, for those may hold secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} {target}: {kind}")]
pub struct PortError {
    /// What was to be done.
    pub operation: &'static str,
    /// The blob or queue.
    pub target: String,
    /// What is to be thought of it.
    pub kind: PortErrorKind,
}

/// Failures by what they say of what has happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortErrorKind {
    /// There is no such blob, queue, message or container (404). Nothing has happened.
    #[error("it does not exist ({code})")]
    NotFound {
        /// The service's code.
        code: String,
    },
    /// It is there already (409). Nothing has happened.
    #[error("it exists already ({code})")]
    Exists {
        /// The service's code.
        code: String,
    },
    /// A condition does not hold (412, and 409 and 400 of leases and receipts). Nothing has happened
    /// by this request; an earlier one may be the cause.
    #[error("a condition does not hold ({code})")]
    Unmet {
        /// The service's code.
        code: String,
    },
    /// Too large for the service (413).
    #[error("it is too large ({code})")]
    TooLarge {
        /// The service's code.
        code: String,
    },
    /// The service asks for patience (429, 503).
    #[error("the service asks to wait{}", after.map_or(String::new(), |after| format!(" {after:?}")))]
    Throttled {
        /// How long, if it says so.
        after: Option<Duration>,
    },
    /// The service refuses the caller (401, 403).
    #[error("the service refuses access ({code}); look at the credentials and their rights")]
    Denied {
        /// The service's code.
        code: String,
    },
    /// Nothing was sent: no connection, no name. Nothing has happened.
    #[error("the service cannot be reached: {reason}")]
    Unreachable {
        /// Why, without secrets.
        reason: String,
    },
    /// It was sent, and what became of it is not known: no answer, half an answer, or a failure of the
    /// service (500).
    #[error("the outcome is not known: {reason}")]
    Unknown {
        /// What failed, without secrets.
        reason: String,
    },
    /// The service answered what nobody expected. Nothing has happened.
    #[error("the service refuses it with status {status} ({code})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The service's code.
        code: String,
    },
}
