//! The errors of user code as they are stored, and the errors of durable futures.

mod activity;
mod awaited;
mod call_update;
mod chain;
mod child;
mod convert;
mod details;
mod lock;
mod orchestration;
mod stored;
mod text;

pub use activity::{ActivityError, ActivityErrorKind};
pub use awaited::{Cancelled, CommandError, EventError, InvalidStartInput, SendError, TimedOut};
pub use call_update::CallUpdateError;
pub use child::ChildError;
pub use convert::{BoxError, ResultExt, returned};
pub use lock::LockError;
pub use orchestration::{OrchestrationError, OrchestrationErrorKind};
pub(crate) use text::{bounded, bounded_message};
