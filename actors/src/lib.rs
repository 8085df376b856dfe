//! The actor runtime of reenact, on ractor.

#[cfg(doc)]
use reenact_core::Action;

mod activity;
mod admission;
mod context;
mod dispatcher;
mod error;
mod host;
mod instance;
mod message;
mod options;
mod panic;
mod persistence;
mod registry;
mod routes;
mod run;
mod runtime;
mod shard;
mod task;
mod timers;
mod waiters;
mod workers;

pub use activity::{Activity, ActivityContext};
pub use error::{Error, ParkReason, Result};
#[doc(hidden)]
pub use message::RuntimeMessage;
pub use message::{ExternalEvent, InstanceMessage, Reply};
pub use options::{HostOptions, WhenBusy};
pub use registry::Registry;
pub use runtime::{Runtime, StartRequest};
