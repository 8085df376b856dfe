//! The executions of an instance.

use reenact_actors::inspect::ExecutionInfo;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// The executions of an instance that are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Executions {
    /// Those before the newest one that are kept, in their order; and the newest one, last.
    pub executions: Vec<Execution>,
}

/// An execution of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Execution {
    /// Its number: the parameter `execution` of a history.
    pub execution: u32,
    /// Its orchestration.
    pub orchestration: String,
    /// When its first event was.
    pub started_at: Time,
    /// When its last event was; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// How it ended: `Open` while it goes on, `Completed`, `Failed`, `Terminated`, `Cancelled`, `Continued` as new, or
    /// `Rewound` before it has ended.
    pub end: String,
    /// How many turns it has.
    pub turns: u64,
    /// How many events it has.
    pub events: u64,
}

impl From<&ExecutionInfo> for Execution {
    fn from(info: &ExecutionInfo) -> Self {
        Self {
            execution: info.execution.0,
            orchestration: info.name.to_string(),
            started_at: info.started_at.into(),
            ended_at: info.ended_at.map(Time::from),
            end: info.end.name().to_owned(),
            turns: info.turns,
            events: info.events,
        }
    }
}
