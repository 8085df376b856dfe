//! What a client can do with instances, on a host or without one.

mod about;
mod entities;
mod executions;
mod fork;
mod inspect;
mod interrupt;
mod lists;
mod metrics;
mod outside;
mod quarantine;
mod refused;
mod start;
mod streams;
mod update;
mod values;
mod wait;
mod watch;
mod writable;

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use ractor::ActorRef;
use reenact_core::{History, InstanceId, Name, OrchestrationCode, RemoteCommand, Rewind, Version};
use reenact_providers::{HistoryStore, InstanceSummary, Provider};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::answers::ClientRuntime;
use crate::context::HostContext;
use crate::error::{Error, ParkReason, Result};
use crate::log::Log;
use crate::message::{
    ExternalEvent, InstanceMessage, Internal, Reply, RewindMessage, ShardMessage,
};
use crate::queue_client::QueueClient;
use crate::routes::Routes;
use crate::snapshot::Snapshot;
use crate::stalls::Stalled;
use crate::store::Store;
use crate::trace::current;

pub use executions::ExecutionAccess;
pub use fork::ForkRequest;
pub use start::StartRequest;
pub use streams::{Emitted, ItemStream};
pub use values::Values;
pub use watch::Watch;
pub(crate) use writable::Writable;

/// The access to the instances of a store. Cheap to clone.
///
/// That of a host reaches the instances of its own shards by their actors. Where the store is shared,
/// the instances of all other shards are reached by their queues; so are all of them for one without a
/// host. What goes through a queue is durable there when the call returns `Ok`: it survives, and is
/// carried out by the host that has the shard, or will have it. A refusal that comes later is in
/// quarantine: see [`quarantined`](Self::quarantined).
#[derive(Clone)]
pub struct Access {
    ways: Ways,
}

/// How a client reaches instances.
#[derive(Clone)]
enum Ways {
    /// On a host: by its actors, and by the queues of other hosts' shards.
    OfHost(Arc<HostContext>),
    /// Without a host: by queues only.
    OfStore(Arc<Store>),
    /// Without a host, and without any change.
    ReadOnly(Arc<Store>),
}

impl Access {
    pub(crate) fn of_host(host: Arc<HostContext>) -> Self {
        Self { ways: Ways::OfHost(host) }
    }

    /// Access to the instances of a shared store, without a host. Needs a tokio runtime with time enabled.
    ///
    /// # Errors
    /// [`Error::NotShared`] when one host has the store for itself.
    pub fn connect(provider: &dyn Provider) -> Result<Self> {
        Self::connected(Store::of(provider, None))
    }

    /// The same for tests that are to do the same each time: what it draws follows from `seed`.
    ///
    /// # Errors
    /// [`Error::NotShared`] when one host has the store for itself.
    #[doc(hidden)]
    pub fn connect_reproducibly(provider: &dyn Provider, seed: u64) -> Result<Self> {
        Self::connected(Store::of(provider, Some(seed)))
    }

    fn connected(store: Store) -> Result<Self> {
        if store.queue_client.is_none() {
            return Err(Error::NotShared);
        }
        Ok(Self { ways: Ways::OfStore(Arc::new(store)) })
    }

    /// Access to a store without a host, to read it only: a directory that was opened with
    /// `Local::open_read_only`, or any other store. Lists, counts, summaries, histories and snapshots are what is
    /// durable; each change gives [`Error::ReadOnly`], and nothing is changed. Waits look again and again.
    ///
    /// ```
    /// # use reenact_actors::{Access, ErrorKind};
    /// # use reenact_core::InstanceId;
    /// # use reenact_providers::{InMemory, InstanceFilter};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let access = Access::read_only(&InMemory::new());
    /// assert_eq!(access.count(&InstanceFilter::new()).await?, 0);
    /// let refused = access.cancel(&InstanceId::new("order-7")?, "too late").await.unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::ReadOnly);
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_only(provider: &dyn Provider) -> Self {
        Self { ways: Ways::ReadOnly(Arc::new(Store::of(provider, None))) }
    }

    /// Whether each change gives [`Error::ReadOnly`].
    pub const fn is_read_only(&self) -> bool {
        matches!(self.ways, Ways::ReadOnly(_))
    }

    /// The directory that the store is in, as an absolute path; `None` when it is not in one.
    pub fn directory(&self) -> Option<&Path> {
        self.store().directory.as_deref()
    }

    /// The logs of the store.
    pub(crate) fn histories(&self) -> &dyn HistoryStore {
        &*self.store().histories
    }

    pub(crate) fn log(&self) -> Log<'_> {
        self.store().log()
    }

    /// Refuses what would change something.
    fn may_change(&self) -> Result<()> {
        match &self.ways {
            Ways::OfHost(_) | Ways::OfStore(_) => Ok(()),
            Ways::ReadOnly(store) => Err(Error::ReadOnly { directory: store.directory.clone() }),
        }
    }

    pub(crate) fn store(&self) -> &Store {
        match &self.ways {
            Ways::OfHost(host) => &host.store,
            Ways::OfStore(store) | Ways::ReadOnly(store) => store,
        }
    }

    /// The host, if this is the access of a host.
    fn here(&self) -> Option<&Arc<HostContext>> {
        match &self.ways {
            Ways::OfHost(host) => Some(host),
            Ways::OfStore(_) | Ways::ReadOnly(_) => None,
        }
    }

    /// Begins the graceful end of the host, without waiting for it: nothing more is admitted, and calls
    /// that wait for instances get [`Error::ShuttingDown`]. Instances in memory go on, activities included,
    /// until the host is shut down. Does nothing without a host.
    pub fn begin_shutdown(&self) {
        if let Some(host) = self.here() {
            host.begin_shutdown();
        }
    }

    /// The code of an orchestration in this version, or in the newest that the host has; `None` without
    /// a host, and on a [dormant](crate::HostOptions::dormant) one, which has the code of none.
    ///
    /// # Errors
    /// [`Error::UnknownOrchestration`], [`Error::UnknownVersion`].
    pub fn orchestration(
        &self,
        name: &Name,
        version: Option<&Version>,
    ) -> Result<Option<OrchestrationCode>> {
        let with_code = self.here().filter(|host| !host.options.dormant);
        with_code.map(|host| host.registry.orchestration(name, version)).transpose()
    }

    /// Raises an event on an instance. Durable when it returns: in its log, or in the queue of the host
    /// that has it. In a queue it always has a key, so that it counts once.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Finished`], [`Error::Parked`], [`Error::TooManyEvents`],
    /// [`Error::InvalidPayload`] when the store does not take data of that size,
    /// [`Error::OverLimit`] when the events that wait would take too much, [`Error::Busy`],
    /// [`Error::ShuttingDown`], [`Error::Interrupted`], [`Error::Store`]. Of an instance on another
    /// host [`Error::Parked`] and the errors after it in this list are not known here: then the event is in quarantine
    /// after a while.
    ///
    /// Cancelled, it may or may not have raised the event.
    pub async fn raise_event(&self, instance: &InstanceId, event: ExternalEvent) -> Result<()> {
        self.check_event(&event)?;
        let event = event.with_trace_of(current().as_ref());
        let bytes = event.bytes();
        let message = |reply| InstanceMessage::RaiseEvent { event, reply: Some(reply) };
        self.ask(instance, bytes, message).await
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
        let seed = self.store().seeds.next();
        let rewind = Rewind { position, reason: reason.to_owned(), seed };
        self.ask(instance, reason.len(), |reply| {
            Internal::Rewind(Box::new(RewindMessage { rewind, reply })).into()
        })
        .await
    }

    /// Sends a message to an instance, and waits for the answer, or until the message is durable in its
    /// queue.
    async fn ask(
        &self,
        instance: &InstanceId,
        bytes: usize,
        message: impl FnOnce(Reply) -> InstanceMessage,
    ) -> Result<()> {
        self.may_change()?;
        let permit = self.let_in(bytes).await?;
        let (reply, answer) = oneshot::channel();
        let answer = self.answer(instance, answer);
        match self
            .deliver_or_return(instance, message(Reply::admitted(reply, permit, self.client())))
        {
            Ok(()) => answer.await,
            Err(message) => self.send(instance, *message, answer).await,
        }
    }

    /// The runtime on which the caller waits.
    fn client(&self) -> Option<Arc<ClientRuntime>> {
        self.here().and_then(|host| host.clients.of_caller())
    }

    /// A permit for a message in flight on this host.
    async fn let_in(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>> {
        match self.here() {
            Some(host) => host.admission.message(bytes).await.map(Some),
            None => Ok(None),
        }
    }

    /// Passes a message to an instance whose shard is here; otherwise returns it.
    fn deliver_or_return(
        &self,
        instance: &InstanceId,
        message: InstanceMessage,
    ) -> std::result::Result<(), Box<InstanceMessage>> {
        match self.here() {
            Some(host) => host.routes.deliver_or_return(instance, message),
            None => Err(Box::new(message)),
        }
    }

    /// Sends a message that this host cannot deliver to the queue of the instance's shard; refuses it if
    /// there is no queue.
    async fn send(
        &self,
        instance: &InstanceId,
        message: InstanceMessage,
        answer: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        match (&self.store().queue_client, self.here()) {
            (Some(remote), _) => {
                self.may_go_on(instance)?;
                let created_at = self.check(instance, &message).await?;
                match remote.keyed_command(instance, message, created_at)? {
                    Some(keyed_command) => remote.send(instance, &keyed_command).await,
                    None => Err(self.interrupted(instance)),
                }
            }
            (None, Some(host)) => {
                host.routes.refuse(self.store().shard_of(instance), message);
                answer.await
            }
            (None, None) => Err(Error::NotShared),
        }
    }

    /// The answer to a message that is sent after this call. If the thread of the instance is given up
    /// meanwhile, no answer comes.
    fn answer<'a, T: Send>(
        &'a self,
        instance: &'a InstanceId,
        answer: oneshot::Receiver<Result<T>>,
    ) -> impl Future<Output = Result<T>> + Send + use<'a, T> {
        let given_up = self.routes().map(|routes| routes.until_given_up(instance));
        async move {
            let answer = match given_up {
                Some(given_up) => tokio::select! {
                    biased;
                    answer = answer => answer.ok(),
                    () = given_up => None,
                },
                None => answer.await.ok(),
            };
            answer.unwrap_or_else(|| Err(self.interrupted(instance)))
        }
    }

    /// The error for a call whose answer will never come.
    fn interrupted(&self, instance: &InstanceId) -> Error {
        if self.here().is_some_and(|host| host.admission.is_closed()) {
            Error::ShuttingDown
        } else {
            Error::Interrupted { instance: instance.clone() }
        }
    }

    /// Whether an instance may go on without a person's help, as far as this host knows.
    fn may_go_on(&self, instance: &InstanceId) -> Result<()> {
        if let Some(reason) = self.parked(instance) {
            return Err(Error::Parked { instance: instance.clone(), reason });
        }
        match self.here().and_then(|host| host.rot_of(instance)) {
            Some(source) => Err(Error::Store { source }),
            None => Ok(()),
        }
    }

    /// How an instance is, as far as it is durable. Reads its summary, its first and its last turn, and
    /// the turn that set its status; asks it for its open activities, or reads its log for them where
    /// it is not in memory here.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Unreadable`].
    pub async fn snapshot(&self, instance: &InstanceId) -> Result<Snapshot> {
        self.store().snapshot(instance, None, self.routes()).await
    }

    fn routes(&self) -> Option<&Routes> {
        self.here().map(|host| &host.routes)
    }

    /// What is known of an instance, as far as it is durable.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn summary(&self, instance: &InstanceId) -> Result<InstanceSummary> {
        self.store().summary(instance).await
    }

    /// Why an instance is parked, if it is so on this host.
    pub fn parked(&self, instance: &InstanceId) -> Option<ParkReason> {
        let routes = self.routes()?;
        routes.parked(instance).or_else(|| routes.why_stalled(instance))
    }

    /// The history of an instance's newest execution, as far as it is durable.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Unreadable`].
    pub async fn history(&self, instance: &InstanceId) -> Result<History> {
        self.store().history(instance, None).await
    }

    /// Removes a finished instance and its history for good. Its id is free then. Of an instance on
    /// another host the removal is durable in the queue when it returns, and comes a moment later.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotFinished`], [`Error::NotTold`], [`Error::Interrupted`],
    /// [`Error::Store`].
    pub async fn purge(&self, instance: &InstanceId) -> Result<()> {
        self.may_change()?;
        let (reply, answer) = oneshot::channel();
        let answer = self.answer(instance, answer);
        let message = ShardMessage::Purge { instance: instance.clone(), reply };
        let shard = self.store().shard_of(instance);
        let given_back = match self.here() {
            Some(host) => {
                host.routes.try_send_to_supervisor(shard, message).err().map(|message| *message)
            }
            None => Some(message),
        };
        if let Some(message) = given_back {
            match (&self.store().queue_client, self.here()) {
                (Some(remote), _) => return self.purge_remote(remote, instance).await,
                (None, Some(host)) => host.routes.refuse_for(shard, message),
                (None, None) => return Err(Error::NotShared),
            }
        }
        answer.await
    }

    async fn purge_remote(&self, remote: &QueueClient, instance: &InstanceId) -> Result<()> {
        let summary = self.store().summary(instance).await?;
        if !summary.is_over() {
            let instance = instance.clone();
            return Err(if summary.state.is_finished() {
                Error::NotTold { instance }
            } else {
                Error::NotFinished { instance }
            });
        }
        let created_at = summary.created_at;
        let keyed_command = remote.once("purge", RemoteCommand::Purge { created_at });
        remote.send(instance, &keyed_command).await
    }

    /// The actor of an instance, which is brought into memory for it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Finished`], [`Error::Parked`], [`Error::Interrupted`],
    /// [`Error::Store`]; [`Error::OnAnotherHost`] when another host has it.
    pub async fn actor(&self, instance: &InstanceId) -> Result<ActorRef<InstanceMessage>> {
        self.may_change()?;
        if self.summary(instance).await?.state.is_finished() {
            return Err(Error::Finished { instance: instance.clone() });
        }
        if let Some(reason) = self.parked(instance) {
            return Err(Error::Parked { instance: instance.clone(), reason });
        }
        let shard = self.store().shard_of(instance);
        let remote = || Error::OnAnotherHost { instance: instance.clone() };
        let host = self.here().ok_or_else(remote)?;
        if self.store().queue_client.is_some() && !host.routes.holds(shard) {
            return Err(remote());
        }
        let (reply, answer) = oneshot::channel();
        let answer = self.answer(instance, answer);
        let message = ShardMessage::Locate { instance: instance.clone(), reply };
        host.routes.send_to_supervisor(shard, message);
        answer.await
    }

    /// Code on this host that has not given its thread back for longer than
    /// [`HostOptions::stalls_after`](crate::HostOptions::stalls_after). Needs no runtime, so it works when
    /// all of its threads are blocked.
    pub fn stalled(&self) -> Vec<Stalled> {
        self.routes().map_or_else(Vec::new, |routes| routes.stalls.all())
    }

    /// Number of instances in memory on this host. What goes and what comes while they are counted may both be in it.
    pub fn in_memory(&self) -> usize {
        self.routes().map_or(0, Routes::in_memory)
    }

    /// What the instances in memory on this host hold, in bytes, as
    /// [`HostOptions::max_instance_bytes`](crate::HostOptions::max_instance_bytes) counts them.
    pub fn in_memory_bytes(&self) -> usize {
        self.here().map_or(0, |host| host.footprints.bytes())
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("has_host", &self.here().is_some()).finish_non_exhaustive()
    }
}
