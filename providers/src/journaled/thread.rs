//! The thread of a shard: one order after the other, and the way into the archive beside it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use reenact_core::{InstanceId, Receipt, ShardId};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Threads;
use super::budget::{Budget, MemoryShare};
use super::shard::{Answers, ArchivingLock, Flusher, Opened, Ordered, ReadShard, Shard, Writer};
use crate::archive::Archive;
use crate::in_step;
use crate::medium::Medium;
use crate::{Batch, Epoch, Lease, ProviderError, TimerScheduler};

/// Segments from the checkpoint on, at which it is time for a new one even if they hold little:
/// each opening makes one.
const MAX_SEGMENTS: u64 = 32;

/// How long a shard waits after a flush that has failed.
const FLUSH_AGAIN: Duration = Duration::from_secs(1);

/// Takes orders for one shard. An order that is no longer waited for is carried out all the same.
pub(super) struct ShardThread {
    shard: ShardId,
    worker: Worker,
}

/// Carries orders out, one after the other.
enum Worker {
    /// A thread of its own. Both are taken when it ends.
    Thread { orders: Option<mpsc::Sender<Order>>, thread: Option<JoinHandle<()>> },
    /// The thread of the caller; where the medium waits for a service, one in step with its task.
    Caller { work: Arc<Mutex<CarryOut>>, in_step: Option<in_step::Queue> },
}

type CarryOut = Box<dyn FnMut(Order) + Send>;

type Reply<T> = oneshot::Sender<Result<T, ProviderError>>;

enum Order {
    Append(Arc<Batch>, Reply<Ordered<Receipt>>),
    Purge(Arc<[InstanceId]>, Answers, Epoch, Reply<Ordered<usize>>),
    Lease(String, Reply<Lease>),
    Release(Epoch, Reply<()>),
}

/// What all shards of a store have in common.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) archiving: Arc<ArchivingLock>,
    pub(super) clock: Arc<dyn TimerScheduler>,
    pub(super) threads: Threads,
    /// What is done in step with tasks, where the medium waits for a service.
    pub(super) in_step: in_step::Queue,
    /// Bytes in memory of a shard from which on they go into the archive.
    pub(super) flush_bytes: usize,
    /// What all shards together may hold in memory.
    pub(super) budget: Arc<Budget>,
}

impl Common {
    /// Whether a shard that holds `own` bytes holds `times` as much as it may, by itself or together
    /// with the others.
    fn is_exceeded_by(&self, own: usize, times: usize) -> bool {
        own >= self.flush_bytes.saturating_mul(times) || self.budget.is_exceeded_by(own, times)
    }
}

impl ShardThread {
    /// Begins to write after what was read, if it was, and takes orders from then on.
    pub(super) fn start<M: Medium, A: Archive>(
        shard: Arc<Shard<M, A>>,
        read: Option<ReadShard<M>>,
        common: Common,
    ) -> Result<Self, ProviderError> {
        let id = shard.identity.shard;
        let begin = |read| Ok::<_, ProviderError>(Log::new(shard.begin(read)?, &common));
        let log = read.map(begin).transpose()?;
        let threads = common.threads;
        let mut work = Work { shard, common, log };
        if threads == Threads::Callers {
            work.tidy();
            let in_step = M::SHARED.then(|| work.common.in_step.clone());
            let work: CarryOut = Box::new(move |order| work.next(Some(order)));
            let work = Arc::new(Mutex::new(work));
            return Ok(Self { shard: id, worker: Worker::Caller { work, in_step } });
        }
        let (orders, incoming) = mpsc::channel();
        let thread = thread::Builder::new().name(format!("reenact-shard-{id}"));
        let thread = thread.spawn(move || {
            work.tidy();
            while let Some(order) = work.next_order(&incoming) {
                work.next(order);
            }
        });
        let thread = thread.map_err(|error| ProviderError::Unavailable {
            reason: "the system has no thread to give".to_owned(),
            source: Some(Box::new(error)),
        })?;
        let worker = Worker::Thread { orders: Some(orders), thread: Some(thread) };
        Ok(Self { shard: id, worker })
    }

    pub(super) async fn append(
        &self,
        batch: Arc<Batch>,
    ) -> Result<Ordered<Receipt>, ProviderError> {
        self.order(|reply| Order::Append(batch, reply)).await
    }

    pub(super) async fn purge(
        &self,
        instances: Arc<[InstanceId]>,
        archived: Answers,
        epoch: Epoch,
    ) -> Result<Ordered<usize>, ProviderError> {
        self.order(|reply| Order::Purge(instances, archived, epoch, reply)).await
    }

    pub(super) async fn lease(&self, owner: &str) -> Result<Lease, ProviderError> {
        self.order(|reply| Order::Lease(owner.to_owned(), reply)).await
    }

    pub(super) async fn release(&self, epoch: Epoch) -> Result<(), ProviderError> {
        self.order(|reply| Order::Release(epoch, reply)).await
    }

    async fn order<T>(&self, order: impl FnOnce(Reply<T>) -> Order) -> Result<T, ProviderError> {
        let (reply, replied) = oneshot::channel();
        match &self.worker {
            Worker::Thread { orders, .. } => {
                if let Some(orders) = orders {
                    // A thread that has ended drops the order, and with it the reply.
                    let _ = orders.send(order(reply));
                }
            }
            Worker::Caller { work, in_step } => {
                let (work, order) = (Arc::clone(work), order(reply));
                // It guards itself against panics.
                let carry_out = move || work.lock().unwrap_or_else(PoisonError::into_inner)(order);
                match in_step {
                    // It is waited for by its reply.
                    Some(queue) => drop(queue.add(carry_out)),
                    None => carry_out(),
                }
            }
        }
        replied.await.unwrap_or_else(|_| {
            let reason = format!("the thread of shard {} has ended", self.shard);
            Err(ProviderError::Unknown { reason, source: None })
        })
    }
}

/// When this returns, nothing of the shard goes on: its files can be opened again.
impl Drop for ShardThread {
    fn drop(&mut self) {
        let Worker::Thread { orders, thread } = &mut self.worker else { return };
        drop(orders.take());
        if let Some(thread) = thread.take() {
            // A panic was printed.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for ShardThread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShardThread").field("shard", &self.shard).finish_non_exhaustive()
    }
}

struct Work<M: Medium, A: Archive> {
    shard: Arc<Shard<M, A>>,
    common: Common,
    /// `None` after it could not be opened again.
    log: Option<Log<M, A>>,
}

/// A journal that is open.
struct Log<M: Medium, A: Archive> {
    writer: Writer<M, A>,
    flushing: Flushing<M, A>,
    /// Whether somebody waits for it to be closed.
    is_closing: Arc<AtomicBool>,
    /// What it holds in memory.
    share: MemoryShare,
}

/// What a flush gives back; `None` when it never began.
type Flushed<M, A> = Option<(Flusher<M, A>, Result<(), ProviderError>)>;

enum Flushing<M, A> {
    /// Nothing is on its way, or the last try has failed.
    Idle { flusher: Flusher<M, A>, failed: Option<Failed> },
    /// A thread of its own does it.
    Busy(JoinHandle<Flushed<M, A>>),
    /// It has panicked: the journal must be opened again.
    Lost,
}

/// A flush that has failed.
struct Failed {
    reason: String,
    /// Something of another owner has come in between. However late that was on its way, only an owner that
    /// opens the journal anew can go on from there.
    is_fenced: bool,
    /// The time at which to try again.
    again: Instant,
}

impl Failed {
    fn because(error: &dyn std::error::Error) -> Self {
        let again = Instant::now() + FLUSH_AGAIN;
        Self { reason: error.to_string(), is_fenced: false, again }
    }

    fn of_flush(error: &ProviderError) -> Self {
        let is_fenced = matches!(error, ProviderError::Fenced { .. });
        Self { is_fenced, ..Self::because(error) }
    }
}

impl<M: Medium, A: Archive> Work<M, A> {
    /// Waits for an order; not for ever when a flush is to be tried again. `None`: nobody is left to
    /// give one.
    fn next_order(&self, incoming: &mpsc::Receiver<Order>) -> Option<Option<Order>> {
        let has_failed = self.log.as_ref().is_some_and(Log::has_failed);
        if !has_failed {
            return incoming.recv().ok().map(Some);
        }
        match incoming.recv_timeout(FLUSH_AGAIN) {
            Ok(order) => Some(Some(order)),
            Err(RecvTimeoutError::Timeout) => Some(None),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Carries out an order, if there is one, and then what no order is to wait for.
    fn next(&mut self, order: Option<Order>) {
        self.guarded(|work| {
            if let Some(order) = order {
                work.carry_out(order);
            }
            work.tidy();
        });
    }

    /// After a panic the journal must be opened again: what is in memory may not be what it says.
    fn guarded(&mut self, work: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            let shard = self.shard.identity.shard;
            tracing::error!(target: "reenact::store", parent: None, %shard, "the shard's thread has panicked; its journal is closed: report it, with this line; if the shard does not come back, start the process again");
            self.log = None;
        }
    }

    fn carry_out(&mut self, order: Order) {
        // The caller may have gone.
        match order {
            Order::Append(batch, reply) => {
                let appended = self.with_room().and_then(|writer| writer.append(&batch));
                let _ = reply.send(appended);
            }
            Order::Purge(instances, archived, epoch, reply) => {
                let room = self.with_room();
                let purged = room.and_then(|writer| writer.purge(&instances, &archived, epoch));
                let _ = reply.send(purged);
            }
            Order::Lease(owner, reply) => {
                let leased = self.lease(&owner);
                if let Err(Ok(unwanted)) = reply.send(leased) {
                    self.give_back(unwanted.epoch);
                }
            }
            Order::Release(epoch, reply) => {
                let released = self.release(epoch);
                let _ = reply.send(released);
            }
        }
    }

    /// The writer, once what is in memory has not grown too large.
    fn with_room(&mut self) -> Result<&mut Writer<M, A>, ProviderError> {
        let fenced = || ProviderError::Fenced { shard: self.shard.identity.shard };
        let log = self.log.as_mut().filter(|log| !log.is_fenced()).ok_or_else(fenced)?;
        while self.common.is_exceeded_by(log.writer.unarchived_bytes(), 2) {
            log.tidy(&self.common);
            if let Err(error) = log.wait_for_flush() {
                // If that is why, no patience helps.
                self.shard.check_place()?;
                return Err(error);
            }
        }
        Ok(&mut log.writer)
    }

    fn lease(&mut self, owner: &str) -> Result<Lease, ProviderError> {
        let now = self.common.clock.now();
        self.shard.state().ownership.check_free(now)?;
        let used = self.log.as_ref().is_none_or(|log| log.writer.was_leased());
        if used {
            // Whatever this was, the log says it.
            self.close();
            match self.shard.claim(owner).and_then(|()| self.open()) {
                Ok(log) => self.log = Some(log),
                Err(error) => {
                    // A part of it may have succeeded.
                    self.let_others_have_it();
                    return Err(error);
                }
            }
        }
        self.shard.state().ownership.acquire(owner, now)
    }

    fn open(&self) -> Result<Log<M, A>, ProviderError> {
        Ok(Log::new(self.shard.begin(self.shard.read_journal()?)?, &self.common))
    }

    fn close(&mut self) {
        self.log = None;
        if M::SHARED {
            self.shard.step_down();
        }
    }

    fn release(&mut self, epoch: Epoch) -> Result<(), ProviderError> {
        if !self.shard.state().ownership.release(epoch) {
            return Ok(());
        }
        self.close();
        self.shard.give_up()
    }

    /// Nobody is left to release what was acquired.
    fn give_back(&mut self, epoch: Epoch) {
        if !M::SHARED {
            // The journal stays open: the next owner is in this process as well.
            self.shard.state().ownership.release(epoch);
        } else if let Err(error) = self.release(epoch) {
            let shard = self.shard.identity.shard;
            tracing::warn!(target: "reenact::store", parent: None, %shard, %error, "a shard that nobody waits for is not given up");
        }
    }

    fn let_others_have_it(&self) {
        if let Err(error) = self.shard.give_up() {
            let shard = self.shard.identity.shard;
            tracing::warn!(target: "reenact::store", parent: None, %shard, %error, "a shard that cannot be opened is not given up either");
        }
    }

    fn tidy(&mut self) {
        if let Some(log) = &mut self.log {
            log.tidy(&self.common);
        }
    }
}

impl<M: Medium, A: Archive> Log<M, A> {
    fn new(opened: Opened<M, A>, common: &Common) -> Self {
        let Opened { writer, flusher } = opened;
        let flushing = Flushing::Idle { flusher, failed: None };
        let share = MemoryShare::of(Arc::clone(&common.budget));
        Self { writer, flushing, is_closing: Arc::default(), share }
    }

    const fn has_failed(&self) -> bool {
        matches!(self.flushing, Flushing::Idle { failed: Some(_), .. })
    }

    const fn is_fenced(&self) -> bool {
        let Flushing::Idle { failed: Some(failed), .. } = &self.flushing else { return false };
        failed.is_fenced
    }

    /// What no commit is to wait for: between two of them, or beside them.
    fn tidy(&mut self, common: &Common) {
        self.writer.prepare(common.threads);
        if matches!(&self.flushing, Flushing::Busy(thread) if thread.is_finished()) {
            // A failure was logged, and is tried again.
            let _ = self.wait_for_flush();
        }
        let held = self.writer.unarchived_bytes();
        self.share.set(held);
        let Flushing::Idle { flusher, failed } = &self.flushing else { return };
        let is_large = common.is_exceeded_by(held, 1);
        let is_long = self.writer.segment() - flusher.first_segment() >= MAX_SEGMENTS;
        let is_due = match failed {
            Some(failed) => Instant::now() >= failed.again,
            None => is_large || is_long,
        };
        if is_due {
            self.begin_flush(common);
        }
    }

    fn begin_flush(&mut self, common: &Common) {
        let Flushing::Idle { mut flusher, .. } =
            std::mem::replace(&mut self.flushing, Flushing::Lost)
        else {
            return;
        };
        self.writer.freeze();
        self.share.set(self.writer.unarchived_bytes());
        let archiving = Arc::clone(&common.archiving);
        if common.threads == Threads::Callers {
            let flushed = flusher.flush(&archiving, &|| true);
            // A failure was logged, and is tried again.
            let _ = self.end_flush(flusher, flushed);
            return;
        }
        // Given to the thread once there is one, so that it is not lost when there is none.
        let (give, given) = mpsc::channel();
        let is_closing = Arc::clone(&self.is_closing);
        let flush = move || {
            let mut flusher: Flusher<M, A> = given.recv().ok()?;
            let has_time = || !is_closing.load(Ordering::Relaxed);
            let flushed = flusher.flush(&archiving, &has_time);
            Some((flusher, flushed))
        };
        let thread = thread::Builder::new().name("reenact-flush".to_owned()).spawn(flush);
        self.flushing = match thread {
            Ok(thread) => match give.send(flusher) {
                Ok(()) => Flushing::Busy(thread),
                Err(_) => Flushing::Lost,
            },
            Err(error) => Flushing::Idle { flusher, failed: Some(Failed::because(&error)) },
        };
    }

    /// Returns when nothing is on its way into the archive.
    fn wait_for_flush(&mut self) -> Result<(), ProviderError> {
        match std::mem::replace(&mut self.flushing, Flushing::Lost) {
            Flushing::Busy(thread) => {
                let Ok(Some((flusher, flushed))) = thread.join() else { return Err(lost()) };
                self.end_flush(flusher, flushed)
            }
            Flushing::Lost => Err(lost()),
            Flushing::Idle { flusher, failed } => {
                let outcome = failed.as_ref().map_or(Ok(()), |failed| Err(refused(&failed.reason)));
                self.flushing = Flushing::Idle { flusher, failed };
                outcome
            }
        }
    }

    fn end_flush(
        &mut self,
        flusher: Flusher<M, A>,
        flushed: Result<(), ProviderError>,
    ) -> Result<(), ProviderError> {
        if let Err(error) = &flushed {
            tracing::warn!(target: "reenact::store", parent: None, %error, "the journal could not be moved into the archive");
        }
        let failed = flushed.as_ref().err().map(Failed::of_flush);
        self.flushing = Flushing::Idle { flusher, failed };
        flushed
    }
}

fn lost() -> ProviderError {
    refused("its thread has ended; it begins again when the shard is acquired again")
}

fn refused(reason: &str) -> ProviderError {
    let reason = format!("the journal cannot be moved into the archive: {reason}");
    ProviderError::Unavailable { reason, source: None }
}

/// Nothing of this one goes on when the journal is opened again.
impl<M: Medium, A: Archive> Drop for Log<M, A> {
    fn drop(&mut self) {
        self.is_closing.store(true, Ordering::Relaxed);
        let _ = self.wait_for_flush();
    }
}
