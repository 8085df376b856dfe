//! The persistence actor: makes turns durable, many in one append, and releases their effects.

mod append;
mod departed;
mod entry;
mod inbox;
mod message;
mod release;

use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use reenact_core::zoo::{self, Bug};
use reenact_core::{ExecutionId, Receipt, ShardId};
use reenact_providers::limits::MAX_BATCH_BYTES;
use reenact_providers::{Batch, Epoch, ProviderError, TurnRecord};
use tokio::time::Instant;

use crate::context::ShardContext;
use crate::message::ShardMessage;
use crate::task::{Task, end_for_panic, let_others_run};
use append::{AppendTarget, append};
use release::Releases;

pub(crate) use departed::DepartedInstances;
pub(crate) use entry::{Entry, PendingTurn};
pub(crate) use inbox::Inbox;
pub(crate) use message::PersistenceMessage;

/// The maximum number of turns in one append.
const MAX_TURNS_PER_APPEND: usize = 4_096;

/// The maximum number of bytes in one append of several turns. A single turn is smaller than the limit
/// of a store.
const MAX_BYTES_PER_APPEND: usize = MAX_BATCH_BYTES / 2;

/// The capacity that is kept for the next append, in entries.
const MOST_SPARE: usize = 1_024;

/// After an append that the store finished at once, so many more are taken to take as long, without a look at the
/// clock.
const STANDS_FOR: u32 = 7;

/// An append that took this long is slow: the work that it has released gets time to join the next
/// append.
const SLOW_APPEND: Duration = Duration::from_millis(4);

/// That time is the time that the slow append took, divided by this.
const PART_FOR_FOLLOWERS: u32 = 8;

/// The maximum of that time.
const LONGEST_FOR_FOLLOWERS: Duration = Duration::from_millis(20);

/// The persistence actor of a shard. One append is under way at a time; what comes meanwhile waits in
/// the inbox for the next. It never looks into events.
pub(crate) struct Persistence;

pub(crate) struct PersistenceArguments {
    pub(crate) shard: Arc<ShardContext>,
    pub(crate) epoch: Epoch,
    pub(crate) supervisor: ActorRef<ShardMessage>,
}

pub(crate) struct PersistenceState {
    inbox: Inbox,
    shard: ShardId,
    epoch: Epoch,
    target: Arc<AppendTarget>,
    /// How long turns wait for others while no append is under way.
    linger: Duration,
    /// How many executions before a new one are kept.
    keep: u32,
    /// Effects of durable turns that are not all carried out.
    releases: Releases,
    /// Whether the message for the next portion of effects was sent.
    releasing: bool,
    supervisor: ActorRef<ShardMessage>,
    /// The newest commit of the shard for which this actor has a receipt.
    commit: u64,
    /// The number of entries that were released, although their effects may not all be carried out.
    released: u64,
    /// Entries from the inbox that were too much for one append.
    left: Vec<Entry>,
    /// An empty list with the capacity of one that was released.
    spare: Vec<Entry>,
    /// The append that is under way, if it did not succeed at once.
    under_way: Option<Task>,
    /// When the append that is under way, or the last one that was timed, began.
    began: Instant,
    /// The last append that the store finished at once, as far as it stands for others.
    at_once: Option<AtOnce>,
    /// The number of its turns, and of their bytes.
    size: (usize, usize),
    /// The task that ends the wait for other turns.
    lingering: Option<Task>,
    /// Why nothing is appended any more: the shard is about to start again from its log.
    lost: Option<Arc<ProviderError>>,
}

/// An append that the store finished at once. To time each of them costs a good part of what they take.
struct AtOnce {
    took: Duration,
    /// How many of the next appends it still stands for.
    others: u32,
}

impl AtOnce {
    /// How long the next append takes, if this one stands for it.
    fn stands_for(&mut self) -> Option<Duration> {
        self.others = self.others.checked_sub(1)?;
        Some(self.took)
    }
}

impl Actor for Persistence {
    type Msg = PersistenceMessage;
    type State = PersistenceState;
    type Arguments = PersistenceArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<PersistenceMessage>,
        args: PersistenceArguments,
    ) -> Result<PersistenceState, ActorProcessingErr> {
        let PersistenceArguments { shard, epoch, supervisor } = args;
        let (store, clock) = (shard.host.store.histories.clone(), shard.host.store.clock.clone());
        Ok(PersistenceState {
            inbox: shard.inbox.clone(),
            shard: shard.shard,
            epoch,
            target: Arc::new(AppendTarget { store, clock }),
            linger: shard.host.options.commit_linger,
            keep: shard.host.options.keep_executions,
            releases: Releases::new(shard),
            releasing: false,
            supervisor,
            commit: 0,
            released: 0,
            left: Vec::new(),
            spare: Vec::new(),
            under_way: None,
            began: Instant::now(),
            at_once: None,
            size: (0, 0),
            lingering: None,
            lost: None,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<PersistenceMessage>,
        message: PersistenceMessage,
        state: &mut PersistenceState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PersistenceMessage::Append if state.may_linger() => {
                state.linger(&myself, state.linger);
                return Ok(());
            }
            PersistenceMessage::Append | PersistenceMessage::AppendNow => {
                // Other tasks that are about to pass something on run first, so that it joins this append.
                let_others_run().await;
            }
            PersistenceMessage::Release => {
                // Other tasks that have something to append run first; releasing goes on with its own message.
                let_others_run().await;
                state.releases.go_on();
                state.releasing = false;
                state.go_on_releasing(&myself);
                return Ok(());
            }
            PersistenceMessage::Appended(entries, result) => {
                state.under_way = None;
                let took = state.began.elapsed();
                let followers = state.time_for_followers(&entries, took);
                state.appended(&myself, entries, result, took);
                if let Some(time) = followers.filter(|_| state.lost.is_none()) {
                    state.linger(&myself, time);
                    return Ok(());
                }
            }
        }
        state.lingering = None;
        while state.under_way.is_none()
            && let Some(entries) = state.next_append()
        {
            state.append(&myself, entries).await;
        }
        Ok(())
    }
}

impl PersistenceState {
    /// Whether the new turns may wait for others. While an append is under way they wait anyway.
    fn may_linger(&self) -> bool {
        let lingers = !self.linger.is_zero() || self.lingering.is_some();
        lingers && self.under_way.is_none() && self.lost.is_none()
    }

    /// How long the next append waits for the turns that these entries cause when they are released, or
    /// `None`. Without the wait each of those turns would go into the append after the next: the turns of a
    /// shard would fall into two groups that alternate, with twice as many appends. A single turn does not
    /// wait, nor does more than one append can take, nor does anything on a quick medium.
    fn time_for_followers(&self, released: &[Entry], took: Duration) -> Option<Duration> {
        let pays = took >= SLOW_APPEND && released.len() > 1 && self.left.is_empty();
        pays.then(|| (took / PART_FOR_FOLLOWERS).min(LONGEST_FOR_FOLLOWERS))
    }

    fn linger(&mut self, myself: &ActorRef<PersistenceMessage>, linger: Duration) {
        let myself = myself.clone();
        // The wait that has begun goes on.
        self.lingering.get_or_insert_with(|| {
            Task::spawn(async move {
                tokio::time::sleep(linger).await;
                // An actor that has gone was dropped with its shard.
                let _ = myself.cast(PersistenceMessage::AppendNow);
            })
        });
    }

    /// The entries of the next append; `None` when there are none.
    fn next_append(&mut self) -> Option<Vec<Entry>> {
        let mut entries = mem::take(&mut self.left);
        if entries.is_empty() {
            entries = self.inbox.take(mem::take(&mut self.spare));
        } else {
            entries.append(&mut self.inbox.take(Vec::new()));
        }
        if let Some(error) = &self.lost {
            entries.drain(..).for_each(|entry| entry.refuse(error));
        }
        if entries.is_empty() {
            self.spare = entries;
            return None;
        }
        self.left = entries.split_off(one_append(&entries));
        Some(entries)
    }

    async fn append(&mut self, myself: &ActorRef<PersistenceMessage>, mut entries: Vec<Entry>) {
        let mut turns = Vec::with_capacity(entries.len());
        for entry in &mut entries {
            entry.go_into(&mut turns, self.shard, self.commit);
        }
        self.keep_executions(&mut turns);
        if zoo::planted(Bug::EffectsBeforeDurable) {
            let forged = Receipt::issue(self.shard, self.commit + 1);
            self.releases.release(entries.drain(..), forged);
        }
        self.size = (turns.len(), turns.iter().map(|turn| turn.bytes.len()).sum());
        let batch = Arc::new(Batch { shard: self.shard, epoch: self.epoch, turns });
        let target = self.target.clone();
        let known = self.at_once.as_mut().and_then(AtOnce::stands_for);
        if known.is_none() {
            self.began = Instant::now();
        }
        let mut appending = Box::pin(async move { append(&target, batch).await });
        // A quick medium needs no task; a slow one must not block the mailbox.
        match poll_fn(|cx| Poll::Ready(appending.as_mut().poll(cx))).await {
            Poll::Ready(result) => {
                let took = known.unwrap_or_else(|| {
                    let took = self.began.elapsed();
                    self.at_once = Some(AtOnce { took, others: STANDS_FOR });
                    took
                });
                self.appended(myself, entries, result, took);
            }
            Poll::Pending => {
                self.at_once = None;
                if known.is_some() {
                    self.began = Instant::now();
                }
                let myself = myself.clone();
                let lost = end_for_panic(&myself, "an append");
                let appending = async move {
                    let result = appending.await;
                    // An actor that has gone was dropped with its shard.
                    let _ = myself.cast(PersistenceMessage::Appended(entries, result));
                };
                self.under_way = Some(Task::vital(appending, lost));
            }
        }
    }

    /// Asks the store to keep what is before an execution that begins, however it begins.
    fn keep_executions(&self, turns: &mut [TurnRecord]) {
        if self.keep == 0 {
            return;
        }
        let begins = |turn: &&mut TurnRecord| {
            turn.number == 0 && turn.summary.execution > ExecutionId::FIRST
        };
        turns.iter_mut().filter(begins).for_each(|turn| turn.keep = self.keep);
    }

    fn appended(
        &mut self,
        myself: &ActorRef<PersistenceMessage>,
        mut entries: Vec<Entry>,
        result: Result<Receipt, ProviderError>,
        took: Duration,
    ) {
        match result {
            Ok(receipt) => {
                self.commit = receipt.commit();
                self.released += entries.len() as u64;
                let (turns, bytes) = self.size;
                self.releases.has_appended(turns, bytes, took);
                self.releases.release(entries.drain(..), receipt);
                if entries.capacity() <= MOST_SPARE {
                    self.spare = entries;
                }
                self.go_on_releasing(myself);
            }
            Err(ProviderError::Fenced { shard }) if zoo::planted(Bug::FenceIgnored) => {
                self.releases.release(entries.drain(..), Receipt::issue(shard, self.commit + 1));
            }
            Err(error) => self.lose(entries, error),
        }
    }

    /// Sends the message for the next portion of effects, if any are left.
    fn go_on_releasing(&mut self, myself: &ActorRef<PersistenceMessage>) {
        if !self.releases.is_under_way() {
            self.inbox.is_through(self.released);
        }
        if self.releases.is_under_way() && !self.releasing {
            // An actor that is about to end leaves the effects to the log.
            self.releasing = myself.cast(PersistenceMessage::Release).is_ok();
        }
    }

    /// The instances in memory are ahead of the log, so the supervisor starts the shard again.
    fn lose(&mut self, entries: Vec<Entry>, error: ProviderError) {
        let (shard, error) = (self.shard, Arc::new(error));
        if !matches!(*error, ProviderError::Closed) {
            self.releases.has_lost_append();
            tracing::warn!(target: "reenact::store", parent: None, %shard, %error, "an append failed for good; the shard starts again from its log");
        }
        // It stops before the refusals have an effect: the instances are not to blame for them.
        self.supervisor.stop(Some(format!("its log was lost: {error}")));
        entries.into_iter().for_each(|entry| entry.refuse(&error));
        self.lost = Some(error);
    }
}

impl Drop for PersistenceState {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

/// How many of the entries go into one append: at least one.
fn one_append(entries: &[Entry]) -> usize {
    let (mut turns, mut bytes) = (0, 0);
    let fits = |entry: &&Entry| {
        turns += entry.turns();
        bytes += entry.bytes();
        turns <= MAX_TURNS_PER_APPEND && bytes <= MAX_BYTES_PER_APPEND
    };
    entries.iter().take_while(fits).count().max(1)
}
