//! What messages of all kinds have in them.

use std::collections::HashMap;

use prost_types::Value;

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct OrchestrationInstance {
    #[prost(string, tag = "1")]
    pub instance_id: String,
    #[prost(message, optional, tag = "2")]
    pub execution_id: Option<String>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TaskFailureDetails {
    #[prost(string, tag = "1")]
    pub error_type: String,
    #[prost(string, tag = "2")]
    pub error_message: String,
    #[prost(message, optional, tag = "3")]
    pub stack_trace: Option<String>,
    #[prost(message, optional, boxed, tag = "4")]
    pub inner_failure: Option<Box<TaskFailureDetails>>,
    #[prost(bool, tag = "5")]
    pub is_non_retriable: bool,
    #[prost(map = "string, message", tag = "6")]
    pub properties: HashMap<String, Value>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ParentInstanceInfo {
    #[prost(int32, tag = "1")]
    pub task_scheduled_id: i32,
    #[prost(message, optional, tag = "2")]
    pub name: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub version: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub orchestration_instance: Option<OrchestrationInstance>,
}

#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TraceContext {
    #[prost(string, tag = "1")]
    pub trace_parent: String,
    #[prost(string, tag = "2")]
    pub span_id: String,
    #[prost(message, optional, tag = "3")]
    pub trace_state: Option<String>,
}
