//! `Client`: starts instances, sends them events, and asks for their state.

mod entity;
mod executions;
mod fork;
mod handle;
mod inspect;
mod interrupt;
mod outside;
mod query;
mod raise_event;
mod start;
mod status;
mod streams;
mod update;

use std::fmt;

use reenact_actors::metrics::HostMetrics;
use reenact_actors::{Access, Error, ExternalEvent, Result};
use reenact_core::{History, InstanceId, NamesEvent, Orchestration, Payload, ToInstanceId};
use reenact_providers::{
    InstanceFilter, InstancePage, PageRequest, Provider, QuarantineId, Quarantined,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::entity::{CallEntity, EntityPage, EntitySummary, SignalEntity};
pub use self::fork::ForkInstance;
pub use self::handle::InstanceHandle;
pub use self::interrupt::Interrupt;
use self::interrupt::Kind;
pub use self::raise_event::RaiseEvent;
pub use self::start::StartNew;
pub use self::status::InstanceStatus;
pub use self::update::{StartWithUpdate, UpdateInstance};

/// Starts instances, sends them events, and asks how they are. Cheap to clone.
///
/// An instance is named by its id: a text, or an [`InstanceId`]. A text that is no valid id gives
/// [`Error::InvalidName`], and nothing is stored.
#[derive(Clone)]
pub struct Client {
    access: Access,
}

impl Client {
    pub(crate) fn new(access: Access) -> Self {
        Self { access }
    }

    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// What the host of this client counts, and how it is now; `None` for a client without a host. See
    /// `Host::metrics`.
    pub fn metrics(&self) -> Option<HostMetrics> {
        self.access.metrics()
    }

    /// A client without a host, of a store that several hosts share: for a program that only asks. The
    /// hosts do the work. Needs a tokio runtime with time enabled.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// # #[orchestration]
    /// # async fn welcome(_ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    /// #     Ok(format!("Hello, {name}!"))
    /// # }
    /// # #[tokio::main]
    /// # async fn main() -> reenact::Result<()> {
    /// let store = InMemory::new().shared();
    /// let host = Host::builder().provider(store.clone()).orchestration(welcome).start().await?;
    ///
    /// let client = Client::connect(store)?;
    /// let instance = client.start_new(welcome, "Ada".to_string()).await?;
    /// assert_eq!(instance.result().await?, "Hello, Ada!");
    /// # host.shutdown().await
    /// # }
    /// ```
    ///
    /// Everything goes through the queues of the shards: `Ok` says that it is durable there, and survives.
    /// What a host cannot take then is in [quarantine](Self::quarantined). A start waits until a host
    /// has taken it. The input of an orchestration is not checked against its code here, but by the host.
    ///
    /// # Errors
    /// [`Error::NotShared`]: the store is one that a single host has for itself, such as a directory or
    /// `InMemory::new()`.
    pub fn connect(provider: impl Provider) -> Result<Self> {
        Access::connect(&provider).map(Self::new)
    }

    /// A client without a host that only reads: lists, counts, statuses and histories as they are in the store.
    /// Each change gives [`Error::ReadOnly`], and nothing is changed. For a directory on which no host runs, open
    /// it with `Local::open_read_only`, which writes nothing.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> reenact::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("reenact-reads-{}", std::process::id()));
    /// # drop(Local::open(&path)?);
    /// let client = Client::read_only(Local::open_read_only(&path)?);
    /// let page = client.list(&Default::default(), &Default::default()).await?;
    /// assert!(page.instances.is_empty());
    /// # std::fs::remove_dir_all(path).expect("it is there");
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_only(provider: impl Provider) -> Self {
        Self::new(Access::read_only(&provider))
    }

    /// Starts an instance, of the newest version of the orchestration that the host has: the type that
    /// is given stands for its name. Durable when the await returns; see [`StartNew`] for its options and
    /// errors.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// # #[orchestration]
    /// # async fn welcome(_ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    /// #     Ok(name)
    /// # }
    /// # async fn start(host: &Host) -> reenact::Result<()> {
    /// let any_id = host.start_new(welcome, "Ada".to_string()).await?;
    /// let own_id = host.start_new(welcome, "Grace".to_string()).id("grace").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_new<O: Orchestration>(
        &self,
        _orchestration: O,
        input: O::Input,
    ) -> StartNew<O::Output> {
        let input = Payload::encode_large_checked(&input).map(|(input, _)| input);
        StartNew::new(self.clone(), O::NAME, input, Some(O::VERSION))
    }

    /// Starts an instance of an orchestration that is known by name only. The input is checked
    /// against the orchestration's type before anything is stored.
    pub fn start_new_by_name<T: DeserializeOwned>(
        &self,
        orchestration: &str,
        input: impl Serialize,
    ) -> StartNew<T> {
        StartNew::new(self.clone(), orchestration, Payload::encode_large(&input), None)
    }

    /// Starts an instance under an id and waits for its result. For scripts and tests.
    ///
    /// # Errors
    /// As [`start_new`](Self::start_new) and [`InstanceHandle::result`].
    pub async fn run_to_completion<O: Orchestration>(
        &self,
        id: impl ToInstanceId,
        orchestration: O,
        input: O::Input,
    ) -> Result<O::Output> {
        let id = id.to_instance_id().map_err(Error::from);
        self.start_new(orchestration, input).under(id).await?.result().await
    }

    /// A handle on an instance whose id is known. Whether it exists shows when the handle is used, and
    /// whether the id is valid as well: otherwise every call of it gives [`Error::InvalidName`].
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// # async fn wait(client: &Client) -> reenact::Result<()> {
    /// let receipt: String = client.instance("order-7").result().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn instance<T: DeserializeOwned>(&self, id: impl ToInstanceId) -> InstanceHandle<T> {
        InstanceHandle::of(self.clone(), id.to_instance_id())
    }

    /// Raises an external event on an instance. Durable when the await returns; see [`RaiseEvent`]
    /// for its options and errors.
    ///
    /// The name is a text, or an [`EventName`](crate::EventName) that knows the type: then data of another
    /// type does not compile.
    pub fn raise_event<T: Serialize>(
        &self,
        id: impl ToInstanceId,
        name: impl NamesEvent<T>,
        data: T,
    ) -> RaiseEvent {
        self.raise_event_on(id.to_instance_id().map_err(Error::from), name, data)
    }

    pub(crate) fn raise_event_on<T: Serialize>(
        &self,
        id: Result<InstanceId>,
        name: impl NamesEvent<T>,
        data: T,
    ) -> RaiseEvent {
        let event = ExternalEvent::new(name.event_name(), &data);
        RaiseEvent::new(self.clone(), id, event)
    }

    /// How an instance is, as far as it is durable. Reads three or four records of the store, in
    /// memory or not, however long the history is: the summary, the first turn, the last turn, and the
    /// turn that set the [custom status](InstanceStatus::custom_status), if that was another one. Which
    /// [activities](InstanceStatus::activities) are open is asked of the instance where it is in
    /// memory, after what is being made durable. Of one that is not, and waits for an activity or a
    /// time, the history is read; it does not come into memory for that.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Unreadable`].
    pub async fn get_status(&self, id: impl ToInstanceId) -> Result<InstanceStatus> {
        self.access.snapshot(&id.to_instance_id()?).await.map(InstanceStatus::new)
    }

    /// Waits until an instance has a status that is wanted, or has ended; how it is then. It looks
    /// at once, and again whenever the code has
    /// [set another status](reenact_core::OrchestrationContext::set_status) and that is durable. Of statuses that follow each other quickly it may see the
    /// last only. Other changes, such as a new attempt of an activity, do not trigger a check.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// # async fn wait(client: &Client, id: &InstanceId) -> reenact::Result<()> {
    /// let half = |status: &InstanceStatus| status.custom_status_as::<u8>() >= Some(50);
    /// let status = client.wait_for_status(id, half).await?;
    /// if status.outcome.is_some() {
    ///     println!("it is over, and got as far as {:?}", status.custom_status_as::<u8>());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Cancelling it is harmless. Only the host that has the instance learns of changes at once. On any other,
    /// and without a host, the store is looked at, at first often, then once a second.
    ///
    /// # Errors
    /// - [`Error::Parked`]: it cannot go on as it is; also when that happens while this waits.
    /// - [`Error::NotFound`], [`Error::ShuttingDown`], [`Error::Store`], [`Error::Unreadable`].
    pub async fn wait_for_status(
        &self,
        id: impl ToInstanceId,
        mut is_wanted: impl FnMut(&InstanceStatus) -> bool,
    ) -> Result<InstanceStatus> {
        let is_wanted = |snapshot: &_| is_wanted(&InstanceStatus::new(Clone::clone(snapshot)));
        self.access.wait_until(&id.to_instance_id()?, is_wanted).await.map(InstanceStatus::new)
    }

    /// Everything that happened to an instance in its newest execution, as far as it is durable.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Unreadable`].
    pub async fn history(&self, id: impl ToInstanceId) -> Result<History> {
        self.access.history(&id.to_instance_id()?).await
    }

    /// Instances that pass a filter, ordered by id, a page at a time.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// use reenact::{InstanceFilter, InstanceState, PageRequest};
    ///
    /// # async fn print_failed(client: &Client) -> reenact::Result<()> {
    /// let failed = InstanceFilter::new().name("order").states([InstanceState::Failed]);
    /// let mut request = PageRequest::new();
    /// loop {
    ///     let page = client.list(&failed, &request).await?;
    ///     for order in &page.instances {
    ///         println!("{} failed at {}", order.instance, order.updated_at);
    ///     }
    ///     let Some(next) = page.next else { return Ok(()) };
    ///     request = request.after(next);
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidName`] when the filter has a name, or the request an id, that is invalid;
    /// [`Error::Store`], also of a filter by attributes in a store that
    /// [does not show them](reenact_providers::Encoded::showing_attributes).
    pub async fn list(&self, filter: &InstanceFilter, page: &PageRequest) -> Result<InstancePage> {
        self.access.list(filter, page).await
    }

    /// How many instances pass a filter.
    ///
    /// # Errors
    /// [`Error::InvalidName`] when the filter has a name that is invalid; [`Error::Store`].
    pub async fn count(&self, filter: &InstanceFilter) -> Result<u64> {
        self.access.count(filter).await
    }

    /// Asks an instance to end. Its code learns of that at its current awaits, by errors and tokens; what it
    /// does about that is its own affair: see
    /// [`OrchestrationContext::shielded`](reenact_core::OrchestrationContext::shielded). Running
    /// activities are informed as well, and have
    /// [a time of grace](reenact_actors::HostOptions::cancellation_grace). Durable when the await returns: the
    /// cancel survives every crash, and reaches every later execution of the instance. The code may
    /// not have ended then; [`InstanceHandle::result`] waits for that.
    ///
    /// One whose code has not begun (its start has a delay) ends at once. A suspended one takes it when
    /// it is resumed. A second cancel changes nothing: the first reason counts.
    ///
    /// A reason over [`MAX_MESSAGE_BYTES`](reenact_core::limits::MAX_MESSAGE_BYTES) is cut.
    ///
    /// Through another host's shard, `Ok` says that it survives; a refusal that comes later is in
    /// [quarantine](Self::quarantined). That goes for all that is asked of instances.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Finished`], [`Error::Parked`], [`Error::Busy`],
    /// [`Error::ShuttingDown`]: nothing was stored. [`Error::Interrupted`], [`Error::Store`]: whether
    /// it counted may not be known; cancel again.
    pub fn cancel(&self, id: impl ToInstanceId, reason: &str) -> Interrupt {
        self.interrupt(id, Kind::Cancel(reason.to_owned()))
    }

    /// Stops the code of an instance until it is [resumed](Self::resume). Durable when it returns.
    ///
    /// What is under way goes on. Results, timers, events and a cancel are recorded meanwhile, and
    /// wait; events are acknowledged as ever. Time limits go on as well. It can be terminated. Its state
    /// is [`InstanceState::Suspended`](reenact_providers::InstanceState::Suspended); the reason is in
    /// its history. One that is suspended already stays so, with the first reason.
    ///
    /// A reason over [`MAX_MESSAGE_BYTES`](reenact_core::limits::MAX_MESSAGE_BYTES) is cut.
    ///
    /// # Errors
    /// As [`Client::cancel`].
    pub fn suspend(&self, id: impl ToInstanceId, reason: &str) -> Interrupt {
        self.interrupt(id, Kind::Suspend(reason.to_owned()))
    }

    /// Lets the code of an instance go on that was [suspended](Self::suspend). Durable when it
    /// returns. One that is not suspended is as it was.
    ///
    /// One that is parked is tried again, with the code of this host: its history is replayed, and
    /// where the code fits by now, it goes on.
    ///
    /// # Errors
    /// As [`Client::cancel`]; [`Error::Parked`] when it still cannot go on, with the reason.
    pub fn resume(&self, id: impl ToInstanceId) -> Interrupt {
        self.interrupt(id, Kind::Resume)
    }

    fn interrupt(&self, id: impl ToInstanceId, kind: Kind) -> Interrupt {
        self.interrupt_checked(id.to_instance_id().map_err(Error::from), kind)
    }

    pub(crate) fn interrupt_checked(&self, id: Result<InstanceId>, kind: Kind) -> Interrupt {
        Interrupt::new(self.clone(), id, kind)
    }

    /// Ends an instance without asking its code: no compensation runs. Running activities are informed
    /// that nobody waits for them. Durable when it returns.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Finished`], [`Error::Busy`], [`Error::ShuttingDown`],
    /// [`Error::Interrupted`], [`Error::Store`].
    pub fn terminate(&self, id: impl ToInstanceId, reason: &str) -> Interrupt {
        self.interrupt(id, Kind::Terminate(reason.to_owned()))
    }

    /// Removes a finished instance with its history, for good. Its id is free then. Through another
    /// host's shard, `Ok` says that it will be removed: its id is free a moment later.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotFinished`], [`Error::Interrupted`], [`Error::Store`].
    pub async fn purge(&self, id: impl ToInstanceId) -> Result<()> {
        self.access.purge(&id.to_instance_id()?).await
    }

    /// Takes an instance back to before the event at `position`, as [`history`](Self::history) numbers
    /// them: the turn that holds it is undone, and all that came after it. Durable when the await
    /// returns.
    ///
    /// Good for an instance that failed, was terminated, or is parked for what its code did: mend the
    /// code or the activity, rewind it to before the failed step, and it goes on. A running instance can
    /// be rewound as well. Of the instance,
    ///
    /// - the history up to there is kept, and the code must fit that, as ever;
    /// - external events that came since are raised again, in their order: no event that was
    ///   acknowledged is lost, and its key stays known;
    /// - timers that had not fired then fire at their time, or at once when that is over;
    /// - activities that were under way then run again, under other
    ///   [idempotency keys](crate::ActivityContext::idempotency_key); those that run now are informed that
    ///   nobody waits for them. What activities have done outside is not undone;
    /// - children that were called since are cancelled where they run, and are superseded: when the code
    ///   calls a child under the same id again, a new run takes the place of the old one, as that
    ///   instance's next [execution](InstanceStatus::execution), whether the old one has ended or not. One
    ///   that is still cleaning up is cut off. Events that were raised on the old one went with it, and
    ///   its own children are superseded like itself, as far as the execution that is replaced has called
    ///   them. An id that an instance of somebody else has is still refused, and so is that of a detached
    ///   orchestration;
    /// - children that were called before are asked again how they ended. One that was cancelled since,
    ///   because its parent failed, was cancelled, or dropped its future, begins anew under the same id;
    ///   one that had ended by itself before that says what it returned;
    /// - random numbers and UUIDs that are drawn from there on are others;
    /// - an end is undone: [`result`](InstanceHandle::result) waits again;
    /// - the history has an `ExecutionRewound` in that place, with the reason, and the
    ///   [execution](InstanceStatus::execution) is the next.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// use reenact::Event;
    ///
    /// # async fn mend(client: &Client, id: &InstanceId) -> reenact::Result<()> {
    /// let history = client.history(id).await?;
    /// let failed = history.events().find(|event| matches!(event.event, Event::TaskFailed { .. }));
    /// if let Some(failed) = failed {
    ///     client.rewind(id, failed.position, "the bank is up again").await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The reason is cut at [`MAX_MESSAGE_BYTES`](crate::limits::MAX_MESSAGE_BYTES). All of the new
    /// history is stored at once, or nothing: a crash leaves the one or the other.
    ///
    /// # Errors
    /// Nothing is stored then, but for the last.
    /// - [`Error::NotFound`].
    /// - [`Error::NoSuchPosition`]: there is no such event, or it is in the first turn. To begin anew,
    ///   purge the instance and start it again.
    /// - [`Error::OverLimit`]: the new history would have more than
    ///   [`MAX_REWOUND_TURNS`](crate::limits::MAX_REWOUND_TURNS) turns, or take more than
    ///   [`MAX_REWOUND_BYTES`](crate::limits::MAX_REWOUND_BYTES).
    /// - [`Error::Unreadable`]: what is stored does not decode.
    /// - [`Error::Busy`], [`Error::ShuttingDown`]: the host does not take it.
    /// - [`Error::Interrupted`], [`Error::Store`]: whether it counted may not be known; look at the
    ///   history before trying again.
    pub async fn rewind(&self, id: impl ToInstanceId, position: u64, reason: &str) -> Result<()> {
        self.access.rewind(&id.to_instance_id()?, position, reason).await
    }

    /// Up to `limit` of the messages in quarantine that come after the id `after`, ordered by their ids. Those are there
    /// that the hosts of a shared store could not take, for good: an event for an instance that had
    /// finished by then, a start with an input that does not fit, a message that does not decode. Each
    /// says why. They stay until they are [discarded](Self::discard_quarantined) or
    /// [sent again](Self::requeue).
    ///
    /// # Errors
    /// [`Error::NotShared`], [`Error::Store`].
    pub async fn quarantined(
        &self,
        after: Option<&QuarantineId>,
        limit: usize,
    ) -> Result<Vec<(QuarantineId, Quarantined)>> {
        self.access.quarantined(after, limit).await
    }

    /// Removes a message from quarantine for good. One that is not there is no error.
    ///
    /// # Errors
    /// [`Error::NotShared`], [`Error::Store`].
    pub async fn discard_quarantined(&self, id: &QuarantineId) -> Result<()> {
        self.access.discard_quarantined(id).await
    }

    /// Sends a message in quarantine again, once what kept it from being taken is mended: to the queue
    /// that it came from, and out of quarantine. Whether there was such a message. What was no message at
    /// all stays there.
    ///
    /// # Errors
    /// [`Error::NotShared`]; [`Error::Store`]: then it may be in both places. It counts once all the
    /// same.
    pub async fn requeue(&self, id: &QuarantineId) -> Result<bool> {
        self.access.requeue(id).await
    }
}

/// What tools are built on, such as the console.
impl From<Client> for Access {
    fn from(client: Client) -> Self {
        client.access
    }
}

impl From<&Client> for Access {
    fn from(client: &Client) -> Self {
        client.access.clone()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
