//! The traits of typed orchestrations and activities: a name, and the types of input and output.

use core::future::Future;
use core::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::OrchestrationContext;
use crate::error::OrchestrationError;
use crate::event_name::DeclaredEvent;
use crate::options::{ActivityOptions, ChildOptions};
use crate::update_name::DeclaredUpdate;

/// A typed orchestration. `#[orchestration]` writes this for an `async fn`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an orchestration",
    label = "an orchestration is wanted here",
    note = "put `#[orchestration]` on the `async fn`, and name the function here, without `()`",
    note = "one that is known by its name only goes with the calls that end in `_by_name`"
)]
pub trait Orchestration: Send + Sync + 'static {
    /// The input.
    type Input: Serialize + DeserializeOwned + Send + 'static;
    /// What it returns when all goes well.
    type Output: Serialize + DeserializeOwned + Send + 'static;
    /// The name that is stored. It must not change while instances run.
    const NAME: &'static str;
    /// The version: a [semantic version](crate::Version). `0.0.0` stands for none. A running instance
    /// stays on the version that it was started with.
    const VERSION: &'static str = "0.0.0";

    /// The external events that it takes, where it says so: `PACKED.declared()` of each
    /// [`EventName`](crate::EventName). An event of another name, or with data that is not what is
    /// declared, is refused before anything is stored. None by default: then it takes all.
    const EVENTS: &'static [DeclaredEvent] = &[];

    /// The updates that it takes, where it says so: `ADD.declared()` of each
    /// [`UpdateName`](crate::UpdateName). They are refused as [events](Self::EVENTS) are; and what is in
    /// neither list is refused where one of the lists has something.
    const UPDATES: &'static [DeclaredUpdate] = &[];

    /// Runs from the start. Must be deterministic: the same history leads to the same calls.
    fn run(
        ctx: OrchestrationContext,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, OrchestrationError>> + Send;

    /// How it is called by another orchestration, where that says nothing else.
    fn options(&self) -> ChildOptions {
        ChildOptions::default()
    }

    /// The same orchestration, called with these options by another one.
    fn with(self, options: ChildOptions) -> OrchestrationWith<Self>
    where
        Self: Sized,
    {
        OrchestrationWith::new(options)
    }
}

/// What an orchestration must know of an activity to call it. `#[activity]` writes this for an
/// `async fn`; how the activity runs is no concern of the core.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an activity",
    label = "an activity is wanted here",
    note = "put `#[activity]` on the `async fn`, and name the function here, without `()`; of a method, \
            put `#[activities]` on its `impl` block as well",
    note = "one that is known by its name only goes with the calls that end in `_by_name`"
)]
pub trait ActivityDefinition: Send + Sync + 'static {
    /// The input.
    type Input: Serialize + DeserializeOwned + Send + 'static;
    /// What it returns when all goes well.
    type Output: Serialize + DeserializeOwned + Send + 'static;
    /// The name that is stored. It must not change while instances run.
    const NAME: &'static str;

    /// How it is called. Without options, unless it was made [with](Self::with) some.
    fn options(&self) -> ActivityOptions {
        ActivityOptions::new()
    }

    /// The same activity, called with these options, and no others:
    ///
    /// ```
    /// use std::time::Duration;
    /// use reenact_core::{
    ///     ActivityDefinition, ActivityError, ActivityOptions, Executor, Orchestration,
    ///     OrchestrationContext, OrchestrationError, RetryPolicy,
    /// };
    ///
    /// struct Charge;
    ///
    /// impl ActivityDefinition for Charge {
    ///     type Input = u64;
    ///     type Output = String;
    ///     const NAME: &'static str = "charge";
    /// }
    ///
    /// struct Order;
    ///
    /// impl Orchestration for Order {
    ///     type Input = u64;
    ///     type Output = String;
    ///     const NAME: &'static str = "order";
    ///
    ///     async fn run(
    ///         ctx: OrchestrationContext,
    ///         cents: u64,
    ///     ) -> Result<String, OrchestrationError> {
    ///         let options = ActivityOptions::new()
    ///             .retry(RetryPolicy::new(5))
    ///             .start_to_close(Duration::from_secs(30));
    ///         Ok(ctx.call_activity(Charge.with(options), cents).await?)
    ///     }
    /// }
    ///
    /// let mut attempts = 0;
    /// let run = Executor::of(Order)
    ///     .unwrap()
    ///     .activity("charge", move |_: u64| {
    ///         attempts += 1;
    ///         if attempts < 3 { Err(ActivityError::retryable("busy")) } else { Ok("paid") }
    ///     })
    ///     .drive_to_completion(&500)
    ///     .unwrap();
    /// assert_eq!(run.output::<String>(), Some("paid".into()));
    /// ```
    fn with(self, options: ActivityOptions) -> WithOptions<Self>
    where
        Self: Sized,
    {
        WithOptions::new(self, options)
    }
}

/// An activity with options. See [`ActivityDefinition::with`].
#[derive(Clone, Copy, Debug)]
#[must_use = "it does nothing until it is called"]
pub struct WithOptions<A> {
    options: ActivityOptions,
    _activity: A,
}

impl<A> WithOptions<A> {
    pub(crate) const fn new(activity: A, options: ActivityOptions) -> Self {
        Self { options, _activity: activity }
    }
}

impl<A: ActivityDefinition> ActivityDefinition for WithOptions<A> {
    type Input = A::Input;
    type Output = A::Output;
    const NAME: &'static str = A::NAME;

    fn options(&self) -> ActivityOptions {
        self.options
    }
}

/// An orchestration and how it is called as a child: [`Orchestration::with`].
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is called"]
pub struct OrchestrationWith<O> {
    orchestration: PhantomData<fn() -> O>,
    options: ChildOptions,
}

impl<O> OrchestrationWith<O> {
    pub(crate) const fn new(options: ChildOptions) -> Self {
        Self { orchestration: PhantomData, options }
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
