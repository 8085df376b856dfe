//! Other orchestrations that this one starts: children, which it waits for, and detached ones.

mod call;
mod retry;

use alloc::format;
use alloc::string::{String, ToString};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::context::OrchestrationContext;
use crate::definition::Orchestration;
use crate::error::{ChildError, OrchestrationError};
use crate::future::{DurableFuture, DurableOutput};
use crate::ids::{InstanceId, InvalidName};
use crate::message::Relation;
use crate::options::RetryPolicy;
use crate::version::{InvalidVersion, Version};

use call::Call;
pub(crate) use retry::ChildRetry;
use retry::RetryChildIf;

/// What becomes of a child that has not ended when its parent ends: by a return, an error, a panic, a
/// limit, a cancel, a termination, or by continuing as new.
///
/// It makes no difference that the future of the child is dropped then. A future that is dropped while
/// the code of the parent goes on cancels the child, whatever its policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ParentClose {
    /// It is cancelled.
    #[default]
    Cancel,
    /// It goes on; nobody gets its result. With a [retry policy](ChildOptions::retry), the attempt goes
    /// on that is under way or waits for its time; no other follows it.
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

/// # Children
/// A child is an instance of its own, mostly in another shard. It is started when the event of its
/// call is durable, exactly once, and its result comes exactly once, whatever crashes in between.
impl OrchestrationContext {
    /// Starts a child now; the future has what it returns.
    ///
    /// `orchestration.with(options)` gives it an id of your own, or another
    /// [policy](ParentClose) for when this instance ends first. Dropping the future before the child
    /// has ended cancels the child, if the code goes on behind that. A child that is called and dropped
    /// in one turn is not started.
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
    /// An input that does not decode again from what it encodes to gives [`ChildError::InvalidInput`]
    /// (recorded as refused). Children nested more than [`MAX_CHILD_DEPTH`](crate::limits::MAX_CHILD_DEPTH) deep are refused. An orchestration that is not
    /// registered parks this instance, with nothing recorded.
    pub fn schedule_orchestration<O: Orchestration>(
        &self,
        orchestration: O,
        input: O::Input,
    ) -> DurableFuture<Result<O::Output, ChildError>> {
        self.schedule_child(Call::of(&orchestration, &input))
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
        self.schedule_child(Call::by_name(orchestration.into(), input))
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
        self.schedule_start(Call::of(&orchestration, &input))
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
        self.schedule_start(Call::by_name(orchestration.into(), input))
    }

    fn schedule_child<T: DeserializeOwned>(
        &self,
        call: Call,
    ) -> DurableFuture<Result<T, ChildError>> {
        self.schedule_call(call, Relation::Child, DurableOutput::into_child)
    }

    fn schedule_start(&self, call: Call) -> DurableFuture<Result<InstanceId, ChildError>> {
        self.schedule_call(call, Relation::Detached, DurableOutput::into_started)
    }

    fn schedule_call<T>(
        &self,
        mut call: Call,
        relation: Relation,
        decode: fn(DurableOutput) -> T,
    ) -> DurableFuture<T> {
        // Without the lock, for that decodes the input.
        call.refusal = self.refusal_of_call(&call);
        let mut state = self.shared().lock();
        match state.begin_call(call, self.is_shielded(), relation) {
            Ok(id) => {
                drop(state);
                DurableFuture::scheduled(self.shared().clone(), id, decode)
            }
            Err(error) => DurableFuture::refused(
                state.next_position(),
                call::refused(relation, error),
                decode,
            ),
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
