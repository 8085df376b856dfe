//! What can be asked of instances.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

#[cfg(doc)]
use reenact_actors::Error;
use reenact_actors::{ExternalEvent, Result, Runtime};
use reenact_core::{History, InstanceId, Orchestration, Payload};
use reenact_providers::{InstanceFilter, InstancePage, PageRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::handle::InstanceHandle;
use crate::start::StartNew;
use crate::status::InstanceStatus;

/// Starts instances, sends them events, and asks how they are. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    runtime: Runtime,
}

impl Client {
    pub(crate) fn new(runtime: Runtime) -> Self {
        Self { runtime }
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Starts an instance. Durable when the await returns; see [`StartNew`] for its options and
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
        StartNew::new(self.clone(), O::NAME, Payload::encode(&input), true)
    }

    /// Starts an instance of an orchestration that is known by name only. The input is checked
    /// against the orchestration's type before anything is stored.
    pub fn start_new_by_name<T: DeserializeOwned>(
        &self,
        orchestration: &str,
        input: impl Serialize,
    ) -> StartNew<T> {
        StartNew::new(self.clone(), orchestration, Payload::encode(&input), false)
    }

    /// Starts an instance under an id and waits for its result. For scripts and tests.
    ///
    /// # Errors
    /// As [`start_new`](Self::start_new) and [`InstanceHandle::result`].
    pub async fn run_to_completion<O: Orchestration>(
        &self,
        id: &str,
        orchestration: O,
        input: O::Input,
    ) -> Result<O::Output> {
        self.start_new(orchestration, input).id(id).await?.result().await
    }

    /// A handle on an instance whose id is known. Whether it exists shows when the handle is used.
    pub fn instance<T: DeserializeOwned>(&self, id: &InstanceId) -> InstanceHandle<T> {
        InstanceHandle::new(self.clone(), id.clone())
    }

    /// Raises an external event on an instance. Durable when the await returns; see [`RaiseEvent`]
    /// for its options and errors.
    pub fn raise_event(&self, id: &InstanceId, name: &str, data: impl Serialize) -> RaiseEvent {
        let event = ExternalEvent::new(name, &data);
        RaiseEvent { client: self.clone(), id: id.clone(), event }
    }

    /// How an instance is, as far as it is durable. Reads two or three records of the store, in
    /// memory or not, however long the history is: the summary, the last turn, and the turn that set
    /// the [custom status](InstanceStatus::custom_status), if that was another one.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Unreadable`].
    pub async fn get_status(&self, id: &InstanceId) -> Result<InstanceStatus> {
        self.runtime.snapshot(id).await.map(InstanceStatus::new)
    }

    /// Waits until an instance has a status that is wanted, or has ended; how it is then. It looks
    /// at once, and again whenever the code has
    /// [set another status](reenact_core::OrchestrationContext::set_status) and that is durable. It
    /// does not poll. Of statuses that follow each other quickly it may see the last only. Nothing
    /// else that changes makes it look.
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
    /// Cancelling it is harmless. Only the host that runs the instance tells of changes: wait on a
    /// client of that one.
    ///
    /// # Errors
    /// - [`Error::Parked`]: it cannot go on as it is; also when that happens while this waits.
    /// - [`Error::NotFound`], [`Error::ShuttingDown`], [`Error::Store`], [`Error::Unreadable`].
    pub async fn wait_for_status(
        &self,
        id: &InstanceId,
        mut is_wanted: impl FnMut(&InstanceStatus) -> bool,
    ) -> Result<InstanceStatus> {
        let is_wanted = |snapshot: &_| is_wanted(&InstanceStatus::new(Clone::clone(snapshot)));
        self.runtime.wait_until(id, is_wanted).await.map(InstanceStatus::new)
    }

    /// Everything that happened to an instance in its newest execution, as far as it is durable.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Unreadable`].
    pub async fn history(&self, id: &InstanceId) -> Result<History> {
        self.runtime.history(id).await
    }

    /// Instances that pass a filter, ordered by id, a page at a time.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(&self, filter: &InstanceFilter, page: &PageRequest) -> Result<InstancePage> {
        self.runtime.list(filter, page).await
    }

    /// How many instances pass a filter.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn count(&self, filter: &InstanceFilter) -> Result<u64> {
        self.runtime.count(filter).await
    }

    /// Asks an instance to end. Its code is told at its current awaits, by errors and tokens; what it
    /// does about that is its own affair: see
    /// [`OrchestrationContext::shielded`](reenact_core::OrchestrationContext::shielded). Running
    /// activities are told as well, and have
    /// [a time of grace](reenact_actors::HostOptions::cancellation_grace). Durable when it returns: the
    /// cancel survives every crash, and reaches every later execution of the instance. The code may
    /// not have ended then; [`InstanceHandle::result`] waits for that.
    ///
    /// One whose code has not begun (its start has a delay) ends at once. A suspended one takes it when
    /// it is resumed. A second cancel changes nothing: the first reason counts.
    ///
    /// A reason over [`MAX_MESSAGE_BYTES`](reenact_core::limits::MAX_MESSAGE_BYTES) is cut.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Finished`], [`Error::Parked`], [`Error::Busy`],
    /// [`Error::ShuttingDown`]: nothing was stored. [`Error::Interrupted`], [`Error::Store`]: whether
    /// it counted may not be known; cancel again.
    pub async fn cancel(&self, id: &InstanceId, reason: &str) -> Result<()> {
        self.runtime.cancel(id, reason).await
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
    pub async fn suspend(&self, id: &InstanceId, reason: &str) -> Result<()> {
        self.runtime.suspend(id, reason).await
    }

    /// Lets the code of an instance go on that was [suspended](Self::suspend). Durable when it
    /// returns. One that is not suspended is as it was.
    ///
    /// One that is parked is tried again, with the code of this host: its history is replayed, and
    /// where the code fits by now, it goes on.
    ///
    /// # Errors
    /// As [`Client::cancel`]; [`Error::Parked`] when it still cannot go on, with the reason.
    pub async fn resume(&self, id: &InstanceId) -> Result<()> {
        self.runtime.resume(id).await
    }

    /// Ends an instance without asking its code: no compensation runs. Running activities are told
    /// that nobody waits for them. Durable when it returns.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Finished`], [`Error::Busy`], [`Error::ShuttingDown`],
    /// [`Error::Interrupted`], [`Error::Store`].
    pub async fn terminate(&self, id: &InstanceId, reason: &str) -> Result<()> {
        self.runtime.terminate(id, reason).await
    }

    /// Removes a finished instance with its history, for good. Its id is free then.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotFinished`], [`Error::Interrupted`], [`Error::Store`].
    pub async fn purge(&self, id: &InstanceId) -> Result<()> {
        self.runtime.purge(id).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// An external event on its way. Await it to raise it; nothing happens before.
///
/// # Errors
/// - [`Error::InvalidName`], [`Error::InvalidPayload`]: the name, the key or the data cannot be.
/// - [`Error::NotFound`], [`Error::Finished`], [`Error::Parked`], [`Error::TooManyEvents`]: the
///   instance does not take it.
/// - [`Error::Busy`], [`Error::ShuttingDown`]: the host does not take it.
/// - [`Error::Interrupted`], [`Error::Store`]: whether it counted may not be known; raise it again
///   with the same key.
#[must_use = "nothing is raised until it is awaited"]
pub struct RaiseEvent {
    client: Client,
    id: InstanceId,
    event: Result<ExternalEvent>,
}

impl RaiseEvent {
    /// An idempotency key: of the events that are raised on an instance with one key, the first
    /// counts, for as long as the execution lasts. When the instance continues as new, it still knows
    /// the keys of the newest
    /// [`CARRIED_EVENT_KEYS`](reenact_core::limits::CARRIED_EVENT_KEYS) events, and those of the
    /// events that it has not taken.
    pub fn key(mut self, key: &str) -> Self {
        self.event = self.event.and_then(|event| event.with_key(key));
        self
    }
}

impl IntoFuture for RaiseEvent {
    type Output = Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.client.runtime.raise_event(&self.id, self.event?).await })
    }
}
