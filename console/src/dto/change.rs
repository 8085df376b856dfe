//! What changes instances: the bodies of requests, and their answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::StateText;

/// How an instance is to begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The orchestration.
    pub orchestration: String,
    /// Its input; `null` when it is left out.
    #[serde(default)]
    pub input: Value,
    /// The id; otherwise one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The version; otherwise the newest that the host has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Run the code only after this time, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Each of its executions fails after this time, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// All of its executions together fail after this time, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_timeout_ms: Option<u64>,
    /// Raise this event on the instance. Where it is there already, it gets the event and is not started. Needs an
    /// `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<StartEvent>,
    /// Where there is an instance of the id in one of these states, it is replaced: terminated, if it has not ended, and
    /// started anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replace: Vec<StateText>,
    /// Where there is an instance of the id, and it is not replaced, it is taken for the one that is to be started,
    /// whether it runs or has ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub attach: bool,
    /// The attributes with which it begins: texts, integers, floats and bools; a timestamp is
    /// `{"timestamp": "2026-11-29T23:00:00Z"}`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub attributes: Map<String, Value>,
}

/// An event that comes with a start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartEvent {
    /// Its name.
    pub name: String,
    /// What it carries; `null` when it is left out.
    #[serde(default)]
    pub data: Value,
}

/// The instance that was started. The start is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Started {
    /// Its id.
    pub id: String,
}

/// An event to be raised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Raise {
    /// Its name.
    pub name: String,
    /// What it carries; `null` when it is left out.
    #[serde(default)]
    pub data: Value,
    /// Of the events with one key the first counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Why something is done: it stands in the history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The reason, for people. A long one is cut.
    #[serde(default)]
    pub reason: String,
}

/// To which place an instance is to be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rewind {
    /// The event before which it is to stand: the turn that holds it is undone, and all that came after it.
    pub position: u64,
    /// Why, for people.
    #[serde(default)]
    pub reason: String,
}

/// Where a new instance begins with the history of another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fork {
    /// The id of the new instance.
    pub to: String,
    /// The event before which the copy ends: neither the turn that holds it nor any after it is copied. Without it, all
    /// is copied but the turn of the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// Why, for people.
    #[serde(default)]
    pub reason: String,
    /// An instance that has the id already is taken for the fork.
    #[serde(default)]
    pub attach: bool,
}

/// It is done, and durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// Always `true`.
    pub done: bool,
}

impl Done {
    /// It is done.
    pub(crate) const DONE: Self = Self { done: true };
}
