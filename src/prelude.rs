//! What a program with orchestrations usually needs: `use reenact::prelude::*;`

pub use std::time::Duration;

pub use crate::{CallEntities as _, ResultExt as _};

pub use crate::{
    Activity, ActivityContext, ActivityDefinition, ActivityError, ActivityOptions, BoxError,
    CallUpdateError, ChildError, ChildOptions, Client, CommandError, DurableFuture, DurableOutput,
    Entity, EntityContext, EventName, Host, HostOptions, InMemory, InstanceHandle, InstanceId,
    InstanceStatus, NamedActivity, Orchestration, OrchestrationContext, OrchestrationError,
    ParentClose, RetryPolicy, SendError, State, TimedOut, activities, activity, entity,
    orchestration,
};
#[cfg(any(feature = "azure", feature = "azure-legacy"))]
pub use crate::{Azure, AzureOptions};
#[cfg(feature = "local")]
pub use crate::{Local, LocalOptions};
