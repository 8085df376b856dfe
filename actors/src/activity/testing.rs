//! A call of an activity without a host, for unit tests.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use reenact_core::{
    AttemptTerms, CorrelationId, ExecutionId, InstanceId, InvalidName, Name, Payload, PayloadError,
    ToInstanceId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::emissions::Emissions;
use super::{ActivityCall, ActivityContext, Attempt};
use crate::metrics::Label;
use crate::run::Run;
use crate::state::States;
use crate::trace::RunTrace;

/// A call of an activity in a unit test, without a host: what its context says, and what the activity
/// does with it.
///
/// ```
/// # use reenact_actors::{ActivityContext, TestCall};
/// # use reenact_core::ActivityError;
/// # async fn copy(ctx: ActivityContext, files: u32) -> Result<u32, ActivityError> {
/// #     let done = ctx.heartbeat_details().unwrap_or(0);
/// #     for file in done..files { ctx.heartbeat(&(file + 1))?; }
/// #     Ok(files - done)
/// # }
/// # let tokio = tokio::runtime::Builder::new_current_thread().build()?;
/// # tokio.block_on(async {
/// let call = TestCall::new().attempt(2).heartbeat_details(&3)?;
/// let copied = copy(call.context(), 5).await?;
/// assert_eq!(copied, 2);
/// assert_eq!(call.heartbeats::<u32>(), [4, 5]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// The first [`context`](Self::context) fixes what was said before; each further one is of the same
/// call. By default it is the first attempt of call 1 of activity `test` in the first execution of
/// instance `test`, without state.
pub struct TestCall {
    instance: InstanceId,
    activity: Name,
    attempt: u32,
    number: u64,
    details: Option<Payload>,
    states: States,
    heartbeats: Arc<Mutex<Vec<Payload>>>,
    emissions: Emissions,
    context: OnceLock<ActivityContext>,
}

impl Default for TestCall {
    fn default() -> Self {
        Self::new()
    }
}

impl TestCall {
    /// A first attempt, by instance `test`, of activity `test`.
    pub fn new() -> Self {
        Self {
            instance: InstanceId::new("test").unwrap_or_else(|_| InstanceId::of_no_instance()),
            activity: Name::new("test").expect("it is valid"),
            attempt: 1,
            number: 1,
            details: None,
            states: States::default(),
            heartbeats: Arc::default(),
            emissions: Emissions::of_test(),
            context: OnceLock::new(),
        }
    }

    /// By the instance of that id.
    ///
    /// # Errors
    /// [`InvalidName`] when it is no id.
    pub fn instance(self, id: impl ToInstanceId) -> Result<Self, InvalidName> {
        Ok(Self { instance: id.to_instance_id()?, ..self })
    }

    /// Of the activity of that name.
    ///
    /// # Errors
    /// [`InvalidName`] when no activity can be called that.
    pub fn activity(self, name: &str) -> Result<Self, InvalidName> {
        Ok(Self { activity: Name::new(name)?, ..self })
    }

    /// That attempt; the first is 1.
    #[must_use]
    pub fn attempt(self, attempt: u32) -> Self {
        Self { attempt, ..self }
    }

    /// The call of that number in the instance's history: with the id of the instance it makes the
    /// [idempotency key](ActivityContext::idempotency_key).
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        Self { number, ..self }
    }

    /// With the details of a heartbeat before it.
    ///
    /// # Errors
    /// [`PayloadError`] when they do not encode, or are too large.
    pub fn heartbeat_details<T: Serialize + ?Sized>(
        self,
        details: &T,
    ) -> Result<Self, PayloadError> {
        Ok(Self { details: Some(Payload::encode(details)?), ..self })
    }

    /// With a value as a host is given it by `HostBuilder::state`. Of two values of one type, the later
    /// one counts.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// The context to call the activity with.
    pub fn context(&self) -> ActivityContext {
        self.context.get_or_init(|| self.begin()).clone()
    }

    /// Cancels the activity.
    pub fn cancel(&self) {
        self.context().cancel();
    }

    /// The details of the heartbeats of the activity, in their order, that are a `T`.
    pub fn heartbeats<T: DeserializeOwned>(&self) -> Vec<T> {
        let heartbeats = self.heartbeats.lock().unwrap_or_else(PoisonError::into_inner);
        heartbeats.iter().filter_map(|details| details.decode().ok()).collect()
    }

    /// The items that the activity has emitted to a stream, in their order, that are a `T`.
    pub fn emitted<T: DeserializeOwned>(&self, stream: &str) -> Vec<T> {
        let items = self.emissions.recorded(stream);
        items.iter().filter_map(|item| item.decode().ok()).collect()
    }

    fn begin(&self) -> ActivityContext {
        let run = Run::of_test(ExecutionId::FIRST);
        let (instance, id) = (self.instance.clone(), CorrelationId(self.number));
        let terms = self.details.clone().map(|details| {
            Box::new(AttemptTerms { details: Some(details), ..AttemptTerms::default() })
        });
        let attempt = Attempt {
            name: self.activity.clone(),
            number: self.attempt,
            terms,
            reports: None,
            local_input: None,
            trace: RunTrace::default(),
        };
        let key = ActivityCall { instance, run, id };
        let context = ActivityContext::new(key, attempt, None, self.states.clone(), Label::OTHER);
        context.pulse().record_into(self.heartbeats.clone());
        // It is new.
        let _ = context.emissions_cell().set(self.emissions.clone());
        context
    }
}

impl fmt::Debug for TestCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCall")
            .field("instance", &self.instance)
            .field("activity", &self.activity)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_in_a_test_does_what_the_test_has_set_up() {
        let call = TestCall::new().instance("order-7").unwrap().activity("charge").unwrap();
        let call = call.attempt(3).number(4).state(7_u8);
        let ctx = call.context();
        assert_eq!(ctx.idempotency_key(), "order-7/1-0000000000000000/4");
        assert_eq!((ctx.activity_name().as_str(), ctx.attempt()), ("charge", 3));
        assert_eq!(ctx.state::<u8>(), Ok(&7));
        assert!(ctx.state::<u16>().unwrap_err().to_string().contains("`charge` needs a `u16`"));
    }

    #[tokio::test]
    async fn what_an_activity_emits_in_a_test_is_kept() {
        let call = TestCall::new();
        call.context().emit("tokens", "a").await.unwrap();
        call.context().emit("other", &1).await.unwrap();
        call.context().emit("tokens", "b").await.unwrap();
        call.context().flush_emitted().await.unwrap();
        assert_eq!(call.emitted::<String>("tokens"), ["a", "b"]);
        assert_eq!(call.emitted::<u64>("other"), [1]);
    }

    #[test]
    fn a_cancel_in_a_test_reaches_every_context_of_the_call() {
        let call = TestCall::new();
        let ctx = call.context();
        assert!(!ctx.is_cancelled());
        call.cancel();
        assert!(ctx.is_cancelled() && call.context().is_cancelled());
    }
}
