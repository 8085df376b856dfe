//! What a program with orchestrations usually needs: `use reenact::prelude::*;`

pub use std::time::Duration;

pub use crate::{
    Activity, ActivityContext, ActivityDefinition, ActivityError, ChildError, ChildOptions, Client,
    DurableFuture, DurableOutput, Host, HostOptions, InMemory, InstanceHandle, InstanceId,
    InstanceStatus, Orchestration, OrchestrationContext, OrchestrationError, ParentClose,
    SendError, TimedOut, activity, orchestration,
};
#[cfg(feature = "local")]
pub use crate::{Local, LocalOptions};
