//! Brings a message to an instance that had no actor when the message was sent.

use ractor::{Actor, ActorProcessingErr, ActorRef};
use reenact_core::InstanceId;
use reenact_providers::ProviderError;
use tokio::sync::oneshot;

use super::stashed::{Entering, Stashed};
use super::state::{Member, ShardState};
use crate::error::Error;
use crate::instance::{InstanceActor, InstanceArguments};
use crate::message::{Internal, ShardMessage};

impl ShardState {
    /// Delivers to an instance that had no actor when the message was sent.
    pub(super) async fn deliver(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        instance: InstanceId,
        what: Stashed,
    ) -> Result<(), ActorProcessingErr> {
        if let Some(stashed) = self.stashed.get_mut(&instance) {
            stashed.push(what);
            return Ok(());
        }
        let Some(what) = self.add_to_queue(myself, &instance, what).await? else { return Ok(()) };
        let Some(what) = self.refuse_parked(&instance, what) else { return Ok(()) };
        let Some(what) = self.pass_to_actor(&instance, what) else { return Ok(()) };
        if self.context.host.routes.actor(&instance).is_some() {
            // The actor of the instance takes no more messages, and is about to end.
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

    /// Refuses a message to a parked instance, which is not replayed for every message. Some messages are
    /// for its actor all the same.
    pub(super) fn refuse_parked(
        &mut self,
        instance: &InstanceId,
        what: Stashed,
    ) -> Option<Stashed> {
        let Some(reason) = self.context.host.routes.parked(instance) else { return Some(what) };
        match what {
            what if self.context.host.options.dormant => Some(what),
            Stashed::Message(message)
                if message.is_for_parked()
                    && (message.is_repair() || !self.is_broken(instance)) =>
            {
                self.broken.remove(instance);
                Some(Stashed::Message(message))
            }
            Stashed::Message(message) if message.is_start_by_client() => {
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

    pub(super) fn is_broken(&self, instance: &InstanceId) -> bool {
        self.broken.contains(instance)
    }

    /// Passes the message to the instance's actor, if there is one that takes messages; otherwise returns
    /// it.
    pub(super) fn pass_to_actor(&self, instance: &InstanceId, what: Stashed) -> Option<Stashed> {
        match what {
            Stashed::Message(message) => {
                let refused = self.context.host.routes.try_deliver(instance, message);
                refused.err().map(|message| Stashed::Message(*message))
            }
            Stashed::Locate(reply) => {
                // An actor that takes this question takes messages.
                let taken =
                    self.context.host.routes.try_deliver(instance, Internal::Activate.into());
                match self.context.host.routes.actor(instance).filter(|_| taken.is_ok()) {
                    // The caller may have given up.
                    Some(actor) => drop(reply.send(Ok(actor))),
                    None => return Some(Stashed::Locate(reply)),
                }
                None
            }
        }
    }

    pub(super) async fn spawn(
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
        // The actor reads its log after the start, so this does not wait.
        let (actor, _) =
            Actor::spawn_linked(None, InstanceActor, arguments, myself.get_cell()).await?;
        let member = Member { instance: instance.clone(), actor: actor.clone(), place };
        self.instances.insert(actor.get_id(), member);
        self.context.host.routes.insert(instance, actor);
        Ok(())
    }

    pub(super) fn purge(&self, instance: InstanceId, reply: oneshot::Sender<crate::Result<()>>) {
        let (host, shard) = (self.context.host.clone(), self.shard);
        self.context.host.tasks.spawn(async move {
            let Some(lease) = host.leases_held.get(&shard).map(|lease| lease.clone()) else {
                return;
            };
            let alone = host.purges.write().await;
            let purged = host.store.histories.purge(std::slice::from_ref(&instance), &lease).await;
            drop(alone);
            // The caller may have given up.
            let _ = reply.send(match purged {
                Ok(0) => Err(Error::NotFound { instance }),
                Ok(_) => {
                    tracing::debug!(target: "reenact::instance", parent: None, %instance, "an instance was purged");
                    Ok(())
                }
                Err(ProviderError::Conflict { .. }) => Err(host.why_not_purged(instance).await),
                Err(other) => Err(other.into()),
            });
        });
    }
}
