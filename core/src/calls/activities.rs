//! The calls that schedule activities.

use core::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::catalog::Refusal;
use crate::context::OrchestrationContext;
use crate::definition::ActivityDefinition;
use crate::error::{ActivityError, ActivityErrorKind};
use crate::future::{Called, DurableFuture};
use crate::ids::{InvalidName, Name};
use crate::options::{ActivityOptions, NamedActivity};
use crate::output::DurableOutput;
use crate::payload::{CheckInput, Payload};
use crate::state::Halt;
use crate::state::{Manner, Mode};

impl OrchestrationContext {
    /// Schedules an activity now; the future has what it returns.
    ///
    /// The activity starts when the event of its scheduling is durable. It runs at least once, and
    /// completes exactly once in the history.
    ///
    /// # Errors
    /// The future gives what the activity failed with, in the last attempt that its
    /// [options](ActivityDefinition::with) allow; or
    /// [`ActivityErrorKind::InvalidOptions`] when these are invalid, with nothing recorded. An input that does not encode, or is over
    /// [`MAX_PAYLOAD_BYTES`](crate::limits::MAX_PAYLOAD_BYTES), gives
    /// [`ActivityErrorKind::InvalidInput`] with nothing recorded. One that does not decode again from
    /// what it encodes to, a `f64` that is not a number for instance, gives the same (recorded as
    /// refused; nothing is scheduled). An activity that is not registered
    /// parks the instance, with nothing recorded. A [cancel](Self::shielded) gives
    /// [`ActivityErrorKind::Cancelled`].
    pub fn schedule_activity<A: ActivityDefinition>(
        &self,
        activity: A,
        input: A::Input,
    ) -> DurableFuture<Result<A::Output, ActivityError>> {
        let check = Payload::check_readable::<A::Input>;
        self.schedule_task(
            Name::of_static(A::NAME),
            &input,
            Some(check),
            &activity.options(),
            false,
        )
    }

    /// As [`schedule_activity`](Self::schedule_activity); reads naturally for a single await.
    pub fn call_activity<A: ActivityDefinition>(
        &self,
        activity: A,
        input: A::Input,
    ) -> DurableFuture<Result<A::Output, ActivityError>> {
        self.schedule_activity(activity, input)
    }

    /// As [`schedule_activity`](Self::schedule_activity), for an activity that is known by name
    /// only: a text, or a [`NamedActivity`] with options.
    ///
    /// # Errors
    /// In addition, the future gives [`ActivityErrorKind::InvalidInput`] when the input is not of
    /// the activity's type (recorded as refused; nothing is scheduled), or when no activity can have
    /// the name.
    pub fn schedule_activity_by_name<'a, I, O>(
        &self,
        name: impl Into<NamedActivity<'a>>,
        input: &I,
    ) -> DurableFuture<Result<O, ActivityError>>
    where
        I: Serialize + ?Sized,
        O: DeserializeOwned,
    {
        let activity = name.into();
        self.schedule_task(Name::new(activity.name()), input, None, activity.options(), false)
    }

    /// As [`schedule_activity_by_name`](Self::schedule_activity_by_name); reads naturally for a
    /// single await.
    pub fn call_activity_by_name<'a, I, O>(
        &self,
        name: impl Into<NamedActivity<'a>>,
        input: &I,
    ) -> DurableFuture<Result<O, ActivityError>>
    where
        I: Serialize + ?Sized,
        O: DeserializeOwned,
    {
        self.schedule_activity_by_name(name, input)
    }

    pub(crate) fn schedule_task<I, O>(
        &self,
        name: Result<Name, InvalidName>,
        input: &I,
        check: Option<CheckInput>,
        options: &ActivityOptions,
        local: bool,
    ) -> DurableFuture<Result<O, ActivityError>>
    where
        I: Serialize + ?Sized,
        O: DeserializeOwned,
    {
        // Without the lock: all of this may run code of the user's.
        let checked = checked_call(name, input, options, local);
        let checked = checked.and_then(|(name, input)| self.within_limit(name, input));
        let refusal = match &checked {
            Ok((name, input)) => self.refusal_of_task(name, input, check, options.tag.is_some()),
            Err(_) => Ok(None),
        };
        let mut state = self.shared().lock();
        if let Some(cancelled) = state.refuses(self.is_shielded()) {
            let output = DurableOutput::Task(Err(cancelled.of_activity()));
            return DurableFuture::refused(state.next_position(), output, DurableOutput::into_task);
        }
        match checked {
            Ok((name, input)) => {
                let manner = Manner { options, local, shielded: self.is_shielded() };
                let id = state.schedule_task(name, input, refusal, manner);
                drop(state);
                DurableFuture::scheduled(self.shared().clone(), id, DurableOutput::into_task)
                    .naming(Called::name_task)
            }
            Err(error) => {
                let output = DurableOutput::Task(Err(error));
                DurableFuture::refused(state.next_position(), output, DurableOutput::into_task)
            }
        }
    }

    /// The call, if the execution may record its input.
    fn within_limit(&self, name: Name, input: Payload) -> Result<(Name, Payload), ActivityError> {
        let checked = self.shared().lock().within_limit(input);
        match checked {
            Ok(input) => Ok((name, input)),
            Err(why) => Err(invalid_input(&why).of_call(name, None, 0)),
        }
    }

    /// Why a new activity cannot be scheduled. Asked when live only: the log knows the rest. Without
    /// the lock, for the check decodes the input.
    pub(crate) fn refusal_of_task(
        &self,
        name: &Name,
        input: &Payload,
        check: Option<CheckInput>,
        tagged: bool,
    ) -> Result<Option<ActivityError>, Halt> {
        let state = self.shared().lock();
        if !matches!(state.mode, Mode::Live) {
            return Ok(None);
        }
        let catalog = state.activities.clone();
        drop(state);
        let invalid = |why| ActivityError::of_kind(ActivityErrorKind::InvalidInput, why);
        if let Some(catalog) = catalog {
            let input = check.is_none().then_some(input);
            let checked =
                if tagged { catalog.check_tagged(name, input) } else { catalog.check(name, input) };
            match checked {
                Ok(()) => {}
                Err(Refusal::Unregistered) => return Err(Halt::Unregistered(name.clone())),
                Err(Refusal::InvalidInput(error)) => return Ok(Some(error)),
            }
        }
        let checked = check.map_or_else(|| input.check_depth(), |check| check(input));
        Ok(checked.err().map(invalid))
    }
}

/// The name and the input of an activity, as they are recorded. Of any depth: the log may have it.
fn checked_call<I: Serialize + ?Sized>(
    name: Result<Name, InvalidName>,
    input: &I,
    options: &ActivityOptions,
    local: bool,
) -> Result<(Name, Payload), ActivityError> {
    if !options.is_none() {
        let invalid = |why| ActivityError::of_kind(ActivityErrorKind::InvalidOptions, why);
        let checked = if local { options.check_local() } else { options.check() };
        checked.map_err(invalid)?;
    }
    let name = name.map_err(|why| invalid_input(&why))?;
    match Payload::write_large(input) {
        Ok(input) => Ok((name, input)),
        Err(why) => Err(invalid_input(&why).of_call(name, None, 0)),
    }
}

fn invalid_input(why: &dyn fmt::Display) -> ActivityError {
    ActivityError::of_kind(ActivityErrorKind::InvalidInput, why)
}
