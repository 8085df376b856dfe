//! What an orchestration of the protocol is started with, as its input in the store.

use std::collections::BTreeMap;

use reenact::{OrchestrationError, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::events::Encoded;
use crate::proto::{self, OrchestrationInstance, ParentInstanceInfo};
use crate::text::Text;

/// What the input of an instance that was started with more than an input has, and no other.
const KEY: &str = "durabletask.start";

/// Everything that the protocol says when it starts an orchestration, besides its name and its id.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Start {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<Parent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<Trace>,
    /// When it was to begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scheduled: Option<Timestamp>,
    /// Events that the execution before has not taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) carried: Vec<Encoded>,
    /// It goes on after these events: it was rewound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rewound: Option<Rewound>,
}

/// Who called it as a child.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Parent {
    /// The number of the call.
    pub(crate) call: i32,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    pub(crate) instance: String,
    pub(crate) execution: String,
}

/// The span of the caller.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Trace {
    pub(crate) parent: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) span: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
}

/// What a rewound execution goes on after.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rewound {
    pub(crate) history: Vec<Encoded>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Wrapped<T> {
    #[serde(rename = "durabletask.start")]
    start: T,
}

impl Start {
    /// What the input of an instance says. One that code in Rust has started has an input and no more.
    pub(crate) fn read(input: Box<RawValue>) -> Result<Self, OrchestrationError> {
        // A list would be read as the fields of a map.
        if !input.get().starts_with('{') || !input.get().contains(KEY) {
            let input = (input.get() != "null").then(|| Text::from_value(input));
            return Ok(Self { input, ..Self::default() });
        }
        match serde_json::from_str::<Wrapped<Self>>(input.get()) {
            Ok(Wrapped { start }) => Ok(start),
            Err(_) if !input.get().starts_with(&format!("{{\"{KEY}\":")) => {
                Ok(Self { input: Some(Text::from_value(input)), ..Self::default() })
            }
            Err(why) => Err(OrchestrationError::new(format!("the start does not decode: {why}"))),
        }
    }

    /// As the input of an instance.
    pub(crate) fn write(&self) -> Result<Box<RawValue>, serde_json::Error> {
        match self.is_plain() {
            true => self.write_plain(),
            false => to_raw_value(&Wrapped { start: self }),
        }
    }

    /// The input alone, as code in Rust takes it.
    pub(crate) fn write_plain(&self) -> Result<Box<RawValue>, serde_json::Error> {
        self.input.as_ref().map_or_else(|| to_raw_value(&()), to_raw_value)
    }

    fn is_plain(&self) -> bool {
        let Self { input, version, tags, parent, trace, scheduled, carried, rewound } = self;
        let is_alone = version.is_none() && tags.is_empty() && parent.is_none() && trace.is_none();
        let is_alone = is_alone && scheduled.is_none();
        let is_misread = input.as_ref().is_some_and(|input| input.as_json().contains(KEY));
        is_alone && carried.is_empty() && rewound.is_none() && !is_misread
    }
}

impl Parent {
    pub(crate) fn into_proto(self) -> ParentInstanceInfo {
        ParentInstanceInfo {
            task_scheduled_id: self.call,
            name: Some(self.name),
            version: self.version,
            orchestration_instance: Some(OrchestrationInstance {
                instance_id: self.instance,
                execution_id: Some(self.execution),
            }),
        }
    }
}

impl From<proto::TraceContext> for Trace {
    fn from(context: proto::TraceContext) -> Self {
        Self { parent: context.trace_parent, span: context.span_id, state: context.trace_state }
    }
}

impl From<Trace> for proto::TraceContext {
    fn from(trace: Trace) -> Self {
        Self { trace_parent: trace.parent, span_id: trace.span, trace_state: trace.state }
    }
}
