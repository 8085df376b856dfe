//! What the actors of a shard share.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use ractor::ActorRef;
use reenact_core::{InstanceId, ShardId, Timestamp};

use super::host::HostRef;
use crate::admission::InstancesOfThread;
use crate::in_flight::Ending;
use crate::metrics::ShardRecorder;
use crate::persistence::{DepartedInstances, Entry, Inbox, PersistenceMessage};
use crate::tags::TagSender;
use crate::timers::TimerMessage;
use crate::workers::ShardWorkers;

/// What the actors of a shard share: the parts of the shard, and its host.
pub(crate) struct ShardContext {
    pub(crate) host: HostRef,
    pub(crate) shard: ShardId,
    pub(crate) workers: ShardWorkers,
    pub(crate) timers: ActorRef<TimerMessage>,
    /// Sends calls to hosts that declare tags, where the store is shared.
    pub(crate) tag_sender: Option<TagSender>,
    pub(crate) inbox: Inbox,
    /// What its actors count.
    pub(crate) recorder: Arc<ShardRecorder>,
    pub(crate) gone: DepartedInstances,
    /// The persistence actor, which empties the inbox. It is set before the first instance begins.
    persistence: OnceLock<ActorRef<PersistenceMessage>>,
    pub(crate) ending: Ending,
    /// Whether instances that are due wait for a place. Those that were loaded because they were due leave
    /// memory as soon as they are idle then.
    pub(crate) is_due_waiting: AtomicBool,
    /// Whether this host did not have the shard before: a host that had it has not died of it.
    pub(crate) is_new: bool,
    /// The instances on the same thread.
    pub(crate) tenants: Arc<InstancesOfThread>,
}

impl ShardContext {
    /// The context of a shard that begins on a host.
    pub(crate) fn new(host: HostRef, shard: ShardId, timers: ActorRef<TimerMessage>) -> Arc<Self> {
        Arc::new(Self {
            workers: host.workers.of_shard(shard).clone(),
            tag_sender: host.tag_sender(),
            is_new: host.shards_had.insert(shard),
            tenants: host.threads.tenants_of(shard),
            recorder: host.recorder.of_shard(shard).clone(),
            host,
            shard,
            timers,
            inbox: Inbox::default(),
            gone: DepartedInstances::default(),
            persistence: OnceLock::new(),
            ending: Ending::default(),
            is_due_waiting: AtomicBool::new(false),
        })
    }

    /// Sets the persistence actor of the shard.
    pub(crate) fn set_persistence(&self, persistence: ActorRef<PersistenceMessage>) {
        // A shard has only one.
        let _ = self.persistence.set(persistence);
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.host.store.clock.now()
    }

    /// Whether no entry of earlier actors of an instance is under way. The instance must have no actor, or
    /// a new one.
    pub(crate) fn is_through(&self, instance: &InstanceId) -> bool {
        self.gone.is_through(instance, &self.inbox)
    }

    /// Passes an entry to the persistence actor. When that actor has gone, the shard ends too: the log is
    /// as it was, and callers that wait for an answer get `Interrupted`.
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
