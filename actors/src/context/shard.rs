//! What the actors of a shard share.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use ractor::ActorRef;
use reenact_core::{InstanceId, ShardId, Timestamp};

use super::host::HostRef;
use crate::admission::Tenants;
use crate::pace::Ending;
use crate::persistence::{Entry, Gone, Inbox, PersistenceMessage};
use crate::tags::TagSender;
use crate::timers::TimerMessage;
use crate::workers::ShardWorkers;

/// What the actors of a shard share: what belongs to the shard, and their host.
pub(crate) struct ShardContext {
    pub(crate) host: HostRef,
    pub(crate) shard: ShardId,
    pub(crate) workers: ShardWorkers,
    pub(crate) timers: ActorRef<TimerMessage>,
    /// The way to hosts that declare tags, where the store is shared.
    pub(crate) tag_sender: Option<TagSender>,
    pub(crate) inbox: Inbox,
    pub(crate) gone: Gone,
    /// Empties the inbox. Set before the first instance begins.
    persistence: OnceLock<ActorRef<PersistenceMessage>>,
    pub(crate) ending: Ending,
    /// There are instances that are due and wait for a place. What has come because it was due goes once
    /// it is idle.
    pub(crate) is_due_waiting: AtomicBool,
    /// This host did not have the shard before. One that had it has not died of it.
    pub(crate) is_new: bool,
    /// The instances on the same thread.
    pub(crate) tenants: Arc<Tenants>,
}

impl ShardContext {
    /// Of a shard that begins on a host.
    pub(crate) fn new(host: HostRef, shard: ShardId, timers: ActorRef<TimerMessage>) -> Arc<Self> {
        Arc::new(Self {
            workers: host.workers.of_shard(shard).clone(),
            tag_sender: host.tag_sender(),
            is_new: host.shards_had.insert(shard),
            tenants: host.threads.tenants_of(shard),
            host,
            shard,
            timers,
            inbox: Inbox::default(),
            gone: Gone::default(),
            persistence: OnceLock::new(),
            ending: Ending::default(),
            is_due_waiting: AtomicBool::new(false),
        })
    }

    /// The persistence actor of the shard is there.
    pub(crate) fn set_persistence(&self, persistence: ActorRef<PersistenceMessage>) {
        // A shard has one.
        let _ = self.persistence.set(persistence);
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.host.store.clock.now()
    }

    /// Whether nothing is under way of an instance that has no actor, or has just got one.
    pub(crate) fn is_through(&self, instance: &InstanceId) -> bool {
        self.gone.is_through(instance, &self.inbox)
    }

    /// Hands something to the persistence actor. When that has gone, the shard goes with it: the
    /// log is as it was, and what waits for an answer gets `Interrupted`.
    pub(crate) fn make_durable(&self, entry: Entry) {
        let message = entry.message();
        // Turns that linger have had their message.
        let hurries = matches!(entry, Entry::Barrier(..));
        if self.inbox.put(entry) || hurries {
            let sent = self.persistence.get().map(|persistence| persistence.cast(message));
            if sent.is_none_or(|sent| sent.is_err()) {
                drop(self.inbox.take(Vec::new()));
            }
        }
    }
}
