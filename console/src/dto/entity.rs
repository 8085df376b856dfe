//! Entities: durable objects with one writer, by their types and keys.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Listed, StateText, Time};

/// The types of entities of which there are any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntityTypes {
    /// In the order of their names.
    pub types: Vec<EntityType>,
}

/// A type of entities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntityType {
    /// Its name.
    pub name: String,
    /// How many entities there are, with those whose state was deleted.
    pub entities: u64,
}

/// A page of the entities of a type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EntityList {
    /// The entities, in the order of their keys.
    pub entities: Vec<Entity>,
    /// The `after` of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One entity, as it is durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Entity {
    /// Its type.
    #[serde(rename = "type")]
    pub of: String,
    /// Its key.
    pub key: String,
    /// The id of the instance that it is.
    pub id: String,
    /// The state of that instance: `running`, unless somebody has suspended or ended it, or its code is not there.
    pub instance_state: StateText,
    /// When its first operation came.
    pub created_at: Time,
    /// When something happened to it last.
    pub updated_at: Time,
    /// Its state; absent when it has none: no operation has changed it yet, or it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Who holds its lock; absent when nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<LockHeld>,
    /// What has come and waits for its turn, in the order in which it came. A list has the number only.
    pub waiting: Listed<WaitingOperation>,
    /// Why its log cannot be read to the end; the rest is what could be read then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// Who holds the lock of an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LockHeld {
    /// The instance; absent where it did not say who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Since when.
    pub since: Time,
}

/// An operation that waits for its turn, or a request for the lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WaitingOperation {
    /// The name of the operation; absent for a request for the lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The instance that asks for the lock; absent for an operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wants_lock: Option<String>,
    /// The place in the history at which it came.
    pub position: u64,
    /// When it came.
    pub at: Time,
    /// What it carries; absent where it is in the history only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// An operation that an entity is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallOperation {
    /// The name of the operation.
    pub operation: String,
    /// Its arguments, in their order; none when they are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<Value>,
    /// Sent again with the same key, it counts once and has the same answer; otherwise a key is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How long the console waits for the answer, in milliseconds: 30,000 when it is left out, and at most 50,000.
    /// After that, the operation is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// An operation without an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalOperation {
    /// The name of the operation.
    pub operation: String,
    /// Its arguments, in their order; none when they are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<Value>,
    /// Sent again with the same key, it counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// It is done so many milliseconds later; at once when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
}
