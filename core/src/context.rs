//! What an orchestration's code has in its hands.

use alloc::format;
use alloc::string::ToString;
use core::fmt;
use core::future::pending;
use core::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::action::Action;
use crate::definition::{ActivityDefinition, Orchestration};
use crate::error::{
    ActivityError, ActivityErrorKind, EventError, OrchestrationError, bounded_message,
};
use crate::event_name::NamesEvent;
use crate::future::{Called, DurableFuture};
use crate::ids::{ExecutionId, InstanceId, InvalidName, Name};
use crate::options::{ActivityOptions, NamedActivity};
use crate::output::DurableOutput;
use crate::payload::{CheckInput, Payload};
use crate::slots::Scheduled;
use crate::state::{Manner, Mode, Shared};
use crate::time::Timestamp;

/// The way of an orchestration to everything that is not its own arithmetic: activities, timers,
/// external events, the time, random numbers. Cheap to clone.
///
/// What is scheduled is recorded at once, in the order of the calls; the same order must come out
/// whenever the same history is re-enacted. So: no clocks, no randomness, no I/O, no tasks and no
/// threads of your own in an orchestration; this context has what stands for each of them.
///
/// At replay, each step is compared with the history: its kind and name, the input of an activity or
/// a child, a child's own id and version, the length of a timer, the recipient and the data of an event.
/// Inputs are compared as values: a map is the same in whatever order it was written, and a list is not
/// (a `HashSet` is written as a list: give a `BTreeSet`). Where something differs, the instance is parked,
/// and says what. To change steps while instances run, see [`patched`](Self::patched).
#[derive(Clone)]
pub struct OrchestrationContext {
    shared: Shared,
    /// What is called on it is not touched by a cancel.
    shielded: bool,
    /// Continues as new in its own version.
    pinned: bool,
}

impl OrchestrationContext {
    pub(crate) const fn new(shared: Shared) -> Self {
        Self { shared, shielded: false, pinned: false }
    }

    pub(crate) fn behind_shield(&self) -> Self {
        Self { shielded: true, ..self.clone() }
    }

    pub(crate) const fn is_shielded(&self) -> bool {
        self.shielded
    }

    pub(crate) const fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Schedules an activity now; the future has what it returns.
    ///
    /// The activity starts when the event of its scheduling is durable. It runs at least once, and
    /// completes exactly once in the history.
    ///
    /// # Errors
    /// The future gives what the activity failed with, in the last attempt that its
    /// [options](ActivityDefinition::with) allow; or
    /// [`ActivityErrorKind::InvalidOptions`] when these cannot be, with nothing recorded. An input that does not encode, or is over
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
        let refusal = match &checked {
            Ok((name, input)) => self.refusal_of_task(name, input, check, options.tag.is_some()),
            Err(_) => Ok(None),
        };
        let mut state = self.shared.lock();
        if let Some(cancelled) = state.refuses(self.shielded) {
            let output = DurableOutput::Task(Err(cancelled.of_activity()));
            return DurableFuture::refused(state.next_position(), output, DurableOutput::into_task);
        }
        match checked {
            Ok((name, input)) => {
                let manner = Manner { options, local, shielded: self.shielded };
                let id = state.schedule_task(name, input, refusal, manner);
                drop(state);
                DurableFuture::scheduled(self.shared.clone(), id, DurableOutput::into_task)
                    .naming(Called::name_task)
            }
            Err(error) => {
                let output = DurableOutput::Task(Err(error));
                DurableFuture::refused(state.next_position(), output, DurableOutput::into_task)
            }
        }
    }

    /// Sets a durable timer now; the future is complete when it has fired.
    ///
    /// It fires at [`now`](Self::now) plus `after`, or, when no host is up then, as soon as one is.
    /// Resolution: microseconds in the log, about a millisecond in practice. A timer longer than
    /// [`MAX_TIMER`](crate::limits::MAX_TIMER) fails the instance.
    ///
    /// A timer of another length is another step: to change a length while instances run, ask whether
    /// the code is [`patched`](Self::patched), or make a new version.
    ///
    /// **A cancel is never time**: after a [cancel](Self::shielded) a timer that has not fired, or is set
    /// then, never completes. Where the code awaits nothing else, it cannot go on, and the instance ends
    /// as cancelled right there. [`until_cancelled`](Self::until_cancelled) gives code that waits for
    /// time only a place to clean up: `ctx.until_cancelled(ctx.timer(day)).await?`.
    pub fn schedule_timer(&self, after: Duration) -> DurableFuture<()> {
        let mut state = self.shared.lock();
        let id = if state.refuses(self.shielded).is_some() {
            state.schedule_unrecorded(Scheduled::Stopped)
        } else {
            let fire_at = state.time_of_timer(after);
            state.schedule_timer(fire_at, self.shielded)
        };
        drop(state);
        DurableFuture::scheduled(self.shared.clone(), id, |_| ())
    }

    /// The timer of a time limit: behind a shield, and nothing that cancelled code can go on by.
    pub(crate) fn schedule_limit(&self, after: Duration) -> DurableFuture<()> {
        let mut state = self.shared.lock();
        let fire_at = state.time_of_timer(after);
        let id = state.schedule_limit(fire_at);
        drop(state);
        DurableFuture::scheduled(self.shared.clone(), id, |_| ())
    }

    /// As [`schedule_timer`](Self::schedule_timer); reads naturally for a single await.
    pub fn timer(&self, after: Duration) -> DurableFuture<()> {
        self.schedule_timer(after)
    }

    /// Begins to wait for the next external event of that name, which may have come already. The name
    /// is a text, or an [`EventName`](crate::EventName) that knows the type.
    ///
    /// Events of a name go to waits for it in order, each to one. A wait that is dropped leaves its
    /// event to the next.
    ///
    /// # Errors
    /// The future gives [`EventError`] when the data is not a `T`, when no event can have the name, or
    /// when a [cancel](Self::shielded) comes.
    pub fn schedule_wait<T: DeserializeOwned>(
        &self,
        name: impl NamesEvent<T>,
    ) -> DurableFuture<Result<T, EventError>> {
        let checked = Name::new(name.event_name());
        let mut state = self.shared.lock();
        if let Some(cancelled) = state.refuses(self.shielded) {
            let output = DurableOutput::External(Err(cancelled.into()));
            return DurableFuture::refused(
                state.next_position(),
                output,
                DurableOutput::into_external,
            );
        }
        match checked {
            Ok(name) => {
                let id = state.schedule_wait(name, self.shielded);
                drop(state);
                DurableFuture::scheduled(self.shared.clone(), id, DurableOutput::into_external)
                    .naming(Called::name_event)
            }
            Err(invalid) => {
                let output = DurableOutput::External(Err(invalid.into()));
                DurableFuture::refused(state.next_position(), output, DurableOutput::into_external)
            }
        }
    }

    /// As [`schedule_wait`](Self::schedule_wait); reads naturally for a single await.
    pub fn wait_external<T: DeserializeOwned>(
        &self,
        name: impl NamesEvent<T>,
    ) -> DurableFuture<Result<T, EventError>> {
        self.schedule_wait(name)
    }

    /// Computes a value once and records it; at replay the recorded value is given, and the closure
    /// does not run. For something quick that is not deterministic and needs no retry; everything
    /// else is an activity. After a crash before the turn is durable, it is computed again.
    ///
    /// The closure must not use the context: what it draws or schedules there is not repeated.
    ///
    /// What is given is what is recorded, the first time as well: the value encoded and decoded again.
    /// A field that is skipped has its default, for instance.
    ///
    /// A value that does not encode, or that does not decode again (a `f64` that is not a number),
    /// fails the instance with [`InvalidValue`](crate::OrchestrationErrorKind::InvalidValue); one that
    /// is over [`MAX_PAYLOAD_BYTES`](crate::limits::MAX_PAYLOAD_BYTES), with
    /// [`LimitExceeded`](crate::OrchestrationErrorKind::LimitExceeded). Nothing is recorded of it.
    pub async fn side_effect<T, F>(&self, compute: F) -> T
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> T,
    {
        let mut state = self.shared.lock();
        match state.mode {
            // Nothing that the code does from here on counts.
            _ if state.halt.is_some() => drop(state),
            Mode::Live => {
                drop(state);
                if let Some(recorded) = self.record_value(&compute()) {
                    return recorded;
                }
            }
            Mode::Replay(_) => {
                let replayed = state.replayed_value();
                drop(state);
                if let Some(value) = replayed.and_then(|value| self.decode_value(value)) {
                    return value;
                }
            }
            Mode::Between | Mode::Closed => drop(state),
        }
        // The turn is over for the code: it left its history, or failed.
        pending().await
    }

    /// Records a value; gives it as replay will give it.
    fn record_value<T: Serialize + DeserializeOwned>(&self, value: &T) -> Option<T> {
        match Payload::encode_checked(value) {
            Ok((value, read)) => self.shared.lock().record_value(value).then_some(read),
            Err(why) => {
                let what = "a side effect's value cannot be recorded";
                self.shared.lock().refuse_value(what, &why);
                None
            }
        }
    }

    fn decode_value<T: DeserializeOwned>(&self, value: Payload) -> Option<T> {
        let decoded = value.decode();
        decoded.map_err(|why| self.shared.lock().diverge_by_type(value, why.to_string())).ok()
    }

    /// Sets the status: a value of any type that people and programs can see while the instance
    /// runs, and after. The newest counts. The same value again is not recorded again.
    ///
    /// It is seen as soon as the turn is durable. It is a step of the code like any other: at replay
    /// it must be set in the same place. A change of the code after which a value is the same as the
    /// one before it, or no longer is, is a change of its steps. It stays until the code sets another: one
    /// that [continues as new](Self::continue_as_new) takes it along, so a status that is set in the turn of
    /// the continuation is seen.
    ///
    /// ```
    /// # use reenact_core::{Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
    /// async fn ship(ctx: OrchestrationContext, parcels: u32) -> Result<(), OrchestrationError> {
    ///     for parcel in 1..=parcels {
    ///         let () = ctx.call_activity_by_name("ship", &parcel).await?;
    ///         ctx.set_status(&format!("{parcel} of {parcels}"));
    ///     }
    ///     Ok(())
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("ship", ship).unwrap())
    ///     .activity("ship", |_: u32| Ok(()))
    ///     .drive_to_completion(&2)
    ///     .unwrap();
    /// assert_eq!(run.statuses::<String>(), ["1 of 2", "2 of 2"]);
    /// ```
    ///
    /// Values are compared as values: the order in which a map is written makes no difference.
    ///
    /// A value that is over [`MAX_STATUS_BYTES`](crate::limits::MAX_STATUS_BYTES) fails the instance
    /// with [`LimitExceeded`](crate::OrchestrationErrorKind::LimitExceeded); one that does not encode, or
    /// is nested deeper than [`MAX_PAYLOAD_DEPTH`](crate::limits::MAX_PAYLOAD_DEPTH), with
    /// [`InvalidValue`](crate::OrchestrationErrorKind::InvalidValue).
    pub fn set_status<T: Serialize + ?Sized>(&self, status: &T) {
        let encoded = Payload::write(status);
        let mut state = self.shared.lock();
        match encoded {
            Ok(status) => state.set_status(status),
            Err(why) => state.refuse_value("a status cannot be recorded", &why),
        }
    }

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
        let encoded = Payload::encode(input);
        let mut state = self.shared.lock();
        match encoded {
            Ok(input) => state.continue_as_new(orchestration, self.pinned, input),
            Err(why) => state.refuse_value("the next execution's input is not valid", &why),
        }
        Err(OrchestrationError::new("the instance goes on as a new execution"))
    }

    /// A context that [continues as new](Self::continue_as_new) in the version that runs, whichever is
    /// the newest: `ctx.pinned().continue_as_new(counter, 7)`. Otherwise the same context.
    pub fn pinned(&self) -> Self {
        Self { pinned: true, ..self.clone() }
    }

    /// Whether the code is to do what is new: for a change of its steps inside one version, while
    /// instances run.
    ///
    /// An execution that comes to this call for the first time does what is new, and records that it
    /// does; one that had passed this place before the call was there goes on as it began. What is
    /// answered once for a name is answered for the rest of the execution; the next one, after a
    /// [continue-as-new](Self::continue_as_new), does what is new.
    ///
    /// ```
    /// # use reenact_core::{Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
    /// async fn order(ctx: OrchestrationContext, cents: u64) -> Result<(), OrchestrationError> {
    ///     if ctx.patched("check for fraud first") {
    ///         let () = ctx.call_activity_by_name("check", &cents).await?;
    ///     }
    ///     Ok(ctx.call_activity_by_name("charge", &cents).await?)
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("order", order).unwrap())
    ///     .activity("check", |_: u64| Ok(()))
    ///     .activity("charge", |_: u64| Ok(()))
    ///     .drive_to_completion(&995)
    ///     .unwrap();
    /// assert!(run.output::<()>().is_some());
    /// ```
    ///
    /// A change goes in three steps, each a new binary:
    ///
    /// 1. `if ctx.patched("name") { new } else { old }`.
    /// 2. When no instance is left that began before: `ctx.patched("name"); new`. Or leave the call out
    ///    at once: a mark that the code does not ask for is passed over.
    /// 3. `new`, without the call. Do not use the name again while instances run that have its mark.
    ///
    /// `HostBuilder::verify_histories` tells whether instances are left that need what is old.
    ///
    /// A name that is empty, over [`MAX_NAME_BYTES`](crate::limits::MAX_NAME_BYTES) or has control
    /// characters fails the instance.
    pub fn patched(&self, name: &str) -> bool {
        let checked = Name::new(name);
        let mut state = self.shared.lock();
        match checked {
            Ok(name) => state.patched(name),
            Err(why) => {
                state.exceed(format!("a patch cannot be marked: {why}"));
                false
            }
        }
    }

    /// The time of the event that is being applied: the same at every replay. It stands still
    /// within a turn and never goes back.
    pub fn now(&self) -> Timestamp {
        self.shared.lock().now
    }

    /// A random number, the same at every replay. Needs no event.
    pub fn random(&self) -> u64 {
        self.shared.lock().draw()
    }

    /// A random (version 4) UUID, the same at every replay. Needs no event.
    pub fn new_guid(&self) -> Uuid {
        let mut state = self.shared.lock();
        let (high, low) = (state.draw(), state.draw());
        let bits = (u128::from(high) << 64) | u128::from(low);
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
    }

    /// Whether the code is being re-enacted. Good for leaving out logging and metrics; never branch
    /// on it in any other way.
    pub fn is_replaying(&self) -> bool {
        self.shared.lock().is_replaying()
    }

    /// Says something to the host's log, once: silent at replay. The host emits it as a `tracing`
    /// event when the turn is durable.
    pub fn trace(&self, message: impl fmt::Display) {
        if !self.is_replaying() {
            let message = bounded_message(message);
            self.shared.lock().act(Action::Trace { message });
        }
    }

    /// The instance's id.
    pub fn instance_id(&self) -> InstanceId {
        self.shared.lock().instance.clone()
    }

    /// The instance's generation. It counts the continuations, and each rewind as well: after one,
    /// code that runs again from its start sees another number than it saw before.
    pub fn execution_id(&self) -> ExecutionId {
        self.shared.lock().execution
    }
}

impl fmt::Debug for OrchestrationContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("OrchestrationContext")
            .field("instance", &state.instance)
            .field("execution", &state.execution)
            .finish_non_exhaustive()
    }
}

/// The name and the input of an activity, as they are recorded. Of any depth: the log may have it.
fn checked_call<I: Serialize + ?Sized>(
    name: Result<Name, InvalidName>,
    input: &I,
    options: &ActivityOptions,
    local: bool,
) -> Result<(Name, Payload), ActivityError> {
    let invalid =
        |why: &dyn fmt::Display| ActivityError::of_kind(ActivityErrorKind::InvalidInput, why);
    if !options.is_none() {
        let invalid = |why| ActivityError::of_kind(ActivityErrorKind::InvalidOptions, why);
        let checked = if local { options.check_local() } else { options.check() };
        checked.map_err(invalid)?;
    }
    let name = name.map_err(|why| invalid(&why))?;
    match Payload::write(input) {
        Ok(input) => Ok((name, input)),
        Err(why) => Err(invalid(&why).of_call(name, None, 0)),
    }
}
