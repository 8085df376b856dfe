//! The options of calls: retry policies, time limits, ids.

mod activity;
mod child;
mod invalid;
mod named;
mod retry;
mod stream;
mod time_limits;

pub use activity::{ActivityOptions, RecordedOptions};
pub(crate) use child::RetryChildIf;
pub use child::{ChildOptions, ParentClose};
pub use invalid::InvalidOptions;
pub use named::{NamedActivity, OrchestrationByName};
pub(crate) use retry::RetryIf;
pub use retry::{RecordedRetry, RetryPolicy};
pub use stream::StreamWindow;
pub use time_limits::{TimeLimit, TimeLimits};
