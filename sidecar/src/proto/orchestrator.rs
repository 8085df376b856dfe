//! What a worker is asked to decide, and what it has decided.

use std::collections::HashMap;

use prost_types::{Timestamp, Value};

use super::{
    EntityLockRequestedEvent, EntityOperationCalledEvent, EntityOperationSignaledEvent,
    EntityUnlockSentEvent, HistoryEvent, OrchestrationInstance, OrchestrationStatus,
    OrchestratorEntityParameters, TaskFailureDetails, TraceContext,
};

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ScheduleTaskAction {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub version: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub input: Option<String>,
    #[prost(map = "string, string", tag = "4")]
    pub tags: HashMap<String, String>,
    #[prost(message, optional, tag = "5")]
    pub parent_trace_context: Option<TraceContext>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct CreateSubOrchestrationAction {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, optional, tag = "3")]
    pub version: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub input: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub parent_trace_context: Option<TraceContext>,
    #[prost(map = "string, string", tag = "6")]
    pub tags: HashMap<String, String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct CreateTimerAction {
    #[prost(message, optional, tag = "1")]
    pub fire_at: Option<Timestamp>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SendEventAction {
    #[prost(message, optional, tag = "1")]
    pub instance: Option<OrchestrationInstance>,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, optional, tag = "3")]
    pub data: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct CompleteOrchestrationAction {
    #[prost(enumeration = "OrchestrationStatus", tag = "1")]
    pub orchestration_status: i32,
    #[prost(message, optional, tag = "2")]
    pub result: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub details: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub new_version: Option<String>,
    #[prost(message, repeated, tag = "5")]
    pub carryover_events: Vec<HistoryEvent>,
    #[prost(message, optional, tag = "6")]
    pub failure_details: Option<TaskFailureDetails>,
    #[prost(map = "string, string", tag = "7")]
    pub tags: HashMap<String, String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TerminateOrchestrationAction {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(message, optional, tag = "2")]
    pub reason: Option<String>,
    #[prost(bool, tag = "3")]
    pub recurse: bool,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SendEntityMessageAction {
    #[prost(oneof = "SendEntityMessageActionEntityMessageType", tags = "1, 2, 3, 4")]
    pub entity_message_type: Option<SendEntityMessageActionEntityMessageType>,
}

#[derive(Clone, PartialEq, ::prost::Oneof)]
pub enum SendEntityMessageActionEntityMessageType {
    #[prost(message, tag = "1")]
    EntityOperationSignaled(EntityOperationSignaledEvent),
    #[prost(message, tag = "2")]
    EntityOperationCalled(EntityOperationCalledEvent),
    #[prost(message, tag = "3")]
    EntityLockRequested(EntityLockRequestedEvent),
    #[prost(message, tag = "4")]
    EntityUnlockSent(EntityUnlockSentEvent),
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct RewindOrchestrationAction {
    #[prost(message, repeated, tag = "1")]
    pub new_history: Vec<HistoryEvent>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OrchestratorAction {
    #[prost(int32, tag = "1")]
    pub id: i32,
    #[prost(oneof = "OrchestratorActionOrchestratorActionType", tags = "2, 3, 4, 5, 6, 7, 8, 9")]
    pub orchestrator_action_type: Option<OrchestratorActionOrchestratorActionType>,
}

#[derive(Clone, PartialEq, ::prost::Oneof)]
pub enum OrchestratorActionOrchestratorActionType {
    #[prost(message, tag = "2")]
    ScheduleTask(ScheduleTaskAction),
    #[prost(message, tag = "3")]
    CreateSubOrchestration(CreateSubOrchestrationAction),
    #[prost(message, tag = "4")]
    CreateTimer(CreateTimerAction),
    #[prost(message, tag = "5")]
    SendEvent(SendEventAction),
    #[prost(message, tag = "6")]
    CompleteOrchestration(CompleteOrchestrationAction),
    #[prost(message, tag = "7")]
    TerminateOrchestration(TerminateOrchestrationAction),
    #[prost(message, tag = "8")]
    SendEntityMessage(SendEntityMessageAction),
    #[prost(message, tag = "9")]
    RewindOrchestration(RewindOrchestrationAction),
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OrchestrationTraceContext {
    #[prost(message, optional, tag = "1")]
    pub span_id: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub span_start_time: Option<Timestamp>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OrchestratorRequest {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(message, optional, tag = "2")]
    pub execution_id: Option<String>,
    #[prost(message, repeated, tag = "3")]
    pub past_events: Vec<HistoryEvent>,
    #[prost(message, repeated, tag = "4")]
    pub new_events: Vec<HistoryEvent>,
    #[prost(message, optional, tag = "5")]
    pub entity_parameters: Option<OrchestratorEntityParameters>,
    #[prost(bool, tag = "6")]
    pub requires_history_streaming: bool,
    #[prost(map = "string, message", tag = "7")]
    pub properties: HashMap<String, Value>,
    #[prost(message, optional, tag = "8")]
    pub orchestration_trace_context: Option<OrchestrationTraceContext>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OrchestratorResponse {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(message, repeated, tag = "2")]
    pub actions: Vec<OrchestratorAction>,
    #[prost(message, optional, tag = "3")]
    pub custom_status: Option<String>,
    #[prost(string, tag = "4")]
    pub completion_token: String,
    #[prost(message, optional, tag = "5")]
    pub num_events_processed: Option<i32>,
    #[prost(message, optional, tag = "6")]
    pub orchestration_trace_context: Option<OrchestrationTraceContext>,
    #[prost(bool, tag = "7")]
    pub requires_history: bool,
    #[prost(bool, tag = "8")]
    pub is_partial: bool,
    #[prost(message, optional, tag = "9")]
    pub chunk_index: Option<i32>,
}
