//! What all shards of a host share.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::{DashMap, DashSet};
use futures_util::FutureExt;
use reenact_core::{InstanceId, ShardId, Timestamp};
use reenact_providers::{
    InstanceCounts, Lease, Membership, ProviderError, ShardLease, TimerScheduler, Waiting,
};
use tokio::sync::{Notify, RwLock, watch};

use super::Asked;
use crate::admission::Admission;
use crate::answers::ClientRuntimes;
use crate::error::Error;
use crate::footprint::Footprints;
use crate::gate::Gate;
use crate::local_delivery::LocalDelivery;
use crate::log::Log;
use crate::message::ShardMessage;
use crate::metrics::HostRecorder;
use crate::new_shards::NewShards;
use crate::options::HostOptions;
use crate::patience::Patience;
use crate::registry::Registry;
use crate::routes::Routes;
use crate::store::Store;
use crate::tags::TagSender;
use crate::task::Tasks;
use crate::threads::Threads;
use crate::waiters::Waiters;
use crate::workers::Workers;

/// The handle with which the actors of a host share its state. It is separate from the handle of
/// clients, so that a host that ends can wait until all of its actors have ended.
pub(crate) type HostRef = Arc<SharedByActors>;

pub(crate) struct SharedByActors {
    host: Arc<HostContext>,
    /// Notified when no actor is left.
    gone: Arc<Notify>,
}

impl SharedByActors {
    pub(crate) fn new(host: Arc<HostContext>, gone: Arc<Notify>) -> HostRef {
        Arc::new(Self { host, gone })
    }
}

impl Deref for SharedByActors {
    type Target = Arc<HostContext>;

    fn deref(&self) -> &Arc<HostContext> {
        &self.host
    }
}

impl Drop for SharedByActors {
    fn drop(&mut self) {
        self.gone.notify_waiters();
    }
}

// On cache lines of its own: clients count their clones next to it, on other threads.
#[repr(align(64))]
pub(crate) struct HostContext {
    pub(crate) options: HostOptions,
    pub(crate) registry: Arc<Registry>,
    pub(crate) store: Arc<Store>,
    /// The access of the whole host to the store.
    pub(crate) gate: Arc<Gate>,
    pub(crate) leases: Arc<dyn ShardLease>,
    pub(crate) routes: Routes,
    /// The threads on which it runs.
    pub(crate) threads: Threads,
    pub(crate) workers: Workers,
    pub(crate) local_delivery: LocalDelivery,
    pub(crate) waiters: Waiters,
    /// The runtimes on which its clients wait.
    pub(crate) clients: ClientRuntimes,
    pub(crate) admission: Arc<Admission>,
    /// The memory that its instances hold.
    pub(crate) footprints: Arc<Footprints>,
    /// What the host counts.
    pub(crate) recorder: Arc<HostRecorder>,
    /// How many instances the store has.
    pub(crate) counted_instances: Asked<InstanceCounts>,
    /// How many messages wait in the queues of all shards.
    pub(crate) queued: Asked<(Timestamp, Waiting)>,
    pub(crate) tasks: Tasks,
    /// Whether the host ends gracefully: the end of its shards is no failure then.
    pub(crate) closing: AtomicBool,
    /// Whether the host ends at once: an operation that begins gives up what it has.
    pub(crate) ended: AtomicBool,
    /// For each shard, whether its idle instances were asked to make room and have not answered.
    pub(crate) making_room: Box<[AtomicBool]>,
    /// Locked for writing by purges, and for reading by operations that build on a finished instance.
    pub(crate) purges: Arc<RwLock<()>>,
    /// The shards that it has or had.
    pub(crate) shards_had: DashSet<ShardId>,
    /// The leases that it holds, to give them back when there is no time to ask the shards.
    pub(crate) leases_held: DashMap<ShardId, Lease>,
    /// The shards whose instances are to be checked against the code of this host.
    pub(crate) new_shards: NewShards,
    /// Its membership of the hosts that share the store, until this host ends. None where it has the store
    /// for itself.
    pub(crate) membership: Mutex<Option<Arc<dyn Membership>>>,
}

impl HostContext {
    /// A shard could not be started again. Clients that wait for an instance in it go on waiting if the
    /// cause may pass by itself; otherwise they get the error.
    pub(crate) fn mark_down(&self, shard: ShardId, why: ProviderError) {
        let (is_rotten, why) = (is_rotten(&why), Arc::new(why));
        self.routes.set_down(shard, why.clone());
        if is_rotten {
            for instance in self.waiting_for(shard) {
                self.waiters.ended(&instance, &Err(Error::Store { source: why.clone() }));
            }
        }
    }

    /// Why an instance cannot go on before a person has mended its shard, if so.
    pub(crate) fn rot_of(&self, instance: &InstanceId) -> Option<Arc<ProviderError>> {
        self.routes.why_down(self.routes.shard_of(instance)).filter(|why| is_rotten(why))
    }

    /// The instances of a shard for which clients wait.
    fn waiting_for(&self, shard: ShardId) -> Vec<InstanceId> {
        let waiting = self.waiters.instances().into_iter();
        waiting.filter(|instance| self.routes.shard_of(instance) == shard).collect()
    }

    /// The reader of its instances' logs, which also watches the code that a replay runs.
    pub(crate) fn log(&self) -> Log<'_> {
        let stalls = Some(&self.routes.stalls);
        Log { stalls, ..self.store.log() }
    }

    /// Why a store does not purge an instance that it knows.
    pub(crate) async fn why_not_purged(&self, instance: InstanceId) -> Error {
        match self.store.summary(&instance).await {
            Ok(summary) if summary.state.is_finished() => Error::NotTold { instance },
            Ok(_) => Error::NotFinished { instance },
            Err(error) => error,
        }
    }

    /// A sender of a shard's calls to hosts that declare their tags, if the store is shared.
    pub(crate) fn tag_sender(&self) -> Option<TagSender> {
        let remote = self.store.queue_client.as_ref()?;
        let (sharing, clock) = (remote.sharing.clone(), self.store.clock.clone());
        Some(TagSender::new(sharing, self.routes.clone(), clock))
    }

    /// Asks idle instances to leave memory.
    pub(crate) fn make_room(&self) {
        for (shard, making_room) in (0..).zip(&self.making_room) {
            // One request at a time is enough for all that ask.
            if !making_room.swap(true, Ordering::AcqRel) {
                self.routes.send_to_supervisor(ShardId(shard), ShardMessage::MakeRoom);
            }
        }
    }

    /// The idle instances of a shard are being asked to make room, so the next request counts again.
    pub(crate) fn room_was_made(&self, shard: ShardId) {
        if let Some(making_room) = self.making_room.get(shard.0 as usize) {
            making_room.store(false, Ordering::Release);
        }
    }

    /// Gives up the lease of a shard, if this host has it.
    pub(crate) fn release(&self, shard: ShardId) -> impl Future<Output = ()> + Send + 'static {
        // The lease is taken at once, not at the first await: a later lease is not meant.
        let lease = self.leases_held.remove(&shard);
        let (leases, recorder) = (self.leases.clone(), self.recorder.clone());
        let (tasks, clock) = (self.tasks.clone(), self.store.clock.clone());
        async move {
            let Some((_, lease)) = lease else { return };
            recorder.shards_given_up.count();
            let released = leases.release(&lease).await;
            tracing::info!(target: "reenact::shard", parent: None, %shard, "this host has given up a shard");
            if let Err(error) = released {
                tracing::warn!(target: "reenact::shard", parent: None, %shard, %error, "a lease could not be released; that is tried again while this host lives");
                tasks.spawn(release_in_the_end(leases, lease, error, clock));
            }
        }
    }

    /// Takes out the membership of this host.
    pub(crate) fn take_membership(&self) -> Option<Arc<dyn Membership>> {
        self.membership.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Leaves the hosts that share the store, and lets the others know.
    pub(crate) async fn leave(&self) {
        if let Some(membership) = self.take_membership()
            && let Err(error) = membership.leave().await
        {
            tracing::warn!(target: "reenact::host", parent: None, %error, "this host could not announce its end; the others notice it when its leases end");
        }
    }

    /// Its share of the shards, as it changes; `None` where it has all of them.
    pub(crate) fn share(&self) -> Option<watch::Receiver<BTreeSet<ShardId>>> {
        let membership = self.membership.lock().unwrap_or_else(PoisonError::into_inner);
        membership.as_ref().map(|membership| membership.share())
    }

    /// Admits nothing more, and ends the waits of clients with an error. Instances in memory go on.
    pub(crate) fn begin_shutdown(&self) {
        // Called first: an activity that fails because of the next steps counts as interrupted.
        self.workers.begin_shutdown();
        self.admission.close();
        self.waiters.close();
        self.gate.changes().close();
    }

    /// Ends everything that can be ended without waiting.
    pub(crate) fn stop_all(&self) {
        self.begin_shutdown();
        self.ended.store(true, Ordering::Release);
        self.local_delivery.close();
        self.workers.abort();
        for shard in 0..self.routes.shards() {
            if let Some(supervisor) = self.routes.supervisor(ShardId(shard)) {
                supervisor.kill();
            }
        }
        if self.options.reproducible.is_some() {
            // Their supervisors would end them in a random order.
            self.routes.all_actors().iter().for_each(|actor| actor.kill());
        }
        self.tasks.end();
    }

    /// Gives up all shards and the store where that takes no time; otherwise the task that ends the host
    /// does so. It waits for writes that are under way.
    pub(crate) fn let_go_now(&self) {
        if self.release_all().now_or_never().is_some() {
            self.gate.close();
        }
    }

    /// Whether its shards end because it does.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Gives up the leases of all shards.
    pub(crate) async fn release_all(&self) {
        for shard in 0..self.routes.shards() {
            self.release(ShardId(shard)).await;
        }
    }

    /// Notifies clients that wait for instances of a shard which ended or changed their status around the
    /// time when the shard went down: a receipt may have been lost.
    pub(crate) fn notify_waiters_of(self: &Arc<Self>, shard: ShardId) {
        let waiting = self.waiting_for(shard);
        if waiting.is_empty() {
            return;
        }
        let host = self.clone();
        self.tasks.spawn(async move {
            for instance in waiting {
                host.notify_waiters_of_one(&instance).await;
            }
        });
    }

    /// The clients go on waiting while the store is away, up to the end of the host.
    async fn notify_waiters_of_one(&self, instance: &InstanceId) {
        let mut patience = Patience::new();
        while !self.admission.is_closed() {
            match self.store.end_of(instance).await {
                Ok(None) => return self.waiters.look_again(instance),
                Ok(Some(outcome)) => return self.waiters.ended(instance, &Ok(outcome)),
                Err(Error::Store { source }) if source.is_transient() => {
                    patience.wait(&source, &*self.store.clock).await;
                }
                Err(error) => return self.waiters.ended(instance, &Err(error)),
            }
        }
    }
}

/// Tries again until a lease is released. Where leases last as long as their host, no other host gets the shard before
/// that. One that this host has acquired anew in the meantime is another lease.
async fn release_in_the_end(
    leases: Arc<dyn ShardLease>,
    lease: Lease,
    mut error: ProviderError,
    clock: Arc<dyn TimerScheduler>,
) {
    let mut patience = Patience::new();
    while !matches!(error, ProviderError::Closed) {
        patience.wait(&error, &*clock).await;
        match leases.release(&lease).await {
            Ok(()) => return,
            Err(again) => error = again,
        }
    }
}

fn is_rotten(error: &ProviderError) -> bool {
    error.is_unreadable()
}
