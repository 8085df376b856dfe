//! What a program holds of a running host.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use dashmap::DashMap;
use futures_util::future::join_all;
use ractor::{Actor, ActorRef};
use reenact_core::{Name, ShardId};
use reenact_providers::{Membership, Provider};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::access::Access;
use crate::admission::Admission;
use crate::context::HostContext;
use crate::error::{Error, Result};
use crate::host::{HostMessage, HostSupervisor};
use crate::mail::Mail;
use crate::message::ShardMessage;
use crate::options::HostOptions;
use crate::registry::Registry;
use crate::routes::Routes;
use crate::store::Store;
use crate::tags::Takers;
use crate::waiters::Waiters;
use crate::workers::Workers;

/// What a shutdown has at least for what is under way, when its activities took all of its time.
const LEAST_DRAIN: Duration = Duration::from_secs(1);

/// How often a host that ends looks whether its actors have gone.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// A running host: its actors. Cheap to clone. The ways in are its [`Access`].
#[derive(Clone)]
pub struct Runtime {
    host: Arc<HostContext>,
    /// Gone when no actor holds the store any more.
    actors: Weak<Arc<HostContext>>,
    root: ActorRef<HostMessage>,
    root_task: Arc<Mutex<Option<JoinHandle<()>>>>,
    /// Runs activities of other hosts' instances, where the host declares tags.
    takers: Option<Arc<Takers>>,
}

impl Runtime {
    /// Starts a host: acquires the shards, recovers what the log says must be awake. Where the store is
    /// shared, it becomes one of the hosts that share it, and starts its share of the shards; one that
    /// another host still holds comes when that has given it up. Needs a tokio runtime with time
    /// enabled.
    ///
    /// # Errors
    /// [`Error::UnknownActivity`] when a limit is set for one that is not registered;
    /// [`Error::MissingState`] when an activity needs a value that was not given;
    /// [`Error::InvalidTag`] when a tag is declared that is none;
    /// [`Error::Store`] when a shared store cannot be joined;
    /// [`Error::Startup`] when a shard cannot be acquired or recovered.
    pub async fn start(
        provider: &dyn Provider,
        mut registry: Registry,
        options: HostOptions,
    ) -> Result<Self> {
        let limits = registry.activity_limits(&options.max_activities_of)?;
        registry.check_states()?;
        let tags = tags(&options)?;
        let membership: Option<Arc<dyn Membership>> = match provider.sharing() {
            Some(sharing) => Some(sharing.join(&options.host_name).await?),
            None => None,
        };
        if membership.is_some() {
            registry.set_among_others();
        }
        let registry = Arc::new(registry);
        let routes = Routes::new(provider.shards());
        let store = Arc::new(Store::of(provider));
        let workers = Workers::new(
            registry.clone(),
            routes.clone(),
            provider.timers(),
            options.cancellation_grace,
            options.max_activities.max(1),
            limits,
        );
        let admission = Admission::new(
            options.max_messages.max(1),
            options.max_instances.max(1),
            options.when_busy,
        );
        let host = Arc::new(HostContext {
            registry,
            leases: provider.leases(),
            mail: Mail::new(routes.clone(), store.clone()),
            store,
            workers,
            waiters: Waiters::default(),
            routes,
            admission: Arc::new(admission),
            purges: Arc::default(),
            leases_held: DashMap::new(),
            making_room: (0..provider.shards()).map(|_| AtomicBool::new(false)).collect(),
            membership: Mutex::new(membership),
            options,
        });
        let shared = Arc::new(host.clone());
        let actors = Arc::downgrade(&shared);
        let (root, root_task) = match Actor::spawn(None, HostSupervisor, shared).await {
            Ok(root) => root,
            Err(error) => {
                host.release_all().await;
                host.leave().await;
                return Err(Error::Startup { reason: error.to_string() });
            }
        };
        let root_task = Arc::new(Mutex::new(Some(root_task)));
        let takers = takers(&host, tags);
        Ok(Self { host, actors, root, root_task, takers })
    }

    /// The ways to the instances, as they are from this host.
    pub fn access(&self) -> Access {
        Access::of_host(self.host.clone())
    }

    /// Ends the host gracefully: lets nobody in, starts no more activities, waits for those that
    /// run up to the deadline, makes everything durable that has come, and gives up the leases.
    /// What is left goes on when a host starts again; an activity that was cut off runs again.
    /// Those who wait for results get [`Error::ShuttingDown`]. Doing it again is no error.
    pub async fn shutdown(&self) {
        self.host.admission.close();
        self.host.mail.close();
        self.takers.iter().for_each(|takers| takers.close());
        self.host.workers.close();
        let (began, deadline) = (Instant::now(), self.host.options.shutdown_deadline);
        if tokio::time::timeout(deadline, self.host.workers.idle()).await.is_err() {
            tracing::warn!("activities still run at the shutdown deadline; they will run again");
        }
        self.host.workers.abort();
        self.let_go_of_taken(began, deadline).await;
        // Failures while closing: the host is gone already.
        let _ = self.root.cast(HostMessage::Closing);
        let drained = (0..self.host.routes.shards()).map(|shard| {
            let (reply, drained) = oneshot::channel();
            self.host.routes.tell_supervisor(ShardId(shard), ShardMessage::Drain { reply });
            drained
        });
        let drained = join_all(drained.collect::<Vec<_>>());
        let left = (deadline - began.elapsed().min(deadline)).max(LEAST_DRAIN);
        if tokio::time::timeout(left, drained).await.is_err() {
            tracing::warn!(
                "not everything was durable at the shutdown deadline; nobody was told so"
            );
        }
        self.end_root().await;
        self.host.leave().await;
        self.end_waits().await;
    }

    /// Ends the host at once, as a crash would: nothing more is made durable, nobody is told. For
    /// tests of what happens after a crash. The leases are given up, so that another host can start.
    pub async fn abort(&self) {
        self.host.admission.close();
        self.host.mail.close();
        self.host.workers.abort();
        if let Some(takers) = &self.takers {
            takers.abort().await;
        }
        self.end_root().await;
        // As a crash would: the others find out by themselves.
        drop(self.host.take_membership());
        self.end_waits().await;
    }

    /// What ran for other hosts is told, for as long as there is time; then it is left to others.
    async fn let_go_of_taken(&self, began: Instant, deadline: Duration) {
        let Some(takers) = &self.takers else { return };
        let left = (deadline - began.elapsed().min(deadline)).max(LEAST_DRAIN);
        if tokio::time::timeout(left, takers.settled()).await.is_err() {
            tracing::warn!("not every end of an activity could be told; these will run again");
        }
        takers.abort().await;
    }

    async fn end_root(&self) {
        self.root.kill();
        let task = self.root_task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // The root does not panic by itself; if it did, it is gone all the same.
            let _ = task.await;
        }
        for shard in 0..self.host.routes.shards() {
            self.host.routes.clear(ShardId(shard));
        }
        self.host.release_all().await;
    }

    async fn end_waits(&self) {
        self.host.waiters.close();
        self.until_the_store_is_free().await;
    }

    /// Whoever drops the provider next finds that nothing holds it but clients.
    async fn until_the_store_is_free(&self) {
        let is_held =
            || self.actors.strong_count() > 0 || Arc::strong_count(&self.host.store.histories) > 1;
        let freed = async {
            while is_held() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        if tokio::time::timeout(LEAST_DRAIN, freed).await.is_err() {
            tracing::warn!("something of the host still holds its store");
        }
    }
}

/// The tags that a host declares.
fn tags(options: &HostOptions) -> Result<Vec<Name>> {
    let tags = options
        .tags
        .iter()
        .map(|tag| Name::new(tag).map_err(|source| Error::InvalidTag { tag: tag.clone(), source }));
    tags.collect()
}

/// Begins to run the calls of these tags, where there may be others who make them.
fn takers(host: &HostContext, tags: Vec<Name>) -> Option<Arc<Takers>> {
    let remote = host.store.remote.as_ref().filter(|_| !tags.is_empty())?;
    let (sharing, router) = (remote.sharing.clone(), remote.router.clone());
    let (workers, clock) = (host.workers.clone(), host.store.clock.clone());
    let shards = host.routes.shards();
    Some(Arc::new(Takers::begin(tags, sharing, router, clock, workers, shards)))
}
