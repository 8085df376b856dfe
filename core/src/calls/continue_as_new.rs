//! The calls that end an execution and go on as a new one.

use serde::Serialize;

use crate::context::OrchestrationContext;
use crate::definition::Orchestration;
use crate::error::OrchestrationError;
use crate::payload::Payload;

impl OrchestrationContext {
    /// Ends this execution, and goes on as a new one of the same instance, with this input and an
    /// empty history. For orchestrations that never end. Return what it gives:
    ///
    /// ```
    /// use reenact_core::{
    ///     Executor, Orchestration, OrchestrationContext, OrchestrationError, Outcome,
    /// };
    ///
    /// struct Counter;
    ///
    /// impl Orchestration for Counter {
    ///     type Input = u64;
    ///     type Output = u64;
    ///     const NAME: &'static str = "counter";
    ///
    ///     async fn run(ctx: OrchestrationContext, sum: u64) -> Result<u64, OrchestrationError> {
    ///         match ctx.wait_external::<u64>("Add").await? {
    ///             0 => Ok(sum),
    ///             more => ctx.continue_as_new(Counter, sum + more),
    ///         }
    ///     }
    /// }
    ///
    /// let counter = || Executor::of(Counter).unwrap();
    /// let run = counter().event("Add", &5).drive_to_completion(&2).unwrap();
    /// assert_eq!(run.continued_with::<u64>(), Some(7));
    /// let run = counter().event("Add", &0).drive_to_completion(&7).unwrap();
    /// assert_eq!(run.output::<u64>(), Some(7));
    /// ```
    ///
    /// The call itself ends the execution: whatever the code does afterwards counts for nothing, so
    /// an error that is swallowed does no harm.
    ///
    /// - External events that nobody has taken come along, in their order, and so do the keys of the
    ///   newest [`CARRIED_EVENT_KEYS`](crate::limits::CARRIED_EVENT_KEYS) events.
    /// - What was scheduled and is not complete is cancelled; its completions no longer count.
    /// - The code runs again in a turn of its own, with other random numbers; the time goes on.
    /// - A cancel that has come is carried over: the next execution's code runs, cancelled from its
    ///   beginning.
    /// - The newest status comes along, and stays until the next execution sets another.
    /// - The history of this execution is dropped by the store; not at once where more than
    ///   [`COPIED_EVENTS`](crate::limits::COPIED_EVENTS) events come along, or large ones. To copy them
    ///   for each execution would cost the square of their number. So the next execution stays in the same
    ///   history, with an [`ExecutionRenewed`](crate::Event::ExecutionRenewed), and under the same
    ///   [`ExecutionId`](crate::ExecutionId), until as much was written as a copy takes. All else is as
    ///   it is otherwise: the code that ran before need not fit any more, and a newer version begins a
    ///   history of its own.
    /// - The next execution is of the newest version of the orchestration that the host has, and its
    ///   input must be of the type which that takes; a [pinned](Self::pinned) context stays on the
    ///   version that runs.
    ///
    /// # Errors
    /// Always the same one, which nobody sees. The instance fails when the orchestration is not the
    /// one that is running, or when the input does not encode, is over
    /// [`MAX_PAYLOAD_BYTES`](crate::limits::MAX_PAYLOAD_BYTES), or is not of the type that the newest
    /// version takes.
    pub fn continue_as_new<O: Orchestration>(
        &self,
        _orchestration: O,
        input: O::Input,
    ) -> Result<O::Output, OrchestrationError> {
        self.continue_with(Some(O::NAME), &input)
    }

    /// As [`continue_as_new`](Self::continue_as_new), for code that is registered by name only.
    ///
    /// # Errors
    /// In addition, the instance fails when the input is not of the type that the code takes; the
    /// compiler cannot know.
    pub fn continue_as_new_untyped<I, T>(&self, input: &I) -> Result<T, OrchestrationError>
    where
        I: Serialize + ?Sized,
    {
        self.continue_with(None, input)
    }

    fn continue_with<I, T>(
        &self,
        orchestration: Option<&'static str>,
        input: &I,
    ) -> Result<T, OrchestrationError>
    where
        I: Serialize + ?Sized,
    {
        let encoded = Payload::encode_large(input);
        let mut state = self.shared().lock();
        match encoded.and_then(|input| state.within_limit(input)) {
            Ok(input) => state.continue_as_new(orchestration, self.is_pinned(), input),
            Err(why) => state.refuse_value("the next execution's input is not valid", &why),
        }
        Err(OrchestrationError::new("the instance goes on as a new execution"))
    }
}
