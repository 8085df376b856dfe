//! Bulk actions: prepared with a count, then run with the token that was given for it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Filter, InstanceRow, Time};
use crate::problem::Problem;

/// What can be done to many instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkAction {
    /// Ask them to end.
    Cancel,
    /// Stop their code until they are resumed.
    Suspend,
    /// Let their code go on.
    Resume,
    /// End them without asking their code.
    Terminate,
    /// Remove them with their histories. Those that have not finished are refused, one by one.
    Purge,
}

impl BulkAction {
    /// Its name, as it is written in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Terminate => "terminate",
            Self::Purge => "purge",
        }
    }
}

/// A bulk action that is to be prepared: nothing changes yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkPrepare {
    /// What is to be done.
    pub action: BulkAction,
    /// To which instances.
    #[serde(default)]
    pub filter: Filter,
    /// Why: it stands in the histories.
    #[serde(default)]
    pub reason: String,
}

/// A bulk action that is prepared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkPrepared {
    /// What would be done.
    pub action: BulkAction,
    /// To how many instances.
    pub count: u64,
    /// The first of them.
    pub sample: Vec<InstanceRow>,
    /// Names this action with its filter, its reason and its count, once.
    pub token: String,
    /// Until when it can be run.
    pub expires_at: Time,
}

/// The bulk action that is to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRun {
    /// The token of what was prepared.
    pub token: String,
}

/// A line of the progress of a bulk action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkProgress {
    /// To how many instances it was done.
    pub done: u64,
    /// How many instances could not take it.
    pub failed: u64,
    /// How many there were when it was prepared.
    pub of: u64,
    /// The instance that came last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Why that instance could not take it; or, on the last line, why the action ended before its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
    /// Whether this is the last line.
    pub is_over: bool,
}
