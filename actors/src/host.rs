//! The supervisor of a host: keeps its shards up. Where hosts share a store, the shards of its share.

mod blocked_threads;
mod message;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use ractor::{
    Actor, ActorId, ActorProcessingErr, ActorRef, ActorStatus, SpawnErr, SupervisionEvent,
};
use reenact_core::ShardId;
use reenact_core::zoo::{self, Bug};
use reenact_providers::{Backoff, ProviderError};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::context::{HostContext, HostRef};
use crate::error::Error;
use crate::message::ShardMessage;
use crate::shard::ShardSupervisor;
use crate::task::Task;
use crate::{fitness, retention};

pub(crate) use message::HostMessage;

/// How long a shard stays down before it is started again.
const RESTART_DELAY: Duration = Duration::from_millis(100);

/// The time between two tries to start a shard that another host has.
const TAKEN_DELAY: Duration = Duration::from_millis(250);

/// The times between tries to start a shard whose store is away.
const STORE_AWAY: Backoff = Backoff::new(RESTART_DELAY, Duration::from_secs(10));

/// The time between two tries to start a shard whose log is rotten: a person has to mend it.
const ROTTEN_DELAY: Duration = Duration::from_secs(30);

/// The supervisor of the shard supervisors.
pub(crate) struct HostSupervisor;

pub(crate) struct HostState {
    host: HostRef,
    /// The shards that are to run here.
    share: BTreeSet<ShardId>,
    /// The shards that run, start or end here.
    shards: BTreeMap<ShardId, Standing>,
    closing: bool,
    /// Purges finished instances that are not kept, until the host ends.
    retention: Option<Task>,
    /// Looks for instances that this host cannot run, until it ends.
    fitness: Option<Task>,
    /// Follows the share, where the store is shared.
    _follow: Option<Task>,
    /// Replaces threads that code blocks for too long.
    _blocked: Option<Task>,
}

/// The state of a shard on this host.
#[derive(Debug)]
enum Standing {
    /// This task starts it.
    Starting(#[expect(dead_code, reason = "held for its drop")] Task),
    /// It has a supervisor, and may be about to end.
    Up(ActorRef<ShardMessage>),
    /// It is down, and will be tried again.
    Down,
}

impl Actor for HostSupervisor {
    type Msg = HostMessage;
    type State = HostState;
    type Arguments = HostRef;

    async fn pre_start(
        &self,
        myself: ActorRef<HostMessage>,
        host: HostRef,
    ) -> Result<HostState, ActorProcessingErr> {
        let mut shared = host.share();
        let share = match &mut shared {
            Some(share) => share.borrow_and_update().clone(),
            None => (0..host.routes.shards()).map(ShardId).collect(),
        };
        // Begun first: code may block a thread on which a shard is to start.
        let blocked = blocked_threads::follow(&host, &myself);
        let starts = share.iter().map(|shard| first_start(&myself, &host, *shard));
        let mut shards = BTreeMap::new();
        for (shard, standing) in try_join_all(starts).await? {
            if matches!(standing, Standing::Down) {
                try_again(&myself, shard, TAKEN_DELAY);
            }
            shards.insert(shard, standing);
        }
        let is_dormant = host.options.dormant;
        let retention = if is_dormant { None } else { retention::begin(&host) };
        let fitness = begin_fitness(&host);
        let follow = shared.map(|share| follow(&myself, share));
        let closing = false;
        Ok(HostState {
            host,
            share,
            shards,
            closing,
            retention,
            fitness,
            _follow: follow,
            _blocked: blocked,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<HostMessage>,
        message: HostMessage,
        state: &mut HostState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            HostMessage::Restart(shard, delay) if !state.closing => {
                state.restart(&myself, shard, delay);
            }
            // The shard may have ended before its name was known here.
            HostMessage::Up(shard, actor) if actor.get_status() >= ActorStatus::Stopping => {
                state.host.routes.clear(shard);
                state.is_down(&myself, shard, RESTART_DELAY);
            }
            // The thread of the shard was given up since.
            HostMessage::Up(shard, actor) if !state.is_known(shard, &actor) => {
                actor.kill();
                if matches!(state.shards.get(&shard), Some(Standing::Starting(_))) {
                    state.is_down(&myself, shard, RESTART_DELAY);
                }
            }
            HostMessage::Up(shard, actor) => state.is_up(shard, actor),
            HostMessage::Lost(lost) if !state.closing => {
                if lost.iter().any(|(shard, _)| *shard == ShardId(0)) {
                    // The check of instances ran on that thread.
                    state.fitness = begin_fitness(&state.host);
                }
                lost.into_iter().for_each(|(shard, actor)| state.is_lost(&myself, shard, actor));
            }
            HostMessage::Blocked(shards) if !state.closing => state.cannot_drain(&myself, &shards),
            HostMessage::Failed(shard, delay) => state.is_down(&myself, shard, delay),
            HostMessage::Share(share) if !state.closing => state.share_is(&myself, share),
            HostMessage::Closing => {
                state.closing = true;
                (state.retention, state.fitness) = (None, None);
            }
            HostMessage::Restart(..)
            | HostMessage::Share(_)
            | HostMessage::Lost(_)
            | HostMessage::Blocked(_) => {}
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<HostMessage>,
        event: SupervisionEvent,
        state: &mut HostState,
    ) -> Result<(), ActorProcessingErr> {
        let (who, why) = match event {
            SupervisionEvent::ActorTerminated(who, _, why) => {
                (who, why.unwrap_or_else(|| "it stopped".to_owned()))
            }
            SupervisionEvent::ActorFailed(who, why) => (who, why.to_string()),
            _ => return Ok(()),
        };
        let is_it = |standing: &Standing| match standing {
            Standing::Up(actor) => actor.get_id() == who.get_id(),
            Standing::Starting(_) | Standing::Down => false,
        };
        let found = state.shards.iter().find(|(_, standing)| is_it(standing));
        if let Some(shard) = found.map(|(shard, _)| *shard)
            && !state.closing
            && !state.host.is_closing()
        {
            if state.share.contains(&shard) {
                state.host.recorder.shards_restarted.count();
                tracing::warn!(target: "reenact::shard", parent: None, %shard, reason = why, "a shard went down; it starts again from its log");
            } else {
                tracing::info!(target: "reenact::shard", parent: None, %shard, reason = why, "this host has released a shard");
            }
            state.host.routes.clear(shard);
            state.is_down(&myself, shard, RESTART_DELAY);
        }
        Ok(())
    }
}

impl HostState {
    /// Starts a shard that is down, unless it is no longer for this host.
    fn restart(&mut self, myself: &ActorRef<HostMessage>, shard: ShardId, delay: Duration) {
        match self.shards.get(&shard) {
            Some(Standing::Starting(_) | Standing::Up(_)) => {}
            _ if self.share.contains(&shard) => {
                let start = restart(myself, &self.host, shard, delay);
                self.shards.insert(shard, Standing::Starting(start));
            }
            Some(Standing::Down) => self.let_others_have(shard),
            None => {}
        }
    }

    fn is_up(&mut self, shard: ShardId, actor: ActorRef<ShardMessage>) {
        if !self.share.contains(&shard) && !self.closing {
            drain(shard, &actor);
        }
        self.shards.insert(shard, Standing::Up(actor));
    }

    /// A shard has ended, or could not begin: it starts again after a while, if it is to run here.
    fn is_down(&mut self, myself: &ActorRef<HostMessage>, shard: ShardId, delay: Duration) {
        if self.share.contains(&shard) {
            self.shards.insert(shard, Standing::Down);
            if !zoo::planted(Bug::LostLeaseNeverTakenAgain) {
                try_again(myself, shard, delay);
            }
        } else {
            self.let_others_have(shard);
        }
    }

    /// Whether a supervisor that has just started is the one of its shard.
    fn is_known(&self, shard: ShardId, actor: &ActorRef<ShardMessage>) -> bool {
        let known = self.host.routes.supervisor(shard);
        known.is_some_and(|known| known.get_id() == actor.get_id())
    }

    /// The thread of a shard was given up, so its supervisor cannot report its end.
    fn is_lost(&mut self, myself: &ActorRef<HostMessage>, shard: ShardId, lost: Option<ActorId>) {
        match self.shards.get(&shard) {
            Some(Standing::Up(actor)) if lost.is_none_or(|lost| lost == actor.get_id()) => {
                actor.kill();
                self.shards.insert(shard, Standing::Down);
                // It starts again soon: nothing is wrong with it.
                self.restart(myself, shard, RESTART_DELAY);
            }
            // A shard that is starting does so on the new thread.
            _ => {}
        }
    }

    /// The thread of these shards is blocked, and cannot be replaced. Shards that are to move to other
    /// hosts are released nevertheless, because their supervisors cannot do so.
    fn cannot_drain(&mut self, myself: &ActorRef<HostMessage>, shards: &[ShardId]) {
        for shard in shards {
            if let Some(Standing::Up(actor)) = self.shards.get(shard)
                && !self.share.contains(shard)
            {
                tracing::warn!(target: "reenact::shard", parent: None, %shard, "a shard is released although user code blocks its thread");
                actor.kill();
                self.host.routes.clear(*shard);
                self.is_down(myself, *shard, RESTART_DELAY);
            }
        }
    }

    /// Releases a shard that is down, and is not for this host any more. Its lease is still there if it did
    /// not end gracefully; why it could not be started is for its next owner to find out.
    fn let_others_have(&mut self, shard: ShardId) {
        self.shards.remove(&shard);
        self.host.routes.set_leaving(shard);
        let (release, host) = (self.host.release(shard), self.host.clone());
        // The host waits for this at its end.
        tokio::spawn(async move {
            release.await;
            drop(host);
        });
    }

    /// Starts shards that are new in the share, and drains those that left it. Shards that are starting or
    /// ending are looked at afterwards.
    fn share_is(&mut self, myself: &ActorRef<HostMessage>, share: BTreeSet<ShardId>) {
        tracing::info!(target: "reenact::shard", parent: None, shards = ?share, "the share of this host has changed");
        let before = mem::replace(&mut self.share, share);
        for shard in before.difference(&self.share).copied().collect::<Vec<_>>() {
            match self.shards.get(&shard) {
                Some(Standing::Up(actor)) => drain(shard, actor),
                Some(Standing::Down) => self.let_others_have(shard),
                Some(Standing::Starting(_)) | None => {}
            }
        }
        let new: Vec<_> = self.share.difference(&before).copied().collect();
        new.into_iter().for_each(|shard| self.restart(myself, shard, RESTART_DELAY));
    }
}

/// Looks for what the host cannot run, and what it can run again; a dormant one runs nothing.
fn begin_fitness(host: &HostRef) -> Option<Task> {
    (!host.options.dormant).then(|| fitness::begin(host))
}

/// Starts a shard with the host. When hosts share shards, a shard that another host has is no failure.
async fn first_start(
    myself: &ActorRef<HostMessage>,
    host: &HostRef,
    shard: ShardId,
) -> Result<(ShardId, Standing), ActorProcessingErr> {
    let is_shared = host.store.queue_client.is_some();
    let patience = if is_shared { Duration::ZERO } else { host.options.lease_patience };
    let arguments = (shard, patience, host.clone());
    match spawn(host, myself, arguments).await {
        Ok(actor) => Ok((shard, Standing::Up(actor))),
        Err(SpawnErr::StartupFailed(why)) if is_shared && is_taken(&*why) => {
            tracing::info!(target: "reenact::shard", parent: None, %shard, error = %why, "another host has the lease of this shard; waiting for it");
            Ok((shard, Standing::Down))
        }
        Err(error) => Err(not_started(shard, error).into()),
    }
}

/// Starts the supervisor of a shard on the thread of that shard, on which all of its actors run then.
async fn spawn(
    host: &HostContext,
    myself: &ActorRef<HostMessage>,
    arguments: (ShardId, Duration, HostRef),
) -> Result<ActorRef<ShardMessage>, SpawnErr> {
    let shard = arguments.0;
    loop {
        let given_up = host.threads.given_up(shard);
        let (arguments, root) = (arguments.clone(), myself.get_cell());
        let mut start = Start(Some(host.threads.of_shard(shard).spawn(async move {
            let (actor, _) = Actor::spawn_linked(None, ShardSupervisor, arguments, root).await?;
            Ok(actor)
        })));
        tokio::select! {
            biased;
            started = start.ended() => return started,
            // Code blocks the thread: another one has replaced it.
            () = given_up => {}
        }
    }
}

/// The start of a shard. If it is dropped before it has ended, the shard is stopped.
struct Start(Option<JoinHandle<Result<ActorRef<ShardMessage>, SpawnErr>>>);

impl Start {
    async fn ended(&mut self) -> Result<ActorRef<ShardMessage>, SpawnErr> {
        let ended = match &mut self.0 {
            Some(start) => start.await,
            None => std::future::pending().await,
        };
        self.0 = None;
        ended.unwrap_or_else(|error| Err(SpawnErr::StartupFailed(error.into())))
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        let Some(start) = self.0.take() else { return };
        start.abort();
        // Its thread may be blocked for ever, so only this task waits for it.
        let Ok(here) = Handle::try_current() else { return };
        here.spawn(async move {
            if let Ok(Ok(actor)) = start.await {
                actor.kill();
            }
        });
    }
}

/// Why a host does not start: what keeps one of its shards from starting, and what to do.
fn not_started(shard: ShardId, error: SpawnErr) -> Error {
    let why = match error {
        SpawnErr::StartupFailed(why) => why,
        other => return Error::Startup { reason: format!("shard {shard}: {other}"), source: None },
    };
    match why.downcast::<ProviderError>() {
        Ok(why) => {
            let advice = match *why {
                ProviderError::Conflict { .. } => {
                    "; end the host that has it, or wait longer (`HostOptions::lease_patience`)"
                }
                ProviderError::Corrupt { .. } => {
                    "; keep a copy of the store, and put back what is known to be good"
                }
                _ if why.is_transient() => "; start it again when the store can be reached",
                _ => "",
            };
            let reason = format!("shard {shard}: {why}{advice}");
            Error::Startup { reason, source: Some(Arc::from(why)) }
        }
        Err(why) => Error::Startup { reason: format!("shard {shard}: {why}"), source: None },
    }
}

fn is_taken(why: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    // Another host may have taken it in the middle of the start.
    matches!(
        why.downcast_ref(),
        Some(ProviderError::Conflict { .. } | ProviderError::Fenced { .. })
    )
}

/// Asks a shard to end gracefully, so that another host can have it.
fn drain(shard: ShardId, actor: &ActorRef<ShardMessage>) {
    tracing::info!(target: "reenact::shard", parent: None, %shard, "releasing a shard, which another host is to have");
    // The end of the shard shows by itself. A supervisor that has gone has ended.
    let (reply, _) = oneshot::channel();
    let _ = actor.cast(ShardMessage::Drain { reply });
}

/// Notifies the supervisor when the share changes, until the host leaves those that share the store.
fn follow(myself: &ActorRef<HostMessage>, mut share: watch::Receiver<BTreeSet<ShardId>>) -> Task {
    let myself = myself.clone();
    Task::spawn(async move {
        while share.changed().await.is_ok() {
            let now = share.borrow_and_update().clone();
            if myself.cast(HostMessage::Share(now)).is_err() {
                return;
            }
        }
    })
}

/// Starts a shard without delaying the others; tries again for as long as the host lives.
fn restart(
    myself: &ActorRef<HostMessage>,
    host: &HostRef,
    shard: ShardId,
    delay: Duration,
) -> Task {
    let (myself, host) = (myself.clone(), host.clone());
    Task::spawn(async move {
        // It does not wait for the lease itself: the tries are paced here.
        let arguments = (shard, Duration::ZERO, host.clone());
        match spawn(&host, &myself, arguments).await {
            Ok(actor) => {
                // A host that has gone takes its shards with it.
                let _ = myself.cast(HostMessage::Up(shard, actor));
            }
            Err(error) => {
                let delay = failed(&host, shard, error, delay);
                // A host that has gone tries nothing again.
                let _ = myself.cast(HostMessage::Failed(shard, delay));
            }
        }
    })
}

fn try_again(myself: &ActorRef<HostMessage>, shard: ShardId, delay: Duration) {
    myself.send_after(delay, move || HostMessage::Restart(shard, delay));
}

/// Logs why a shard could not be started, and reports it to waiting clients; returns how long to wait
/// for the next try.
fn failed(host: &HostContext, shard: ShardId, error: SpawnErr, last: Duration) -> Duration {
    let longer = STORE_AWAY.longer_than(last);
    let why = match error {
        SpawnErr::StartupFailed(error) => error.downcast::<ProviderError>(),
        other => Err(other.into()),
    };
    let why = match why {
        Ok(why) => *why,
        Err(error) => {
            tracing::warn!(target: "reenact::shard", parent: None, %shard, %error, "a shard could not be started; trying again");
            return longer;
        }
    };
    let delay = match &why {
        ProviderError::Conflict { .. } => {
            tracing::info!(target: "reenact::shard", parent: None, %shard, error = %why, "another host has the lease of this shard; waiting for it");
            if host.store.queue_client.is_some() {
                // No message is refused: messages for the shard go to the host that has it.
                host.routes.set_leaving(shard);
                return TAKEN_DELAY;
            }
            TAKEN_DELAY
        }
        ProviderError::Corrupt { .. } => {
            tracing::error!(target: "reenact::shard", parent: None, %shard, error = %why, "a shard stays down because its log is rotten; put back a good copy of the store");
            ROTTEN_DELAY
        }
        _ => {
            tracing::warn!(target: "reenact::shard", parent: None, %shard, error = %why, "a shard could not be started; trying again");
            longer
        }
    };
    host.mark_down(shard, why);
    delay
}
