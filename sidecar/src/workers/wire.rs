//! Work as it goes over the wire.
//!
//! These are the messages of the protocol with the same numbers, but that events of a history are bytes: they were
//! encoded once, and are not decoded to be sent again.

use bytes::Bytes;

use super::{ActivityWork, Asked, OperationWork, Work};
use crate::events::Encoded;
use crate::limits::MAX_SENT_HISTORY_BYTES;
use crate::proto::{
    ActivityRequest, EntityOperationSignaledEvent, EntityRequest, HealthPing, HistoryEvent,
    HistoryEventEventType, OrchestrationInstance, OrchestrationTraceContext,
    OrchestratorEntityParameters,
};
use crate::text::Text;

/// `WorkItem`.
#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct SentWork {
    #[prost(oneof = "Request", tags = "1, 2, 4, 5")]
    request: Option<Request>,
    #[prost(string, tag = "10")]
    completion_token: String,
}

#[derive(Clone, PartialEq, ::prost::Oneof)]
enum Request {
    #[prost(message, tag = "1")]
    Orchestrator(SentQuestion),
    #[prost(message, tag = "2")]
    Activity(ActivityRequest),
    #[prost(message, tag = "4")]
    Ping(HealthPing),
    #[prost(message, tag = "5")]
    Entity(EntityRequest),
}

/// `OrchestratorRequest`.
#[derive(Clone, PartialEq, ::prost::Message)]
struct SentQuestion {
    #[prost(string, tag = "1")]
    instance_id: String,
    #[prost(message, optional, tag = "2")]
    execution_id: Option<String>,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    past_events: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "4")]
    new_events: Vec<Bytes>,
    #[prost(message, optional, tag = "5")]
    entity_parameters: Option<OrchestratorEntityParameters>,
    #[prost(bool, tag = "6")]
    requires_history_streaming: bool,
    #[prost(message, optional, tag = "8")]
    trace: Option<OrchestrationTraceContext>,
}

impl SentWork {
    /// `takes_streams`: whether the worker can have a large history streamed.
    pub(super) fn new(work: &Work, completion_token: String, takes_streams: bool) -> Self {
        let request = match work {
            Work::Decide(asked) => Request::Orchestrator(question(asked, takes_streams)),
            Work::Act(work) => Request::Activity(activity(work)),
            Work::Operate(work) => Request::Entity(operation(work)),
        };
        Self { request: Some(request), completion_token }
    }

    /// A sign of life on a stream that is silent.
    pub(crate) fn ping() -> Self {
        Self { request: Some(Request::Ping(HealthPing {})), completion_token: String::new() }
    }
}

fn question(Asked { run, history }: &Asked, takes_streams: bool) -> SentQuestion {
    let is_streamed = takes_streams && history.past_bytes() > MAX_SENT_HISTORY_BYTES;
    let bytes = |events: &[Encoded]| events.iter().map(Encoded::bytes).collect();
    let trace = history.span.as_ref().map(|span| OrchestrationTraceContext {
        span_id: Some(span.id.clone()),
        span_start_time: span.began.map(crate::events::time_of),
    });
    SentQuestion {
        instance_id: run.instance().to_owned(),
        execution_id: Some(run.execution().to_owned()),
        past_events: if is_streamed { Vec::new() } else { bytes(&history.past) },
        new_events: bytes(&history.new),
        entity_parameters: Some(OrchestratorEntityParameters::default()),
        requires_history_streaming: is_streamed,
        trace,
    }
}

fn activity(work: &ActivityWork) -> ActivityRequest {
    ActivityRequest {
        name: work.name.clone(),
        version: work.version.clone(),
        input: work.input.clone().and_then(Text::into_option),
        orchestration_instance: Some(OrchestrationInstance {
            instance_id: work.instance.clone(),
            execution_id: None,
        }),
        task_id: work.call,
        parent_trace_context: Some(work.trace.clone().into()),
        tags: work.tags.clone().into_iter().collect(),
    }
}

fn operation(work: &OperationWork) -> EntityRequest {
    // Who waits for the answer is not the worker's business: to it, all operations are signals.
    let signal = EntityOperationSignaledEvent {
        request_id: work.request.clone(),
        operation: work.work.operation.clone(),
        scheduled_time: None,
        input: work.work.input.clone().and_then(Text::into_option),
        target_instance_id: Some(work.entity.clone()),
    };
    EntityRequest {
        instance_id: work.entity.clone(),
        execution_id: String::new(),
        entity_state: work.work.state.clone().and_then(Text::into_option),
        operation_requests: vec![HistoryEvent {
            event_id: -1,
            timestamp: None,
            event_type: Some(HistoryEventEventType::EntityOperationSignaled(signal)),
        }],
    }
}
