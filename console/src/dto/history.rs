//! What happened to an instance.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Time;

/// One event of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventRow {
    /// Its place in the history; the first is 0.
    pub position: u64,
    /// The turn that it is in; the first is 0.
    pub turn: u64,
    /// When it happened.
    pub at: Time,
    /// Its kind, such as `task_scheduled`.
    pub kind: String,
    /// What it has, by its kind. Payloads are the values that they are.
    pub data: Value,
}

/// A page of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistoryPage {
    /// The number of the execution.
    pub execution: u32,
    /// The events, in order.
    pub events: Vec<EventRow>,
    /// The `from` of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The `from` at which later events will be.
    pub end: String,
}
