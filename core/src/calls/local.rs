//! Local activities: they run before their scheduling is durable, so that a row of them needs no commit each.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::OrchestrationContext;
use crate::definition::ActivityDefinition;
use crate::error::ActivityError;
use crate::future::DurableFuture;
use crate::ids::Name;
use crate::options::NamedActivity;
use crate::payload::Payload;

impl OrchestrationContext {
    /// Calls an activity that runs at once, before its scheduling is durable: the step that needs no
    /// commit of its own. What it returns is recorded with the next turn, so that a row of such calls
    /// is stored together, in one commit with what comes before and after it.
    ///
    /// **When to use it**: for what is quick (milliseconds) and idempotent or only reads: a look-up, a
    /// validation, a computation that is not deterministic. Everything else is better scheduled, with
    /// [`call_activity`](Self::call_activity).
    ///
    /// - It runs at least once, as every activity does, and completes exactly once in the history. But
    ///   it may run, end, and run again after a crash although the history knows nothing of the first
    ///   time: an activity that is scheduled is in the history before it begins. After such a crash the
    ///   code may even go another way, and not call it. Its idempotency key is the same again for the
    ///   same call with the same input.
    /// - Nothing else leaves before: what the same turns schedule, send or answer is done when they are
    ///   durable. A client that starts the instance or raises an event is answered only then.
    /// - The turns do not wait for ever: a host stores what there is when the calls take longer than
    ///   [`LOCAL_HOLD`](crate::limits::LOCAL_HOLD), at more than
    ///   [`MAX_HELD_TURNS`](crate::limits::MAX_HELD_TURNS), and at once where a turn has something else
    ///   done: it schedules an activity, sets a timer, or sends something to another instance. A result that
    ///   comes after that has a commit of its own. So a slow one costs what one costs that is scheduled.
    /// - It takes a place among the running activities of the host, as any other, and is shown in the
    ///   status of its instance as soon as it is durable that it was called.
    /// - Where a host may die of it and nobody would know, its schedule is stored before it runs, as that
    ///   of any activity: in instances that a host takes up as it starts, and in a turn that was brought
    ///   about by what comes again by itself (a start or a message from another instance, or through a
    ///   queue).
    /// - It ends with its instance's place in memory: when the shard moves to another host, or is started
    ///   again, it is cancelled, and runs again there.
    ///
    /// The [options](ActivityDefinition::with) that make sense are a retry policy, `start_to_close` and
    /// `schedule_to_close`. Retries are made in place too; a delay that is longer than the limit is
    /// waited for as usual. To limit the time of a single call, prefer `start_to_close` to
    /// [`timeout`](Self::timeout), which sets a durable timer.
    ///
    /// At replay a call is compared as that of any activity. Whether it is local is not: the history
    /// says how it was called, so a call can become local, or no longer be, while instances run.
    ///
    /// ```
    /// # use reenact_core::{Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
    /// async fn order(ctx: OrchestrationContext, item: String) -> Result<u64, OrchestrationError> {
    ///     let price: u64 = ctx.call_local_by_name("price of", &item).await?;
    ///     let tax: u64 = ctx.call_local_by_name("tax on", &price).await?;
    ///     Ok(ctx.call_activity_by_name("charge", &(price + tax)).await?)
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("order", order).unwrap())
    ///     .activity("price of", |_item: String| Ok(100))
    ///     .activity("tax on", |price: u64| Ok(price / 5))
    ///     .activity("charge", |sum: u64| Ok(sum))
    ///     .drive_to_completion("lamp")
    ///     .unwrap();
    /// assert_eq!(run.output::<u64>(), Some(120));
    /// ```
    ///
    /// # Errors
    /// As [`schedule_activity`](Self::schedule_activity). In addition, a tag or a heartbeat time-out among
    /// its options gives [`InvalidOptions`](crate::ActivityErrorKind::InvalidOptions), with nothing
    /// recorded.
    pub fn call_local<A: ActivityDefinition>(
        &self,
        activity: A,
        input: A::Input,
    ) -> DurableFuture<Result<A::Output, ActivityError>> {
        let check = Payload::check_readable::<A::Input>;
        self.schedule_task(Name::of_static(A::NAME), &input, Some(check), &activity.options(), true)
    }

    /// As [`call_local`](Self::call_local), for an activity that is known by name only: a text, or a
    /// [`NamedActivity`] with options.
    ///
    /// # Errors
    /// As [`schedule_activity_by_name`](Self::schedule_activity_by_name), and as
    /// [`call_local`](Self::call_local).
    pub fn call_local_by_name<'a, I, O>(
        &self,
        name: impl Into<NamedActivity<'a>>,
        input: &I,
    ) -> DurableFuture<Result<O, ActivityError>>
    where
        I: Serialize + ?Sized,
        O: DeserializeOwned,
    {
        let activity = name.into();
        self.schedule_task(Name::new(activity.name()), input, None, activity.options(), true)
    }
}
