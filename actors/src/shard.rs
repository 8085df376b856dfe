//! The supervisor of a shard: owns the lease, brings instances into memory, mends what breaks.

mod admit;
mod drain;
mod gone;
mod line;
mod supervise;
mod sweep;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use reenact_core::{InstanceId, ShardId, Timestamp};
use reenact_providers::{HistoryStore, Lease, ProviderError, TimerScheduler};
use tokio::sync::{RwLock, oneshot};

use crate::admission::{Admission, Place, Tenants};
use crate::context::{HostContext, HostRef};
use crate::dispatcher::Dispatcher;
use crate::error::Error;
use crate::footprint::Footprints;
use crate::instance::{Begin, InstanceActor, InstanceArguments};
use crate::message::{Asked, InstanceMessage, Internal, ShardMessage};
use crate::pace::{Ending, OnItsWay};
use crate::persistence::{
    Entry, Inbox, Medium, Persistence, PersistenceArguments, PersistenceMessage,
};
use crate::pump::Pump;
use crate::registry::Registry;
use crate::routes::Routes;
use crate::task::{Task, Tasks, end_for_panic};
use crate::timers::{Timers, TimersArguments};
use admit::Waits;
use gone::Gone;
use line::Line;
use supervise::Failure;
use sweep::Sweep;

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
    /// What the instances of the host hold in memory.
    pub(crate) footprints: Arc<Footprints>,
    /// There are instances that are due and wait for a place. What has come because it was due goes once
    /// it is idle.
    pub(crate) is_due_waiting: AtomicBool,
    pub(crate) dispatcher: Dispatcher,
    /// Held for writing by purges.
    pub(crate) purges: Arc<RwLock<()>>,
    inbox: Inbox,
    gone: Gone,
    pub(crate) ending: Ending,
    persistence: ActorRef<PersistenceMessage>,
    pub(crate) strict_replay: bool,
    /// This host did not have the shard before. One that had it has not died of it.
    pub(crate) is_new: bool,
    /// With so many hosts that died while it ran, an activity fails.
    pub(crate) max_host_deaths: u32,
    pub(crate) tasks: Tasks,
    /// Those on the same thread.
    pub(crate) tenants: Arc<Tenants>,
    /// The actors of instances are among those of the host.
    _host: HostRef,
}

pub(crate) struct ShardState {
    shard: ShardId,
    host: HostRef,
    context: Arc<ShardContext>,
    /// Those that are in memory, by their actors: in the order in which these began.
    instances: BTreeMap<ActorId, Member>,
    /// Those that wait to come into memory.
    line: Line,
    waits: Waits,
    /// What came for an instance whose actor is about to go.
    stashed: HashMap<InstanceId, Vec<Stashed>>,
    crashes: HashMap<InstanceId, Crashes>,
    /// Parked ones that crash without their code as well.
    broken: HashSet<InstanceId>,
    draining: bool,
    /// Takes what comes from other hosts, where the store is shared.
    pump: Option<Pump>,
    /// Shared with the questions that are under way.
    asked: Asked,
    sweeping: Option<Sweep>,
    /// Renewal and sweeps.
    _background: [Task; 2],
}

/// An instance in memory.
struct Member {
    instance: InstanceId,
    actor: ActorRef<InstanceMessage>,
    /// Its place among those of the host, until its actor has gone.
    place: Option<Place>,
}

/// How an instance comes into memory.
struct Entering {
    begin: Begin,
    place: Option<Place>,
    coming: Option<OnItsWay>,
    /// For no message but its log.
    is_due: bool,
}

enum Stashed {
    Message(InstanceMessage),
    Locate(oneshot::Sender<crate::Result<ActorRef<InstanceMessage>>>),
}

struct Crashes {
    times: u32,
    last: Timestamp,
}

impl ShardContext {
    /// Whether nothing is under way of an instance that has no actor, or has just got one.
    pub(crate) fn is_through(&self, instance: &InstanceId) -> bool {
        self.gone.is_through(instance, &self.inbox)
    }

    /// Hands something to the persistence actor. When that has gone, the shard goes with it: the
    /// log is as it was, and what waits for an answer is told that it was interrupted.
    pub(crate) fn make_durable(&self, entry: Entry) {
        let message = entry.message();
        // Turns that linger have had their message.
        let hurries = matches!(entry, Entry::Barrier(..));
        if (self.inbox.put(entry) || hurries) && self.persistence.cast(message).is_err() {
            drop(self.inbox.take(Vec::new()));
        }
    }
}

impl Actor for ShardSupervisor {
    type Msg = ShardMessage;
    type State = ShardState;
    /// With how long to wait for another that still holds the shard.
    type Arguments = (ShardId, Duration, HostRef);

    /// Acquires the lease, starts the actors of the shard, and wakes what the log says must be
    /// awake.
    async fn pre_start(
        &self,
        myself: ActorRef<ShardMessage>,
        (shard, patience, host): Self::Arguments,
    ) -> Result<ShardState, ActorProcessingErr> {
        let lease = acquire(&host, shard, patience).await?;
        host.leases_held.insert(shard, lease.clone());
        if host.has_ended() {
            host.release(shard).await;
            return Err("the host has gone".into());
        }
        let recovered = match host.store.histories.recover(&lease).await {
            Ok(recovered) => recovered,
            Err(error) => {
                // Others may have more luck.
                host.release(shard).await;
                return Err(error.into());
            }
        };
        let (timers, _) = Actor::spawn_linked(
            None,
            Timers,
            TimersArguments {
                routes: host.routes.clone(),
                clock: host.store.clock.clone(),
                supervisor: myself.clone(),
            },
            myself.get_cell(),
        )
        .await?;
        let dispatcher = Dispatcher {
            workers: host.workers.of_shard(shard).clone(),
            timers: timers.clone(),
            waiters: host.waiters.clone(),
            routes: host.routes.clone(),
            mail: host.mail.clone(),
            posts: host.posts(),
        };
        let inbox = Inbox::default();
        let arguments = PersistenceArguments {
            inbox: inbox.clone(),
            shard,
            epoch: lease.epoch,
            medium: Medium { store: host.store.histories.clone(), clock: host.store.clock.clone() },
            linger: host.options.commit_linger,
            dispatcher: dispatcher.clone(),
            supervisor: myself.clone(),
        };
        let (persistence, _) =
            Actor::spawn_linked(None, Persistence, arguments, myself.get_cell()).await?;
        let context = Arc::new(ShardContext {
            registry: host.registry.clone(),
            routes: host.routes.clone(),
            store: host.store.histories.clone(),
            clock: host.store.clock.clone(),
            admission: host.admission.clone(),
            footprints: host.footprints.clone(),
            is_due_waiting: AtomicBool::new(false),
            dispatcher,
            purges: host.purges.clone(),
            inbox,
            gone: Gone::default(),
            ending: Ending::default(),
            persistence,
            strict_replay: host.options.strict_replay,
            is_new: host.shards_had.insert(shard),
            max_host_deaths: host.options.max_host_deaths.max(1),
            tasks: host.tasks.clone(),
            tenants: host.threads.tenants_of(shard),
            _host: host.clone(),
        });
        // A request that the supervisor before this one had is gone with it.
        host.room_was_made(shard);
        host.routes.set_supervisor(shard, myself.clone());
        host.tell_waiters_of(shard);
        host.new_shards.add(shard);
        // What came while nobody had the shard waits in its queue.
        let pump = host.store.remote.as_ref().map(|_| Pump::begin(host.clone(), shard, &myself));
        let mut state = ShardState {
            shard,
            context,
            instances: BTreeMap::new(),
            line: Line::default(),
            waits: Waits::new(&myself),
            stashed: HashMap::new(),
            crashes: HashMap::new(),
            broken: HashSet::new(),
            draining: false,
            pump,
            asked: Asked::default(),
            sweeping: None,
            _background: [renewals(&myself, &host, lease), sweeps(&myself, &host)],
            host,
        };
        state.recover(recovered, &timers).await?;
        state.park_stalled();
        myself.cast(ShardMessage::Admit)?;
        Ok(state)
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
            ShardMessage::Wake(due, on_their_way) => {
                state.wake(&myself, due).await?;
                // They are in line: other timers may fire.
                drop(on_their_way);
                Ok(())
            }
            ShardMessage::Admit => state.admit(&myself).await,
            ShardMessage::PlaceFound(kind, place) => state.place_found(&myself, kind, place).await,
            ShardMessage::LookAtMemory => state.look_at_memory(&myself).await,
            ShardMessage::Sweep { idle } => {
                state.sweep(&myself, idle);
                Ok(())
            }
            ShardMessage::SweepOn => {
                state.sweep_on(&myself);
                Ok(())
            }
            ShardMessage::MakeRoom => {
                state.make_room(&myself);
                Ok(())
            }
            ShardMessage::Purge { instance, reply } => {
                state.purge(instance, reply);
                Ok(())
            }
            ShardMessage::Drain { reply } => {
                if let Some(pump) = state.pump.take() {
                    // What it has in hand needs this actor.
                    let myself = myself.clone();
                    state.host.tasks.spawn(async move {
                        pump.finish().await;
                        // A supervisor that has gone has nothing to drain.
                        let _ = myself.cast(ShardMessage::Drain { reply });
                    });
                    return Ok(());
                }
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
                state.ended(&myself, who.get_id(), Some(Failure::of(&*error))).await
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
        let Some(what) = self.add_to_line(myself, &instance, what).await? else { return Ok(()) };
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
        self.ask_in(myself, instance, what).await
    }

    /// What is parked is not replayed again for every message. Some are for its actor all the same.
    fn refuse_parked(&mut self, instance: &InstanceId, what: Stashed) -> Option<Stashed> {
        let Some(reason) = self.context.routes.parked(instance) else { return Some(what) };
        match what {
            Stashed::Message(message)
                if message.is_for_parked()
                    && (message.is_repair() || !self.is_broken(instance)) =>
            {
                self.broken.remove(instance);
                Some(Stashed::Message(message))
            }
            Stashed::Message(message) if message.is_start() => {
                message.refuse(|| Error::AlreadyExists { instance: instance.clone() });
                None
            }
            Stashed::Message(message) => {
                message.refuse(|| Error::Parked { instance: instance.clone(), reason });
                None
            }
            what @ Stashed::Locate(_) => Some(what),
        }
    }

    fn is_broken(&self, instance: &InstanceId) -> bool {
        self.broken.contains(instance)
    }

    /// Gives it to the instance's actor, if there is one that takes messages.
    fn hand_over(&self, instance: &InstanceId, what: Stashed) -> Option<Stashed> {
        match what {
            Stashed::Message(message) => {
                let refused = self.context.routes.try_deliver(instance, message);
                refused.err().map(Stashed::Message)
            }
            Stashed::Locate(reply) => {
                // One that takes this takes messages.
                let taken = self.context.routes.try_deliver(instance, Internal::Activate.into());
                match self.context.routes.actor(instance).filter(|_| taken.is_ok()) {
                    // Whoever asked may have given up.
                    Some(actor) => drop(reply.send(Ok(actor))),
                    None => return Some(Stashed::Locate(reply)),
                }
                None
            }
        }
    }

    async fn spawn(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        instance: InstanceId,
        entering: Entering,
    ) -> Result<(), ActorProcessingErr> {
        let shard = self.context.clone();
        let Entering { begin, mut place, coming, is_due } = entering;
        place.iter_mut().for_each(|place| place.move_in(&self.context.tenants));
        let arguments = InstanceArguments {
            shard,
            instance: instance.clone(),
            begin,
            has_place: place.is_some(),
            coming,
            is_due,
        };
        // It reads its log after the start, so this does not wait.
        let (actor, _) =
            Actor::spawn_linked(None, InstanceActor, arguments, myself.get_cell()).await?;
        let member = Member { instance: instance.clone(), actor: actor.clone(), place };
        self.instances.insert(actor.get_id(), member);
        self.context.routes.insert(instance, actor);
        Ok(())
    }

    fn purge(&self, instance: InstanceId, reply: oneshot::Sender<crate::Result<()>>) {
        let (host, shard) = (self.host.clone(), self.shard);
        self.host.tasks.spawn(async move {
            let Some(lease) = host.leases_held.get(&shard).map(|lease| lease.clone()) else {
                return;
            };
            let alone = host.purges.write().await;
            let purged = host.store.histories.purge(std::slice::from_ref(&instance), &lease).await;
            drop(alone);
            // Whoever asked may have given up.
            let _ = reply.send(match purged {
                Ok(0) => Err(Error::NotFound { instance }),
                Ok(_) => Ok(()),
                Err(ProviderError::Conflict { .. }) => Err(host.why_not_purged(instance).await),
                Err(other) => Err(other.into()),
            });
        });
    }
}

/// Takes the shard, and waits for another that still holds it as long as there is patience. What an
/// earlier supervisor of this host held is given up first: it has gone, and its epoch with it.
async fn acquire(
    host: &HostContext,
    shard: ShardId,
    mut patience: Duration,
) -> Result<Lease, ActorProcessingErr> {
    host.release(shard).await;
    loop {
        match host.leases.acquire(shard, &host.options.host_name).await {
            Ok(lease) => return Ok(lease),
            Err(error) if patience.is_zero() || !may_pass(&error) => return Err(error.into()),
            Err(error) => tracing::info!(%shard, %error, "waiting for the lease"),
        }
        let pause = ACQUIRE_EVERY.min(patience);
        patience -= pause;
        tokio::time::sleep(pause).await;
    }
}

/// Whether another try may acquire the lease: the holder may give it up, or the store come back.
fn may_pass(error: &ProviderError) -> bool {
    error.is_transient()
        || matches!(error, ProviderError::Conflict { .. } | ProviderError::Unknown { .. })
}

/// Extends the lease, for as long as that can be done; then the shard ends.
fn renewals(myself: &ActorRef<ShardMessage>, host: &HostRef, lease: Lease) -> Task {
    let (myself, host) = (myself.clone(), host.clone());
    let lost = end_for_panic(&myself, "the renewal of its lease");
    let renew = async move {
        let mut lease = lease;
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            match host.leases.renew(&lease).await {
                Ok(renewed) => {
                    lease = renewed;
                    host.leases_held.insert(lease.shard, lease.clone());
                }
                Err(error) if error.is_transient() => {
                    tracing::warn!(shard = %lease.shard, %error, "the lease could not be renewed");
                }
                Err(error) => return myself.stop(Some(format!("its lease is lost: {error}"))),
            }
        }
    };
    Task::vital(renew, lost)
}

fn sweeps(myself: &ActorRef<ShardMessage>, host: &HostContext) -> Task {
    let (myself, clock, idle) =
        (myself.clone(), host.store.clock.clone(), host.options.passivate_after);
    let lost = end_for_panic(&myself, "the clock");
    let sweep = async move {
        loop {
            clock.sleep_until(clock.now() + (idle / 2).max(SHORTEST_SWEEP)).await;
            if myself.cast(ShardMessage::Sweep { idle }).is_err() {
                return;
            }
        }
    };
    Task::vital(sweep, lost)
}

/// The shortest time between two sweeps.
const SHORTEST_SWEEP: Duration = Duration::from_millis(10);
