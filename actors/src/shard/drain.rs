//! Ends a shard gracefully: everything that has come is handled and durable, then the lease is released.

use ractor::ActorRef;
use reenact_core::InstanceId;
use tokio::sync::oneshot;

use super::stashed::Stashed;
use super::state::ShardState;
use crate::error::{Error, ParkReason};
use crate::message::{InstanceMessage, Internal};
use crate::persistence::Entry;

impl ShardState {
    pub(super) async fn drain(&mut self) {
        self.draining = true;
        if self.context.host.store.queue_client.is_some() {
            // Messages that come from now on wait in the queue for the next owner.
            self.context.host.routes.set_leaving(self.shard);
        }
        for what in self.queue.clear() {
            if let Stashed::Message(message) = what {
                message.refuse(|| Error::ShuttingDown);
            }
        }
        let members = self.instances.values();
        let actors: Vec<_> = members.map(|m| (m.instance.clone(), m.actor.clone())).collect();
        for (_, actor) in &actors {
            // An actor that is draining takes no more messages, and has no running code.
            let _ = actor.cast(Internal::HostStops.into());
            // An actor that is draining already may be asked again.
            let _ = actor.drain();
        }
        for (instance, actor) in actors {
            self.until_gone(instance, actor).await;
        }
        let (reply, durable) = oneshot::channel();
        self.context.make_durable(Entry::Barrier(None, reply));
        // An error means that the log was lost: nothing more can be made durable.
        let _ = durable.await;
        self.context.host.release(self.shard).await;
    }

    /// Returns when an actor has gone, or cannot go because its code blocks a thread that is not the host's
    /// own. On one of the host's own threads this supervisor would be blocked as well, and would be given
    /// up with the thread.
    async fn until_gone(&self, instance: InstanceId, actor: ActorRef<InstanceMessage>) {
        let routes = &self.context.host.routes;
        tokio::select! {
            biased;
            // An error means that it has gone.
            _ = actor.wait(None) => {}
            code = routes.stalls.until_too_long(&instance) => {
                let (shard, blocked_for) = (self.shard, self.context.host.options.replace_threads_after);
                tracing::error!(
                    target: "reenact::shard", parent: None,
                    %shard, %instance, %code,
                    "user code does not give its thread back; its shard is released nevertheless. Mend the code"
                );
                actor.kill();
                // It counts if the shard comes back to this host.
                routes.park_stalled(instance, ParkReason::Stalled { code, blocked_for });
            }
        }
    }
}
