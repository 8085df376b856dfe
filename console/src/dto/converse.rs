//! Talking to instances: the values that they publish, updates, activities that are completed from outside.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The values that an instance has published, as far as they are durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Published {
    /// In the order of their names.
    pub values: Vec<PublishedValue>,
}

/// A value that an instance has published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PublishedValue {
    /// Its name.
    pub name: String,
    /// The value.
    pub value: Value,
}

/// A request that the code of an instance answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// The name of the update.
    pub name: String,
    /// The request; `null` when it is left out.
    #[serde(default)]
    pub data: Value,
    /// Sent again with the same key, it counts once and has the same answer; otherwise a key is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How long the console waits for the answer, in milliseconds: 30,000 when it is left out, and at most 50,000.
    /// After that, the update is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// How an update was answered. The answer is durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UpdateAnswered {
    /// What kind of answer it is.
    pub answer: AnswerKind,
    /// What the code gave back, or its reason to refuse; `null` for the other kinds.
    pub value: Value,
    /// What is wrong with a request that is invalid, or why an entity has not done an operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The key of the update; of one that a check has refused, which was not stored, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What kind of answer an update got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AnswerKind {
    /// It was done.
    Replied,
    /// The code, or the check that it declares, refused it.
    Refused,
    /// The request is not of the type that the code takes.
    Invalid,
    /// The code dropped it without an answer.
    Dropped,
    /// The entity has not done the operation, for example because it has none of that name. Its state is as it was.
    Failed,
}

/// The result of an activity that is completed from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteActivity {
    /// The token of the attempt. It is in the body, as addresses are written to logs.
    pub token: String,
    /// What the activity returns; `null` when it is left out.
    #[serde(default)]
    pub output: Value,
}

/// The failure of an activity that is completed from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailActivity {
    /// The token of the attempt.
    pub token: String,
    /// Why it failed, for people.
    pub message: String,
    /// Whether it fails for good. Otherwise there is another attempt, by the policy of the call.
    #[serde(default)]
    pub fatal: bool,
    /// Details for the code, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// How far an activity is that is completed from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatActivity {
    /// The token of the attempt.
    pub token: String,
    /// How far it is; `null` when it is left out.
    #[serde(default)]
    pub details: Value,
}
