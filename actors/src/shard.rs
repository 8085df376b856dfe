//! The supervisor of a shard: owns the lease, brings instances into memory, and restarts what crashes.

mod activation_queue;
mod admit;
mod deliver;
mod drain;
mod lease;
mod stashed;
mod state;
mod supervise;
mod sweep;
#[cfg(test)]
pub(crate) mod testing;
mod waits;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use reenact_core::ShardId;

use crate::context::{HostRef, ShardContext};
use crate::message::{Asked, ShardMessage};
use crate::persistence::{Persistence, PersistenceArguments};
use crate::queue_consumer::QueueConsumer;
use crate::timers::{Timers, TimersArguments};
use activation_queue::ActivationQueue;
use lease::{acquire, renewals};
use stashed::Stashed;
use state::ShardState;
use supervise::Failure;
use sweep::sweeps;
use waits::Waits;

/// The supervisor of a shard. Messages to instances in memory do not pass through it; it handles
/// messages to other instances, and the end and failure of actors.
pub(crate) struct ShardSupervisor;

impl Actor for ShardSupervisor {
    type Msg = ShardMessage;
    type State = ShardState;
    /// The time is how long to wait for another host that still holds the shard.
    type Arguments = (ShardId, Duration, HostRef);

    /// Acquires the lease, starts the actors of the shard, and loads the instances that must be in memory
    /// by the log.
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
                // Another host may succeed.
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
                recorder: host.recorder.of_shard(shard).clone(),
            },
            myself.get_cell(),
        )
        .await?;
        let context = ShardContext::new(host, shard, timers.clone());
        let host = &context.host;
        let arguments = PersistenceArguments {
            shard: context.clone(),
            epoch: lease.epoch,
            supervisor: myself.clone(),
        };
        let (persistence, _) =
            Actor::spawn_linked(None, Persistence, arguments, myself.get_cell()).await?;
        context.set_persistence(persistence);
        // A request for room that the previous supervisor had is gone with it.
        host.room_was_made(shard);
        host.routes.set_supervisor(shard, myself.clone());
        host.notify_waiters_of(shard);
        host.new_shards.add(shard);
        // Messages that came while no host had the shard wait in its queue.
        let queue_consumer = host
            .store
            .queue_client
            .as_ref()
            .map(|_| QueueConsumer::begin(host.clone(), shard, &myself));
        let epoch = lease.epoch.0;
        host.recorder.shards_taken.count();
        let mut state = ShardState {
            shard,
            instances: BTreeMap::new(),
            queue: ActivationQueue::default(),
            waits: Waits::new(&myself),
            stashed: HashMap::new(),
            crashes: HashMap::new(),
            broken: HashSet::new(),
            draining: false,
            queue_consumer,
            asked: Asked::default(),
            sweeping: None,
            _background: [renewals(&myself, host, lease), sweeps(&myself, host)],
            context,
        };
        if !state.context.host.options.dormant {
            state.recover(recovered, &timers).await?;
        }
        state.park_stalled();
        myself.cast(ShardMessage::Admit)?;
        tracing::info!(
            target: "reenact::shard", parent: None, %shard, host = state.context.host.options.host_name, epoch,
            "this host has taken a shard"
        );
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
                // The instances are queued, so other timers may fire.
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
                if let Some(queue_consumer) = state.queue_consumer.take() {
                    // Messages that were received and not settled need this actor.
                    let myself = myself.clone();
                    state.context.host.tasks.spawn(async move {
                        queue_consumer.finish().await;
                        // A supervisor that has gone has nothing to drain.
                        let _ = myself.cast(ShardMessage::Drain { reply });
                    });
                    return Ok(());
                }
                state.drain().await;
                // The caller may have given up.
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
