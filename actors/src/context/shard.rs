//! What the actors of a shard share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ractor::ActorRef;
use reenact_core::InstanceId;
use reenact_providers::{HistoryStore, TimerScheduler};
use tokio::sync::RwLock;

use crate::admission::{Admission, Tenants};
use crate::context::HostRef;
use crate::dispatcher::Dispatcher;
use crate::footprint::Footprints;
use crate::pace::Ending;
use crate::persistence::{Entry, Gone, Inbox, PersistenceMessage};
use crate::registry::Registry;
use crate::routes::Routes;
use crate::task::Tasks;

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
    pub(crate) inbox: Inbox,
    pub(crate) gone: Gone,
    pub(crate) ending: Ending,
    pub(crate) persistence: ActorRef<PersistenceMessage>,
    pub(crate) strict_replay: bool,
    /// This host did not have the shard before. One that had it has not died of it.
    pub(crate) is_new: bool,
    /// With so many hosts that died while it ran, an activity fails.
    pub(crate) max_host_deaths: u32,
    pub(crate) tasks: Tasks,
    /// Those on the same thread.
    pub(crate) tenants: Arc<Tenants>,
    /// The actors of instances are among those of the host.
    pub(crate) _host: HostRef,
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
