//! What happens to messages, one commit after the other.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, mpsc};

use reenact_core::ShardId;
use rusqlite::{Connection, TransactionBehavior, params};

use super::{Reply, checksum};
use crate::local::sqlite::{self, OpenedFile, is_rot};
use crate::queue::{Mailbox, Removed};
use crate::{DeliveryId, Message, Place, ProviderError};

/// Most orders in one commit.
const MAX_ORDERS: usize = 1024;

pub(super) type Outcome = Result<(), ProviderError>;

/// What is to happen to a queue. The shard is one of those there are.
pub(super) enum Order {
    /// A message is to come into it.
    Send { shard: ShardId, message: Message, reply: Reply },
    /// A message is to go out of it.
    Acknowledge { shard: ShardId, delivery: DeliveryId, reply: Reply },
}

/// Owns the file.
pub(super) struct Writer {
    file: OpenedFile,
    connection: Connection,
    shards: Arc<[Mailbox]>,
}

/// Orders that are committed together.
#[derive(Default)]
struct Batch {
    /// Go into the queues once that is committed.
    sent: Vec<(ShardId, Message)>,
    /// The keys of those, by shard.
    keys: HashMap<ShardId, HashSet<String>>,
    /// Went out of the queues, and come back if that is not committed.
    removed: Vec<(ShardId, Removed)>,
    /// Of those whose order stands or falls with the commit.
    replies: Vec<Reply>,
}

/// What went wrong for all of a batch.
struct Refusal {
    error: Arc<rusqlite::Error>,
    /// So that what is on the disk is not known.
    in_commit: bool,
}

impl Writer {
    pub(super) fn new(file: OpenedFile, connection: Connection, shards: Arc<[Mailbox]>) -> Self {
        Self { file, connection, shards }
    }

    /// Until nobody is left to give orders.
    pub(super) fn run(mut self, incoming: &mpsc::Receiver<Order>) {
        while let Ok(first) = incoming.recv() {
            let mut batch = Batch::default();
            let rest = incoming.try_iter().take(MAX_ORDERS - 1);
            for order in std::iter::once(first).chain(rest) {
                batch.take(order, &self.shards);
            }
            match self.commit(&batch) {
                Ok(()) => {
                    batch.apply(&self.shards);
                    sqlite::keep_log_small(&self.connection, self.file.path());
                }
                Err(refusal) => batch.undo(&self.shards, || refusal.told_of(self.file.path())),
            }
        }
        sqlite::before_the_last_is_closed(&self.connection, &self.file);
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), Refusal> {
        // One whose delivery had run out, or whose key is there, changes nothing. What it rests on
        // is committed already.
        if batch.sent.is_empty() && batch.removed.is_empty() {
            return Ok(());
        }
        let refused = |in_commit| move |error| Refusal { error: Arc::new(error), in_commit };
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(refused(false))?;
        batch.write(&transaction).map_err(refused(false))?;
        transaction.commit().map_err(refused(true))
    }
}

impl Batch {
    fn take(&mut self, order: Order, shards: &[Mailbox]) {
        match order {
            Order::Send { shard, message, reply } => {
                let keys = self.keys.entry(shard).or_default();
                let queue = shards[shard.0 as usize].queue();
                if !queue.contains(&message.key) && !keys.contains(&message.key) {
                    if let Err(full) = queue.check_room(keys.len()) {
                        // Whoever gave the order may have gone.
                        let _ = reply.send(Err(full));
                        return;
                    }
                    keys.insert(message.key.clone());
                    self.sent.push((shard, message));
                }
                self.replies.push(reply);
            }
            Order::Acknowledge { shard, delivery, reply } => {
                let removed = shards[shard.0 as usize].queue().acknowledge(delivery);
                self.removed.extend(removed.map(|removed| (shard, removed)));
                self.replies.push(reply);
            }
        }
    }

    /// What goes out first: a key may come in again.
    fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut remove =
            connection.prepare_cached("DELETE FROM messages WHERE shard = ? AND key = ?")?;
        for (shard, removed) in &self.removed {
            remove.execute(params![shard.0, removed.key()])?;
        }
        let mut add = connection.prepare_cached(
            "INSERT INTO messages (arrival, shard, key, recipient, bytes, checksum)
             VALUES (?, ?, ?, ?, ?, ?)",
        )?;
        for (arrival, (shard, message)) in (next_arrival(connection)?..).zip(&self.sent) {
            let Message { key, to, bytes } = message;
            let checksum = checksum(arrival, *shard, message);
            add.execute(params![arrival, shard.0, key, to.as_str(), &bytes[..], checksum])?;
        }
        Ok(())
    }

    fn apply(self, shards: &[Mailbox]) {
        let mut changed = BTreeSet::new();
        for (shard, message) in self.sent {
            shards[shard.0 as usize].queue().put(message);
            changed.insert(shard);
        }
        for shard in changed {
            shards[shard.0 as usize].announce();
        }
        for reply in self.replies {
            // Whoever gave the order may have gone.
            let _ = reply.send(Ok(()));
        }
    }

    fn undo(self, shards: &[Mailbox], error: impl Fn() -> ProviderError) {
        for (shard, removed) in self.removed {
            shards[shard.0 as usize].queue().put_back(removed);
            shards[shard.0 as usize].announce();
        }
        for reply in self.replies {
            let _ = reply.send(Err(error()));
        }
    }
}

/// What SQLite itself would choose; but the checksum of a message is also of its place.
fn next_arrival(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT coalesce(max(arrival), 0) + 1 FROM messages";
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

impl Refusal {
    fn told_of(&self, path: &std::path::Path) -> ProviderError {
        let (error, path) = (Arc::clone(&self.error), path.display());
        let reason = format!("{path}: {error}");
        if self.in_commit {
            return ProviderError::Unknown { reason, source: Some(Box::new(error)) };
        }
        if is_rot(&error) {
            return ProviderError::Corrupt { place: Place(path.to_string()), reason };
        }
        ProviderError::Unavailable { reason, source: Some(Box::new(error)) }
    }
}
