//! What a program holds of a running host.

mod interrupt;
mod seeds;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use dashmap::DashMap;
use futures_util::future::join_all;
use ractor::{Actor, ActorRef};
use reenact_core::{
    ExecutionId, History, InstanceId, Name, OrchestrationCode, Outcome, Payload, Rewind, ShardId,
    Start, Version, codec,
};
use reenact_providers::{InstanceFilter, InstancePage, InstanceSummary, PageRequest, Provider};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::admission::Admission;
use crate::context::HostContext;
use crate::error::{Error, ParkReason, Result};
use crate::host::{HostMessage, HostSupervisor};
use crate::mail::Mail;
use crate::message::{
    ExternalEvent, InstanceMessage, Internal, Reply, RewindMessage, ShardMessage, StartMessage,
};
use crate::options::HostOptions;
use crate::registry::Registry;
use crate::routes::Routes;
use crate::snapshot::Snapshot;
use crate::tags::Takers;
use crate::waiters::Waiters;
use crate::workers::Workers;
use seeds::Seeds;

/// What a shutdown has at least for what is under way, when its activities took all of its time.
const LEAST_DRAIN: Duration = Duration::from_secs(1);

/// How often a host that ends looks whether its actors have gone.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Turns that are read from the store at a time.
const TURNS_PER_READ: usize = 4_096;

/// A running host: its actors, and the ways in. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    host: Arc<HostContext>,
    /// Gone when no actor holds the store any more.
    actors: Weak<Arc<HostContext>>,
    root: ActorRef<HostMessage>,
    root_task: Arc<std::sync::Mutex<Option<JoinHandle<()>>>>,
    seeds: Arc<Seeds>,
    /// Runs activities of other hosts' instances, where the host declares tags.
    takers: Option<Arc<Takers>>,
}

/// How an instance is to begin.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// The orchestration.
    pub name: Name,
    /// Its version; otherwise the newest that the host has.
    pub version: Option<Version>,
    /// Its input.
    pub input: Payload,
    /// The caller's own id; otherwise one is made.
    pub instance: Option<InstanceId>,
    /// Run the code only after this time.
    pub delay: Option<Duration>,
    /// Raise this on the instance; where it is there already, it is not started but gets the event.
    /// Needs an id of the caller's own.
    pub event: Option<ExternalEvent>,
}

impl Runtime {
    /// Starts a host: acquires the shards, recovers what the log says must be awake. Needs a tokio
    /// runtime with time enabled.
    ///
    /// # Errors
    /// [`Error::UnknownActivity`] when a limit is set for one that is not registered;
    /// [`Error::InvalidTag`] when a tag is declared that is none;
    /// [`Error::Startup`] when a shard cannot be acquired or recovered.
    pub async fn start(
        provider: &dyn Provider,
        mut registry: Registry,
        options: HostOptions,
    ) -> Result<Self> {
        let limits = registry.activity_limits(&options.max_activities_of)?;
        let tags = tags(&options)?;
        let sharing = provider.sharing();
        if sharing.is_some() {
            registry.set_among_others();
        }
        let registry = Arc::new(registry);
        let routes = Routes::new(provider.shards());
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
            store: provider.histories(),
            leases: provider.leases(),
            clock: provider.timers(),
            sharing: sharing.clone(),
            mail: Mail::new(routes.clone(), provider.timers()),
            workers,
            waiters: Waiters::default(),
            routes,
            admission: Arc::new(admission),
            purges: Arc::default(),
            leases_held: DashMap::new(),
            making_room: (0..provider.shards()).map(|_| AtomicBool::new(false)).collect(),
            options,
        });
        let shared = Arc::new(host.clone());
        let actors = Arc::downgrade(&shared);
        let (root, root_task) = match Actor::spawn(None, HostSupervisor, shared).await {
            Ok(root) => root,
            Err(error) => {
                host.release_all().await;
                return Err(Error::Startup { reason: error.to_string() });
            }
        };
        let root_task = Arc::new(std::sync::Mutex::new(Some(root_task)));
        let takers = sharing.filter(|_| !tags.is_empty()).map(|sharing| {
            let (workers, clock) = (host.workers.clone(), host.clock.clone());
            let (router, shards) = (provider.router(), provider.shards());
            Arc::new(Takers::begin(tags, sharing, router, clock, workers, shards))
        });
        Ok(Self { host, actors, root, root_task, seeds: Arc::new(Seeds::new()), takers })
    }

    /// The code of an orchestration in this version, or in the newest that this host has.
    ///
    /// # Errors
    /// [`Error::UnknownOrchestration`], [`Error::UnknownVersion`].
    pub fn orchestration(
        &self,
        name: &Name,
        version: Option<&Version>,
    ) -> Result<&OrchestrationCode> {
        self.host.registry.orchestration(name, version)
    }

    /// Starts an instance. Durable when it returns.
    ///
    /// # Errors
    /// [`Error::UnknownOrchestration`], [`Error::UnknownVersion`], [`Error::AlreadyExists`],
    /// [`Error::Busy`], [`Error::ShuttingDown`], [`Error::OverLimit`], [`Error::Interrupted`],
    /// [`Error::Store`]; [`Error::NotStarted`] when the code cannot do its first turn: then nothing was
    /// stored. With an event also [`Error::NoId`], [`Error::Finished`], [`Error::Parked`] and
    /// [`Error::TooManyEvents`], of the instance that is there.
    ///
    /// Cancelled, it may or may not have started the instance.
    pub async fn start_instance(&self, request: StartRequest) -> Result<InstanceId> {
        let StartRequest { name, version, input, instance, delay, event } = request;
        self.orchestration(&name, version.as_ref())?;
        if let Some(event) = event.as_ref().filter(|_| instance.is_none()) {
            return Err(Error::NoId { event: event.name.clone() });
        }
        // In this order: who waits for a place does not hold up the messages that may free one.
        let slot = self.host.admission.instance(|| self.make_room()).await?;
        let bytes = input.len() + event.as_ref().map_or(0, ExternalEvent::bytes);
        let permit = self.host.admission.message(bytes).await?;
        let own_id = instance.is_some();
        let seed = self.seeds.next();
        let instance = match instance {
            Some(instance) => instance,
            None => self.seeds.instance_id(self.host.clock.now())?,
        };
        let (reply, answer) = oneshot::channel();
        let start = Start { input, seed, delay, origin: None };
        let reply = Reply::admitted(reply, permit);
        let slot = Some(slot);
        let not_before = None;
        let message = StartMessage { name, version, start, not_before, own_id, slot, event, reply };
        let message = Box::new(message);
        self.host.routes.deliver(&instance, Internal::Start(message).into());
        self.answer(&instance, answer).await?;
        Ok(instance)
    }

    /// Raises an event on an instance. Durable when it returns.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Finished`], [`Error::Parked`], [`Error::TooManyEvents`],
    /// [`Error::OverLimit`] when the events that wait would take too much, [`Error::Busy`], [`Error::ShuttingDown`], [`Error::Interrupted`], [`Error::Store`].
    ///
    /// Cancelled, it may or may not have raised the event.
    pub async fn raise_event(&self, instance: &InstanceId, event: ExternalEvent) -> Result<()> {
        let permit = self.host.admission.message(event.bytes()).await?;
        let (reply, answer) = oneshot::channel();
        let reply = Some(Reply::admitted(reply, permit));
        self.host.routes.deliver(instance, InstanceMessage::RaiseEvent { event, reply });
        self.answer(instance, answer).await
    }

    /// Takes an instance back to before an event of its history, whatever its state. Durable when it
    /// returns.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::NoSuchPosition`]; [`Error::OverLimit`] when more would be kept than
    /// one append takes; [`Error::Busy`], [`Error::ShuttingDown`], [`Error::Interrupted`],
    /// [`Error::Unreadable`], [`Error::Store`].
    ///
    /// Cancelled, it may or may not have rewound the instance.
    pub async fn rewind(&self, instance: &InstanceId, position: u64, reason: &str) -> Result<()> {
        let permit = self.host.admission.message(reason.len()).await?;
        let (reply, answer) = oneshot::channel();
        let rewind = Rewind { position, reason: reason.to_owned(), seed: self.seeds.next() };
        let message = RewindMessage { rewind, reply: Reply::admitted(reply, permit) };
        self.host.routes.deliver(instance, Internal::Rewind(Box::new(message)).into());
        self.answer(instance, answer).await
    }

    async fn answer<T>(
        &self,
        instance: &InstanceId,
        answer: oneshot::Receiver<Result<T>>,
    ) -> Result<T> {
        answer.await.unwrap_or_else(|_| Err(self.interrupted(instance)))
    }

    /// Nobody is left who could answer.
    fn interrupted(&self, instance: &InstanceId) -> Error {
        if self.host.admission.is_closed() {
            Error::ShuttingDown
        } else {
            Error::Interrupted { instance: instance.clone() }
        }
    }

    /// Waits for the end of an instance, however many executions it has until then.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Parked`], also when it is parked while this waits;
    /// [`Error::ShuttingDown`]; [`Error::Unreadable`]; [`Error::Store`], also when the log of the
    /// instance's shard turns out to be corrupt while this waits. A store that is away for a while
    /// does not end the wait.
    ///
    /// Cancelling it is harmless.
    pub async fn outcome(&self, instance: &InstanceId) -> Result<Outcome> {
        // Enlisted before the look, so that no end is missed in between.
        let waiter = self.host.waiters.end_of(instance.clone());
        if let Some(outcome) = self.host.end_of(instance).await? {
            return Ok(outcome);
        }
        self.may_go_on(instance)?;
        waiter.told().await
    }

    /// Waits until an instance is as wanted, or has ended; how it is then. Looks now, and whenever
    /// its status has changed.
    ///
    /// # Errors
    /// As [`Runtime::outcome`].
    ///
    /// Cancelling it is harmless.
    pub async fn wait_until(
        &self,
        instance: &InstanceId,
        mut is_wanted: impl FnMut(&Snapshot) -> bool,
    ) -> Result<Snapshot> {
        let mut before = None;
        loop {
            // Enlisted before the look, so that no change is missed in between.
            let waiter = self.host.waiters.change_of(instance.clone());
            let snapshot = self.host.snapshot(instance, before.as_ref()).await?;
            if snapshot.outcome.is_some() || is_wanted(&snapshot) {
                return Ok(snapshot);
            }
            self.may_go_on(instance)?;
            waiter.told().await?;
            before = Some(snapshot);
        }
    }

    /// Whether an instance may go on without a person's help.
    fn may_go_on(&self, instance: &InstanceId) -> Result<()> {
        if let Some(reason) = self.parked(instance) {
            return Err(Error::Parked { instance: instance.clone(), reason });
        }
        match self.host.rot_of(instance) {
            Some(source) => Err(Error::Store { source }),
            None => Ok(()),
        }
    }

    /// How an instance is, as far as it is durable. Reads its summary, its first and its last turn, and
    /// the turn that set its status; asks it for its open activities, or reads its log for them where
    /// it is not in memory.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Unreadable`].
    pub async fn snapshot(&self, instance: &InstanceId) -> Result<Snapshot> {
        self.host.snapshot(instance, None).await
    }

    /// What is known of an instance, as far as it is durable.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn summary(&self, instance: &InstanceId) -> Result<InstanceSummary> {
        self.host.summary(instance).await
    }

    /// Why an instance is parked, if it is.
    pub fn parked(&self, instance: &InstanceId) -> Option<ParkReason> {
        self.host.routes.parked(instance)
    }

    /// The history of an instance's newest execution, as far as it is durable.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Unreadable`].
    pub async fn history(&self, instance: &InstanceId) -> Result<History> {
        loop {
            let execution = self.summary(instance).await?.execution;
            match self.history_of(instance, execution).await {
                // The next execution has taken its place since.
                Err(Error::NotFound { .. })
                    if self.summary(instance).await?.execution != execution => {}
                read => return read,
            }
        }
    }

    async fn history_of(&self, instance: &InstanceId, execution: ExecutionId) -> Result<History> {
        let (mut history, mut next) = (History::default(), Some(0));
        while let Some(from) = next {
            let page = self.host.store.read(instance, execution, from, TURNS_PER_READ).await?;
            for turn in page.turns {
                history.push(codec::decode_turn(&turn.bytes).map_err(|error| {
                    let reason = format!("turn {}: {error}", turn.number);
                    Error::Unreadable { instance: instance.clone(), reason }
                })?);
            }
            next = page.next;
        }
        Ok(history)
    }

    /// Instances that pass a filter, ordered by id, a page at a time.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(&self, filter: &InstanceFilter, page: &PageRequest) -> Result<InstancePage> {
        Ok(self.host.store.list(filter, page).await?)
    }

    /// How many instances pass a filter.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn count(&self, filter: &InstanceFilter) -> Result<u64> {
        Ok(self.host.store.count(filter).await?)
    }

    /// Removes a finished instance and its history for good. Its id is free then.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotFinished`], [`Error::NotTold`], [`Error::Interrupted`],
    /// [`Error::Store`].
    pub async fn purge(&self, instance: &InstanceId) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        let shard = self.host.routes.shard_of(instance);
        let message = ShardMessage::Purge { instance: instance.clone(), reply };
        self.host.routes.tell_supervisor(shard, message);
        self.answer(instance, answer).await
    }

    /// The actor of an instance, which is brought into memory for it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Finished`], [`Error::Parked`], [`Error::Interrupted`],
    /// [`Error::Store`].
    pub async fn actor(&self, instance: &InstanceId) -> Result<ActorRef<InstanceMessage>> {
        if self.summary(instance).await?.state.is_finished() {
            return Err(Error::Finished { instance: instance.clone() });
        }
        if let Some(reason) = self.parked(instance) {
            return Err(Error::Parked { instance: instance.clone(), reason });
        }
        let (reply, answer) = oneshot::channel();
        let shard = self.host.routes.shard_of(instance);
        let message = ShardMessage::Locate { instance: instance.clone(), reply };
        self.host.routes.tell_supervisor(shard, message);
        self.answer(instance, answer).await
    }

    /// Number of instances in memory.
    pub fn in_memory(&self) -> usize {
        self.host.routes.in_memory()
    }

    /// Asks idle instances to go from memory.
    fn make_room(&self) {
        for (shard, making_room) in (0..).zip(&self.host.making_room) {
            // One request at a time: however many ask, the work is done once.
            if !making_room.swap(true, Ordering::AcqRel) {
                self.host.routes.tell_supervisor(ShardId(shard), ShardMessage::MakeRoom);
            }
        }
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
        let task = self.root_task.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(task) = task {
            // The root does not panic by itself; if it did, it is gone all the same.
            let _ = task.await;
        }
        for shard in 0..self.host.routes.shards() {
            self.host.routes.clear(ShardId(shard));
        }
        self.host.release_all().await;
        self.host.waiters.close();
        self.until_the_store_is_free().await;
    }

    /// Whoever drops the provider next finds that nothing holds it but clients.
    async fn until_the_store_is_free(&self) {
        let is_held = || self.actors.strong_count() > 0 || Arc::strong_count(&self.host.store) > 1;
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
