//! Messages in a file of SQLite, and in memory for those who receive them.

#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use reenact_core::{InstanceId, ShardId};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tokio::sync::oneshot;

use self::writer::{Order, Outcome, Writer};
use super::sqlite::{self, ArchiveError, Kind, OpenedFile};
use crate::journal::JournalId;
use crate::limits::check_message;
use crate::medium::StoreLock;
use crate::queue::Mailbox;
use crate::{Delivery, DeliveryId, ExternalEventRouter, Message, ProviderError, TimerScheduler};

const KIND: Kind = Kind {
    what: "a file of reenact's messages",
    // "reMs"
    application_id: 0x7265_4d73,
    version: 1,
    schema: "
        CREATE TABLE messages (
            arrival INTEGER PRIMARY KEY,
            shard INTEGER NOT NULL,
            key TEXT NOT NULL,
            recipient TEXT NOT NULL,
            bytes BLOB NOT NULL,
            checksum INTEGER NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX by_key ON messages (shard, key);",
};

/// The queues of all shards of a store. The file is closed when this is dropped.
///
/// Only a thread of its own changes the file, and, once that is committed, the queues: so both
/// say the same, whoever stops waiting for it. What waits meanwhile shares the next commit.
pub(super) struct Messages {
    shards: Arc<[Mailbox]>,
    clock: Arc<dyn TimerScheduler>,
    /// `None` only while it is dropped.
    orders: Option<mpsc::Sender<Order>>,
    /// `None` only while it is dropped.
    thread: Option<JoinHandle<()>>,
    /// Kept for as long as it is in use.
    _lock: Option<Arc<StoreLock>>,
}

impl Messages {
    /// Makes the file of a new store. See [`SqliteArchive::create`](super::SqliteArchive::create).
    pub(super) fn create(
        path: &Path,
        journal: JournalId,
        shards: u32,
        clock: Arc<dyn TimerScheduler>,
    ) -> Result<Self, ArchiveError> {
        Self::start(path, sqlite::create(path, &KIND, journal)?, shards, clock)
    }

    /// Opens the file of a store. See [`SqliteArchive::open`](super::SqliteArchive::open).
    pub(super) fn open(
        path: &Path,
        journal: JournalId,
        shards: u32,
        clock: Arc<dyn TimerScheduler>,
    ) -> Result<Self, ArchiveError> {
        Self::start(path, sqlite::open(path, &KIND, journal)?, shards, clock)
    }

    fn start(
        path: &Path,
        connection: Connection,
        shards: u32,
        clock: Arc<dyn TimerScheduler>,
    ) -> Result<Self, ArchiveError> {
        let shards: Arc<[Mailbox]> = (0..shards).map(|_| Mailbox::default()).collect();
        load(path, &connection, &shards)?;
        let (orders, incoming) = mpsc::channel();
        let file = OpenedFile::at(path).map_err(|error| ArchiveError::refused(path, error))?;
        let writer = Writer::new(file, connection, Arc::clone(&shards));
        let thread = thread::Builder::new()
            .name("reenact-messages".to_owned())
            .spawn(move || writer.run(&incoming))
            .map_err(|error| ArchiveError::refused(path, error))?;
        Ok(Self { shards, clock, orders: Some(orders), thread: Some(thread), _lock: None })
    }

    /// Keeps a store locked for as long as this is in use.
    pub(super) fn under(mut self, lock: &Arc<StoreLock>) -> Self {
        self._lock = Some(Arc::clone(lock));
        self
    }

    fn shard(&self, shard: ShardId) -> Result<&Mailbox, ProviderError> {
        self.shards.get(shard.0 as usize).ok_or_else(|| ProviderError::Conflict {
            reason: format!("there is no shard {shard}, there are {}", self.shards.len()),
        })
    }

    /// Gives an order, and waits until it is committed.
    async fn order(&self, order: impl FnOnce(Reply) -> Order) -> Outcome {
        let gone = || ProviderError::Unknown {
            reason: "the thread that writes messages has ended".to_owned(),
            source: None,
        };
        let (reply, replied) = oneshot::channel();
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        orders.send(order(reply)).map_err(|_| gone())?;
        replied.await.unwrap_or_else(|_| Err(gone()))
    }
}

type Reply = oneshot::Sender<Outcome>;

/// How many columns the checksum of a message is of.
const COVERED: usize = 5;

/// The checksum of a message, of all its columns in their order.
fn checksum(arrival: i64, shard: ShardId, message: &Message) -> u32 {
    let Message { key, to, bytes } = message;
    let columns: [_; COVERED] = [
        ValueRef::Integer(arrival),
        ValueRef::Integer(shard.0.into()),
        ValueRef::Text(key.as_bytes()),
        ValueRef::Text(to.as_str().as_bytes()),
        ValueRef::Blob(bytes),
    ];
    sqlite::checksum(columns)
}

/// Puts what is stored into the queues.
fn load(path: &Path, connection: &Connection, shards: &[Mailbox]) -> Result<(), ArchiveError> {
    let refused = |error: rusqlite::Error| ArchiveError::refused(path, error);
    let wrong = |arrival: i64, what: &str| {
        ArchiveError::not_an_archive(path, format!("in the message {arrival}, {what}"))
    };
    let mut statement = connection
        .prepare(
            "SELECT arrival, shard, key, recipient, bytes, checksum FROM messages ORDER BY arrival",
        )
        .map_err(refused)?;
    let mut rows = statement.query([]).map_err(refused)?;
    while let Some(row) = rows.next().map_err(refused)? {
        let arrival = row.get(0).map_err(refused)?;
        if !sqlite::is_whole(row, COVERED).map_err(refused)? {
            return Err(wrong(arrival, "the checksum does not fit"));
        }
        let shard = usize::try_from(row.get::<_, i64>(1).map_err(refused)?).ok();
        let mailbox = shard.and_then(|shard| shards.get(shard));
        let mailbox = mailbox.ok_or_else(|| wrong(arrival, "there is no such shard"))?;
        let to = InstanceId::new(row.get::<_, String>(3).map_err(refused)?);
        let to = to.map_err(|_| wrong(arrival, "the recipient is no id"))?;
        let bytes: Vec<u8> = row.get(4).map_err(refused)?;
        let key = row.get(2).map_err(refused)?;
        mailbox.queue().put(Message { key, to, bytes: bytes.into() });
    }
    Ok(())
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // It does what was ordered before, and closes the file. If it has panicked, that is
            // closed as well.
            let _ = thread.join();
        }
    }
}

#[async_trait]
impl ExternalEventRouter for Messages {
    async fn send(&self, shard: ShardId, message: Message) -> Result<(), ProviderError> {
        self.shard(shard)?;
        check_message(&message)?;
        self.order(|reply| Order::Send { shard, message, reply }).await
    }

    async fn receive(&self, shard: ShardId, limit: usize) -> Result<Vec<Delivery>, ProviderError> {
        Ok(self.shard(shard)?.receive(limit, &*self.clock).await)
    }

    async fn acknowledge(&self, shard: ShardId, delivery: DeliveryId) -> Result<(), ProviderError> {
        self.shard(shard)?;
        self.order(|reply| Order::Acknowledge { shard, delivery, reply }).await
    }
}
