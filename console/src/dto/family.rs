//! Who started an instance, whom it started, and what a failure came of.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Failure, InstanceRow, StateText, Time};

/// An instance among those that started it and those that it started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tree {
    /// Who started it: the outermost first, its parent last.
    pub ancestors: Vec<Ancestor>,
    /// The instance, and below it those that it started.
    pub instance: TreeNode,
    /// Whether there are more than are shown.
    pub is_cut: bool,
}

/// An instance that started another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ancestor {
    /// Its id.
    pub id: String,
    /// What lists show of it; absent when it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceRow>,
    /// What the next one is to it: `child` or `detached`.
    pub relation: String,
}

/// An instance of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TreeNode {
    /// Its id.
    pub instance: String,
    /// Its orchestration.
    pub name: String,
    /// Its state; absent when there is no such instance: it has not begun yet, was refused, or is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateText>,
    /// The number of its newest execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<u32>,
    /// When it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    /// When something happened to it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Time>,
    /// What the one above it knows of the call; absent at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// How many its newest execution started; absent where the tree is cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<u64>,
    /// Those of them that are shown: of many, all that are open and the newest.
    #[serde(default)]
    #[schema(no_recursion)]
    pub children: Vec<TreeNode>,
}

/// The call of a child, as its caller knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Call {
    /// Its correlation id.
    pub id: u64,
    /// The place of the call in the caller's history.
    pub position: u64,
    /// The newest attempt; the first is 1.
    pub attempt: u32,
    /// `child` or `detached`.
    pub relation: String,
    /// When it was called.
    pub since: Time,
    /// How it ended, as far as the caller knows: `open`, `completed`, `failed`, `cancelled` or `left`.
    pub end: String,
    /// When the caller learnt of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
}

/// Why an instance failed, down to what failed first; empty for one that has not failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FailureChain {
    /// The failure of the instance, then that of the child that it came of, and so on.
    pub links: Vec<FailureLink>,
}

/// The failure of one instance, and what it came of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FailureLink {
    /// The instance.
    pub instance: String,
    /// Its orchestration.
    pub orchestration: String,
    /// Its state; absent when it is gone, and what is here is what its parent knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateText>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// The sort of the failure; absent for an instance that was terminated or cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What it failed with; or why it was terminated or cancelled.
    pub message: String,
    /// The errors that led to it, outermost first.
    #[serde(default)]
    pub sources: Vec<String>,
    /// The activity or the child whose failure it came of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// The failure that an execution ended of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cause {
    /// The place of the failure in the history.
    pub position: u64,
    /// When it came.
    pub at: Time,
    /// Whether the error of the execution names it; otherwise it is a guess.
    pub is_named: bool,
    /// What failed.
    pub what: FailedCall,
}

/// An activity or a child that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailedCall {
    /// An activity.
    Activity {
        /// Its correlation id.
        id: u64,
        /// Its name.
        name: String,
        /// How many attempts were made.
        attempts: u32,
        /// What the last one failed with.
        error: Failure,
    },
    /// A child.
    Child {
        /// Its correlation id.
        id: u64,
        /// The orchestration's name.
        name: String,
        /// How it ended, by the kind of its end.
        error: Value,
    },
}
