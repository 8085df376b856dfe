//! A running host, as a program holds it.

mod activities;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use dashmap::{DashMap, DashSet};
use futures_util::future::join_all;
use ractor::{Actor, ActorRef, SpawnErr};
use reenact_core::limits::max_payload_bytes;
use reenact_core::{Name, ShardId};
use reenact_providers::{Membership, Provider, Sharing};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use self::activities::{activity_runtimes, limits};
use crate::access::Access;
use crate::admission::Admission;
use crate::answers::ClientRuntimes;
use crate::context::{
    Asked, HostContext, INSTANCES_ASKED_AGAIN_AFTER, QUEUES_ASKED_AGAIN_AFTER, SharedByActors,
};
use crate::counted_queues::CountedQueues;
use crate::error::{Error, Result};
use crate::footprint::Footprints;
use crate::gate::Gate;
use crate::host::{HostMessage, HostSupervisor};
use crate::local_delivery::LocalDelivery;
use crate::message::ShardMessage;
use crate::metrics::{HostRecorder, Labels};
use crate::new_shards::NewShards;
use crate::options::HostOptions;
use crate::registry::Registry;
use crate::routes::Routes;
use crate::seeds::Seeds;
use crate::stalls::Stalled;
use crate::store::Store;
use crate::tags::TagReceiver;
use crate::task::Tasks;
use crate::telemetry::{host_ends, host_has_ended, host_has_started};
use crate::threads::Threads;
use crate::waiters::Waiters;
use crate::workers::Workers;

/// The least time that a shutdown has for commands that are under way when its activities took all of
/// its time; and how long a host that ends waits for its actors.
const LEAST_DRAIN: Duration = Duration::from_secs(1);

/// A running host: its actors. Cheap to clone. The ways in are its [`Access`].
#[derive(Clone)]
pub struct Runtime {
    host: Arc<HostContext>,
    /// No longer upgrades when no actor is left.
    actors: Weak<SharedByActors>,
    /// Notified when no actor is left.
    gone: Arc<Notify>,
    root: ActorRef<HostMessage>,
    root_task: Arc<Mutex<Option<JoinHandle<()>>>>,
    /// Runs activities of other hosts' instances, where the host declares tags.
    tag_receiver: Option<Arc<TagReceiver>>,
}

impl Runtime {
    /// Starts a host: acquires the shards, recovers what the log says must be awake. Where the store is
    /// shared, it becomes one of the hosts that share it, and starts its share of the shards; one that
    /// another host still holds comes when that has given it up. It runs on threads of its own
    /// ([`HostOptions::threads`]), and goes on while the runtime of the caller stands still. Needs to be
    /// called within a tokio runtime with time enabled.
    ///
    /// # Errors
    /// Nothing of the host runs then, and it holds nothing of the store.
    /// [`Error::NoRuntime`] when it is not called within a tokio runtime with time enabled;
    /// [`Error::InvalidThreads`] when it is to have no threads, or too many;
    /// [`Error::UnknownActivity`] when a limit is set for one that is not registered, or it is said to block;
    /// [`Error::ActivityRuntimeEnded`] when activities are to run on a runtime that has ended;
    /// [`Error::MissingState`] when an activity needs a value that was not given;
    /// [`Error::InvalidTag`] when a declared tag is invalid;
    /// [`Error::Store`] when a shared store cannot be joined;
    /// [`Error::Startup`] when a shard cannot be acquired or recovered.
    ///
    /// Cancelled, it ends what has begun, as [`end_now`](Self::end_now) does.
    pub async fn start(
        provider: &dyn Provider,
        mut registry: Registry,
        options: HostOptions,
    ) -> Result<Self> {
        let caller = runtime_with_time()?;
        if options.dormant {
            if provider.sharing().is_some() {
                let reason = "a dormant host is for a store that hosts do not share; use a client \
                              without a host (`Access::connect`)";
                return Err(Error::Startup { reason: reason.to_owned(), source: None });
            }
            // None of its code is to run.
            registry = Registry::default();
        }
        let takes_large = provider.histories().takes_large_payloads();
        let limits = limits(&mut registry, &options, max_payload_bytes(takes_large))?;
        let runtimes = activity_runtimes(&registry, &options, limits.blocking)?;
        registry.check_states()?;
        let tags = tags(&options)?;
        let threads = Threads::begin(options.threads, provider.shards(), &caller)?;
        let membership = join(provider, &options, threads.of_host()).await?;
        let is_shared = membership.is_some();
        if is_shared {
            registry.set_among_others();
        }
        let recorder = recorder(&mut registry, provider);
        let registry = Arc::new(registry);
        let routes = Routes::new(provider.shards(), threads.clone());
        let gate = Gate::new(provider, recorder.store.clone());
        let store = store(provider, &gate, &recorder, options.reproducible);
        let clients = ClientRuntimes::new(threads.are_own());
        let held_up = clients.clone();
        let on_hold = move || held_up.deliver_or_return();
        if options.reproducible.is_none() {
            routes.stalls.begin(&options, store.clock.clone(), on_hold);
        }
        let workers = Workers::new(
            registry.clone(),
            &recorder,
            routes.clone(),
            provider.timers(),
            limits,
            runtimes,
        );
        let admission = Admission::new(
            options.max_messages.max(1),
            options.max_instances.max(1),
            options.when_busy,
            recorder.admission.clone(),
        );
        let tasks = Tasks::new();
        let host = Arc::new(HostContext {
            registry,
            leases: gate.clone(),
            gate,
            local_delivery: LocalDelivery::new(
                routes.clone(),
                store.clone(),
                tasks.clone(),
                options.dormant,
            ),
            store,
            workers,
            waiters: Waiters::new(provider.shards()),
            clients,
            routes,
            admission: Arc::new(admission),
            footprints: Footprints::new(options.max_instance_bytes.max(1)),
            recorder,
            counted_instances: Asked::new(Handle::current(), INSTANCES_ASKED_AGAIN_AFTER),
            queued: Asked::new(Handle::current(), QUEUES_ASKED_AGAIN_AFTER),
            tasks,
            threads,
            closing: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            purges: Arc::default(),
            shards_had: DashSet::new(),
            leases_held: DashMap::new(),
            new_shards: NewShards::new(),
            making_room: (0..provider.shards()).map(|_| AtomicBool::new(false)).collect(),
            membership: Mutex::new(membership),
            options,
        });
        let starting = Starting(Some(host.clone()));
        let gone = Arc::new(Notify::new());
        let shared = SharedByActors::new(host.clone(), gone.clone());
        let actors = Arc::downgrade(&shared);
        let begun = host.threads.of_host().spawn(Actor::spawn(None, HostSupervisor, shared)).await;
        let begun = begun.unwrap_or_else(|error| Err(SpawnErr::StartupFailed(error.into())));
        let (root, root_task) = match begun {
            Ok(root) => root,
            Err(error) => {
                host.stop_all();
                host.release_all().await;
                host.leave().await;
                // A host does not wait for an actor whose code does not return.
                let _ = tokio::time::timeout(LEAST_DRAIN, until_gone(&actors, &gone)).await;
                close(&host).await;
                host.threads.stop();
                return Err(not_started(error));
            }
        };
        starting.has_started();
        let here = host.leases_held.len();
        host_has_started(&host.options, &host.registry, provider.shards(), here, is_shared);
        let root_task = Arc::new(Mutex::new(Some(root_task)));
        let tag_receiver = tag_receiver(&host, tags);
        Ok(Self { host, actors, gone, root, root_task, tag_receiver })
    }

    /// The ways to the instances, as they are from this host.
    pub fn access(&self) -> Access {
        Access::of_host(self.host.clone())
    }

    /// Ends the host gracefully: admits nothing more, starts no more activities, waits for running ones up
    /// to the deadline, makes durable what has come, and gives up the leases. What is left goes on when a
    /// host starts again; an activity that was cut off runs again. Calls that wait for results get
    /// [`Error::ShuttingDown`] at once. Calling it again is no error.
    ///
    /// When it returns, nothing of the host holds the store, clients included.
    pub async fn shutdown(&self) {
        host_ends(&self.host.options);
        self.host.begin_shutdown();
        self.host.closing.store(true, Ordering::Release);
        self.host.local_delivery.close();
        self.tag_receiver.iter().for_each(|tag_receiver| tag_receiver.close());
        self.host.workers.close();
        self.host.workers.leave_what_is_remote();
        let (began, deadline) = (Instant::now(), self.host.options.shutdown_deadline);
        if tokio::time::timeout(deadline, self.host.workers.idle()).await.is_err() {
            tracing::warn!(target: "reenact::host", parent: None, "activities still run at the shutdown deadline; they will run again");
        }
        self.host.workers.abort();
        self.let_go_of_taken(began, deadline).await;
        // A failure means that the host has ended already.
        let _ = self.root.cast(HostMessage::Closing);
        let drained = (0..self.host.routes.shards()).map(|shard| {
            let (reply, drained) = oneshot::channel();
            self.host.routes.send_to_supervisor(ShardId(shard), ShardMessage::Drain { reply });
            drained
        });
        let drained = join_all(drained.collect::<Vec<_>>());
        let left = (deadline - began.elapsed().min(deadline)).max(LEAST_DRAIN);
        if tokio::time::timeout(left, drained).await.is_err() {
            tracing::warn!(
                target: "reenact::host", parent: None,
                "not everything was durable at the shutdown deadline; no client got an `Ok` for what was not"
            );
        }
        self.end_root().await;
        self.host.leave().await;
        self.let_go_of_the_store().await;
        host_has_ended(&self.host.options);
    }

    /// Ends the host at once, as a crash would: nothing more is made durable, and no call gets its answer.
    /// For tests of what happens after a crash. The leases are given up, so that another host can start.
    ///
    /// When it returns, nothing of the host holds the store, clients included.
    pub async fn abort(&self) {
        self.stop();
        if let Some(tag_receiver) = &self.tag_receiver {
            tag_receiver.abort().await;
        }
        self.end_root().await;
        // As after a crash, the other hosts find out by themselves.
        drop(self.host.take_membership());
        self.let_go_of_the_store().await;
    }

    /// Ends the host at once, as [`abort`](Self::abort) does, from anywhere: outside of a runtime, and
    /// after the end of the runtime that it was started on. Where the store is not shared, nothing of the
    /// host holds it when this returns; it blocks until what is being written is written. The
    /// actors, and the leases of a shared store, go as soon as the runtime runs again.
    pub fn end_now(&self) {
        self.stop();
        if self.host.store.queue_client.is_none() {
            self.host.let_go_now();
        }
        let this = self.clone();
        // A runtime that has ended drops the task, as it has dropped the actors.
        self.host.threads.of_host().spawn(async move { this.abort().await });
    }

    /// Stops everything that can be stopped without waiting.
    fn stop(&self) {
        if let Some(tag_receiver) = &self.tag_receiver {
            tag_receiver.abort_soon();
        }
        self.root.kill();
        self.host.stop_all();
    }

    /// Reports the ends of calls that ran for other hosts, while there is time; the others are left to
    /// other hosts.
    async fn let_go_of_taken(&self, began: Instant, deadline: Duration) {
        let Some(tag_receiver) = &self.tag_receiver else { return };
        let left = (deadline - began.elapsed().min(deadline)).max(LEAST_DRAIN);
        if tokio::time::timeout(left, tag_receiver.settled()).await.is_err() {
            tracing::warn!(
                target: "reenact::host", parent: None,
                "not every end of an activity could be recorded; these activities will run again"
            );
        }
        tag_receiver.abort().await;
    }

    async fn end_root(&self) {
        self.stop();
        let task = self.root_task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // The root does not panic by itself; if it did, it has ended all the same.
            let _ = task.await;
        }
        for shard in 0..self.host.routes.shards() {
            self.host.routes.clear(ShardId(shard));
            // Code may block the actors that were to answer, so the waits for them end.
            self.host.threads.notify_given_up(ShardId(shard));
        }
        self.host.release_all().await;
    }

    async fn let_go_of_the_store(&self) {
        let all_gone = until_gone(&self.actors, &self.gone);
        let is_shared = self.host.store.queue_client.is_some();
        if tokio::time::timeout(LEAST_DRAIN, all_gone).await.is_ok() {
            close(&self.host).await;
            // Only activities that were cut off are left on the threads.
            let threads = self.host.threads.clone();
            if threads.are_own() {
                let _ = tokio::task::spawn_blocking(move || threads.end(LEAST_DRAIN)).await;
            }
        } else if is_shared && self.host.routes.stalls.all().is_empty() {
            // No caller waits until such a store is free. A lease that is being acquired can still be given
            // up.
            let this = self.clone();
            self.host.threads.of_host().spawn(async move {
                until_gone(&this.actors, &this.gone).await;
                close(&this.host).await;
                this.host.threads.stop();
            });
        } else {
            self.name_what_holds();
            close(&self.host).await;
            self.host.threads.stop();
        }
    }

    /// Logs why actors of the host have not ended.
    fn name_what_holds(&self) {
        let stalled = self.host.routes.stalls.all();
        if stalled.is_empty() {
            tracing::warn!(target: "reenact::host", parent: None, "an actor of the host has not ended: something in it does not return");
        }
        for Stalled { instance, code, since, .. } in stalled {
            tracing::warn!(
                target: "reenact::host", parent: None,
                %instance, %code, %since,
                "the host has ended, and user code still blocks a thread of it: that thread and memory stay in use until it \
                 returns or the process ends"
            );
        }
    }
}

/// A host that starts. If it is dropped before that is done, it ends what has begun.
struct Starting(Option<Arc<HostContext>>);

impl Starting {
    fn has_started(mut self) {
        self.0 = None;
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(host) = self.0.take() {
            host.stop_all();
            drop(host.take_membership());
            host.let_go_now();
            host.threads.stop();
        }
    }
}

/// Joins the hosts that share the store, if it is shared. Its background tasks run on the thread of the
/// host.
async fn join(
    provider: &dyn Provider,
    options: &HostOptions,
    thread: &Handle,
) -> Result<Option<Arc<dyn Membership>>> {
    let Some(sharing) = provider.sharing() else { return Ok(None) };
    let name = options.host_name.clone();
    let joined = thread.spawn(async move { sharing.join(&name).await }).await;
    let failed = |error: JoinError| Error::Startup { reason: error.to_string(), source: None };
    Ok(Some(joined.map_err(failed)??))
}

/// The current runtime, if it has what a host needs.
fn runtime_with_time() -> Result<Handle> {
    let no_runtime = |_| Error::NoRuntime { missing: "there is none here" };
    let tokio = Handle::try_current().map_err(no_runtime)?;
    // There is no other way to ask.
    let slept = std::panic::catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO)));
    slept.map_err(|_| Error::NoRuntime { missing: "this one has no time" })?;
    Ok(tokio)
}

/// Why the root has not started: its own error, without what the actors add.
fn not_started(error: SpawnErr) -> Error {
    match error {
        SpawnErr::StartupFailed(why) => match why.downcast::<Error>() {
            Ok(why) => *why,
            Err(why) => Error::Startup { reason: why.to_string(), source: None },
        },
        other => Error::Startup { reason: other.to_string(), source: None },
    }
}

/// Returns when no actor is left.
async fn until_gone(actors: &Weak<SharedByActors>, gone: &Notify) {
    loop {
        // Enlisted before the look, so that the end is not missed in between.
        let notified = gone.notified();
        if actors.strong_count() == 0 {
            return;
        }
        notified.await;
    }
}

/// Releases the store. That may take as long as a write that is under way.
async fn close(host: &Arc<HostContext>) {
    if host.options.reproducible.is_some() {
        return host.gate.close();
    }
    let closing = host.clone();
    let closed = tokio::task::spawn_blocking(move || closing.gate.close()).await;
    if closed.is_err() {
        // The runtime has ended, and runs nothing more.
        host.gate.close();
    }
}

/// The store of a host. What passes its queues is counted.
fn store(
    provider: &dyn Provider,
    gate: &Arc<Gate>,
    recorder: &HostRecorder,
    seed: Option<u64>,
) -> Arc<Store> {
    let counted = |sharing| -> Arc<dyn Sharing> {
        CountedQueues::new(sharing, recorder.queues.clone(), recorder.store.clone())
    };
    let sharing = provider.sharing().map(counted);
    let sharing = sharing.map(|one| (one, recorder.queues.clone()));
    Arc::new(Store::through(gate.clone(), gate.clone(), sharing, provider, Seeds::new(seed)))
}

/// The counters of a host.
fn recorder(registry: &mut Registry, provider: &dyn Provider) -> Arc<HostRecorder> {
    let (activities, orchestrations) =
        (registry.label_activities(), Labels::of(registry.orchestrations()));
    let (shards, now) = (provider.shards(), provider.timers().now());
    HostRecorder::new(activities, orchestrations, shards, now)
}

/// The tags that a host declares.
fn tags(options: &HostOptions) -> Result<Vec<Name>> {
    let tags = options
        .tags
        .iter()
        .map(|tag| Name::new(tag).map_err(|source| Error::InvalidTag { tag: tag.clone(), source }));
    tags.collect()
}

/// Begins to receive calls with these tags, if there may be other hosts that send them.
fn tag_receiver(host: &HostContext, tags: Vec<Name>) -> Option<Arc<TagReceiver>> {
    let remote = host.store.queue_client.as_ref().filter(|_| !tags.is_empty())?;
    let (sharing, router) = (remote.sharing.clone(), remote.router.clone());
    let (workers, clock) = (host.workers.clone(), host.store.clock.clone());
    let shards = host.routes.shards();
    // The calls run on the threads of their instances' shards: on this one, code would block the host.
    let _entered = host.threads.of_host().enter();
    Some(Arc::new(TagReceiver::begin(tags, sharing, router, clock, workers, shards)))
}
