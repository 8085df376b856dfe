//! Durable orchestrations for Rust.
#![warn(missing_docs)]

pub mod actor;
mod client;
mod handle;
mod host;
pub mod prelude;
mod start;
mod status;

pub use client::{Client, RaiseEvent};
pub use handle::InstanceHandle;
pub use host::{Host, HostBuilder};
pub use reenact_actors::{
    Activity, ActivityContext, Error, ExternalEvent, HostOptions, ParkReason, Result, WhenBusy,
};
pub use reenact_core::{
    Action, ActivityCatalog, ActivityDefinition, ActivityError, ActivityErrorKind, ApplyError,
    CatchPanic, Command, CorrelationId, DriveError, DurableFuture, DurableOutput, Event,
    EventError, EventKey, ExecutionId, Executor, ForeignWakeHook, History, HistoryEvent,
    InstanceId, InvalidName, Machine, MachineConfig, MalformedHistory, Name, Nondeterminism,
    Orchestration, OrchestrationCode, OrchestrationContext, OrchestrationError,
    OrchestrationErrorKind, Outcome, Payload, PayloadError, Receipt, RecordedTurn, Refusal,
    Rejected, ReplayError, Run, RunTurnError, Sealed, ShardId, Start, Step, Timestamp, Turn, Uuid,
    WhenAny, Winner, codec, limits, run_turn,
};
pub use reenact_macros::{activity, orchestration};
pub use reenact_providers as providers;
pub use reenact_providers::{
    InMemory, InstanceFilter, InstancePage, InstanceState, InstanceSummary, ManualClock,
    PageRequest, Provider, ProviderError, SystemClock,
};
pub use start::StartNew;
pub use status::InstanceStatus;
