//! A journal for async code.

use std::sync::mpsc;
use std::{io, thread};

use reenact_core::ShardId;
use tokio::sync::oneshot;

use super::{Entry, Journal, JournalError, Position};
use crate::medium::Medium;

/// Runs a journal on a thread of its own, so that no executor's thread waits for a medium.
///
/// Whoever gathers turns while an append is under way has one in flight at a time; several are
/// made one after the other. An append that is no longer waited for is made all the same.
#[derive(Debug)]
pub struct JournalThread {
    shard: ShardId,
    orders: mpsc::Sender<Order>,
    /// Told when the journal is closed.
    ended: oneshot::Receiver<()>,
}

struct Order {
    entries: Vec<Entry>,
    reply: oneshot::Sender<Result<Position, JournalError>>,
}

impl JournalThread {
    /// Takes over a journal.
    ///
    /// # Errors
    /// Those of the system, when it has no thread to give.
    pub fn start<M: Medium>(journal: Journal<M>) -> io::Result<Self> {
        let shard = journal.identity.shard;
        let (orders, incoming) = mpsc::channel();
        let (closed, ended) = oneshot::channel();
        thread::Builder::new().name(format!("reenact-journal-{shard}")).spawn(move || {
            run(journal, &incoming);
            // Nobody may wait for it.
            let _ = closed.send(());
        })?;
        Ok(Self { shard, orders, ended })
    }

    /// Appends one commit. See [`Journal::append`].
    ///
    /// # Errors
    /// Those of [`Journal::append`]; `Poisoned` also when the thread has panicked.
    pub async fn append(&self, entries: Vec<Entry>) -> Result<Position, JournalError> {
        let (reply, replied) = oneshot::channel();
        let gone = || JournalError::Poisoned {
            shard: self.shard,
            cause: "its thread has ended".to_owned(),
        };
        self.orders.send(Order { entries, reply }).map_err(|_| gone())?;
        replied.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Returns when the journal is closed: from then on it can be opened again.
    pub async fn close(self) {
        let Self { orders, ended, .. } = self;
        drop(orders);
        // An error means that it is closed as well.
        let _ = ended.await;
    }
}

fn run<M: Medium>(mut journal: Journal<M>, incoming: &mpsc::Receiver<Order>) {
    while let Ok(Order { entries, reply }) = incoming.recv() {
        let appended = journal.append(&entries);
        // Whoever gave the order may have gone.
        let _ = reply.send(appended);
        if journal.wants_spare() {
            journal.prepare_in_background();
        }
    }
}
