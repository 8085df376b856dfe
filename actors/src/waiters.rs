//! Clients that wait for the end of an instance, or for a change of its status.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::HashMap;
use reenact_core::{EventKey, InstanceId, Outcome, ShardId, UpdateAnswer};
use tokio::sync::oneshot;

use crate::answers::ClientRuntime;
use crate::error::{Error, Result};
use crate::panic::catch;

/// The clients that wait for the end or a change of an instance.
#[derive(Clone)]
pub(crate) struct Waiters {
    ends: Waiting<Outcome>,
    changes: Waiting<()>,
    answers: Waiting<AnswerReport>,
}

/// What a client that waits for the answer to an update is notified of.
#[derive(Clone, Debug)]
pub(crate) enum AnswerReport {
    /// The answer.
    Answered(UpdateAnswer),
    /// The instance has ended, or the answer may have been lost on its way: the log knows.
    Look,
}

/// The clients that wait for a `T` of an instance. Clones are the same.
struct Waiting<T> {
    /// By shard: the thread of a shard meets its own clients there, and no others.
    shards: Arc<[Table<T>]>,
    /// No more notifications will come.
    closed: Arc<AtomicBool>,
}

type Table<T> = Mutex<HashMap<InstanceId, Vec<Client<T>>>>;

/// A client that waits.
struct Client<T> {
    sender: oneshot::Sender<Result<T>>,
    /// The runtime on which it waits, if answers go there together.
    runtime: Option<Arc<ClientRuntime>>,
    /// Of the update whose answer it waits for.
    key: Option<EventKey>,
}

/// One wait. Dropping it removes every trace of it.
pub(crate) struct Waiter<T> {
    waiting: Waiting<T>,
    instance: InstanceId,
    receiver: oneshot::Receiver<Result<T>>,
    /// A waiter that was notified does not wait any more.
    is_notified: bool,
}

impl Waiters {
    /// Of a host with `shards` shards.
    pub(crate) fn new(shards: u32) -> Self {
        Self {
            ends: Waiting::new(shards),
            changes: Waiting::new(shards),
            answers: Waiting::new(shards),
        }
    }

    /// Begins to wait for the end. Look at the store afterwards: an end before now is not reported.
    pub(crate) fn end_of(
        &self,
        instance: InstanceId,
        client: Option<Arc<ClientRuntime>>,
    ) -> Waiter<Outcome> {
        self.ends.wait_for(instance, client, None)
    }

    /// Begins to wait for a change of the status, or for the end. Look at the store afterwards: what
    /// changed before now is not reported.
    pub(crate) fn change_of(
        &self,
        instance: InstanceId,
        client: Option<Arc<ClientRuntime>>,
    ) -> Waiter<()> {
        self.changes.wait_for(instance, client, None)
    }

    /// Begins to wait for the answer to an update. Send the update, or look at the store, afterwards: an answer
    /// before now is not reported.
    pub(crate) fn answer_to(
        &self,
        instance: InstanceId,
        key: EventKey,
        client: Option<Arc<ClientRuntime>>,
    ) -> Waiter<AnswerReport> {
        self.answers.wait_for(instance, client, Some(key))
    }

    /// The instance has ended, or cannot go on: notifies all clients that wait for it.
    pub(crate) fn ended(&self, instance: &InstanceId, end: &Result<Outcome>) {
        self.ends.notify(instance, end);
        self.changes.notify(instance, &end.as_ref().map(|_| ()).map_err(Clone::clone));
        match end {
            // It is answered when it goes on.
            Err(Error::Parked { .. }) => {}
            Err(error) => self.answers.notify(instance, &Err(error.clone())),
            Ok(_) => self.answers.notify(instance, &Ok(AnswerReport::Look)),
        }
    }

    /// The status of the instance may have changed: notifies the clients that wait for that to look again.
    pub(crate) fn changed(&self, instance: &InstanceId) {
        self.changes.notify(instance, &Ok(()));
    }

    /// An update of the instance has its answer.
    pub(crate) fn answered(&self, instance: &InstanceId, key: &EventKey, answer: UpdateAnswer) {
        let is_of = |client: &Client<AnswerReport>| client.key.as_ref() == Some(key);
        self.answers.notify_those(instance, is_of, &Ok(AnswerReport::Answered(answer)));
    }

    /// What changed around now may not have been reported: notifies all clients to look again.
    pub(crate) fn look_again(&self, instance: &InstanceId) {
        self.changed(instance);
        self.answers.notify(instance, &Ok(AnswerReport::Look));
    }

    /// The instances for which clients wait.
    pub(crate) fn instances(&self) -> Vec<InstanceId> {
        let mut instances =
            [self.ends.instances(), self.changes.instances(), self.answers.instances()].concat();
        instances.sort_unstable();
        instances.dedup();
        instances
    }

    /// Every wait, now and later, ends with an error: no more notifications will come.
    pub(crate) fn close(&self) {
        self.ends.close();
        self.changes.close();
        self.answers.close();
    }
}

impl<T> Waiting<T> {
    fn new(shards: u32) -> Self {
        let shards = (0..shards.max(1)).map(|_| Table::default()).collect();
        Self { shards, closed: Arc::default() }
    }

    /// The table of an instance.
    fn table(&self, instance: &InstanceId) -> MutexGuard<'_, HashMap<InstanceId, Vec<Client<T>>>> {
        let shard = ShardId::of(instance, self.shards.len() as u32);
        lock(&self.shards[shard.0 as usize])
    }

    fn remove(&self, instance: &InstanceId) -> Option<Vec<Client<T>>> {
        let mut table = self.table(instance);
        // Mostly no client waits for changes.
        if table.is_empty() { None } else { table.remove(instance) }
    }
}

impl<T: Clone + Send + 'static> Waiting<T> {
    fn wait_for(
        &self,
        instance: InstanceId,
        runtime: Option<Arc<ClientRuntime>>,
        key: Option<EventKey>,
    ) -> Waiter<T> {
        let (sender, receiver) = oneshot::channel();
        let client = Client { sender, runtime, key };
        self.table(&instance).entry(instance.clone()).or_default().push(client);
        if self.closed.load(Ordering::SeqCst) {
            drop(self.remove(&instance));
        }
        Waiter { waiting: self.clone(), instance, receiver, is_notified: false }
    }

    fn notify(&self, instance: &InstanceId, what: &Result<T>) {
        self.remove(instance).into_iter().flatten().for_each(|client| client.notify(what));
    }

    /// Notifies some of the clients; the others go on waiting.
    fn notify_those(
        &self,
        instance: &InstanceId,
        is_one: impl Fn(&Client<T>) -> bool,
        what: &Result<T>,
    ) {
        let mut table = self.table(instance);
        let Some(waiting) = table.get_mut(instance) else { return };
        let those: Vec<_> = waiting.extract_if(.., |client| is_one(client)).collect();
        if waiting.is_empty() {
            table.remove(instance);
        }
        drop(table);
        those.into_iter().for_each(|client| client.notify(what));
    }

    /// In the order of their ids: that of the tables is random.
    fn instances(&self) -> Vec<InstanceId> {
        let of_shard = |table: &Table<T>| lock(table).keys().cloned().collect::<Vec<_>>();
        let mut instances: Vec<_> = self.shards.iter().flat_map(of_shard).collect();
        instances.sort_unstable();
        instances
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for instance in self.instances() {
            // What this wakes is the client's: not while the table is locked.
            let waiting = self.remove(&instance);
            let _ = catch(|| drop(waiting));
        }
    }
}

impl<T: Clone + Send + 'static> Client<T> {
    fn notify(self, what: &Result<T>) {
        let Self { sender, runtime, .. } = self;
        let what = what.clone();
        // It may have gone. What this wakes is the client's.
        let send = move || drop(catch(|| sender.send(what)));
        match runtime {
            Some(runtime) => runtime.answer(send),
            None => send(),
        }
    }
}

impl<T> Clone for Waiting<T> {
    fn clone(&self) -> Self {
        Self { shards: self.shards.clone(), closed: self.closed.clone() }
    }
}

/// Every change under these locks is complete, so a panic while it is held leaves it usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Waiter<T> {
    pub(crate) async fn notified(mut self) -> Result<T> {
        let answer = (&mut self.receiver).await;
        self.is_notified = true;
        answer.unwrap_or(Err(Error::ShuttingDown))
    }
}

impl<T> Drop for Waiter<T> {
    fn drop(&mut self) {
        if self.is_notified {
            return;
        }
        self.receiver.close();
        let mut table = self.waiting.table(&self.instance);
        let Some(waiting) = table.get_mut(&self.instance) else { return };
        let gone: Vec<_> = waiting.extract_if(.., |client| client.sender.is_closed()).collect();
        if waiting.is_empty() {
            table.remove(&self.instance);
        }
        // Without the lock: its runtime may go with a client.
        drop(table);
        drop(gone);
    }
}
