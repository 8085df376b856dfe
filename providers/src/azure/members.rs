//! The processes that share a hub: who lives, and who has which shard.
//!
//! Everything that they must know of each other is in small blobs without bytes under `live/`, in
//! their metadata, so that one list shows all of it:
//!
//! | blob | says | written |
//! |---|---|---|
//! | `live/host-ID` | that a process lives | by itself, three times in each lease time, if nobody else has written it; by another that takes it for dead |
//! | `live/shard-0003` | who has the shard | by the process that claims or gives it up, if nobody else has written it since |
//! | `live/bell-QUEUE` | that there is something in a queue | by the process that put it there |
//!
//! A process is dead when another, by its own clock, has seen its blob unchanged for a lease time, and
//! then managed to write there that it is. Clocks need not agree, and one that lives again knows that
//! it was dead before it does anything: its own next write fails. What keeps a dead owner from writing
//! to a journal is not this, but the lease of the segment.

mod claim;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reenact_core::ShardId;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use self::view::{ALIVE, View};
use super::client::Client;
use super::port::{Etag, Only, PortError};
use crate::balance;
use crate::medium::Standing;
use crate::{ShardHolder, SharingHost};

/// Lists in one lease time. So often each process looks who lives and which notices were written: twice for
/// each beat, so that beats are as far apart as they may be.
const LOOKS_PER_LEASE: u32 = 2 * BEATS_PER_LEASE;

/// The longest time between two of them. With this one, an idle host causes less than one request in a
/// second, and a message of another process waits for its notice for a bit over a second on average.
const LONGEST_TICK: Duration = Duration::from_millis(2_500);

/// The time between two of them for a while after a notice was written: where there is one message, others
/// follow, and answers.
const BUSY_TICK: Duration = Duration::from_millis(250);

/// How long a notice keeps this process busy.
const BUSY_FOR: Duration = Duration::from_secs(5);

/// Writes in one lease time by which a process says that it lives.
const BEATS_PER_LEASE: u32 = 3;

/// Requests for which there is time in one lease time: one that hangs must not be why this process is
/// taken for dead.
const REQUESTS_PER_LEASE: u32 = 5;

/// The shortest time between two writes of one notice.
const NOTICE_EVERY: Duration = Duration::from_millis(500);

/// This process among those that share the hub.
pub(super) struct Members {
    client: Client,
    shards: u32,
    lease_time: Duration,
    state: Mutex<State>,
    share: watch::Sender<BTreeSet<ShardId>>,
    /// Notified when this process says that a queue has messages.
    stirred: Notify,
    /// Held while the blob of this process is written.
    beating: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    view: View,
    /// The shards that this process has claimed and not lost.
    mine: BTreeSet<ShardId>,
    /// The shards that it is claiming.
    claiming: BTreeSet<ShardId>,
    /// The name of the host that has joined, for people.
    joined: Option<String>,
    /// Whether somebody looks and beats.
    is_ticking: bool,
    notices: BTreeMap<String, QueueNotice>,
    /// The time at which a notice was written last that this process knows of.
    noticed_at: Option<Instant>,
}

/// One life of this process.
#[derive(Clone)]
struct Session {
    id: String,
    etag: Etag,
    /// The time at which the last write that succeeded was begun.
    renewed: Instant,
}

/// What is known of the messages of a queue: a blob that is written says that it has some.
#[derive(Default)]
struct QueueNotice {
    noticed: Arc<Notify>,
    last: Option<Instant>,
    is_pending: bool,
    /// Writes that are under way.
    being_written: usize,
}

impl Members {
    pub(super) fn new(client: Client, shards: u32, lease_time: Duration) -> Arc<Self> {
        let share = watch::Sender::new(BTreeSet::new());
        let (state, beating) = (Mutex::default(), tokio::sync::Mutex::new(()));
        let stirred = Notify::new();
        let client = client.hurried(lease_time / REQUESTS_PER_LEASE);
        Arc::new(Self { client, shards, lease_time, state, share, stirred, beating })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes part in the balance of the shards from now on.
    pub(super) async fn join(self: &Arc<Self>, host: &str) -> Result<(), PortError> {
        self.state().joined = Some(host.to_owned());
        self.beat().await?;
        self.look().await?;
        self.tick_in_background();
        Ok(())
    }

    /// Takes part no more, and says so at once.
    pub(super) async fn leave(&self) -> Result<(), PortError> {
        self.state().joined = None;
        self.share.send_replace(BTreeSet::new());
        self.beat().await
    }

    /// The shards that this process should have.
    pub(super) fn share(&self) -> watch::Receiver<BTreeSet<ShardId>> {
        self.share.subscribe()
    }

    /// What is known of a claim without asking.
    pub(super) fn standing(&self, shard: ShardId) -> Standing {
        let state = self.state();
        match &state.session {
            Some(session) if state.mine.contains(&shard) => {
                let is_sure = session.renewed.elapsed() < self.lease_time;
                if is_sure { Standing::Held } else { Standing::Doubtful }
            }
            _ => Standing::Lost,
        }
    }

    /// Says that this process lives. One that was taken for dead begins anew, without any shard.
    pub(super) async fn beat(&self) -> Result<(), PortError> {
        let _alone = self.beating.lock().await;
        let (session, label) = {
            let state = self.state();
            (state.session.clone(), state.joined.clone())
        };
        let (id, mut only) = match session {
            Some(session) => (session.id, Only::IfMatch(session.etag)),
            None => (self.client.random().name(), Only::IfNew),
        };
        let written = view::of_host(label.as_deref(), ALIVE);
        let blob = view::host_blob(&id);
        for is_last in [false, true] {
            let renewed = Instant::now();
            match self.client.put(&blob, Vec::new(), &written, &only).await {
                Ok(etag) => {
                    self.state().session = Some(Session { id, etag, renewed });
                    return Ok(());
                }
                Err(error) if error.is_unmet() || error.is_missing_blob() => {}
                Err(error) => return Err(error),
            }
            // A beat that was made in vain, as it seemed, may be there.
            match self.last_words(&blob).await? {
                Some(etag) if !is_last => only = Only::IfMatch(etag),
                _ => break,
            }
        }
        tracing::warn!(target: "reenact::store", parent: None, host = id, "this process was taken for dead; it begins anew");
        self.lose();
        Ok(())
    }

    /// The etag of a process that is alive, by what it has said itself: nobody else says that of it.
    async fn last_words(&self, blob: &str) -> Result<Option<Etag>, PortError> {
        let blobs = self.client.list(blob).await?;
        let found = blobs.into_iter().find(|found| found.name == blob);
        let alive = found.filter(|found| view::says(&found.metadata, "state", ALIVE));
        Ok(alive.map(|found| found.etag))
    }

    fn lose(&self) {
        let mut state = self.state();
        state.session = None;
        state.mine.clear();
        drop(state);
        self.share.send_replace(BTreeSet::new());
    }

    /// Looks who lives, who has what, and which notices were written.
    pub(super) async fn look(&self) -> Result<(), PortError> {
        let began = Instant::now();
        let blobs = self.client.list(view::PREFIX).await?;
        let mut state = self.state();
        let State { view, notices, noticed_at, .. } = &mut *state;
        for queue in view.update(blobs, began, Instant::now()) {
            if let Some(notice) = notices.get(&queue) {
                notice.noticed.notify_waiters();
                *noticed_at = Some(began);
            }
        }
        let Some(session) = state.session.clone() else { return Ok(()) };
        let lost = |shard: &ShardId| state.view.owner_of(*shard).is_some_and(|o| o != session.id);
        let lost: Vec<ShardId> = state.mine.iter().copied().filter(lost).collect();
        for shard in lost {
            tracing::warn!(target: "reenact::store", parent: None, %shard, "another process has taken the shard");
            state.mine.remove(&shard);
        }
        if state.joined.is_some() {
            let share = self.share_of(&session.id, &state.view);
            drop(state);
            self.share.send_if_modified(|before| {
                let has_changed = *before != share;
                *before = share;
                has_changed
            });
        }
        Ok(())
    }

    /// Who has which shard, as of the last look.
    pub(super) fn holders(&self) -> Vec<ShardHolder> {
        self.state().view.holders(self.lease_time)
    }

    /// The hosts that share the shards, as of the last look.
    pub(super) fn hosts(&self) -> Vec<SharingHost> {
        self.state().view.shown(self.lease_time)
    }

    fn share_of(&self, me: &String, view: &View) -> BTreeSet<ShardId> {
        let mut hosts = view.sharing(self.lease_time);
        hosts.insert(me.clone());
        let balanced = balance(self.shards, &hosts, &view.owned());
        balanced.into_iter().filter(|(_, host)| host == me).map(|(shard, _)| shard).collect()
    }

    /// Looks and beats for as long as this process holds the hub open.
    fn tick_in_background(self: &Arc<Self>) {
        if std::mem::replace(&mut self.state().is_ticking, true) {
            return;
        }
        let members = Arc::downgrade(self);
        let tick = (self.lease_time / LOOKS_PER_LEASE).min(LONGEST_TICK);
        let beat = self.lease_time / BEATS_PER_LEASE;
        self.client.io().spawn(async move {
            loop {
                let Some(waiting) = members.upgrade() else { return };
                waiting.until_next(tick).await;
                drop(waiting);
                let Some(members) = members.upgrade() else { return };
                if let Err(error) = members.tick(beat.saturating_sub(tick / 2)).await {
                    tracing::warn!(target: "reenact::store", parent: None, %error, "the hub cannot be reached");
                }
            }
        });
    }

    /// Returns when it is time for another look.
    async fn until_next(&self, tick: Duration) {
        let is_busy =
            || self.state().noticed_at.is_some_and(|noticed| noticed.elapsed() < BUSY_FOR);
        if is_busy() {
            return tokio::time::sleep(tick.min(BUSY_TICK)).await;
        }
        tokio::select! {
            biased;
            () = tokio::time::sleep(tick) => {}
            () = self.stirred.notified() => {}
        }
    }

    async fn tick(&self, beat_after: Duration) -> Result<(), PortError> {
        if self.renewed().is_none_or(|renewed| renewed.elapsed() >= beat_after) {
            self.beat().await?;
        }
        self.look().await?;
        self.give_up_what_is_left().await?;
        self.bury().await
    }

    fn renewed(&self) -> Option<Instant> {
        self.state().session.as_ref().map(|session| session.renewed)
    }

    /// Lets the others know at once that this process has gone, and of what it has put into queues.
    pub(super) async fn end(&self) -> Result<(), PortError> {
        let pending: Vec<String> = {
            let state = self.state();
            let unheard = |notice: &QueueNotice| notice.is_pending || notice.being_written > 0;
            let pending = state.notices.iter().filter(|(_, notice)| unheard(notice));
            pending.map(|(queue, _)| queue.clone()).collect()
        };
        for queue in pending {
            self.write_notice(&queue).await;
        }
        let _alone = self.beating.lock().await;
        let Some(session) = self.state().session.take() else { return Ok(()) };
        let blob = view::host_blob(&session.id);
        self.client.delete(&blob, false).await
    }

    /// Notified when this process or another says that a queue has messages.
    pub(super) fn notice(&self, queue: &str) -> Arc<Notify> {
        Arc::clone(&self.state().notices.entry(queue.to_owned()).or_default().noticed)
    }

    /// Says that a queue has messages, in this process and to the others. When the notice cannot be written, the
    /// others look into the queue all the same, a while later.
    pub(super) fn announce(self: &Arc<Self>, queue: &str) {
        let mut state = self.state();
        state.noticed_at = Some(Instant::now());
        self.stirred.notify_one();
        let notice = state.notices.entry(queue.to_owned()).or_default();
        notice.noticed.notify_waiters();
        if std::mem::replace(&mut notice.is_pending, true) {
            return;
        }
        let pause =
            notice.last.map_or(Duration::ZERO, |last| NOTICE_EVERY.saturating_sub(last.elapsed()));
        drop(state);
        let (members, queue) = (Arc::clone(self), queue.to_owned());
        self.client.io().spawn(async move {
            tokio::time::sleep(pause).await;
            members.write_notice(&queue).await;
        });
    }

    /// Tells the other processes that a queue has messages.
    async fn write_notice(&self, queue: &str) {
        if let Some(notice) = self.state().notices.get_mut(queue) {
            // What comes from now on may be too late for this write.
            notice.is_pending = false;
            notice.last = Some(Instant::now());
            notice.being_written += 1;
        }
        let (blob, notice) = (view::notice_blob(queue), view::of_notice());
        if let Err(error) = self.client.put(&blob, Vec::new(), &notice, &Only::Always).await {
            tracing::debug!(target: "reenact::store", parent: None, %error, queue, "the notice of a queue was not written");
        }
        if let Some(notice) = self.state().notices.get_mut(queue) {
            notice.being_written -= 1;
        }
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").field("shards", &self.shards).finish_non_exhaustive()
    }
}
