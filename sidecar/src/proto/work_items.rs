//! Work on its way to workers, and activities.

use std::collections::HashMap;

use super::{
    EntityBatchRequest, EntityRequest, OrchestrationInstance, OrchestratorRequest,
    TaskFailureDetails, TraceContext, WorkerCapability,
};

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ActivityRequest {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub version: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub input: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub orchestration_instance: Option<OrchestrationInstance>,
    #[prost(int32, tag = "5")]
    pub task_id: i32,
    #[prost(message, optional, tag = "6")]
    pub parent_trace_context: Option<TraceContext>,
    #[prost(map = "string, string", tag = "7")]
    pub tags: HashMap<String, String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ActivityResponse {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(int32, tag = "2")]
    pub task_id: i32,
    #[prost(message, optional, tag = "3")]
    pub result: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub failure_details: Option<TaskFailureDetails>,
    #[prost(string, tag = "5")]
    pub completion_token: String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct AbandonActivityTaskRequest {
    #[prost(string, tag = "1")]
    pub completion_token: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ::prost::Message)]
pub struct AbandonActivityTaskResponse {}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct AbandonOrchestrationTaskRequest {
    #[prost(string, tag = "1")]
    pub completion_token: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ::prost::Message)]
pub struct AbandonOrchestrationTaskResponse {}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct AbandonEntityTaskRequest {
    #[prost(string, tag = "1")]
    pub completion_token: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ::prost::Message)]
pub struct AbandonEntityTaskResponse {}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct GetWorkItemsRequest {
    #[prost(int32, tag = "1")]
    pub max_concurrent_orchestration_work_items: i32,
    #[prost(int32, tag = "2")]
    pub max_concurrent_activity_work_items: i32,
    #[prost(int32, tag = "3")]
    pub max_concurrent_entity_work_items: i32,
    #[prost(enumeration = "WorkerCapability", repeated, tag = "10")]
    pub capabilities: Vec<i32>,
    #[prost(message, optional, tag = "11")]
    pub work_item_filters: Option<WorkItemFilters>,
    #[prost(string, tag = "12")]
    pub worker_instance_id: String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct WorkItemFilters {
    #[prost(message, repeated, tag = "1")]
    pub orchestrations: Vec<OrchestrationFilter>,
    #[prost(message, repeated, tag = "2")]
    pub activities: Vec<ActivityFilter>,
    #[prost(message, repeated, tag = "3")]
    pub entities: Vec<EntityFilter>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OrchestrationFilter {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, repeated, tag = "2")]
    pub versions: Vec<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ActivityFilter {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, repeated, tag = "2")]
    pub versions: Vec<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct EntityFilter {
    #[prost(string, tag = "1")]
    pub name: String,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct WorkItem {
    #[prost(oneof = "WorkItemRequest", tags = "1, 2, 3, 4, 5")]
    pub request: Option<WorkItemRequest>,
    #[prost(string, tag = "10")]
    pub completion_token: String,
}

#[derive(Clone, PartialEq, ::prost::Oneof)]
pub enum WorkItemRequest {
    #[prost(message, tag = "1")]
    OrchestratorRequest(OrchestratorRequest),
    #[prost(message, tag = "2")]
    ActivityRequest(ActivityRequest),
    #[prost(message, tag = "3")]
    EntityRequest(EntityBatchRequest),
    #[prost(message, tag = "4")]
    HealthPing(HealthPing),
    #[prost(message, tag = "5")]
    EntityRequestV2(EntityRequest),
}

#[derive(Clone, Copy, PartialEq, Eq, ::prost::Message)]
pub struct CompleteTaskResponse {}

#[derive(Clone, Copy, PartialEq, Eq, ::prost::Message)]
pub struct HealthPing {}
