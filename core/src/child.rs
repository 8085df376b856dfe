//! Other orchestrations that this one starts: children, which it waits for, and detached ones.

mod retry;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::action::Outcome;
use crate::catalog::OrchestrationRefusal;
use crate::context::OrchestrationContext;
use crate::definition::Orchestration;
use crate::error::{OrchestrationError, OrchestrationErrorKind};
use crate::event::Event;
use crate::future::{DurableFuture, DurableOutput};
use crate::ids::{CorrelationId, InstanceId, InvalidName, Name};
use crate::limits::MAX_CHILD_DEPTH;
use crate::options::RetryPolicy;
use crate::outbox::generated_id;
use crate::payload::Payload;
use crate::slots::Scheduled;
use crate::state::{Halt, Mode, Recorded, State};
use crate::version::{InvalidVersion, Version};

pub(crate) use retry::ChildRetry;
use retry::RetryChildIf;

/// What becomes of a child that has not ended when its parent ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ParentClose {
    /// It is cancelled.
    #[default]
    Cancel,
    /// It goes on; nobody gets its result.
    Abandon,
}

/// How a child is called. The default suits most: an id of the library's making, and cancelled with
/// its parent.
///
/// ```
/// use reenact_core::{ChildOptions, ParentClose};
///
/// let options = ChildOptions::new().id("ship-7").parent_close(ParentClose::Abandon);
/// # drop(options);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ChildOptions {
    id: Option<Result<InstanceId, InvalidName>>,
    version: Option<Result<Version, InvalidVersion>>,
    parent_close: ParentClose,
    retry: Option<RetryPolicy>,
    retry_if: Option<RetryChildIf>,
}

impl ChildOptions {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Under an id of your own, which must be free. Otherwise one is made out of the parent's id: it
    /// is new in each run of the parent.
    #[must_use]
    pub fn id(mut self, id: impl AsRef<str>) -> Self {
        self.id = Some(InstanceId::new(id));
        self
    }

    /// Of this version of the orchestration, such as `1.2.0`; otherwise of the newest that the host has
    /// which starts it. One that does not parse gives [`ChildError::InvalidOptions`]; one that is not
    /// registered parks this instance, as an orchestration that is not.
    #[must_use]
    pub fn version(mut self, version: impl AsRef<str>) -> Self {
        self.version = Some(Version::new(version));
        self
    }

    /// What becomes of it when the parent ends first, or continues as new. Of no meaning to a
    /// detached one.
    #[must_use]
    pub fn parent_close(mut self, parent_close: ParentClose) -> Self {
        self.parent_close = parent_close;
        self
    }

    /// Starts it again when it returns an error or panics ([`ChildError::is_retryable`]). Of no
    /// meaning to a detached one.
    ///
    /// Each attempt is an instance of its own, with a history of its own and the same input. The second
    /// one has the id of the first with `~2` behind it, the third `~3`, and so on (one that would be too
    /// long is made by the library); these must be free as well. The next attempt is started at once,
    /// and waits in its own instance until its time has come. So a restart changes nothing, and
    /// whatever ends the call in between cancels it before it has begun.
    ///
    /// The policy is recorded with the call, and that one counts at replay. Its
    /// [deadline](RetryPolicy::deadline) holds up new attempts only: one that runs then goes on. A
    /// policy that cannot be, or that has a [condition for activities](RetryPolicy::retry_if), gives
    /// [`ChildError::InvalidOptions`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use reenact_core::{ChildError, ChildOptions, RetryPolicy};
    ///
    /// let patient = ChildOptions::new()
    ///     .retry(RetryPolicy::new(5).first_delay(Duration::from_secs(60)))
    ///     .retry_if(|error| match error {
    ///         ChildError::Failed { error, .. } => error.details::<u32>() != Some(404),
    ///         _ => false,
    ///     });
    /// # drop(patient);
    /// ```
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Retries only those errors, of what may pass, for which this is true. It is code and therefore
    /// not recorded: at replay the code gives it again. It is asked once for each failure, when that
    /// comes; when it panics, the error is not retried. Of no meaning without a
    /// [policy](Self::retry).
    #[must_use]
    pub fn retry_if(mut self, retry_if: fn(&ChildError) -> bool) -> Self {
        self.retry_if = Some(retry_if);
        self
    }
}

/// An orchestration and how it is called as a child: [`Orchestration::with`].
#[derive(Clone, Debug)]
pub struct OrchestrationWith<O> {
    orchestration: core::marker::PhantomData<fn() -> O>,
    options: ChildOptions,
}

impl<O> OrchestrationWith<O> {
    pub(crate) const fn new(options: ChildOptions) -> Self {
        Self { orchestration: core::marker::PhantomData, options }
    }
}

impl<O: Orchestration> Orchestration for OrchestrationWith<O> {
    type Input = O::Input;
    type Output = O::Output;
    const NAME: &'static str = O::NAME;
    const VERSION: &'static str = O::VERSION;

    fn run(
        ctx: OrchestrationContext,
        input: O::Input,
    ) -> impl Future<Output = Result<O::Output, OrchestrationError>> + Send {
        O::run(ctx, input)
    }

    fn options(&self) -> ChildOptions {
        self.options.clone()
    }
}

/// An orchestration that is known by name only, and how it is called as a child. A text is one with
/// the default options.
#[derive(Clone, Debug)]
pub struct OrchestrationByName {
    name: String,
    options: ChildOptions,
}

impl OrchestrationByName {
    /// The orchestration of that name, called with these options.
    pub fn new(name: impl Into<String>, options: ChildOptions) -> Self {
        Self { name: name.into(), options }
    }
}

impl From<&str> for OrchestrationByName {
    fn from(name: &str) -> Self {
        Self::new(name, ChildOptions::default())
    }
}

impl From<String> for OrchestrationByName {
    fn from(name: String) -> Self {
        Self::new(name, ChildOptions::default())
    }
}

/// Why a child, or a detached orchestration, has no result to give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// It returned an error, panicked, or passed a limit.
    #[error("child `{child}` failed: {error}")]
    Failed {
        /// Its id.
        child: InstanceId,
        /// How, with its details.
        #[source]
        error: OrchestrationError,
    },
    /// Somebody terminated it.
    #[error("child `{child}` was terminated: {reason}")]
    Terminated {
        /// Its id.
        child: InstanceId,
        /// Why, in their words.
        reason: String,
    },
    /// It was cancelled, or this instance was while it waited.
    #[error("child `{child}` was cancelled: {reason}")]
    Cancelled {
        /// Its id.
        child: InstanceId,
        /// Why, in the words of whoever asked.
        reason: String,
    },
    /// This instance had been cancelled before the call. Nothing was recorded.
    #[error("`{orchestration}` was not called: cancelled: {reason}")]
    NotCalled {
        /// The orchestration.
        orchestration: String,
        /// Why, in the words of whoever asked.
        reason: String,
    },
    /// Another instance has the id; nothing was started. Choose another id.
    #[error("instance `{child}` exists already; it is no child of this call")]
    AlreadyExists {
        /// The id.
        child: InstanceId,
    },
    /// The input does not encode, is too large, or is not of the orchestration's type; or no
    /// orchestration can have the name. Nothing was started.
    #[error("`{orchestration}` was not called: its input is not valid: {why}")]
    InvalidInput {
        /// The orchestration.
        orchestration: String,
        /// What is wrong.
        why: String,
    },
    /// No instance can have the id. Nothing was recorded.
    #[error("`{orchestration}` was not called: {why}")]
    InvalidId {
        /// The orchestration.
        orchestration: String,
        /// What is wrong.
        why: String,
    },
    /// The output is not of the type that was asked for.
    #[error("child `{child}` gave an output that is not valid: {why}")]
    InvalidOutput {
        /// Its id.
        child: InstanceId,
        /// What is wrong.
        why: String,
    },
    /// This instance is a child of a child, and so on, [`MAX_CHILD_DEPTH`] times. Nothing was
    /// recorded.
    #[error("`{orchestration}` was not called: children may be nested {limit} deep")]
    TooDeep {
        /// The orchestration.
        orchestration: String,
        /// [`MAX_CHILD_DEPTH`].
        limit: u32,
    },
    /// The options of the call cannot be. Nothing was recorded.
    #[error("`{orchestration}` was not called: its options are not valid: {why}")]
    InvalidOptions {
        /// The orchestration.
        orchestration: String,
        /// What is wrong.
        why: String,
    },
}

impl ChildError {
    /// For runtimes: what the end of a child is to its parent. `None` when it goes on.
    pub fn of_outcome(child: &InstanceId, outcome: Outcome) -> Option<Result<Payload, Self>> {
        let child = child.clone();
        Some(match outcome {
            Outcome::Completed(output) => Ok(output),
            Outcome::Failed(error) => Err(Self::Failed { child, error }),
            Outcome::Terminated { reason } => Err(Self::Terminated { child, reason }),
            Outcome::Cancelled { reason } => Err(Self::Cancelled { child, reason }),
            Outcome::Continued { .. } => return None,
        })
    }

    /// Whether a [policy](ChildOptions::retry) starts it again: when it returned an error, or panicked.
    pub fn is_retryable(&self) -> bool {
        use OrchestrationErrorKind::{Failed, Panicked};
        match self {
            Self::Failed { error, .. } => matches!(error.kind(), Failed | Panicked),
            _ => false,
        }
    }

    pub(crate) fn stored_bytes(&self) -> usize {
        match self {
            Self::Failed { error, .. } => error.stored_bytes(),
            Self::Terminated { reason: text, .. }
            | Self::Cancelled { reason: text, .. }
            | Self::NotCalled { reason: text, .. }
            | Self::InvalidInput { why: text, .. }
            | Self::InvalidId { why: text, .. }
            | Self::InvalidOptions { why: text, .. }
            | Self::InvalidOutput { why: text, .. } => text.len(),
            Self::AlreadyExists { .. } | Self::TooDeep { .. } => 0,
        }
    }
}

/// Keeps the details of a failure, and that it was a cancel, so that `?` loses nothing.
impl From<ChildError> for OrchestrationError {
    fn from(error: ChildError) -> Self {
        let kind = match &error {
            ChildError::Cancelled { .. } | ChildError::NotCalled { .. } => {
                OrchestrationErrorKind::Cancelled
            }
            _ => OrchestrationErrorKind::Failed,
        };
        let wrapped = Self::of_kind(kind, &error);
        match error {
            ChildError::Failed { error, .. } => wrapped.with_details_of(error),
            _ => wrapped,
        }
    }
}

/// What is called.
struct Call {
    name: String,
    options: ChildOptions,
    /// The compiler knows the type of the input.
    typed: bool,
}

/// # Children
/// A child is an instance of its own, mostly in another shard. It is started when the event of its
/// call is durable, exactly once, and its result comes exactly once, whatever crashes in between.
impl OrchestrationContext {
    /// Starts a child now; the future has what it returns.
    ///
    /// `orchestration.with(options)` gives it an id of your own, or another
    /// [policy](ParentClose) for when this instance ends first. Dropping the future before the child
    /// has ended cancels the child, and so does a [cancel](Self::shielded) of this instance.
    ///
    /// ```
    /// # use reenact_core::{
    /// #     ChildOptions, Executor, Orchestration, OrchestrationCode, OrchestrationContext,
    /// #     OrchestrationError,
    /// # };
    /// # struct ship;
    /// # impl Orchestration for ship {
    /// #     type Input = u32;
    /// #     type Output = String;
    /// #     const NAME: &'static str = "ship";
    /// #     async fn run(_: OrchestrationContext, _: u32) -> Result<String, OrchestrationError> {
    /// #         unreachable!()
    /// #     }
    /// # }
    /// async fn order(ctx: OrchestrationContext, number: u32) -> Result<String, OrchestrationError> {
    ///     let own_id = ChildOptions::new().id(format!("ship-{number}"));
    ///     Ok(ctx.call_orchestration(ship.with(own_id), number).await?)
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("order", order).unwrap())
    ///     .orchestration("ship", |number: u32| Ok(format!("parcel {number}")))
    ///     .drive_to_completion(&7)
    ///     .unwrap();
    /// assert_eq!(run.output::<String>(), Some("parcel 7".into()));
    /// ```
    ///
    /// # Errors
    /// The future gives a [`ChildError`]: what the child ended with, or why it was not started.
    /// Children nested more than [`MAX_CHILD_DEPTH`] deep are refused. An orchestration that is not
    /// registered parks this instance, with nothing recorded.
    pub fn schedule_orchestration<O: Orchestration>(
        &self,
        orchestration: O,
        input: O::Input,
    ) -> DurableFuture<Result<O::Output, ChildError>> {
        self.schedule_child(Call::of(&orchestration), &input)
    }

    /// As [`schedule_orchestration`](Self::schedule_orchestration); reads naturally for a single
    /// await.
    pub fn call_orchestration<O: Orchestration>(
        &self,
        orchestration: O,
        input: O::Input,
    ) -> DurableFuture<Result<O::Output, ChildError>> {
        self.schedule_orchestration(orchestration, input)
    }

    /// As [`schedule_orchestration`](Self::schedule_orchestration), for one that is known by name
    /// only: a text, or an [`OrchestrationByName`] with options.
    ///
    /// # Errors
    /// In addition, the future gives [`ChildError::InvalidInput`] when the input is not of the
    /// orchestration's type (recorded as refused; nothing is started).
    pub fn schedule_orchestration_by_name<I, T>(
        &self,
        orchestration: impl Into<OrchestrationByName>,
        input: &I,
    ) -> DurableFuture<Result<T, ChildError>>
    where
        I: Serialize + ?Sized,
        T: DeserializeOwned,
    {
        self.schedule_child(Call::by_name(orchestration.into()), input)
    }

    /// As [`schedule_orchestration_by_name`](Self::schedule_orchestration_by_name); reads naturally
    /// for a single await.
    pub fn call_orchestration_by_name<I, T>(
        &self,
        orchestration: impl Into<OrchestrationByName>,
        input: &I,
    ) -> DurableFuture<Result<T, ChildError>>
    where
        I: Serialize + ?Sized,
        T: DeserializeOwned,
    {
        self.schedule_orchestration_by_name(orchestration, input)
    }

    /// Starts an orchestration that goes on by itself: this instance neither gets its result nor
    /// takes it along when it ends. The future has its id, once its start is durable; dropping the
    /// future only forgets that.
    ///
    /// # Errors
    /// The future gives [`ChildError::AlreadyExists`] when another instance has the id,
    /// [`ChildError::Cancelled`] when this instance is cancelled while it waits (the start goes on),
    /// and what [`schedule_orchestration`](Self::schedule_orchestration) refuses.
    pub fn start_orchestration<O: Orchestration>(
        &self,
        orchestration: O,
        input: O::Input,
    ) -> DurableFuture<Result<InstanceId, ChildError>> {
        self.schedule_start(Call::of(&orchestration), &input)
    }

    /// As [`start_orchestration`](Self::start_orchestration), for one that is known by name only.
    ///
    /// # Errors
    /// In addition, the future gives [`ChildError::InvalidInput`] when the input is not of the
    /// orchestration's type.
    pub fn start_orchestration_by_name<I: Serialize + ?Sized>(
        &self,
        orchestration: impl Into<OrchestrationByName>,
        input: &I,
    ) -> DurableFuture<Result<InstanceId, ChildError>> {
        self.schedule_start(Call::by_name(orchestration.into()), input)
    }

    fn schedule_child<I, T>(&self, call: Call, input: &I) -> DurableFuture<Result<T, ChildError>>
    where
        I: Serialize + ?Sized,
        T: DeserializeOwned,
    {
        let mut state = self.shared().lock();
        match state.begin_call(call, input, self.is_shielded(), true) {
            Ok(id) => {
                drop(state);
                DurableFuture::scheduled(self.shared().clone(), id, DurableOutput::into_child)
            }
            Err(error) => {
                let output = DurableOutput::Child(Err(error));
                DurableFuture::refused(state.position, output, DurableOutput::into_child)
            }
        }
    }

    fn schedule_start<I>(
        &self,
        call: Call,
        input: &I,
    ) -> DurableFuture<Result<InstanceId, ChildError>>
    where
        I: Serialize + ?Sized,
    {
        let mut state = self.shared().lock();
        match state.begin_call(call, input, self.is_shielded(), false) {
            Ok(id) => {
                drop(state);
                DurableFuture::scheduled(self.shared().clone(), id, DurableOutput::into_started)
            }
            Err(error) => {
                let output = DurableOutput::Started(Err(error));
                DurableFuture::refused(state.position, output, DurableOutput::into_started)
            }
        }
    }
}

impl Call {
    fn of<O: Orchestration>(orchestration: &O) -> Self {
        Self { name: O::NAME.to_string(), options: orchestration.options(), typed: true }
    }

    fn by_name(orchestration: OrchestrationByName) -> Self {
        let OrchestrationByName { name, options } = orchestration;
        Self { name, options, typed: false }
    }
}

impl State {
    /// The code calls an orchestration. An error: nothing is recorded.
    fn begin_call<I: Serialize + ?Sized>(
        &mut self,
        call: Call,
        input: &I,
        shielded: bool,
        is_child: bool,
    ) -> Result<CorrelationId, Box<ChildError>> {
        let Call { name: orchestration, options, typed } = call;
        if let Some(cancelled) = self.refuses(shielded) {
            let reason = cancelled.reason;
            return Err(Box::new(ChildError::NotCalled { orchestration, reason }));
        }
        if is_child && self.depth() >= MAX_CHILD_DEPTH {
            return Err(Box::new(ChildError::TooDeep { orchestration, limit: MAX_CHILD_DEPTH }));
        }
        let invalid = |why: String| {
            Box::new(ChildError::InvalidInput { orchestration: orchestration.clone(), why })
        };
        let name = Name::new(&orchestration).map_err(|e| invalid(e.to_string()))?;
        let input = Payload::encode(input).map_err(|e| invalid(e.to_string()))?;
        let invalid_options = |why: String| {
            Box::new(ChildError::InvalidOptions { orchestration: orchestration.clone(), why })
        };
        let retry = options.recorded_retry().map_err(|e| invalid_options(e.to_string()))?;
        let own_id = options.id.transpose().map_err(|e| {
            let (orchestration, why) = (orchestration.clone(), e.to_string());
            Box::new(ChildError::InvalidId { orchestration, why })
        })?;
        let version = options.version.transpose().map_err(|e| invalid_options(e.to_string()))?;
        let id = self.next_id();
        match self.refusal_of_call(&name, version.as_ref(), &input, typed) {
            Ok(None) => {}
            Ok(Some(why)) => {
                let error = invalid(why);
                self.record(Event::CallRefused { id, name, error: error.clone() });
                self.refuse_call(id, is_child, error);
                return Ok(id);
            }
            Err(halt) => {
                self.halt(halt);
                return Ok(id);
            }
        }
        let instance = own_id.unwrap_or_else(|| generated_id(&self.instance, self.lineage(), id));
        if is_child {
            let (parent_close, condition) = (options.parent_close, options.retry_if);
            self.schedule_call(
                Event::ChildScheduled { id, name, version, input, instance, parent_close, retry },
                id,
                condition,
                shielded,
            );
        } else {
            let event = Event::StartRequested { id, name, version, input, instance };
            self.schedule_call(event, id, None, shielded);
        }
        Ok(id)
    }

    fn schedule_call(
        &mut self,
        event: Event,
        id: CorrelationId,
        condition: Option<RetryChildIf>,
        shielded: bool,
    ) {
        let is_child = matches!(event, Event::ChildScheduled { .. });
        let recorded = match self.record(event.clone()) {
            Recorded::Halted => return,
            // The recorded id and policy count.
            Recorded::Before(recorded) => recorded,
            Recorded::Now => event,
        };
        match recorded {
            Event::ChildScheduled { instance, retry, .. } => {
                let retry =
                    retry.map(|policy| Box::new(ChildRetry::new(*policy, condition, self.now)));
                self.buffer_slot(id, Scheduled::Child { instance, retry }, shielded);
            }
            Event::StartRequested { instance, .. } => {
                self.buffer_slot(id, Scheduled::Start { instance }, shielded);
            }
            Event::CallRefused { error, .. } => self.refuse_call(id, is_child, error),
            _ => {}
        }
    }

    fn refuse_call(&mut self, id: CorrelationId, is_child: bool, error: Box<ChildError>) {
        let output = match is_child {
            true => DurableOutput::Child(Err(error)),
            false => DurableOutput::Started(Err(error)),
        };
        self.buffer.schedule_refused(id, self.position, output);
    }

    /// Whether the catalog refuses a new call. Asked when live only: the log knows the rest.
    fn refusal_of_call(
        &self,
        name: &Name,
        version: Option<&Version>,
        input: &Payload,
        typed: bool,
    ) -> Result<Option<String>, Halt> {
        let Some(catalog) = self.catalog().filter(|_| matches!(self.mode, Mode::Live)) else {
            return Ok(None);
        };
        match catalog.check_orchestration(name, version, (!typed).then_some(input)) {
            Ok(()) => Ok(None),
            Err(OrchestrationRefusal::Unregistered) => {
                Err(Halt::UnregisteredOrchestration(name.clone(), version.cloned()))
            }
            Err(OrchestrationRefusal::InvalidInput(why)) => Ok(Some(why.to_string())),
        }
    }
}

impl DurableOutput {
    /// A child's output as its type.
    ///
    /// # Errors
    /// What the child ended with; [`ChildError::InvalidOutput`] when the output is not a `T`, or not
    /// a child's.
    pub fn into_child<T: DeserializeOwned>(self) -> Result<T, ChildError> {
        let (child, output) = match self {
            Self::Child(ended) => ended.map_err(|error| *error)?,
            other => {
                let why = format!("it is not of a child: {other:?}");
                return Err(ChildError::InvalidInput { orchestration: "?".into(), why });
            }
        };
        output.decode().map_err(|why| ChildError::InvalidOutput { child, why: why.to_string() })
    }

    /// The id of a detached orchestration that was started.
    ///
    /// # Errors
    /// Why it was not started; [`ChildError::InvalidInput`] when it is the output of something else.
    pub fn into_started(self) -> Result<InstanceId, ChildError> {
        match self {
            Self::Started(started) => started.map_err(|error| *error),
            other => {
                let why = format!("it is not of a start: {other:?}");
                Err(ChildError::InvalidInput { orchestration: "?".into(), why })
            }
        }
    }
}
