//! Activities: the side-effecting half of the user's code.

mod call;
mod calls;
mod cancellation;
mod code;
mod context;
mod emissions;
mod emit;
mod ended_call;
mod heartbeat;
mod pulse;
mod report;
mod state;
mod testing;

use reenact_core::{ActivityDefinition, ActivityError};

use crate::state::StateType;

pub(crate) use call::{ActivityCall, Attempt};
pub(crate) use calls::{Calls, Taken};
#[doc(hidden)]
pub use code::CodeTypes;
pub(crate) use code::{ActivityCode, ActivityFuture};
pub use context::ActivityContext;
pub(crate) use emissions::Batch;
pub use emissions::EmitError;
pub(crate) use ended_call::EndedCall;
pub use pulse::HeartbeatError;
pub(crate) use pulse::{HeartbeatSink, ItemsAnswered};
pub(crate) use report::Report;
pub use state::State;
pub use testing::TestCall;

/// A typed activity with its code. `#[activity]` writes this for an `async fn`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an activity that a host can run",
    label = "an activity is wanted here",
    note = "put `#[activity]` on the `async fn`, and name the function here, without `()`; a struct whose \
            methods are activities goes with `.activities(..)`"
)]
pub trait Activity: ActivityDefinition {
    /// Runs it. At least once for each call: a crash after the run and before its completion is
    /// durable runs it again, under the same [idempotency key](ActivityContext::idempotency_key).
    fn run(
        ctx: ActivityContext,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, ActivityError>> + Send;

    /// Whether it blocks its thread: it waits without `await`, or computes for long. Such a one runs on a
    /// thread that it has for itself, so that the shard of its instance goes on meanwhile. `#[activity(blocking)]`
    /// says so; [`HostOptions::blocking_activities`](crate::HostOptions::blocking_activities) says it of
    /// those that others wrote, and has the terms.
    const BLOCKING: bool = false;

    /// The types of which it needs a value, as [`State`](crate::State): a host that was given none of
    /// one of them does not start ([`Error::MissingState`](crate::Error::MissingState)). None by
    /// default.
    fn states() -> Vec<StateType> {
        Vec::new()
    }
}
