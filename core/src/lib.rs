//! The deterministic core of reenact.
#![no_std]
#![warn(missing_docs)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod error;
mod ids;
pub mod limits;
mod payload;
mod receipt;
mod time;

pub use error::{ActivityError, ActivityErrorKind, OrchestrationError, OrchestrationErrorKind};
pub use ids::{CorrelationId, EventKey, ExecutionId, InstanceId, InvalidName, Name, ShardId};
pub use payload::{Payload, PayloadError};
pub use receipt::{Receipt, Sealed};
pub use time::Timestamp;
