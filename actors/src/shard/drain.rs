//! A graceful end: everything that has come is handled and durable, then the lease is given up.

use tokio::sync::oneshot;

use super::{ShardState, Stashed};
use crate::error::Error;
use crate::message::Internal;
use crate::persistence::Entry;

impl ShardState {
    pub(super) async fn drain(&mut self) {
        self.draining = true;
        if self.host.store.remote.is_some() {
            // What comes from now on waits in the queue for the next owner.
            self.context.routes.set_leaving(self.shard);
        }
        for what in self.line.clear() {
            if let Stashed::Message(message) = what {
                message.refuse(|| Error::ShuttingDown);
            }
        }
        let actors: Vec<_> = self.instances.values().map(|member| member.actor.clone()).collect();
        for actor in &actors {
            // One that is draining takes no more messages, and has nothing that runs.
            let _ = actor.cast(Internal::HostStops.into());
            // One that is draining already needs no second word.
            let _ = actor.drain();
        }
        for actor in actors {
            // An error means that it has gone.
            let _ = actor.wait(None).await;
        }
        let (reply, durable) = oneshot::channel();
        self.context.make_durable(Entry::Barrier(None, reply));
        // An error means that the log was lost: nothing more can be made durable.
        let _ = durable.await;
        self.host.release(self.shard).await;
    }
}
