//! The supervisor of a shard: owns the lease, brings instances into memory, mends what breaks.

mod drain;
mod supervise;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use reenact_core::{InstanceId, ShardId, Timestamp};
use reenact_providers::{HistoryStore, Lease, TimerScheduler};
use tokio::sync::oneshot;

use crate::admission::Admission;
use crate::context::HostContext;
use crate::dispatcher::Dispatcher;
use crate::error::{Error, ParkReason};
use crate::instance::{Begin, InstanceActor, InstanceArguments};
use crate::message::{InstanceMessage, Internal, ShardMessage};
use crate::persistence::{Entry, Inbox, Persistence, PersistenceArguments, PersistenceMessage};
use crate::registry::Registry;
use crate::routes::Routes;
use crate::task::Task;
use crate::timers::{Timer, TimerMessage, Timers};

/// How often a lease is renewed, by the host's own clock.
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// How often an acquisition is tried while another holds the lease.
const ACQUIRE_EVERY: Duration = Duration::from_millis(250);

/// The supervisor of a shard. Messages to instances in memory pass it by; it sees misses,
/// terminations and failures.
pub(crate) struct ShardSupervisor;

/// What the actors of a shard share.
pub(crate) struct ShardContext {
    pub(crate) registry: Arc<Registry>,
    pub(crate) routes: Routes,
    pub(crate) store: Arc<dyn HistoryStore>,
    pub(crate) clock: Arc<dyn TimerScheduler>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) dispatcher: Dispatcher,
    inbox: Inbox,
    persistence: ActorRef<PersistenceMessage>,
    pub(crate) strict_replay: bool,
}

pub(crate) struct ShardState {
    shard: ShardId,
    host: Arc<HostContext>,
    context: Arc<ShardContext>,
    lease: Lease,
    /// Whose actor it is, for when one has gone.
    instances: HashMap<ActorId, InstanceId>,
    /// What came for an instance whose actor is about to go.
    stashed: HashMap<InstanceId, Vec<Stashed>>,
    crashes: HashMap<InstanceId, Crashes>,
    draining: bool,
    /// Renewal and sweeps.
    _background: [Task; 2],
}

enum Stashed {
    Message(InstanceMessage),
    Locate(oneshot::Sender<ActorRef<InstanceMessage>>),
}

struct Crashes {
    times: u32,
    last: Timestamp,
}

impl ShardContext {
    /// Hands something to the persistence actor. When that has gone, the shard goes with it: the
    /// log is as it was, and what waits for an answer is told that it was interrupted.
    pub(crate) fn make_durable(&self, entry: Entry) {
        if self.inbox.put(entry) && self.persistence.cast(PersistenceMessage::Flush).is_err() {
            drop(self.inbox.take());
        }
    }

    /// An instance cannot go on. Whoever waits for its end is told.
    pub(crate) fn park(&self, instance: &InstanceId, reason: ParkReason) {
        tracing::error!(%instance, %reason, "parked");
        self.routes.park(instance.clone(), reason.clone());
        let parked = Error::Parked { instance: instance.clone(), reason };
        self.dispatcher.waiters.tell(instance, &Err(parked));
    }
}

impl Actor for ShardSupervisor {
    type Msg = ShardMessage;
    type State = ShardState;
    type Arguments = (ShardId, Arc<HostContext>);

    /// Acquires the lease, starts the actors of the shard, and wakes what the log says must be
    /// awake.
    async fn pre_start(
        &self,
        myself: ActorRef<ShardMessage>,
        (shard, host): Self::Arguments,
    ) -> Result<ShardState, ActorProcessingErr> {
        let lease = acquire(&host, shard).await?;
        host.leases_held.insert(shard, lease.clone());
        if host.admission.is_closed() {
            host.release(shard).await;
            return Err("the host has gone".into());
        }
        let recovered = host.store.recover(&lease).await?;
        let (timers, _) = Actor::spawn_linked(
            None,
            Timers,
            (host.routes.clone(), host.clock.clone()),
            myself.get_cell(),
        )
        .await?;
        let dispatcher = Dispatcher {
            workers: host.workers.clone(),
            timers: timers.clone(),
            waiters: host.waiters.clone(),
        };
        let inbox = Inbox::default();
        let arguments = PersistenceArguments {
            inbox: inbox.clone(),
            shard,
            epoch: lease.epoch,
            store: host.store.clone(),
            clock: host.clock.clone(),
            dispatcher: dispatcher.clone(),
            supervisor: myself.clone(),
        };
        let (persistence, _) =
            Actor::spawn_linked(None, Persistence, arguments, myself.get_cell()).await?;
        let context = Arc::new(ShardContext {
            registry: host.registry.clone(),
            routes: host.routes.clone(),
            store: host.store.clone(),
            clock: host.clock.clone(),
            admission: host.admission.clone(),
            dispatcher,
            inbox,
            persistence,
            strict_replay: host.options.strict_replay,
        });
        host.routes.set_supervisor(shard, myself.clone());
        let now = host.clock.now();
        for summary in recovered {
            let (instance, wake_at) = (summary.instance, summary.wake_at.unwrap_or(now));
            if wake_at <= now {
                let message = Internal::Activate.into();
                myself.cast(ShardMessage::Deliver { instance, message })?;
            } else {
                timers.cast(TimerMessage::Arm(wake_at, Timer { instance, fire: None }))?;
            }
        }
        host.tell_waiters_of(shard);
        Ok(ShardState {
            shard,
            context,
            lease,
            instances: HashMap::new(),
            stashed: HashMap::new(),
            crashes: HashMap::new(),
            draining: false,
            _background: [renewals(&myself), sweeps(&myself, &host)],
            host,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<ShardMessage>,
        message: ShardMessage,
        state: &mut ShardState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ShardMessage::Deliver { instance, message } => {
                state.deliver(&myself, instance, Stashed::Message(message)).await
            }
            ShardMessage::Locate { instance, reply } => {
                state.deliver(&myself, instance, Stashed::Locate(reply)).await
            }
            ShardMessage::Sweep { idle } => {
                state.sweep(idle);
                Ok(())
            }
            ShardMessage::Renew => state.renew().await,
            ShardMessage::Purge { instance, reply } => {
                state.purge(instance, reply);
                Ok(())
            }
            ShardMessage::Drain { reply } => {
                state.drain().await;
                // Whoever asked may have given up.
                let _ = reply.send(());
                myself.stop(None);
                Ok(())
            }
        }
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<ShardMessage>,
        event: SupervisionEvent,
        state: &mut ShardState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(who, _, _) => {
                state.ended(&myself, who.get_id(), None).await
            }
            SupervisionEvent::ActorFailed(who, error) => {
                state.ended(&myself, who.get_id(), Some(error.to_string())).await
            }
            _ => Ok(()),
        }
    }
}

impl ShardState {
    /// Delivers to an instance that had no actor when the message was sent.
    async fn deliver(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        instance: InstanceId,
        what: Stashed,
    ) -> Result<(), ActorProcessingErr> {
        if let Some(stashed) = self.stashed.get_mut(&instance) {
            stashed.push(what);
            return Ok(());
        }
        let Some(what) = self.refuse_parked(&instance, what) else { return Ok(()) };
        let Some(what) = self.hand_over(&instance, what) else { return Ok(()) };
        if self.context.routes.actor(&instance).is_some() {
            // Its actor takes no more messages and is about to go.
            self.stashed.insert(instance, vec![what]);
            return Ok(());
        }
        if self.draining {
            if let Stashed::Message(message) = what {
                message.refuse(|| Error::ShuttingDown);
            }
            return Ok(());
        }
        let begin = match &what {
            Stashed::Message(message) => message.begin(),
            Stashed::Locate(_) => Begin::Activate,
        };
        self.spawn(myself, instance.clone(), begin).await?;
        // A fresh actor takes what it is given.
        let _ = self.hand_over(&instance, what);
        Ok(())
    }

    /// What is parked is not replayed again for every message. It can be terminated, and its id
    /// stays taken: its actor sees to both.
    fn refuse_parked(&self, instance: &InstanceId, what: Stashed) -> Option<Stashed> {
        let Some(reason) = self.context.routes.parked(instance) else { return Some(what) };
        match what {
            Stashed::Message(message) if !message.is_start() && !message.is_terminate() => {
                message.refuse(|| Error::Parked { instance: instance.clone(), reason });
                None
            }
            what => Some(what),
        }
    }

    /// Gives it to the instance's actor, if there is one that takes messages.
    fn hand_over(&self, instance: &InstanceId, what: Stashed) -> Option<Stashed> {
        match what {
            Stashed::Message(message) => {
                let refused = self.context.routes.try_deliver(instance, message);
                refused.err().map(Stashed::Message)
            }
            Stashed::Locate(reply) => match self.context.routes.actor(instance) {
                Some(actor) if actor.get_status() < ractor::ActorStatus::Draining => {
                    // Whoever asked may have given up.
                    let _ = reply.send(actor);
                    None
                }
                _ => Some(Stashed::Locate(reply)),
            },
        }
    }

    async fn spawn(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        instance: InstanceId,
        begin: Begin,
    ) -> Result<(), ActorProcessingErr> {
        let shard = self.context.clone();
        let arguments = InstanceArguments { shard, instance: instance.clone(), begin };
        // It reads its log after the start, so this does not wait.
        let (actor, _) =
            Actor::spawn_linked(None, InstanceActor, arguments, myself.get_cell()).await?;
        self.instances.insert(actor.get_id(), instance.clone());
        self.context.routes.insert(instance, actor);
        Ok(())
    }

    fn sweep(&self, idle: Duration) {
        let now = self.context.clock.now();
        let then = Timestamp::from_micros(
            now.as_micros().saturating_sub(u64::try_from(idle.as_micros()).unwrap_or(u64::MAX)),
        );
        for actor in self.context.routes.actors_of(self.shard) {
            // One that has gone in the meantime is not in memory.
            let _ = actor.cast(Internal::PassivateIfIdleSince(then).into());
        }
    }

    async fn renew(&mut self) -> Result<(), ActorProcessingErr> {
        match self.host.leases.renew(&self.lease).await {
            Ok(lease) => {
                self.lease = lease.clone();
                self.host.leases_held.insert(self.shard, lease);
                Ok(())
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(shard = %self.shard, %error, "the lease could not be renewed");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn purge(&self, instance: InstanceId, reply: oneshot::Sender<crate::Result<()>>) {
        let (store, lease) = (self.context.store.clone(), self.lease.clone());
        tokio::spawn(async move {
            let purged = store.purge(&instance, &lease).await;
            // Whoever asked may have given up.
            let _ = reply.send(purged.map_err(|error| match error {
                reenact_providers::ProviderError::Conflict { .. } => {
                    Error::NotFinished { instance }
                }
                other => other.into(),
            }));
        });
    }
}

/// Takes the shard, and waits for another that still holds it, up to the host's patience. What an
/// earlier supervisor of this host held is given up first: it has gone, and its epoch with it.
async fn acquire(host: &HostContext, shard: ShardId) -> Result<Lease, ActorProcessingErr> {
    host.release(shard).await;
    let mut patience = host.options.lease_patience;
    loop {
        match host.leases.acquire(shard, &host.options.host_name).await {
            Ok(lease) => return Ok(lease),
            Err(error) if patience.is_zero() => return Err(error.into()),
            Err(error) => tracing::info!(%shard, %error, "waiting for the lease"),
        }
        let pause = ACQUIRE_EVERY.min(patience);
        patience -= pause;
        tokio::time::sleep(pause).await;
    }
}

fn renewals(myself: &ActorRef<ShardMessage>) -> Task {
    let myself = myself.clone();
    Task::spawn(async move {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            if myself.cast(ShardMessage::Renew).is_err() {
                return;
            }
        }
    })
}

fn sweeps(myself: &ActorRef<ShardMessage>, host: &HostContext) -> Task {
    let (myself, clock, idle) = (myself.clone(), host.clock.clone(), host.options.passivate_after);
    Task::spawn(async move {
        loop {
            clock.sleep_until(clock.now() + (idle / 2).max(SHORTEST_SWEEP)).await;
            if myself.cast(ShardMessage::Sweep { idle }).is_err() {
                return;
            }
        }
    })
}

/// The shortest time between two sweeps.
const SHORTEST_SWEEP: Duration = Duration::from_millis(10);
