//! The messages of the Durable Task protocol (`TaskHubSidecarService`), by their published names and numbers.
//!
//! They have the names of the protocol in the style of Rust: `taskScheduledId` is `task_scheduled_id`. What they mean
//! is said where the sidecar uses them.
#![allow(missing_docs, reason = "names and meanings are those of the protocol")]

mod common;
mod entities;
mod history;
mod management;
mod orchestrator;
mod work_items;

pub use common::*;
pub use entities::*;
pub use history::*;
pub use management::*;
pub use orchestrator::*;
pub use work_items::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum OrchestrationStatus {
    Running = 0,
    Completed = 1,
    ContinuedAsNew = 2,
    Failed = 3,
    Canceled = 4,
    Terminated = 5,
    Pending = 6,
    Suspended = 7,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum WorkerCapability {
    Unspecified = 0,
    HistoryStreaming = 1,
    ScheduledTasks = 2,
    LargePayloads = 3,
}
