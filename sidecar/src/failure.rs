//! Failures: the tree that the protocol has, and what reenact stores.

use std::collections::BTreeMap;

use prost_types::value::Kind;
use reenact::{ActivityError, ChildError, OrchestrationError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::proto::TaskFailureDetails;

/// A failure with what caused it, as it is stored among the details of an error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Failure {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stack: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<Box<Self>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_final: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    properties: BTreeMap<String, Value>,
}

impl Failure {
    pub(crate) fn new(kind: &str, message: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), message: message.into(), ..Self::default() }
    }

    /// One with a message and what caused it, outermost first.
    fn with_causes(kind: &str, message: &str, causes: &[String]) -> Self {
        let cause = causes.split_first();
        let cause = cause.map(|(first, rest)| Box::new(Self::with_causes("Error", first, rest)));
        Self { cause, ..Self::new(kind, message) }
    }

    /// An activity fails with it.
    pub(crate) fn into_activity_error(self) -> ActivityError {
        let error = match self.is_final {
            true => ActivityError::fatal(&self.message),
            false => ActivityError::retryable(&self.message),
        };
        error.with_details(&self)
    }

    /// An orchestration fails with it.
    pub(crate) fn into_orchestration_error(self) -> OrchestrationError {
        OrchestrationError::new(&self.message).with_details(&self)
    }
}

impl From<&ActivityError> for Failure {
    fn from(error: &ActivityError) -> Self {
        error.details().unwrap_or_else(|| {
            let kind = format!("reenact.Activity{:?}", error.kind());
            Self::with_causes(&kind, error.message(), &error.sources())
        })
    }
}

impl From<&OrchestrationError> for Failure {
    fn from(error: &OrchestrationError) -> Self {
        error.details().unwrap_or_else(|| {
            let kind = format!("reenact.Orchestration{:?}", error.kind());
            Self::with_causes(&kind, error.message(), &error.sources())
        })
    }
}

impl From<&ChildError> for Failure {
    fn from(error: &ChildError) -> Self {
        match error {
            ChildError::Failed { error, .. } => error.into(),
            other => Self::new("reenact.ChildError", other.to_string()),
        }
    }
}

impl From<TaskFailureDetails> for Failure {
    fn from(details: TaskFailureDetails) -> Self {
        let properties = details.properties.into_iter();
        Self {
            kind: details.error_type,
            message: details.error_message,
            stack: details.stack_trace,
            cause: details.inner_failure.map(|inner| Box::new((*inner).into())),
            is_final: details.is_non_retriable,
            properties: properties.map(|(key, value)| (key, json_of(value))).collect(),
        }
    }
}

impl From<Failure> for TaskFailureDetails {
    fn from(failure: Failure) -> Self {
        let properties = failure.properties.into_iter();
        Self {
            error_type: failure.kind,
            error_message: failure.message,
            stack_trace: failure.stack,
            inner_failure: failure.cause.map(|cause| Box::new((*cause).into())),
            is_non_retriable: failure.is_final,
            properties: properties.map(|(key, value)| (key, value_of(value))).collect(),
        }
    }
}

fn json_of(value: prost_types::Value) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::NumberValue(number)) => number.into(),
        Some(Kind::StringValue(text)) => text.into(),
        Some(Kind::BoolValue(bool)) => bool.into(),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(json_of).collect(),
        Some(Kind::StructValue(map)) => {
            map.fields.into_iter().map(|(key, value)| (key, json_of(value))).collect()
        }
    }
}

fn value_of(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(bool) => Kind::BoolValue(bool),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(list) => Kind::ListValue(prost_types::ListValue {
            values: list.into_iter().map(value_of).collect(),
        }),
        Value::Object(map) => Kind::StructValue(prost_types::Struct { fields: fields_of(map) }),
    };
    prost_types::Value { kind: Some(kind) }
}

fn fields_of(map: Map<String, Value>) -> BTreeMap<String, prost_types::Value> {
    map.into_iter().map(|(key, value)| (key, value_of(value))).collect()
}
