//! Durable in Azure Storage, for many hosts: blobs for the logs, queues for the messages.
//!
//! A hub is a container, and queues whose names begin with its name:
//!
//! | in it | what |
//! |---|---|
//! | `HUB` | what it is: format, name of the store, number of shards |
//! | `live/...` | which processes live, who has which shard, which queues have something |
//! | `journal/0003/...` | the journal of each shard: append blobs, and a checkpoint |
//! | `archive/...` | the histories that the journals have given to the archive |
//! | `large/0003/...` | the turns of each shard that are too large for its journal |
//! | `payload/...` | messages that are too large for a queue |
//! | `quarantine/...` | messages that can never be taken |
//! | queues `HUB-shard-0003` | messages to the owner of each shard |
//! | queues `HUB-tag-...` | activities for the hosts that declare a tag |

pub mod archive;
pub mod blob_store;
mod client;
#[cfg(feature = "azure-wire")]
pub mod connection;
mod counted;
#[cfg(feature = "azure-wire")]
pub mod emulator;
mod hub;
mod large_turns;
#[cfg(feature = "azure-legacy")]
pub mod legacy;
mod medium;
mod members;
#[cfg(feature = "azure-wire")]
mod names;
pub mod port;
mod provider;
mod queues;
mod random;
#[cfg(feature = "azure")]
pub mod sdk;
#[cfg(feature = "azure-wire")]
mod wire;

pub use counted::Transactions;
pub use medium::{BlobMedium, BlobSegment};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Handle, Runtime};

use self::archive::BlobArchive;
use self::client::Client;
use self::counted::{Counted, Counters};
use self::large_turns::LargeTurnBlobs;
use self::members::Members;
use self::port::StoragePort;
use self::queues::Queues;
use self::random::Random;
use crate::journal;
use crate::journaled::{self, Journaled};
use crate::limits::{DEFAULT_AZURE_SHARDS, LEASE_TIME, MAX_BLOB_SEGMENT_BYTES};
use crate::{OpenError, SystemClock, TimerScheduler};

/// Bytes that a shard holds in memory until they go into the archive, where nothing else is said.
const FLUSH_BYTES: usize = 4 * 1024 * 1024;

/// Threads for requests: they wait for the service most of the time.
const IO_THREADS: usize = 2;

/// How long the end of a process is held up until the others know of it.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A hub in Azure Storage, which hosts on several machines share, and clients use from anywhere.
///
/// To the others, an open hub with all of its clones is one host: open it once for each host of a
/// process, if there are several.
///
/// Clones are the same. When the last one is dropped, the shards that it still has are free for
/// others; that waits for what is being written.
#[derive(Clone)]
pub struct Azure {
    inner: Arc<Inner>,
}

struct Inner {
    /// `None` once it is being dropped.
    histories: Option<Journaled<BlobMedium, BlobArchive>>,
    large_turns: LargeTurnBlobs,
    queues: Arc<Queues>,
    members: Arc<Members>,
    client: Client,
    counters: Arc<Counters>,
    clock: Arc<dyn TimerScheduler>,
    /// Its own, so that it outlives whatever runtime the program uses. `None` once it is being dropped, and in
    /// simulations.
    io: Option<Runtime>,
}

/// How a hub is opened.
#[derive(Clone)]
#[must_use = "options do nothing until a hub is opened with them"]
pub struct AzureOptions {
    shards: u32,
    clock: Arc<dyn TimerScheduler>,
    lease_time: Duration,
    visibility_time: Duration,
    first_pause: Duration,
    must_exist: bool,
    large_payloads: bool,
    journaled: journaled::Options,
    /// What it draws follows from it, if there is one; and it has no threads of its own then.
    seed: Option<u64>,
}

impl Default for AzureOptions {
    fn default() -> Self {
        let journal = journal::Options {
            first_segment_bytes: MAX_BLOB_SEGMENT_BYTES,
            max_segment_bytes: MAX_BLOB_SEGMENT_BYTES,
            // Hosts of two versions may have a hub at the same time.
            compress: false,
        };
        Self {
            shards: DEFAULT_AZURE_SHARDS,
            clock: Arc::new(SystemClock),
            lease_time: LEASE_TIME,
            visibility_time: LEASE_TIME,
            first_pause: client::FIRST_PAUSE,
            must_exist: false,
            large_payloads: false,
            journaled: journaled::Options {
                journal,
                flush_bytes: FLUSH_BYTES,
                // A host may have any number of the shards.
                memory_bytes: usize::MAX,
                threads: journaled::Threads::Own,
            },
            seed: None,
        }
    }
}

impl AzureOptions {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of shards, if the hub is made now: 0 counts as 1, and more than
    /// [`MAX_SHARDS`](crate::limits::MAX_SHARDS) as that. A hub that exists keeps its own for ever. Hosts
    /// beyond the number of shards have nothing to do.
    pub const fn shards(mut self, shards: u32) -> Self {
        self.shards = shards;
        self
    }

    /// The clock that durable timers run on: the system's by default.
    pub fn clock(mut self, clock: impl TimerScheduler) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// A process that was not heard of for this long is dead, and others take its shards. All processes
    /// of a hub should have the same. Shorter ones cost more requests. At least
    /// [`SHORTEST_LEASE_TIME`](crate::limits::SHORTEST_LEASE_TIME).
    pub const fn lease_time(mut self, time: Duration) -> Self {
        self.lease_time = time;
        self
    }

    /// How long a message that a host handles is hidden from others. When a host dies, the messages that it
    /// was handling come again after this time. At least a second; no longer than a lease by default.
    pub const fn visibility_time(mut self, time: Duration) -> Self {
        self.visibility_time = time;
        self
    }

    /// How long to wait before a request that has failed is tried again, where the service does not
    /// say; each further pause is twice as long, up to some seconds.
    pub const fn first_pause(mut self, pause: Duration) -> Self {
        self.first_pause = pause;
        self
    }

    /// Opens a hub only if it is there, and makes none: for tools, where a name that is mistyped is an error.
    pub const fn must_exist(mut self, must_exist: bool) -> Self {
        self.must_exist = must_exist;
        self
    }

    /// Whether payloads may have up to [`MAX_LARGE_PAYLOAD_BYTES`](reenact_core::limits::MAX_LARGE_PAYLOAD_BYTES): by
    /// default they may not. A turn that is too large for the journal is in a blob of its own then. What was stored so
    /// can be read with and without this. All hosts of a hub should have the same; one of an older version cannot
    /// read such a turn, and parks its instance in memory.
    pub const fn large_payloads(mut self, takes_large: bool) -> Self {
        self.large_payloads = takes_large;
        self
    }

    /// Bytes that a shard holds in memory until they go into the archive. At twice as many, appends
    /// wait for that. 0 counts as 1.
    pub const fn flush_bytes(mut self, bytes: usize) -> Self {
        self.journaled.flush_bytes = bytes;
        self
    }

    /// Bytes that all shards together hold in memory until the fullest of them go into the archive. At
    /// twice as many, appends to those wait for that. 0 counts as 1.
    pub const fn memory_bytes(mut self, bytes: usize) -> Self {
        self.journaled.memory_bytes = bytes;
        self
    }

    /// The size of the first segment of a journal, and the size from which segments grow no further, in
    /// bytes. A commit that is larger than a segment gets one of its own size.
    pub const fn segment_bytes(mut self, first: u64, most: u64) -> Self {
        self.journaled.journal.first_segment_bytes = first;
        self.journaled.journal.max_segment_bytes = most;
        self
    }

    /// For simulations: all is done on the runtime that opens it, which has one thread and paused time, and is the same
    /// each time. What the hub draws follows from `seed`, which no two open hubs may share. The port must be so as well.
    #[doc(hidden)]
    pub const fn reproducible(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self.journaled.threads = journaled::Threads::Callers;
        self
    }

    /// Opens a hub on whatever carries out the operations, and makes it if it is not there.
    ///
    /// # Errors
    /// [`OpenError`], with [`OpenError::NoStore`] where it [must exist](Self::must_exist) and does not; what is stored is as it was then.
    pub async fn open(&self, port: Arc<dyn StoragePort>, hub: &str) -> Result<Azure, OpenError> {
        let io = match self.seed {
            None => Some(io_runtime().map_err(|error| hub::refused(hub, error))?),
            Some(_) => None,
        };
        let on = io.as_ref().map_or_else(Handle::current, |io| io.handle().clone());
        let random = self.seed.map_or_else(Random::default, Random::of_seed);
        let counters = Arc::new(Counters::default());
        let port = Counted { port, counters: Arc::clone(&counters) };
        let client = Client::new(Arc::new(port), on.clone(), self.first_pause, random);
        let parts = {
            let (options, client, hub) = (self.clone(), client.clone(), hub.to_owned());
            on.spawn(async move { hub::open(&options, &client, &hub).await }).await
        };
        let parts = parts.map_err(|error| hub::refused(hub, error)).flatten();
        let hub::Parts { histories, queues, members } = match parts {
            Ok(parts) => parts,
            Err(error) => {
                if let Some(io) = io {
                    io.shutdown_background();
                }
                return Err(error);
            }
        };
        let (histories, clock) = (Some(histories), Arc::clone(&self.clock));
        let large_turns = LargeTurnBlobs::new(client.clone(), self.large_payloads);
        let inner = Inner { histories, large_turns, queues, members, client, counters, clock, io };
        Ok(Azure { inner: Arc::new(inner) })
    }
}

fn io_runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(IO_THREADS)
        .thread_name("reenact-azure")
        .enable_all()
        .build()
}

#[cfg(feature = "azure-wire")]
impl AzureOptions {
    /// Opens a hub, and makes it if it is not there: with Microsoft's crates where the feature `azure`
    /// is on, otherwise with those of `azure-legacy`.
    ///
    /// # Errors
    /// [`OpenError`]; what is stored is as it was then.
    pub async fn connect(
        &self,
        connection: &connection::Connection,
        hub: &str,
    ) -> Result<Azure, OpenError> {
        hub::check_name(hub)?;
        #[cfg(feature = "azure")]
        let port = sdk::connect(connection, hub, connection::Options::default());
        #[cfg(not(feature = "azure"))]
        let port = legacy::connect(connection, hub, connection::Options::default());
        self.open(port.map_err(|error| hub::refused(hub, error))?, hub).await
    }
}

impl Azure {
    /// Opens a hub in the account of a connection string, and makes it if it is not there. The same as
    /// [`AzureOptions::connect`] with the default. For other ways to authenticate, see
    /// [`Connection`](connection::Connection).
    ///
    /// # Errors
    /// [`OpenError`]; what is stored is as it was then.
    #[cfg(feature = "azure-wire")]
    pub async fn connect(connection: &str, hub: &str) -> Result<Self, OpenError> {
        let connection = connection::Connection::parse(connection);
        let connection = connection.map_err(|error| hub::refused(hub, error))?;
        AzureOptions::default().connect(&connection, hub).await
    }

    /// The requests of this handle and its clones to the hub so far: what the service charges for.
    pub fn transactions(&self) -> Transactions {
        self.inner.counters.read()
    }

    pub(crate) fn journaled(&self) -> &Journaled<BlobMedium, BlobArchive> {
        self.inner.histories.as_ref().expect("it is taken when the last clone is dropped only")
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Its threads use the rest. What they have to write is written now.
        self.histories = None;
        let members = Arc::clone(&self.members);
        let Some(io) = self.io.take() else {
            // Nobody can wait for it here.
            drop(self.client.io().spawn(async move { members.end().await }));
            return;
        };
        let (report, reported) = std::sync::mpsc::channel();
        io.spawn(async move {
            // Without it the others wait until this process is taken for dead.
            let _ = report.send(members.end().await);
        });
        if let Ok(Err(error)) = reported.recv_timeout(LAST_WORDS) {
            tracing::warn!(target: "reenact::store", parent: None, %error, "the hub does not know yet that this process has gone");
        }
        io.shutdown_background();
    }
}

impl fmt::Debug for Azure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Azure").field("queues", &self.inner.queues).finish_non_exhaustive()
    }
}
