//! `StartNew`: the start of an instance, with its options.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use reenact_actors::{Error, ExternalEvent, Result, ReusePolicy, StartRequest};
use reenact_core::{
    AttributeError, AttributeValue, Attributes, InstanceId, Name, NamesEvent, Payload,
    PayloadError, TimeLimits, ToInstanceId, TraceContext, Version,
};
use reenact_providers::InstanceState;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Client, InstanceHandle};

/// An instance that is to be. Await it to start it; nothing happens before.
///
/// # Errors
/// - [`Error::InvalidName`], [`Error::InvalidVersion`]: the id, the orchestration's name or the version
///   cannot be.
/// - [`Error::InvalidPayload`]: the input does not encode, is too large, or is not of the type that
///   the version which is started takes.
/// - [`Error::InvalidAttribute`]: an attribute cannot be set so.
/// - [`Error::UnknownOrchestration`], [`Error::UnknownVersion`]: this host has not got it.
/// - [`Error::AlreadyExists`]: the id is taken, by a running instance or a finished one; unless it is said what to do
///   [then](Self::reuse).
/// - [`Error::OverLimit`]: the delay is too long. [`Error::InvalidOptions`]: a time limit cannot be.
/// - [`Error::NotStarted`]: the code cannot do its first turn, for it does what no history can repeat,
///   or calls an activity that is not registered. There is no instance then.
/// - [`Error::Busy`], [`Error::ShuttingDown`]: the host does not take it.
/// - [`Error::Quarantined`]: the other host that has the instance's shard cannot take it, for good: it
///   lacks the orchestration, for example. There is no instance.
/// - [`Error::Unanswered`]: no host has taken it for half a minute. It is durable in its queue, and
///   starts when one does.
/// - [`Error::Interrupted`], [`Error::Store`]: whether it was started may not be known; look at its
///   status.
#[must_use = "nothing is started until it is awaited"]
pub struct StartNew<T> {
    client: Client,
    name: Result<Name>,
    input: Result<Payload, PayloadError>,
    id: Option<Result<InstanceId>>,
    delay: Option<Duration>,
    version: Option<Result<Version>>,
    /// The version whose input it is, where that is known.
    input_of: Option<&'static str>,
    event: Option<Result<ExternalEvent>>,
    trace: Option<TraceContext>,
    reuse: ReusePolicy,
    limits: TimeLimits,
    attributes: Result<Attributes, AttributeError>,
    output: PhantomData<fn() -> T>,
}

impl<T> StartNew<T> {
    pub(crate) fn new(
        client: Client,
        name: &str,
        input: Result<Payload, PayloadError>,
        input_of: Option<&'static str>,
    ) -> Self {
        let name = Name::new(name).map_err(Error::from);
        let id = None;
        let delay = None;
        let version = None;
        let (event, trace, output) = (None, None, PhantomData);
        let (reuse, limits) = (ReusePolicy::new(), TimeLimits::NONE);
        Self {
            client,
            name,
            input,
            id,
            delay,
            version,
            input_of,
            event,
            trace,
            reuse,
            limits,
            attributes: Ok(Attributes::default()),
            output,
        }
    }

    /// Under an id of your own; otherwise one is made, a UUID that sorts by time.
    pub fn id(mut self, id: impl ToInstanceId) -> Self {
        self.id = Some(id.to_instance_id().map_err(Error::from));
        self
    }

    /// With the code running only after this time, by a durable timer; at most
    /// [`MAX_TIMER`](crate::limits::MAX_TIMER).
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// How long each of its executions may take, from when the code may run: then it fails, and the code is not asked.
    /// [`result`](InstanceHandle::result) gives [`Error::Failed`] with an error of the kind
    /// [`TimedOut`](crate::OrchestrationErrorKind::TimedOut); so does a parent get it. Children go by their
    /// [parent-close policies](crate::ParentClose). To clean up, put a limit around the work instead:
    /// [`ctx.timeout`](crate::OrchestrationContext::timeout).
    ///
    /// The time goes on while no host runs, and while it is suspended. One that is parked ends when its code is there
    /// again. When the code continues as new, the time begins anew; so it does after a rewind.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// use std::time::Duration;
    ///
    /// # #[orchestration]
    /// # async fn order(_ctx: OrchestrationContext, id: u32) -> Result<u32, OrchestrationError> {
    /// #     Ok(id)
    /// # }
    /// # async fn start(host: &Host) -> reenact::Result<()> {
    /// let an_hour = Duration::from_secs(3_600);
    /// host.start_new(order, 7).timeout(an_hour).total_timeout(24 * an_hour).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidOptions`]: less than a microsecond, or more than [`MAX_TIMER`](crate::limits::MAX_TIMER). Nothing is
    /// stored.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limits.execution = Some(limit);
        self
    }

    /// As [`timeout`](Self::timeout), for all executions together: it counts on when the code continues as new.
    pub fn total_timeout(mut self, limit: Duration) -> Self {
        self.limits.total = Some(limit);
        self
    }

    /// Of this version of the orchestration, such as `1.2.0`; otherwise of the newest that the host
    /// has.
    pub fn version(mut self, version: impl AsRef<str>) -> Self {
        self.version = Some(Version::new(version).map_err(Error::from));
        self
    }

    /// Raises an event with the start, both or none: where there is no instance of the id, it is
    /// started, and has the event before its code runs. Where there is one that runs, nothing is
    /// started, and it gets the event. Needs an [id](Self::id) of your own.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// # #[orchestration]
    /// # async fn cart(ctx: OrchestrationContext, owner: String) -> Result<u32, OrchestrationError> {
    /// #     Ok(ctx.wait_external("Add").await?)
    /// # }
    /// # async fn add(host: &Host) -> reenact::Result<()> {
    /// let instance = host.start_new(cart, "Ada".to_string()).id("cart-7").and_raise("Add", 12).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// - [`Error::NoId`]: it has no id of your own.
    /// - [`Error::Finished`]: the instance of the id has finished. Purge it, or choose another id.
    /// - [`Error::TooManyEvents`]: the instance that is there does not take it; nor does one that is
    ///   parked and whose log cannot be read ([`Error::Parked`]).
    /// - [`Error::InvalidName`], [`Error::InvalidPayload`]: the event's name or data cannot be.
    ///
    /// Never [`Error::AlreadyExists`]. Where it is not known whether it counted, do it again with the
    /// same [key](Self::event_key).
    pub fn and_raise<D: Serialize>(mut self, name: impl NamesEvent<D>, data: D) -> Self {
        self.event = Some(ExternalEvent::new(name.event_name(), &data));
        self
    }

    /// An idempotency key for the event of [`and_raise`](Self::and_raise): see
    /// [`RaiseEvent::key`](crate::RaiseEvent::key). Of no meaning without an event.
    pub fn event_key(mut self, key: impl AsRef<str>) -> Self {
        self.event = self.event.map(|event| event.and_then(|event| event.with_key(key.as_ref())));
        self
    }

    /// Takes the instance of the id that is there, if there is one, for the one that is to be started: the handle is of
    /// that one, whether it runs or has ended. Nothing is stored then, and its orchestration and its input may be
    /// others. Without an [id](Self::id) of your own it has no effect.
    ///
    /// The host that has the id decides: of several starts at the same time, from wherever, one starts the instance,
    /// and the others get it.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// # #[orchestration]
    /// # async fn order(_ctx: OrchestrationContext, id: u32) -> Result<u32, OrchestrationError> {
    /// #     Ok(id)
    /// # }
    /// # #[tokio::main]
    /// # async fn main() -> reenact::Result<()> {
    /// let host = Host::builder().provider(InMemory::new()).orchestration(order).start().await?;
    /// let first = host.start_new(order, 7).id("order-7").or_attach().await?;
    /// let second = host.start_new(order, 7).id("order-7").or_attach().await?;
    /// assert_eq!(first.result().await?, second.result().await?);
    /// # host.shutdown().await
    /// # }
    /// ```
    pub fn or_attach(mut self) -> Self {
        self.reuse = self.reuse.or_attach();
        self
    }

    /// Replaces the instance of the id that is there, if it is in one of these states: the new one begins under the same
    /// id. With [`InstanceState::Running`](crate::InstanceState::Running), one that runs is terminated in the same
    /// step. What becomes of the old one is said at [`ReusePolicy::replacing`].
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// use reenact::InstanceState;
    ///
    /// # #[orchestration]
    /// # async fn order(_ctx: OrchestrationContext, id: u32) -> Result<u32, OrchestrationError> {
    /// #     Ok(id)
    /// # }
    /// # async fn again(host: &Host) -> reenact::Result<()> {
    /// let failed = [InstanceState::Failed, InstanceState::Terminated];
    /// let instance = host.start_new(order, 7).id("order-7").replacing(failed).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Besides those of every start, [`Error::Unreadable`]: the history of the one that is there does not decode, so
    /// it is not known whom it has to inform. Purge it.
    ///
    /// Code that cannot do its first turn does not keep it from being started: it is parked.
    pub fn replacing(mut self, states: impl IntoIterator<Item = InstanceState>) -> Self {
        self.reuse = self.reuse.replacing(states);
        self
    }

    /// Does this where there is an instance of the id: [`or_attach`](Self::or_attach) and
    /// [`replacing`](Self::replacing) in one value.
    pub fn reuse(mut self, policy: ReusePolicy) -> Self {
        self.reuse = policy;
        self
    }

    /// With an attribute, by which lists are filtered from the start on; further ones by further calls. The code reads
    /// it with [`attribute`](reenact_core::OrchestrationContext::attribute), and can set or clear it.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// # use reenact::{InstanceFilter, PageRequest};
    /// # #[orchestration]
    /// # async fn order(ctx: OrchestrationContext, id: u32) -> Result<(), OrchestrationError> { Ok(()) }
    /// # async fn start(host: &Host) -> reenact::Result<()> {
    /// host.start_new(order, 7).attribute("customer", "ada").attribute("cents", 430).await?;
    /// let of_ada = InstanceFilter::new().attribute("customer", "ada").attribute_within("cents", 100..);
    /// let page = host.client().list(&of_ada, &PageRequest::new()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidAttribute`]: it is over a limit, or has a name that cannot be one, or another kind than in the
    /// call before. Nothing is started.
    pub fn attribute(mut self, name: impl AsRef<str>, value: impl Into<AttributeValue>) -> Self {
        self.attributes = self.attributes.and_then(|mut attributes| {
            attributes.set(name, value)?;
            Ok(attributes)
        });
        self
    }

    /// In the trace of this context: it goes into the log of the instance, and on to its activities and children. With
    /// the feature `otel`, it is that of the current span where none is given.
    pub fn trace_context(mut self, context: TraceContext) -> Self {
        self.trace = Some(context);
        self
    }

    /// With an event.
    pub(crate) fn with_event(self, event: ExternalEvent) -> Self {
        Self { event: Some(Ok(event)), ..self }
    }

    pub(crate) fn under(mut self, id: Result<InstanceId>) -> Self {
        self.id = Some(id);
        self
    }

    async fn start(self) -> Result<InstanceHandle<T>> {
        let (client, request, trace) = self.request()?;
        let id = client.access().start_in_trace(request, trace).await?;
        Ok(InstanceHandle::new(client, id))
    }

    /// As it is asked for.
    pub(super) fn request(self) -> Result<(Client, StartRequest, Option<TraceContext>)> {
        let attributes = self.attributes?;
        let Self { client, name, input, id, delay, version, input_of, event, .. } = self;
        let (trace, reuse, limits) = (self.trace, self.reuse, self.limits);
        let name = name?;
        let instance = id.transpose()?;
        let version = version.transpose()?;
        let event = event.transpose()?;
        let invalid = |source| Error::InvalidPayload {
            what: format!("the input of orchestration `{name}`"),
            source,
        };
        let input = input.map_err(invalid)?;
        // Without a host there is no code here: the host that takes it looks.
        if let Some(code) = client.access().orchestration(&name, version.as_ref())?
            && !input_of.is_some_and(|known| is_version(code.version(), known))
        {
            code.check_input(&input).map_err(invalid)?;
        }
        let request = StartRequest {
            name,
            version,
            input,
            instance,
            delay,
            event,
            reuse,
            limits,
            attributes,
        };
        Ok((client, request, trace))
    }
}

/// Whether a version is the one that an orchestration's type says.
fn is_version(version: &Version, text: &str) -> bool {
    match text {
        // As most are: it need not be parsed.
        "0.0.0" => version.is_none(),
        text => Version::new(text).is_ok_and(|said| said == *version),
    }
}

impl<T: DeserializeOwned + 'static> IntoFuture for StartNew<T> {
    type Output = Result<InstanceHandle<T>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}
