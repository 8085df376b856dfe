//! What a worker has decided, as it is recorded, and the events of a history that follow from it.

mod read;

use std::collections::BTreeMap;

use reenact::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use self::read::given;
use crate::events::{Encoded, event_of_action, time_of};
use crate::failure::Failure;
use crate::proto::{self, HistoryEvent, HistoryEventEventType as Kind};
use crate::start::Trace;
use crate::text::Text;

/// What the code of an orchestration does next. It is a pure function of the history that the worker was sent, so it
/// makes no difference how often it is asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Decision {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) actions: Vec<Action>,
    /// The custom status, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<Text>,
    /// The span that the worker has given the execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) span: Option<Span>,
}

/// One thing to do, with the number that the worker knows it by.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Action {
    pub(crate) id: i32,
    pub(crate) what: What,
}

/// The span of an execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) began: Option<Timestamp>,
}

/// What is to be done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// An activity is called.
    Task(Call),
    /// A child is called.
    Child { id: String, call: Call },
    /// A timer is set.
    Timer { at: Timestamp },
    /// An event is raised on another instance.
    Send { to: String, name: String, data: Option<Text> },
    /// Another instance is terminated.
    Terminate { instance: String, reason: Option<Text>, recursive: bool },
    /// An operation of an entity is called, or signalled.
    Entity(Operation),
    /// Entities are locked, in this order.
    Lock { section: String, entities: Vec<String> },
    /// One of them is given back.
    Unlock { section: String, entity: String },
    /// The execution ends.
    Complete(End),
    /// It goes on after another history.
    Rewind { history: Vec<Encoded> },
}

/// An activity or a child that is called.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<Text>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<Trace>,
}

/// An operation of an entity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) request: String,
    pub(crate) entity: String,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Timestamp>,
    /// Nobody waits for its answer.
    pub(crate) is_signal: bool,
}

/// How an execution ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// It returns.
    Completed { result: Option<Text> },
    /// It fails.
    Failed { failure: Failure },
    /// It ends as terminated.
    Terminated { result: Option<Text> },
    /// It continues as new.
    ContinuedAsNew {
        input: Option<Text>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        carried: Vec<Encoded>,
    },
}

impl Action {
    /// The event that says that it was taken, at this time. Ends have none of their own.
    pub(crate) fn event(
        &self,
        at: Timestamp,
        instance: &str,
        execution: &str,
    ) -> Option<HistoryEvent> {
        let kind = match &self.what {
            What::Task(call) => Kind::TaskScheduled(proto::TaskScheduledEvent {
                name: call.name.clone(),
                version: call.version.clone(),
                input: text(&call.input),
                parent_trace_context: call.trace.clone().map(Into::into),
                tags: call.tags.clone().into_iter().collect(),
            }),
            What::Child { id, call } => {
                Kind::SubOrchestrationInstanceCreated(proto::SubOrchestrationInstanceCreatedEvent {
                    instance_id: id.clone(),
                    name: call.name.clone(),
                    version: call.version.clone(),
                    input: text(&call.input),
                    parent_trace_context: call.trace.clone().map(Into::into),
                    tags: call.tags.clone().into_iter().collect(),
                })
            }
            What::Timer { at } => {
                Kind::TimerCreated(proto::TimerCreatedEvent { fire_at: Some(time_of(*at)) })
            }
            What::Send { to, name, data } => Kind::EventSent(proto::EventSentEvent {
                instance_id: to.clone(),
                name: name.clone(),
                input: text(data),
            }),
            What::Entity(operation) => operation.event(instance, execution),
            What::Lock { section, entities } => {
                Kind::EntityLockRequested(proto::EntityLockRequestedEvent {
                    critical_section_id: section.clone(),
                    lock_set: entities.clone(),
                    position: 0,
                    parent_instance_id: Some(instance.to_owned()),
                })
            }
            What::Unlock { section, entity } => {
                Kind::EntityUnlockSent(proto::EntityUnlockSentEvent {
                    critical_section_id: section.clone(),
                    parent_instance_id: Some(instance.to_owned()),
                    target_instance_id: Some(entity.clone()),
                })
            }
            What::Terminate { .. } | What::Complete(_) | What::Rewind { .. } => return None,
        };
        Some(event_of_action(self.id, at, kind))
    }
}

impl Operation {
    /// The event for the history of the one who calls, and for the entity.
    pub(crate) fn event(&self, instance: &str, execution: &str) -> Kind {
        let (request_id, operation) = (self.request.clone(), self.name.clone());
        let (input, scheduled_time) = (text(&self.input), self.at.map(time_of));
        let target_instance_id = Some(self.entity.clone());
        if self.is_signal {
            return Kind::EntityOperationSignaled(proto::EntityOperationSignaledEvent {
                request_id,
                operation,
                scheduled_time,
                input,
                target_instance_id,
            });
        }
        Kind::EntityOperationCalled(proto::EntityOperationCalledEvent {
            request_id,
            operation,
            scheduled_time,
            input,
            parent_instance_id: Some(instance.to_owned()),
            parent_execution_id: Some(execution.to_owned()),
            target_instance_id,
        })
    }
}

pub(crate) fn text(text: &Option<Text>) -> Option<String> {
    text.clone().and_then(Text::into_option)
}
