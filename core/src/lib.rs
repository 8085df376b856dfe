//! The deterministic core of reenact.
#![no_std]
#![warn(missing_docs)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod action;
mod catalog;
mod code;
pub mod codec;
mod combinators;
mod command;
mod context;
mod definition;
mod divergence;
mod error;
mod event;
mod executor;
mod future;
mod history;
mod ids;
pub mod limits;
mod machine;
mod mailbox;
mod payload;
mod random;
mod receipt;
mod slots;
mod state;
mod time;
mod wake;
mod wellformed;

pub use action::{Action, Outcome};
pub use catalog::{ActivityCatalog, Refusal};
pub use code::OrchestrationCode;
pub use combinators::{WhenAny, Winner};
pub use command::{Command, Rejected, Start};
pub use context::OrchestrationContext;
pub use definition::{ActivityDefinition, Orchestration};
pub use divergence::{MalformedHistory, Nondeterminism, Step};
pub use error::{ActivityError, ActivityErrorKind, OrchestrationError, OrchestrationErrorKind};
pub use event::Event;
pub use executor::{DriveError, Executor, Run};
pub use future::{DurableFuture, DurableOutput, EventError};
pub use history::{History, HistoryEvent, RecordedTurn};
pub use ids::{CorrelationId, EventKey, ExecutionId, InstanceId, InvalidName, Name, ShardId};
pub use machine::{
    ApplyError, CatchPanic, Machine, MachineConfig, ReplayError, RunTurnError, Turn, run_turn,
};
pub use payload::{Payload, PayloadError};
pub use receipt::{Receipt, Sealed};
pub use time::Timestamp;
pub use uuid::Uuid;
pub use wake::ForeignWakeHook;
