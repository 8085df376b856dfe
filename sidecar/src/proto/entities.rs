//! Entities: what clients ask, and what workers do.

use std::collections::HashMap;

use prost_types::{Duration, Timestamp, Value};

use super::{HistoryEvent, OrchestrationInstance, TaskFailureDetails, TraceContext};

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SignalEntityRequest {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, optional, tag = "3")]
    pub input: Option<String>,
    #[prost(string, tag = "4")]
    pub request_id: String,
    #[prost(message, optional, tag = "5")]
    pub scheduled_time: Option<Timestamp>,
    #[prost(message, optional, tag = "6")]
    pub parent_trace_context: Option<TraceContext>,
    #[prost(message, optional, tag = "7")]
    pub request_time: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Eq, ::prost::Message)]
pub struct SignalEntityResponse {}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct GetEntityRequest {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(bool, tag = "2")]
    pub include_state: bool,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct GetEntityResponse {
    #[prost(bool, tag = "1")]
    pub exists: bool,
    #[prost(message, optional, tag = "2")]
    pub entity: Option<EntityMetadata>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct EntityQuery {
    #[prost(message, optional, tag = "1")]
    pub instance_id_starts_with: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub last_modified_from: Option<Timestamp>,
    #[prost(message, optional, tag = "3")]
    pub last_modified_to: Option<Timestamp>,
    #[prost(bool, tag = "4")]
    pub include_state: bool,
    #[prost(bool, tag = "5")]
    pub include_transient: bool,
    #[prost(message, optional, tag = "6")]
    pub page_size: Option<i32>,
    #[prost(message, optional, tag = "7")]
    pub continuation_token: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct QueryEntitiesRequest {
    #[prost(message, optional, tag = "1")]
    pub query: Option<EntityQuery>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct QueryEntitiesResponse {
    #[prost(message, repeated, tag = "1")]
    pub entities: Vec<EntityMetadata>,
    #[prost(message, optional, tag = "2")]
    pub continuation_token: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct EntityMetadata {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(message, optional, tag = "2")]
    pub last_modified_time: Option<Timestamp>,
    #[prost(int32, tag = "3")]
    pub backlog_queue_size: i32,
    #[prost(message, optional, tag = "4")]
    pub locked_by: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub serialized_state: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct CleanEntityStorageRequest {
    #[prost(message, optional, tag = "1")]
    pub continuation_token: Option<String>,
    #[prost(bool, tag = "2")]
    pub remove_empty_entities: bool,
    #[prost(bool, tag = "3")]
    pub release_orphaned_locks: bool,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct CleanEntityStorageResponse {
    #[prost(message, optional, tag = "1")]
    pub continuation_token: Option<String>,
    #[prost(int32, tag = "2")]
    pub empty_entities_removed: i32,
    #[prost(int32, tag = "3")]
    pub orphaned_locks_released: i32,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OrchestratorEntityParameters {
    #[prost(message, optional, tag = "1")]
    pub entity_message_reorder_window: Option<Duration>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct EntityBatchRequest {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(message, optional, tag = "2")]
    pub entity_state: Option<String>,
    #[prost(message, repeated, tag = "3")]
    pub operations: Vec<OperationRequest>,
    #[prost(map = "string, message", tag = "4")]
    pub properties: HashMap<String, Value>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct EntityBatchResult {
    #[prost(message, repeated, tag = "1")]
    pub results: Vec<OperationResult>,
    #[prost(message, repeated, tag = "2")]
    pub actions: Vec<OperationAction>,
    #[prost(message, optional, tag = "3")]
    pub entity_state: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub failure_details: Option<TaskFailureDetails>,
    #[prost(string, tag = "5")]
    pub completion_token: String,
    #[prost(message, repeated, tag = "6")]
    pub operation_infos: Vec<OperationInfo>,
    #[prost(bool, tag = "7")]
    pub requires_state: bool,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct EntityRequest {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(string, tag = "2")]
    pub execution_id: String,
    #[prost(message, optional, tag = "3")]
    pub entity_state: Option<String>,
    #[prost(message, repeated, tag = "4")]
    pub operation_requests: Vec<HistoryEvent>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OperationRequest {
    #[prost(string, tag = "1")]
    pub operation: String,
    #[prost(string, tag = "2")]
    pub request_id: String,
    #[prost(message, optional, tag = "3")]
    pub input: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub trace_context: Option<TraceContext>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OperationResult {
    #[prost(oneof = "OperationResultResultType", tags = "1, 2")]
    pub result_type: Option<OperationResultResultType>,
}

#[derive(Clone, PartialEq, ::prost::Oneof)]
pub enum OperationResultResultType {
    #[prost(message, tag = "1")]
    Success(OperationResultSuccess),
    #[prost(message, tag = "2")]
    Failure(OperationResultFailure),
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OperationInfo {
    #[prost(string, tag = "1")]
    pub request_id: String,
    #[prost(message, optional, tag = "2")]
    pub response_destination: Option<OrchestrationInstance>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OperationResultSuccess {
    #[prost(message, optional, tag = "1")]
    pub result: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub start_time_utc: Option<Timestamp>,
    #[prost(message, optional, tag = "3")]
    pub end_time_utc: Option<Timestamp>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OperationResultFailure {
    #[prost(message, optional, tag = "1")]
    pub failure_details: Option<TaskFailureDetails>,
    #[prost(message, optional, tag = "2")]
    pub start_time_utc: Option<Timestamp>,
    #[prost(message, optional, tag = "3")]
    pub end_time_utc: Option<Timestamp>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OperationAction {
    #[prost(int32, tag = "1")]
    pub id: i32,
    #[prost(oneof = "OperationActionOperationActionType", tags = "2, 3")]
    pub operation_action_type: Option<OperationActionOperationActionType>,
}

#[derive(Clone, PartialEq, ::prost::Oneof)]
pub enum OperationActionOperationActionType {
    #[prost(message, tag = "2")]
    SendSignal(SendSignalAction),
    #[prost(message, tag = "3")]
    StartNewOrchestration(StartNewOrchestrationAction),
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SendSignalAction {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, optional, tag = "3")]
    pub input: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub scheduled_time: Option<Timestamp>,
    #[prost(message, optional, tag = "5")]
    pub request_time: Option<Timestamp>,
    #[prost(message, optional, tag = "6")]
    pub parent_trace_context: Option<TraceContext>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct StartNewOrchestrationAction {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, optional, tag = "3")]
    pub version: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub input: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub scheduled_time: Option<Timestamp>,
    #[prost(message, optional, tag = "6")]
    pub request_time: Option<Timestamp>,
    #[prost(message, optional, tag = "7")]
    pub parent_trace_context: Option<TraceContext>,
}
