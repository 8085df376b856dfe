//! Doubles of activities and children, with what they answer.

mod install;
mod script;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reenact_actors::{NoDouble, Registry};
use reenact_core::{
    ActivityDefinition, ActivityError, ActivityErrorKind, Orchestration, OrchestrationError,
    Payload,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) use self::install::Failure;
use self::script::{Script, Step};

/// What stands in the place of an activity, or of an orchestration that others call: it answers each call by a script,
/// and records what it was called with. An attempt is a call.
///
/// ```
/// use reenact::prelude::*;
/// use reenact::testing::{self, Double, TestHost};
///
/// #[activity]
/// async fn charge(_ctx: ActivityContext, cents: u64) -> Result<String, ActivityError> {
///     Err(ActivityError::fatal(format!("{cents} cents are not charged in a test")))
/// }
///
/// #[orchestration]
/// async fn order(ctx: OrchestrationContext, cents: u64) -> Result<String, OrchestrationError> {
///     let often = ActivityOptions::new().retry(RetryPolicy::new(5).first_delay(Duration::from_secs(60)));
///     Ok(ctx.call_activity(charge.with(often), cents).await?)
/// }
///
/// testing::run(async {
///     let charged = Double::of(charge)
///         .takes(Duration::from_secs(2))
///         .fail(2, ActivityError::retryable("the bank is busy"))
///         .then(|cents| Ok(format!("receipt for {cents}")));
///     let builder = Host::builder().orchestration(order).activity(charge);
///     let host = TestHost::of(builder).double(charged).start().await.unwrap();
///
///     let receipt = host.start_new(order, 1_200).await.unwrap().result().await.unwrap();
///     assert_eq!(receipt, "receipt for 1200");
///     assert_eq!(host.calls(charge), [1_200, 1_200, 1_200]);
/// });
/// ```
///
/// A double of a child records its answer in the child's history, and passes its time there as a timer.
#[must_use = "a double does nothing until a test host has it"]
pub struct Double<I, O, E = ActivityError> {
    name: String,
    script: Script<I, O, E>,
}

/// What a double was called with. Clones are the same.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<Vec<Payload>>>);

/// What a double stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Activity,
    Child,
}

impl<I, O> Double<I, O, ActivityError> {
    /// A double of an activity.
    pub fn of<A: ActivityDefinition<Input = I, Output = O>>(_activity: A) -> Self {
        Self::named(A::NAME)
    }

    /// A double of an activity that is known by its name only: `Double::<u64, String>::named("charge")`. Its types are
    /// compared with those of what is registered when the host starts.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), script: Script::new() }
    }

    /// The next calls, this many, time out: they fail as one does that its
    /// [options](crate::ActivityOptions) allow no more time, and no time passes but what the double [takes](Self::takes).
    /// For a call that uses its time up, see [`never`](Self::never).
    pub fn time_out(self, times: usize) -> Self {
        let error = ActivityError::of_kind(ActivityErrorKind::TimedOut, "the double timed out");
        self.fail(times, error)
    }
}

impl<I, O> Double<I, O, OrchestrationError> {
    /// A double of an orchestration, as a child or as any other instance: of all its versions. It takes the events and
    /// updates that the real one declares, and does nothing with them.
    pub fn of_child<C: Orchestration<Input = I, Output = O>>(_orchestration: C) -> Self {
        Self::child_named(C::NAME)
    }

    /// A double of an orchestration that is known by its name only.
    pub fn child_named(name: &str) -> Self {
        Self { name: name.to_owned(), script: Script::new() }
    }
}

impl<I, O, E: Clone> Double<I, O, E> {
    /// How long each call takes that is added after this, in virtual time. Nothing by default.
    pub fn takes(mut self, latency: Duration) -> Self {
        self.script.latency = latency;
        self
    }

    /// The next calls, this many, fail.
    ///
    /// # Panics
    /// After [`then`](Self::then), which leaves no call.
    #[track_caller]
    pub fn fail(mut self, times: usize, error: E) -> Self {
        self.script.push(times, Step::Fail(error));
        self
    }

    /// The next calls, this many, give no answer: a call with a time limit uses it up, and one without waits for ever.
    ///
    /// # Panics
    /// After [`then`](Self::then), which leaves no call.
    #[track_caller]
    pub fn never(mut self, times: usize) -> Self {
        self.script.push(times, Step::Never);
        self
    }

    /// The next calls, this many, get what the closure gives.
    ///
    /// # Panics
    /// After [`then`](Self::then), which leaves no call.
    #[track_caller]
    pub fn answer(
        mut self,
        times: usize,
        answer: impl FnMut(I) -> Result<O, E> + Send + 'static,
    ) -> Self {
        self.script.push(times, Step::Answer(Box::new(answer)));
        self
    }

    /// All further calls get what the closure gives. Without this, a call after the last that is known fails, and says so.
    ///
    /// # Panics
    /// When it is called twice.
    #[track_caller]
    pub fn then(self, answer: impl FnMut(I) -> Result<O, E> + Send + 'static) -> Self {
        self.answer(usize::MAX, answer)
    }
}

impl<I, O, E> Double<I, O, E>
where
    I: Serialize + DeserializeOwned + Send + 'static,
    O: Serialize + DeserializeOwned + Send + 'static,
    E: Failure,
{
    /// Takes the place of what is registered.
    pub(super) fn install(
        self,
        registry: &mut Registry,
    ) -> (Kind, String, Result<Calls, NoDouble>) {
        let (name, calls) = (self.name, Calls::default());
        let installed = E::install(registry, &name, self.script, calls.clone());
        (E::KIND, name, installed.map(|()| calls))
    }
}

impl Calls {
    fn record<I: Serialize>(&self, input: &I) -> usize {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // It was decoded from what was stored, so it can be stored.
        calls.extend(Payload::encode_large(input));
        calls.len()
    }

    pub(super) fn all<I: DeserializeOwned>(&self, name: &str) -> Vec<I> {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let decoded = calls.iter().map(|input| match input.decode() {
            Ok(input) => input,
            Err(why) => panic!(
                "`{name}` was called with {input}, which is no `{}`: {why}",
                std::any::type_name::<I>()
            ),
        });
        decoded.collect()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Activity => "activity",
            Self::Child => "orchestration",
        })
    }
}

impl<I, O, E> fmt::Debug for Double<I, O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Double").field("name", &self.name).finish_non_exhaustive()
    }
}
